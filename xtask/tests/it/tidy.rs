//! Each of tidy's rules: a bad example that it catches, good ones that it passes.

use xtask::tidy::{Rules, check_source, check_tree};
use xtask::{Complaint, Source, Tree};

const PRODUCT: &str = "crates/pricket-core/src/word.rs";
const PROOF: &str = "crates/pricket-core/tests/it/main.rs";

fn rules() -> Rules {
    Rules::parse(
        "[root]\nholds = [\"Cargo.toml\"]\n[phrases]\nbanned = [\"TODO\", \"for now\", \"shim\"]\n",
    )
    .expect("the rules are well formed")
}

fn check(path: &str, body: &str) -> Vec<Complaint> {
    check_source(&rules(), &Source::new(path, format!("//! A module.\n{body}\n")))
}

/// The rule speaks about line 2, the first of the body, and only this rule speaks.
#[track_caller]
fn caught(rule: &str, path: &str, body: &str) {
    let found = check(path, body);
    assert!(!found.is_empty(), "{rule} passes {body:?}");
    assert!(found.iter().all(|complaint| complaint.rule == rule), "{body:?} gave {found:?}");
}

#[track_caller]
fn passes(path: &str, body: &str) {
    let found = check(path, body);
    assert!(found.is_empty(), "{body:?} gave {found:?}");
}

#[test]
fn a_complaint_names_file_line_ban_and_replacement() {
    let found = check(PRODUCT, "fn f() {\n    g().unwrap();\n}");
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "crates/pricket-core/src/word.rs:3: unwrap: `unwrap` is banned; return the crate's error \
          with `?`"
        ]
    );
}

#[test]
fn unsafe_is_caught_in_tests_too() {
    caught("unsafe", PRODUCT, "unsafe fn f() {}");
    caught("unsafe", PROOF, "fn f() { unsafe { g() } }");
    passes(PRODUCT, "#![forbid(unsafe_code)]\n// unsafe\nconst WORD: &str = \"unsafe\";");
}

#[test]
fn unwrap_and_expect_are_caught() {
    caught("unwrap", PRODUCT, "fn f() { a.unwrap() }");
    caught("unwrap", PRODUCT, "fn f() { a\n    .expect(\"b\") }");
    caught("unwrap", PRODUCT, "fn f() { a.map(Option::unwrap) }");
    caught("unwrap", PRODUCT, "fn f() { a.unwrap_err() }");
    passes(PRODUCT, "fn f() { a.unwrap_or(1).unwrap_or_default() }");
    passes(PRODUCT, "//! x.unwrap()\n/// let x = y.unwrap();\nfn f() {}");
    passes(PROOF, "fn f() { a.unwrap() }");
}

#[test]
fn panics_and_unfinished_work_are_caught() {
    caught("panic", PRODUCT, "fn f() { panic!(\"x\") }");
    caught("panic", PRODUCT, "fn f() { unreachable!() }");
    caught("unfinished", PRODUCT, "fn f() { todo!() }");
    caught("unfinished", PRODUCT, "fn f() { unimplemented ! () }");
    passes(PRODUCT, "fn f() { std::panic::catch_unwind(g); if panic != todo {} }");
    passes(PROOF, "fn f() { panic!(\"x\") }");
}

#[test]
fn prints_are_caught() {
    for name in ["print", "println", "eprint", "eprintln"] {
        caught("print", PRODUCT, &format!("fn f() {{ {name}!(\"x\") }}"));
        caught("print", "xtask/src/ci.rs", &format!("fn f() {{ anstream::{name}!(\"x\") }}"));
    }
    caught("dbg", PROOF, "fn f() { dbg!(x) }");
    passes(PRODUCT, "fn f() { writeln!(out, \"println!\") }");
    passes(PROOF, "fn f() { eprintln!(\"SKIPPED\") }");
}

#[test]
fn sleep_is_caught_in_src_only() {
    caught("sleep", PRODUCT, "fn f() { std::thread::sleep(d) }");
    caught("sleep", PRODUCT, "fn f() { sleep(d) }");
    passes(PRODUCT, "fn sleep(d: u8) {}\nfn f() { clock.sleep(d) }");
    passes(PROOF, "fn f() { std::thread::sleep(d) }");
}

#[test]
fn futures_are_caught() {
    for body in [
        "pub async fn f() {}",
        "fn f() { g().await }",
        "fn f() -> impl Future<Output = u8> { g() }",
        "use futures_core::Stream;",
        "fn f() { runtime.block_on(g()) }",
        "use tokio::sync::mpsc;",
        "fn f() { spawn_blocking(g) }",
    ] {
        caught("futures", PRODUCT, body);
    }
    passes(PRODUCT, "/// No `Future` here.\nfn f() -> AsyncStream<Chunk> { g(\"async\") }");
    passes("benches/benches/stream.rs", "fn f() { runtime.block_on(g()) }");
}

