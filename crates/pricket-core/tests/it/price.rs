//! Money: exact to the micro-dollar, and unknown where it is unknown.

use pricket_core::{MicroDollars, ModelInfo, Price, PriceDate, Usage};
use proptest::prelude::*;

use crate::check_json;

fn dollars(text: &str) -> MicroDollars {
    text.parse().unwrap()
}

pub(crate) fn price(input: &str, cached: &str, output: &str) -> Price {
    Price {
        input: Some(dollars(input)),
        cached_input: Some(dollars(cached)),
        output: Some(dollars(output)),
        as_of: "2026-11-21".parse().unwrap(),
    }
}

fn usage(prompt_tokens: usize, cached_tokens: usize, completion_tokens: usize) -> Usage {
    Usage { prompt_tokens, cached_tokens, completion_tokens }
}

#[test]
fn costs_computed_by_hand() {
    // 1,000 tokens at $2.50 a million are 2,500 micro-dollars; 200 cached ones at $1.25 are 250;
    // 300 answered ones at $10 are 3,000.
    let price = price("2.50", "1.25", "10.00");
    assert_eq!(price.cost(&usage(1200, 200, 300)), Some(MicroDollars(2500 + 250 + 3000)));
    assert_eq!(price.cost(&usage(0, 0, 0)), Some(MicroDollars(0)));
    // A million of each.
    assert_eq!(price.cost(&usage(2_000_000, 1_000_000, 1_000_000)), Some(MicroDollars(13_750_000)));
}

#[test]
fn halves_go_up_and_once() {
    // One token at $0.50 a million is half a micro-dollar, at $0.49 less.
    assert_eq!(price("0.50", "0", "0").cost(&usage(1, 0, 0)), Some(MicroDollars(1)));
    assert_eq!(price("0.499999", "0", "0").cost(&usage(1, 0, 0)), Some(MicroDollars(0)));
    // Three parts of 0.4 are 1.2, and not three times nothing.
    assert_eq!(price("0.4", "0.4", "0.4").cost(&usage(2, 1, 1)), Some(MicroDollars(1)));
    // Three parts of 0.5 are 1.5, so 2, and not 3.
    assert_eq!(price("0.5", "0.5", "0.5").cost(&usage(2, 1, 1)), Some(MicroDollars(2)));
}

#[test]
fn what_is_unknown_costs_none_and_not_nothing() {
    let full = price("1", "1", "1");
    let no_cached = Price { cached_input: None, ..full.clone() };
    assert_eq!(no_cached.cost(&usage(10, 1, 1)), None);
    assert_eq!(no_cached.cost(&usage(10, 0, 1)), Some(MicroDollars(11)));
    let no_output = Price { output: None, ..full.clone() };
    assert_eq!(no_output.cost(&usage(10, 1, 1)), None);
    assert_eq!(no_output.cost(&usage(10, 1, 0)), Some(MicroDollars(10)));
    let mut model = ModelInfo::new("m");
    assert_eq!(model.cost(&usage(1, 0, 0)), None);
    model.price = Some(full.clone());
    assert_eq!(model.cost(&usage(1, 0, 0)), Some(MicroDollars(1)));
    // More cached than sent is no usage at all.
    assert_eq!(full.cost(&usage(1, 2, 0)), None);
}

#[test]
fn the_largest_numbers_do_not_wrap() {
    let most = MicroDollars(u64::MAX);
    let dear = Price {
        input: Some(most),
        cached_input: Some(most),
        output: Some(most),
        ..price("1", "1", "1")
    };
    assert_eq!(dear.cost(&usage(usize::MAX, 0, usize::MAX)), None);
    assert_eq!(dear.cost(&usage(1_000_000, 0, 0)), Some(most));
    assert_eq!(dear.cost(&usage(1_000_001, 0, 0)), None);
}

#[test]
fn amounts_are_decimal_texts() {
    for (text, micro, again) in [
        ("2.50", 2_500_000, "2.50"),
        ("15", 15_000_000, "15.00"),
        ("0.075", 75_000, "0.075"),
        ("0.000001", 1, "0.000001"),
        ("007.1", 7_100_000, "7.10"),
        ("18446744073709.551615", u64::MAX, "18446744073709.551615"),
    ] {
        let read: MicroDollars = text.parse().unwrap();
        assert_eq!((read, read.to_string()), (MicroDollars(micro), format!("${again}")));
        check_json(&read, &format!("\"{again}\""));
    }
    let long = "9".repeat(1000);
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "1.2345678",
        "$1",
        " 1",
        "1.2.3",
        "18446744073709.551616",
        "\u{661}",
        &long,
    ] {
        let error = text.parse::<MicroDollars>().expect_err(text);
        assert_eq!(error.code(), "amount_malformed");
        assert!(error.to_string().len() < 200, "{error}");
    }
    // A float is no price.
    assert!(serde_json::from_str::<MicroDollars>("2.5").is_err());
}

#[test]
fn days_are_those_of_the_calendar() {
    for text in ["2026-11-21", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
        let date: PriceDate = text.parse().unwrap();
        check_json(&date, &format!("\"{text}\""));
    }
    for text in [
        "",
        "2026-11",
        "2026-11-21-1",
        "2026-13-01",
        "2026-00-01",
        "2026-04-31",
        "2026-02-29",
        "1900-02-29",
        "26-11-21",
        "2026-1-21",
        "2026/11/21",
        "2026-11-+1",
        "2026-11-00",
    ] {
        assert_eq!(text.parse::<PriceDate>().expect_err(text).code(), "date_malformed");
    }
    let day = |text: &str| text.parse::<PriceDate>().unwrap();
    assert!(day("2025-12-31") < day("2026-01-01") && day("2026-01-31") < day("2026-02-01"));
}

#[test]
fn a_price_without_its_day_is_no_price() {
    let json = r#"{"input":"0.15","output":"0.60","as_of":"2026-11-21"}"#;
    let read: Price = serde_json::from_str(json).unwrap();
    check_json(&read, json);
    assert!(serde_json::from_str::<Price>(r#"{"input":"0.15"}"#).is_err());
    let typo = r#"{"inptu":"0.15","as_of":"2026-11-21"}"#;
    assert!(serde_json::from_str::<Price>(typo).is_err());
}

proptest! {
    /// The sum of the parts is the whole, to within the half micro-dollar that rounding is.
    #[test]
    fn cost_is_the_nearest_whole_number(
        input in 0u64..100_000_000, cached in 0u64..100_000_000, output in 0u64..100_000_000,
        computed in 0usize..10_000_000, found in 0usize..10_000_000, answered in 0usize..10_000_000,
    ) {
        let rates = Price {
            input: Some(MicroDollars(input)),
            cached_input: Some(MicroDollars(cached)),
            output: Some(MicroDollars(output)),
            as_of: "2026-11-21".parse().unwrap(),
        };
        let cost = rates.cost(&usage(computed + found, found, answered)).unwrap();
        let exact = i128::from(input) * computed as i128
            + i128::from(cached) * found as i128
            + i128::from(output) * answered as i128;
        let off = i128::from(cost.0) * 1_000_000 - exact;
        prop_assert!((-499_999..=500_000).contains(&off), "{off}");
    }
}
