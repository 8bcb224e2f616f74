//! A list that is never empty.

use pricket_core::OneOrMany;
use proptest::prelude::*;

use crate::check_json;

#[test]
fn one_is_written_as_a_scalar_and_read_from_both() {
    check_json(&OneOrMany::one(3), "3");
    let read: OneOrMany<i32> = serde_json::from_str("[3]").expect("a list of one");
    assert_eq!(read, OneOrMany::one(3));
}

#[test]
fn an_empty_list_is_refused() {
    let error = serde_json::from_str::<OneOrMany<i32>>("[]").expect_err("empty");
    assert!(error.to_string().contains("must not be empty"), "{error}");
    assert_eq!(OneOrMany::<i32>::from_iter_opt([]), None);
}

#[test]
fn pushing_keeps_the_order() {
    let mut values = OneOrMany::one("a".to_owned());
    values.push("b".to_owned());
    assert_eq!((values.first().as_str(), values.len()), ("a", 2));
    check_json(&values, r#"["a","b"]"#);
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(list in proptest::collection::vec(any::<i64>(), 1..20)) {
        let values = OneOrMany::from_iter_opt(list.clone()).expect("not empty");
        prop_assert_eq!(values.len(), list.len());
        prop_assert_eq!(values.iter().copied().collect::<Vec<_>>(), list.clone());
        let text = serde_json::to_string(&values).expect("JSON");
        let read: OneOrMany<i64> = serde_json::from_str(&text).expect("read");
        prop_assert_eq!(read.into_iter().collect::<Vec<_>>(), list);
    }
}
