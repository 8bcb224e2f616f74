//! What counts as public, how it is spelled, and what may not be in it.

use xtask::Source;
use xtask::surface::{banned, difference, public_items};

fn items(text: &str) -> Vec<String> {
    public_items("crate", &Source::new("crates/x/src/lib.rs", text))
}

#[test]
fn items_of_every_kind_are_found() {
    let text = r#"
//! Crate.
use std::fmt;
mod private;
pub mod open;
pub use private::{A, B};
/// Doc.
#[derive(Debug)]
#[non_exhaustive]
pub struct S<T: Fn(u8) -> u8> where T: Copy {
    /// Field.
    #[serde(default)]
    pub a: Vec<(u8, T)>,
    b: u8,
}
pub struct Tuple(pub u8, u16);
pub enum E { One, Two(u8), Three { x: u8 } }
pub trait Speak: Send {
    type Word;
    fn say(&self) -> Self::Word;
    fn twice(&self) { self.say(); }
}
impl<T: Fn(u8) -> u8> S<T> {
    pub fn new(a: u8) -> Self { Self { a, b: 1 } }
    pub(crate) fn hidden() {}
    fn private() {}
    pub const LEN: usize = { 1 + 2 };
}
impl<T> fmt::Debug for S<T> { fn fmt(&self) { pub_word() } }
pub const fn constant<const N: usize>() -> [u8; N] { [0; N] }
pub const MAX: usize = 4;
pub static NAME: &str = "pub fn fake() {";
pub type Alias<T> = Vec<T>;
pub(crate) fn inside() {}
macro_rules! quiet { () => { pub fn no() {} } }
#[macro_export]
macro_rules! emit { ($x:expr) => { $x } }
"#;
    assert_eq!(
        items(text),
        [
            "crate: pub use private::{A, B}",
            "crate: pub struct S<T: Fn(u8) -> u8> where T: Copy",
            "S: pub a: Vec<(u8, T)>",
            "crate: pub struct Tuple(pub u8, _)",
            "crate: pub enum E",
            "E: One",
            "E: Two(u8)",
            "E: Three {x: u8}",
            "crate: pub trait Speak: Send",
            "Speak: type Word",
            "Speak: fn say(&self) -> Self::Word",
            "Speak: fn twice(&self)",
            "S: pub fn new(a: u8) -> Self",
            "S: pub const LEN: usize",
            "crate: pub const fn constant<const N: usize>() -> [u8; N]",
            "crate: pub const MAX: usize",
            "crate: pub static NAME: &str",
            "crate: pub type Alias<T> = Vec<T>",
            "crate: macro_rules! emit",
        ]
    );
}

#[test]
fn formatting_does_not_change_the_spelling() {
    let wide = items("pub fn f(a: u8, b: [u8; 2]) -> Vec<u8> {}");
    let tall = items("pub fn f(\n    a: u8,\n    b: [u8; 2], // why\n) -> Vec<u8> {\n}\n");
    assert_eq!(wide, tall);
}

#[test]
fn futures_and_tensors_in_a_signature_are_caught() {
    let bad = items(
        "pub fn f() -> impl Future<Output = u8> {}\npub async fn g() {}\n\
         pub fn h(t: &candle_core::Tensor) {}\npub use tokio::sync::mpsc;",
    );
    assert_eq!(bad.len(), 4);
    let found = banned("x", &bad);
    assert_eq!(found.iter().map(|c| c.line).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(banned("x", &items("pub enum Backend { Candle }\npub fn asynchronous() {}")), []);
}

#[test]
fn a_changed_surface_is_caught_both_ways() {
    let found: Vec<String> =
        difference("x", "a\nb\n", "b\nc\n").iter().map(ToString::to_string).collect();
    let remedy = "if that is meant, run `cargo xtask surface --bless`";
    assert_eq!(
        found,
        [
            format!("tests/surface/api/x.txt:1: surface: gone: a; {remedy}"),
            format!("tests/surface/api/x.txt: surface: new: c; {remedy}"),
        ]
    );
    assert_eq!(difference("x", "a\n", "a\n"), []);
}
