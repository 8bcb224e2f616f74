//! What is wrong is told all at once, by place and name, and starts nothing.

use super::{run_in, run_with};
use crate::command::{Pricket, tiny};

#[test]
fn every_mistake_is_told_with_its_place_in_the_order_of_the_file() {
    let home = Pricket::new();
    let content = "\
[sampling]
temperature = -1
top_p = 1.5
min_p = nan
seed = \"x\"
penalty_last_n = -1
[model]
threads = 0
backend = \"gpu\"
context = 2.5
[hub]
offline = \"yes\"
models = \"\"
[answer]
stop = [\"a\", \"\"]
system = 7
";
    let file = home.file("wrong.toml", content);
    let variables = [
        ("PRICKET_CONFIG", file.as_str()),
        ("PRICKET_TOP_K", "many"),
        ("HF_HUB_OFFLINE", "perhaps"),
        ("PRICKET_LOG", "xml"),
        ("PRICKET_MIN_P", "2"),
    ];
    let outcome = run_with(&home, &variables, &["list"]);
    let told = [
        "2:15: sampling.temperature: -1 is not a number of 0 or more",
        "3:9: sampling.top_p: 1.5 is not a number more than 0 and at most 1",
        "4:9: sampling.min_p: nan is not a number from 0 to 1",
        "5:8: sampling.seed: \"x\" is not a whole number of 0 or more",
        "6:18: sampling.penalty_last_n: -1 is not a whole number of 0 or more",
        "8:11: model.threads: 0 is not a whole number from 1 to 1024",
        "9:11: model.backend: \"gpu\" is not one of cpu, candle, candle-f32",
        "10:11: model.context: 2.5 is not a whole number of 1 or more",
        "12:11: hub.offline: \"yes\" is not true or false",
        "13:10: hub.models: \"\" is not a nonempty text",
        "15:8: answer.stop: this list is not a list of nonempty texts",
        "16:10: answer.system: 7 is not a text",
        "PRICKET_TOP_K: sampling.top_k: \"many\" is not a whole number of 0 or more",
        "PRICKET_MIN_P: sampling.min_p: 2 is not a number from 0 to 1",
        "HF_HUB_OFFLINE: hub.offline: \"perhaps\" is not true or false",
        "PRICKET_LOG: log.format: \"xml\" is not one of text, json",
    ];
    outcome.is_error(2, &told);
    assert!(outcome.stderr.starts_with("error: the configuration has 16 mistakes\n"));
    let lines: Vec<&str> = outcome.stderr.lines().skip(1).take(told.len()).collect();
    for (line, part) in lines.iter().zip(told) {
        assert!(line.ends_with(part), "`{line}` is not `{part}`");
    }
    let check = run_with(&home, &variables, &["config", "check"]);
    assert_eq!((check.code, check.stderr), (Some(2), outcome.stderr));
}

#[test]
fn unknown_keys_get_a_suggestion() {
    let home = Pricket::new();
    let content = "\
temperature = 1
sampling.top-p = 0.5
hub.tokn = \"x\"
chat.qqqqqqqq = 1
[samplng]
x = 1
[somewhere_else]
";
    let file = home.file("unknown.toml", content);
    run_in(&home, &file, &["config", "check"]).is_error(
        2,
        &[
            "1:1: temperature: unknown; did you mean `sampling.temperature`?",
            "2:10: sampling.top-p: unknown; did you mean `sampling.top_p`?",
            "3:5: hub.tokn: unknown; did you mean `hub.token`?",
            "4:6: chat.qqqqqqqq: unknown\n",
            "5:2: samplng: unknown; did you mean `sampling`?",
            "7:2: somewhere_else: unknown\n",
        ],
    );
    let one = home.file("one.toml", "answer.max_token = 1");
    let outcome = run_in(&home, &one, &["config", "check"]);
    outcome.is_error(2, &["did you mean `answer.max_tokens`?", "pricket config example"]);
    assert!(outcome.stderr.starts_with(&format!("error: {one}:1:8: answer.max_token: unknown")));
}

#[test]
fn sections_and_values_are_not_mixed_up() {
    let home = Pricket::new();
    let file = home.file("mixed.toml", "sampling = 1\nalias = 2\n[hub.token]\nx = 1\n");
    run_in(&home, &file, &["list"]).is_error(
        2,
        &[
            "1:1: sampling: it must be a table",
            "2:9: alias: write each one as a table `[[alias]]`",
            "hub.token: the value is not a nonempty text",
        ],
    );
}

#[test]
fn aliases_are_checked_each_for_itself() {
    let home = Pricket::new();
    let content = "\
[[alias]]
name = \"a:1\"
repo = \"org\"
file = \"a.gguf\"
[[alias]]
name = \"b:1\"
repoo = \"org/repo\"
file = \"b.gguf\"
[[alias]]
name = \"c:1\"
repo = \"org/repo\"
file = \"c.gguf\"
[[alias]]
name = \"C:1\"
repo = \"org/repo\"
file = \"d.gguf\"
";
    let file = home.file("aliases.toml", content);
    run_in(&home, &file, &["list"]).is_error(
        2,
        &["3 mistakes", ":1:1: alias[0]: ", "org/repo", "alias[1]: unknown field `repoo`"],
    );
    let taken =
        ":13:1: alias[3]: the name `C:1` is taken by another [[alias]]; take one of them out";
    run_in(&home, &file, &["list"]).is_error(2, &[taken]);
    let many = "[[alias]]\nname = \"m:1\"\nrepo = \"o/r\"\nfile = \"f\"\n".repeat(1_001);
    let file = home.file("many.toml", &many);
    run_in(&home, &file, &["list"]).is_error(2, &["alias: 1001 are more than 1000"]);
}

#[test]
fn rules_are_checked_each_for_itself() {
    let home = Pricket::new();
    let content = "\
[[rule]]
pattern = { regex = \"(\" }
target = \"x:1\"
[[rule]]
pattern = { globb = \"a*\" }
target = \"x:1\"
[[rule]]
pattern = { glob = \"a*\" }
target = \"x:$2\"
[[rule]]
pattern = { exact = \"a\" }
target = \"x:1\"
";
    let file = home.file("rules.toml", content);
    let parts = ["3 mistakes", ":1:1: rule[0]: ", "rule[1]: unknown variant `globb`", "rule[2]: "];
    run_in(&home, &file, &["list"]).is_error(2, &parts);
}

#[test]
fn broken_toml_is_told_by_place_and_never_by_its_line() {
    let home = Pricket::new();
    let file = home.file("broken.toml", "[hub]\ntoken = \"hf_verysecret\n[log]\nformat = = 1\n");
    let outcome = run_in(&home, &file, &["config", "check"]);
    outcome.is_error(2, &["broken.toml:2:", "broken.toml:4:"]);
    assert!(!outcome.stderr.contains("verysecret"), "{outcome:?}");
    let twice = home.file("twice.toml", "[log]\nformat = \"text\"\nformat = \"json\"\n");
    run_in(&home, &twice, &["list"]).is_error(2, &["twice.toml:3:1", "duplicate"]);
}

#[test]
fn a_secret_is_in_no_mistake() {
    let home = Pricket::new();
    let file = home.file("secret.toml", "[hub]\ntoken = [\"hf_verysecret\"]\n");
    let outcome = run_in(&home, &file, &["list"]);
    outcome.is_error(2, &["2:9: hub.token: the value is not a nonempty text"]);
    assert!(!outcome.stderr.contains("verysecret"), "{outcome:?}");
}

#[test]
fn a_file_that_was_named_must_be_there_and_the_usual_one_need_not() {
    let home = Pricket::new();
    run_in(&home, "no.toml", &["list"]).is_error(3, &["the configuration no.toml"]);
    let outcome = home.run(&["list", "--config", "no.toml"]);
    outcome.is_error(3, &["the configuration no.toml"]);
    home.run(&["list", "--json"]).ok();
    // A file where the folder should be is no configuration either.
    let xdg = home.file("xdg", "");
    run_with(&home, &[("XDG_CONFIG_HOME", &xdg)], &["list", "--json"]).ok();
}

#[test]
fn json_lines_end_with_an_error_chunk_also_for_a_configuration() {
    let home = Pricket::new();
    let file = home.file("wrong.toml", "sampling.top_p = 2");
    let outcome = run_in(&home, &file, &["run", &tiny("tiny-llama"), "Hi", "--raw", "--json"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let chunks = outcome.json_lines();
    assert_eq!(chunks.len(), 1, "{outcome:?}");
    assert_eq!(
        (&chunks[0]["type"], &chunks[0]["code"]),
        (&"error".into(), &"config_invalid".into())
    );
}

#[test]
fn a_filter_that_is_none_is_told_by_its_place() {
    let home = Pricket::new();
    let file = home.file("log.toml", "\n[log]\nfilter = \"a=b=c\"");
    run_in(&home, &file, &["list"]).is_error(2, &["log.toml:3:1", "a=b=c"]);
}

#[test]
fn hostile_files_are_refused_in_words() {
    let home = Pricket::new();
    let check = |content: &[u8], code: i32, parts: &[&str]| {
        let path = home.home().join("hostile.toml");
        std::fs::write(&path, content).unwrap();
        let outcome = run_in(&home, path.to_str().unwrap(), &["list"]);
        outcome.is_error(code, parts);
        assert!(outcome.stderr.len() < 8_000, "{} bytes of words", outcome.stderr.len());
    };
    check(&vec![b'#'; (1 << 20) + 1], 1, &["longer than"]);
    check(b"\xff\xfe", 2, &["UTF-8"]);
    check(b"\0\0\0", 2, &["hostile.toml:1:1"]);
    check(format!("x = {}", "[".repeat(200_000)).as_bytes(), 2, &["hostile.toml:1:"]);
    check(format!("x = {}1{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes(), 2, &[]);
    check("a.".repeat(100_000).as_bytes(), 2, &[]);
    let unknown: Vec<String> = (0..50_000).map(|i| format!("k{i} = 1")).collect();
    check(unknown.join("\n").as_bytes(), 2, &["50000 mistakes", "and 49980 more"]);
    check(format!("{} = 1", "k".repeat(500_000)).as_bytes(), 2, &["kkk...: unknown"]);
    check(format!("sampling.seed = {}", "9".repeat(100_000)).as_bytes(), 2, &["999..."]);
    check(format!("model.backend = \"{}\"", "b".repeat(90_000)).as_bytes(), 2, &["bbb..."]);
    let long = "k".repeat(300_000);
    let alias = "repo = \"o/r\"\nfile = \"f\"";
    check(format!("[[alias]]\n{long} = 1").as_bytes(), 2, &["alias[0]: unknown field `kkk"]);
    check(format!("[[alias]]\nname = \"{long}\"\n{alias}").as_bytes(), 2, &["alias[0]: ", "kkk"]);
    let twice = format!("[[alias]]\nname = \"{}\"\n{alias}\n", "k".repeat(128)).repeat(2);
    check(twice.as_bytes(), 2, &["kkk...` is taken"]);
    check(format!("[[rule]]\n{long} = 1").as_bytes(), 2, &["rule[0]: unknown field `kkk"]);
    check(b"\"\\u001b[31m\" = 1", 2, &[]);
    let path = home.home().join("hostile.toml");
    let outcome = run_in(&home, path.to_str().unwrap(), &["list"]);
    assert!(!outcome.stderr.contains('\u{1b}'), "a key steers the terminal: {outcome:?}");
    run_in(&home, home.home().to_str().unwrap(), &["list"]).is_error(1, &["cannot read"]);
}

/// The table has its own bounds, to tell a mistake by its place; they are those of the library.
#[test]
fn the_bounds_of_the_knobs_are_those_of_the_library() {
    use pricket::core::SamplingParams;

    type Knob = (&'static str, fn(&mut SamplingParams) -> &mut Option<f32>);
    let knobs: [Knob; 16] = [
        ("temperature", |params| &mut params.temperature),
        ("top_p", |params| &mut params.top_p),
        ("min_p", |params| &mut params.min_p),
        ("repetition_penalty", |params| &mut params.repetition_penalty),
        ("frequency_penalty", |params| &mut params.frequency_penalty),
        ("presence_penalty", |params| &mut params.presence_penalty),
        ("dynatemp_range", |params| &mut params.dynatemp_range),
        ("dynatemp_exponent", |params| &mut params.dynatemp_exponent),
        ("typical_p", |params| &mut params.typical_p),
        ("top_n_sigma", |params| &mut params.top_n_sigma),
        ("xtc_probability", |params| &mut params.xtc_probability),
        ("xtc_threshold", |params| &mut params.xtc_threshold),
        ("dry_multiplier", |params| &mut params.dry_multiplier),
        ("dry_base", |params| &mut params.dry_base),
        ("mirostat_tau", |params| &mut params.mirostat_tau),
        ("mirostat_eta", |params| &mut params.mirostat_eta),
    ];
    let home = Pricket::new();
    for text in ["-inf", "-1.5", "-0.0", "0.0", "1e-9", "0.5", "1.0", "1.0001", "3.0", "inf", "nan"]
    {
        let lines = knobs.iter().map(|(name, _)| format!("{name} = {text}\n"));
        let file = home.file("knobs.toml", &format!("[sampling]\n{}", lines.collect::<String>()));
        let told = run_in(&home, &file, &["config", "check"]).stderr;
        for (name, knob) in &knobs {
            let mut params = SamplingParams::default();
            *knob(&mut params) = Some(text.parse().unwrap());
            let refused = told.contains(&format!("sampling.{name}: "));
            assert_eq!(params.validate().is_err(), refused, "{name} = {text}: {told}");
        }
    }
}
