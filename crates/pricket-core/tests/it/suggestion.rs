//! Names for a mistyped one.

use pricket_core::{nearest_name, nearest_names};

const NAMES: [&str; 4] = ["kimi-k2", "gpt-4o", "gpt-4o-mini", "smollm2:135m"];

#[test]
fn typos_prefixes_and_strangers() {
    assert_eq!(nearest_names("kimi-k3", NAMES), ["kimi-k2"]);
    assert_eq!(nearest_names("KIMI", NAMES), ["kimi-k2"]);
    assert_eq!(nearest_names("gpt-4", NAMES), ["gpt-4o", "gpt-4o-mini"]);
    assert_eq!(nearest_names("smollm2:153m", NAMES), ["smollm2:135m"]);
    assert!(nearest_names("entirely-else", NAMES).is_empty());
    assert!(nearest_names(&"kimi-k2".repeat(100), NAMES).is_empty());
    assert_eq!(nearest_names("aa", ["ab", "ac", "ad", "ae"]), ["ab", "ac", "ad"]);
}

#[test]
fn only_one_that_stands_out_is_acted_on() {
    assert_eq!(nearest_name("kimi-k3", NAMES).as_deref(), Some("kimi-k2"));
    assert_eq!(nearest_name("gpt-4", NAMES).as_deref(), Some("gpt-4o"));
    assert_eq!(nearest_name("aa", ["ab", "ac"]), None);
    assert_eq!(nearest_name("entirely-else", NAMES), None);
}
