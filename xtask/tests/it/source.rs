//! The lexer keeps offsets and takes away what is no code.

use xtask::{Place, Source};

fn code(text: &str) -> String {
    let source = Source::new("crates/a/src/lib.rs", text);
    assert_eq!(source.code.len(), text.len(), "offsets must stay: {text:?}");
    assert_eq!(source.code.matches('\n').count(), text.matches('\n').count());
    source.code
}

#[test]
fn comments_become_spaces() {
    assert_eq!(code("a // unsafe\nb"), "a          \nb");
    assert_eq!(code("a /* x /* y */ z */ b"), "a                   b");
    assert_eq!(code("/* a\nb */c"), "    \n    c");
}

#[test]
fn literals_lose_their_insides_and_keep_their_quotes() {
    assert_eq!(code(r#"f("unsafe \" x", 1)"#), r#"f("           ", 1)"#);
    assert_eq!(code("f('\"', '\\'', 'x')"), "f(' ', '  ', ' ')");
    assert!(!code("r#\"unsafe \" unwrap\"# + br\"todo\"").contains("un"));
}

#[test]
fn lifetimes_and_raw_names_are_code() {
    let text = "fn f<'a>(x: &'a str) -> r#type { x.r#fn() }";
    assert_eq!(code(text), text);
}

#[test]
fn a_comment_mark_in_a_text_begins_no_comment() {
    assert!(code("f(\"http://x\"); unsafe_here()").contains("unsafe_here"));
    assert!(code("let q = '\"'; real()").contains("real"));
}

#[test]
fn literals_without_an_end_do_not_run_away() {
    for text in ["\"abc", "r#\"abc", "/* abc", "'\\", "b'", "r#", "// x"] {
        code(text);
    }
}

#[test]
fn words_are_whole() {
    let source = Source::new("x.rs", "unsafe unsafe_code my_unsafe\nunsafe");
    let lines: Vec<usize> = source.words("unsafe").map(|at| source.line_of(at)).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn the_path_says_what_a_file_is_for() {
    for (path, place) in [
        ("crates/pricket-core/src/a/b.rs", Place::Product),
        ("crates/pricket-core/build.rs", Place::Product),
        ("xtask/src/main.rs", Place::Product),
        ("crates/pricket-core/tests/it/main.rs", Place::Proof),
        ("crates/pricket-core/examples/a.rs", Place::Proof),
        ("tests/src/lib.rs", Place::Proof),
        ("benches/src/lib.rs", Place::Proof),
    ] {
        assert_eq!(Source::new(path, "").place(), place, "{path}");
    }
}
