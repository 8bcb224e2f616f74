//! `ByteSize` reads what people write, and refuses what is no size.

use pricket_core::ByteSize;
use proptest::prelude::*;

fn read(text: &str) -> Option<u64> {
    text.parse::<ByteSize>().ok().map(|size| size.0)
}

#[test]
fn it_reads_both_families_of_units() {
    let cases = [
        ("0", 0),
        ("17", 17),
        ("17 b", 17),
        ("1kB", 1_000),
        ("1 KiB", 1_024),
        ("512 mib", 512 << 20),
        ("1.5GB", 1_500_000_000),
        ("2.5 KiB", 2_560),
        ("  3 TiB  ", 3 << 40),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in cases {
        assert_eq!(read(text), Some(bytes), "{text:?}");
    }
}

#[test]
fn it_refuses_what_is_no_size() {
    let cases = [
        "",
        "MiB",
        "-1",
        "1 XB",
        "1..5 MB",
        "nan",
        "inf",
        "1e3",
        "1 M B",
        "20000000 TiB",
        "18446744073709551616",
        "1,5 GB",
        ".",
    ];
    for text in cases {
        assert_eq!(read(text), None, "{text:?}");
    }
    let message = "1 parsec".parse::<ByteSize>().expect_err("no size").to_string();
    assert!(message.contains("1 parsec") && message.contains("512 MiB"), "{message}");
}

#[test]
fn it_prints_binary_units() {
    let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (96_363_479, "91.9 MiB")];
    for (bytes, text) in cases {
        assert_eq!(ByteSize(bytes).to_string(), text);
    }
    crate::check_json(&ByteSize(7), "7");
}

proptest! {
    #[test]
    fn what_it_prints_it_reads_again_within_the_last_digit(bytes: u64) {
        let printed = ByteSize(bytes).to_string();
        // 2^64 - 1 prints as `16777216.0 TiB`, which is 2^64 and does not fit.
        if let Some(read) = read(&printed) {
            let error = read.abs_diff(bytes) as f64;
            prop_assert!(error <= bytes as f64 * 0.06, "{bytes} -> {printed} -> {read}");
        } else {
            prop_assert!(bytes > u64::MAX - (1 << 40));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = text.parse::<ByteSize>();
    }
}