#[test]
fn a_lock_without_its_reason_is_caught() {
    for body in [
        "struct S {\n    a: Mutex<u8>,\n}",
        "struct S {\n    /// The queue.\n    a: Arc<std::sync::RwLock<u8>>,\n}",
        "struct S {\n    // lock: cold\n    a: Mutex<u8>,\n    b: RwLock<u8>,\n}",
        "struct S {\n    a: Condvar,\n}",
        "static A: Mutex<u8> = Mutex::new(1);",
        "fn f() { let a = Mutex::new(1); }",
        "type Shared = Arc<Mutex<u8>>;",
        "// lock: too far away\n\nstatic A: Mutex<u8> = Mutex::new(1);",
    ] {
        caught("lock", PRODUCT, body);
    }
}

#[test]
fn a_lock_with_its_reason_passes() {
    for body in [
        "use std::sync::{Arc, Mutex};",
        "pub(crate) use std::sync::{\n    Arc,\n    Mutex,\n};",
        "struct S {\n    // lock: taken once at start\n    a: Mutex<u8>,\n}",
        "struct S {\n    /// Doc.\n    // lock: taken once,\n    // at start\n    #[serde(skip)]\n    a: Mutex<u8>,\n}",
        "struct S {\n    // lock: once per job\n    a: Mutex<u8>,\n    b: Condvar,\n}",
        "fn f() -> S {\n    S { a: Mutex::new(1), b: Condvar::new() }\n}",
        "fn f(a: &Mutex<u8>, b: &'static std::sync::Mutex<u8>, c: &mut RwLock<u8>) {}",
        "struct S(OnceLock<u8>, MutexGuard<'static, u8>);",
    ] {
        passes(PRODUCT, body);
    }
    passes(PROOF, "static A: Mutex<u8> = Mutex::new(1);");
}

#[test]
fn tests_in_src_are_caught() {
    caught("tests", PRODUCT, "#[test]\nfn f() {}");
    caught("tests", PRODUCT, "#[cfg(test)]\nmod tests;");
    caught("tests", PRODUCT, "#[cfg(any(windows, test))]\nfn f() {}");
    caught("tests", PRODUCT, "fn f() { if cfg!(test) {} }");
    passes(PRODUCT, "#[cfg(doctest)]\nfn f() {}\nfn g() { let test = 1; h(test) }");
    passes(PROOF, "#[test]\nfn f() {}");
}

#[test]
fn sizes_are_caught() {
    caught("size", PRODUCT, &"// x\n".repeat(400));
    passes(PRODUCT, &"// x\n".repeat(398));
    passes(PROOF, &"// x\n".repeat(500));
    caught("width", PRODUCT, &format!("// {}", "x".repeat(98)));
    passes(PRODUCT, &format!("// {}", "x".repeat(97)));
    passes(PRODUCT, &format!("// https://{}", "x".repeat(98)));
    passes(PRODUCT, &format!("const SPLIT: &str = r\"{}\";", "x".repeat(98)));
    passes(PROOF, &format!("f(\"{}\");", "x".repeat(98)));
}

#[test]
fn a_facade_with_code_is_caught() {
    let facade = "crates/pricket/src/lib.rs";
    caught("facade", facade, "pub fn f() {}");
    caught("facade", facade, "pub struct S;");
    caught("facade", facade, "impl S {}");
    caught("facade", facade, &"// x\n".repeat(60));
    passes(facade, "/// Words.\npub use pricket_core as core;\npub mod prelude {}");
}

#[test]
fn phrases_are_caught_in_comments_and_texts() {
    caught("phrase", PRODUCT, "// It does so for now.");
    caught("phrase", PRODUCT, "const A: &str = \"For Now\";");
    caught("phrase", PRODUCT, "/// TODO: write");
    caught("phrase", PRODUCT, "// a shim");
    passes(PRODUCT, "// for nowhere: a shimmering todo list");
    passes(PROOF, "// for now");
}

#[test]
fn characters_beyond_ascii_are_caught() {
    caught("ascii", PRODUCT, "// caf\u{e9}");
    caught("ascii", PROOF, "const A: &str = \"\u{2192}\";");
    passes(PRODUCT, "const A: &str = \"\\u{2192}\";");
    let tree = Tree {
        tables: vec![("Cargo.toml".to_owned(), "a = 1\n# \u{e9}\n".to_owned())],
        ..Tree::default()
    };
    let found = check_tree(&rules(), &tree);
    assert_eq!(found.iter().map(|c| (c.rule, c.line)).collect::<Vec<_>>(), [("ascii", 2)]);
}

