//! The reader of the house's tables.

use xtask::{Value, parse_toml};

#[test]
fn tables_keys_and_lists_are_read() {
    let text = "a = 1 # first\n[b]\nc = \"x # \\\"y\\\"\"\n[[d]]\ne = [\n  \"f\", # why\n  \"g]\",\n]\n\
                h = true\n[[d]]\n";
    let tables = parse_toml("t.toml", text).expect("it is well formed");
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["", "b", "d", "d"]);
    assert_eq!(tables[0].get("a"), Some(&Value::Number(1)));
    assert_eq!(tables[1].text("c").expect("c is a text"), "x # \"y\"");
    assert_eq!(tables[2].list("e").expect("e is a list"), ["f", "g]"]);
    assert_eq!(tables[2].get("h"), Some(&Value::Flag(true)));
    assert_eq!(tables[3].line, 10);
}

#[test]
fn what_it_does_not_know_is_an_error_with_a_line() {
    for (text, line) in [
        ("[a", 1),
        ("\nkey", 2),
        ("a = 'x'", 1),
        ("a = \"x", 1),
        ("a = \"x\" y", 1),
        ("a = [\"x\"\n\"y\"]", 1),
        ("a = [\"x\",", 1),
        ("a = {b = 1}", 1),
        ("a = 1.5", 1),
        ("a = \"\\n\"", 1),
    ] {
        let failure = parse_toml("t.toml", text).expect_err(text).to_string();
        assert!(failure.starts_with(&format!("t.toml:{line}: ")), "{text:?} gave {failure}");
    }
}

#[test]
fn a_missing_key_is_named() {
    let tables = parse_toml("t.toml", "\n[a]\nb = 1").expect("it is well formed");
    let failure = tables[1].text("c").expect_err("c is not there").to_string();
    assert_eq!(failure, "t.toml:2: [a] needs `c`, a text");
}
