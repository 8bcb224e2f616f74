//! A ratio that fell is found; noise and a rise are not.

use xtask::perf::{Baseline, Measurement, TOLERANCE};

const BASELINE: &str = "\
# Comment.

[avx2-2]
prefill-of-int8-peak = 500

[avx512vnni-2]
prefill-of-int8-peak = 400
decode-of-bandwidth = 800
";

fn baseline() -> Baseline {
    Baseline::parse("baseline.toml", BASELINE).unwrap()
}

fn measured(prefill: i64, decode: i64) -> Measurement {
    let text = format!(
        "on avx512vnni-2\nprefill-of-int8-peak {prefill} 1 2000\n\
         decode-of-bandwidth {decode} 1 2000\n"
    );
    Measurement::parse(&text).unwrap()
}

fn complaints(measured: &Measurement) -> Vec<String> {
    baseline().compare(measured).iter().map(ToString::to_string).collect()
}

#[test]
fn a_ratio_that_fell_is_a_complaint_with_both_numbers() {
    let fall = 400 * TOLERANCE / 1000 + 1;
    let found = complaints(&measured(400 - fall, 800));
    assert_eq!(found.len(), 1, "{found:?}");
    let numbers = format!("prefill-of-int8-peak fell from 0.400 to 0.{}", 400 - fall);
    assert!(found[0].contains(&numbers), "{found:?}");
    assert_eq!(complaints(&measured(100, 100)).len(), 2);
}

#[test]
fn noise_and_a_rise_pass() {
    let noise = 400 * TOLERANCE / 1000;
    assert_eq!(complaints(&measured(400 - noise, 1600)), Vec::<String>::new());
}

#[test]
fn what_is_only_on_one_side_is_a_complaint() {
    let text = "on avx512vnni-2\nprefill-of-int8-peak 400 1 2\nload-over-read 900 1 2\n";
    let found = complaints(&Measurement::parse(text).unwrap()).join("\n");
    assert!(found.contains("decode-of-bandwidth is no longer measured"), "{found}");
    assert!(found.contains("load-over-read has no baseline"), "{found}");
}

#[test]
fn a_machine_of_another_kind_is_not_judged_silently() {
    let text = "on scalar-1\nprefill-of-int8-peak 400 1 2\n";
    let found = complaints(&Measurement::parse(text).unwrap());
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("scalar-1") && found[0].contains("--bless"), "{found:?}");
}

#[test]
fn blessing_replaces_one_kind_and_reads_back() {
    let mut blessed = baseline();
    blessed.record(&measured(450, 700));
    let again = Baseline::parse("baseline.toml", &blessed.to_string()).unwrap();
    assert_eq!(again, blessed);
    assert_eq!(again.compare(&measured(450, 700)), []);
    assert_eq!(again.compare(&measured(450, 500)).len(), 1);
    let other = Measurement::parse("on avx2-2\nprefill-of-int8-peak 500 1 2\n").unwrap();
    assert_eq!(again.compare(&other), []);
}

#[test]
fn of_several_runs_the_better_counts() {
    let better = measured(300, 800).better(&measured(390, 500));
    assert_eq!(complaints(&better), Vec::<String>::new());
    let middle = measured(300, 800).middle(&measured(400, 600));
    let values: Vec<i64> = middle.ratios().iter().map(|ratio| ratio.value).collect();
    assert_eq!(values, [350, 700]);
}

#[test]
fn the_table_tells_the_change() {
    let table = baseline().table(&measured(440, 600));
    assert!(table.contains("0.400     0.440   +10 %  0.001 to 2.000"), "{table}");
    assert!(table.contains("-25 %"), "{table}");
}

#[test]
fn output_that_is_no_measurement_is_an_error() {
    for text in ["", "on avx2-2\n", "prefill 1 2 3\n", "on avx2-2\nprefill fast 1 2\n"] {
        assert!(Measurement::parse(text).is_err(), "{text}");
    }
    assert!(Baseline::parse("b", "[avx2-2]\nprefill = \"fast\"\n").is_err());
}

#[test]
fn the_repository_s_own_baseline_is_readable() {
    let path = xtask::repository_root().join("benches/baseline.toml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(Baseline::parse("baseline.toml", &text).unwrap().to_string(), text);
}
