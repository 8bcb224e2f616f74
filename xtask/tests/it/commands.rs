//! The words after `cargo xtask`.

use xtask::{Command, Step};

fn parse(line: &str) -> Result<Command, String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Command::parse(&words).map_err(|failure| failure.to_string())
}

#[test]
fn ci_is_every_step_in_order() {
    assert_eq!(parse("ci"), Ok(Command::Run { steps: Step::ALL.to_vec(), bless: false }));
    let names: Vec<&str> = Step::ALL.into_iter().map(Step::name).collect();
    assert_eq!(
        names,
        [
            "fmt", "tidy", "layers", "licences", "clippy", "features", "test", "doctest", "arm",
            "loom", "doc", "surface"
        ]
    );
}

#[test]
fn each_step_runs_alone() {
    for step in Step::ALL.into_iter().chain(Step::APART) {
        let command = parse(step.name());
        assert_eq!(command, Ok(Command::Run { steps: vec![step], bless: false }));
        assert!(Command::help().contains(step.name()));
    }
}

#[test]
fn perf_stands_apart_from_ci() {
    assert!(!Step::ALL.contains(&Step::Perf));
}

#[test]
fn bless_belongs_to_what_is_recorded() {
    let steps = vec![Step::Surface];
    assert_eq!(parse("surface --bless"), Ok(Command::Run { steps, bless: true }));
    let steps = vec![Step::Perf];
    assert_eq!(parse("perf --bless"), Ok(Command::Run { steps, bless: true }));
    assert!(parse("tidy --bless").is_err());
}

#[test]
fn nothing_and_help_print_the_list() {
    for line in ["", "help", "--help", "tidy -h"] {
        assert_eq!(parse(line), Ok(Command::Help));
    }
}

#[test]
fn an_unknown_word_is_named() {
    let failure = parse("tydi").expect_err("no such step");
    assert_eq!(failure, "`tydi` is no command; `cargo xtask help` lists them");
}
