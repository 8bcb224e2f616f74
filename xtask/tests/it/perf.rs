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

/// `--bless` once recorded `(m1 / 2 + m2 / 2 + m3) / 2`, and what was held against it was the best
/// of three.
#[test]
fn of_several_runs_the_median_counts_whatever_their_order() {
    let runs = [measured(300, 800), measured(390, 500), measured(350, 900)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let median = Measurement::median(&order.map(|at| runs[at].clone())).unwrap();
        let values: Vec<i64> = median.ratios().iter().map(|ratio| ratio.value).collect();
        assert_eq!(values, [350, 800]);
    }
    // One good run of three does not hide a fall, and one bad one is none.
    let fell = [measured(400, 100), measured(100, 100), measured(100, 800)];
    assert_eq!(complaints(&Measurement::median(&fell).unwrap()).len(), 2);
    let noise = [measured(400, 800), measured(100, 800), measured(400, 100)];
    assert_eq!(complaints(&Measurement::median(&noise).unwrap()), Vec::<String>::new());
    assert_eq!(Measurement::median(&runs[..1]).unwrap(), runs[0]);
}

#[test]
fn the_spread_of_several_runs_is_that_of_all() {
    let run = |line: &str| Measurement::parse(&format!("on avx2-2\n{line}\n")).unwrap();
    let runs = [run("prefill 5 3 6"), run("prefill 7 4 9"), run("prefill 6 5 7")];
    assert_eq!(Measurement::median(&runs).unwrap(), run("prefill 6 3 9"));
    for other in [run("decode 6 5 7"), Measurement::parse("on avx2-1\nprefill 6 5 7\n").unwrap()] {
        assert!(Measurement::median(&[runs[0].clone(), other]).is_err());
    }
    assert!(Measurement::median(&[]).is_err());
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