#[test]
fn a_module_that_does_not_say_what_it_is_is_caught() {
    for text in ["", "use std::fmt;\n", "//!\nfn f() {}\n", "// x\n//! y\n"] {
        let found = check_source(&rules(), &Source::new(PRODUCT, text));
        assert_eq!(found.iter().map(|c| c.rule).collect::<Vec<_>>(), ["docs"], "{text:?}");
    }
}

#[test]
fn an_allow_without_a_reason_is_caught() {
    caught("reason", PRODUCT, "#[allow(dead_code)]\nfn f() {}");
    caught("reason", PROOF, "#![expect(\n    clippy::panic,\n)]");
    caught("reason", PRODUCT, "#[cfg_attr(windows, allow(dead_code))]\nfn f() {}");
    passes(PRODUCT, "#[allow(dead_code, reason = \"x\")]\nfn f() { allow(1); g([1], allow(2)) }");
}

#[test]
fn names_that_fit_anything_are_caught() {
    caught("name", "crates/pricket-core/src/foo/mod.rs", "");
    caught("name", "crates/pricket-core/src/utils.rs", "");
    caught("name", "tests/src/helpers.rs", "");
    passes("crates/pricket-core/src/model.rs", "");
}

#[test]
fn a_stray_file_at_the_root_is_caught() {
    let tree =
        Tree { root: vec!["Cargo.toml".to_owned(), "NOTES.md".to_owned()], ..Tree::default() };
    let found = check_tree(&rules(), &tree);
    assert_eq!(
        found.iter().map(|c| (c.rule, c.path.as_str())).collect::<Vec<_>>(),
        [("root", "NOTES.md")]
    );
}

#[test]
fn a_manifest_without_the_workspace_lints_is_caught() {
    let rules_of = |manifest: &str, sources: &[&str]| -> Vec<(String, &'static str)> {
        let tree = Tree {
            tables: vec![
                ("crates/a/Cargo.toml".to_owned(), manifest.to_owned()),
                ("tests/fuzz/Cargo.toml".to_owned(), String::new()),
            ],
            sources: sources.iter().map(|path| Source::new(*path, "//! A file.\n")).collect(),
            ..Tree::default()
        };
        check_tree(&rules(), &tree).into_iter().map(|c| (c.path, c.rule)).collect()
    };
    let tests = ["crates/a/tests/it/main.rs"];
    let caught = [("crates/a/Cargo.toml".to_owned(), "manifest")];
    let lints = "[lints]\nworkspace = true\n";
    let complete = format!("[package]\nautotests = false\n\n{lints}");
    assert_eq!(rules_of("[package]\n[lints]\n", &[]), caught);
    assert_eq!(rules_of(lints, &tests), caught);
    assert_eq!(rules_of(lints, &[]), []);
    assert_eq!(rules_of(&complete, &tests), []);
}

#[test]
fn an_exemption_is_narrow_and_a_stale_one_is_caught() {
    let table = |path: &str, text: &str| {
        format!(
            "[root]\nholds = []\n[phrases]\nbanned = []\n[[exempt]]\nrule = \"sleep\"\n\
             path = \"{path}\"\ntext = \"{text}\"\nreason = \"the clock itself\"\n"
        )
    };
    let body = "//! A clock.\nfn f() { sleep(short) }\nfn g() { sleep(long) }\n";
    let tree = Tree { sources: vec![Source::new(PRODUCT, body)], ..Tree::default() };
    let found = |table: &str| -> Vec<(&'static str, usize)> {
        let rules = Rules::parse(table).expect("the table is well formed");
        check_tree(&rules, &tree).iter().map(|c| (c.rule, c.line)).collect()
    };
    assert_eq!(found(&table(PRODUCT, "")), []);
    assert_eq!(found(&table(PRODUCT, "short")), [("sleep", 3)]);
    assert_eq!(found(&table("other.rs", "")), [("stale", 5), ("sleep", 2), ("sleep", 3)]);
}

#[test]
fn an_exemption_without_a_reason_is_refused() {
    let table = "[[exempt]]\nrule = \"sleep\"\npath = \"a.rs\"\n";
    let failure = Rules::parse(table).expect_err("no reason").to_string();
    assert_eq!(failure, ".config/tidy.toml:1: [exempt] needs `reason`, a text");
    assert!(Rules::parse("[exmept]\n").is_err());
}
