//! What `--help` says is what was agreed on: `UPDATE_EXPECT=1` rewrites the agreement.

use expect_test::{ExpectFile, expect_file};

use crate::command::Pricket;

fn check(args: &[&str], expected: &ExpectFile) {
    let outcome = Pricket::new().run(args).ok();
    assert_eq!(outcome.stderr, "");
    expected.assert_eq(&outcome.stdout);
}

#[test]
fn of_the_program() {
    check(&["--help"], &expect_file!["help/pricket.txt"]);
}

#[test]
fn of_run() {
    check(&["run", "--help"], &expect_file!["help/run.txt"]);
}

#[test]
fn of_chat() {
    check(&["chat", "--help"], &expect_file!["help/chat.txt"]);
}

#[test]
fn of_encoders() {
    check(&["embed", "--help"], &expect_file!["help/embed.txt"]);
    check(&["rerank", "--help"], &expect_file!["help/rerank.txt"]);
}

#[test]
fn of_the_store() {
    check(&["pull", "--help"], &expect_file!["help/pull.txt"]);
    check(&["list", "--help"], &expect_file!["help/list.txt"]);
    check(&["rm", "--help"], &expect_file!["help/rm.txt"]);
}

#[test]
fn of_inspect_and_bench() {
    check(&["inspect", "--help"], &expect_file!["help/inspect.txt"]);
    check(&["bench", "--help"], &expect_file!["help/bench.txt"]);
    check(&["models", "--help"], &expect_file!["help/models.txt"]);
}

#[test]
fn of_config() {
    check(&["config", "--help"], &expect_file!["help/config.txt"]);
    check(&["config", "show", "--help"], &expect_file!["help/config_show.txt"]);
}

#[test]
fn of_debug() {
    check(&["debug", "--help"], &expect_file!["help/debug.txt"]);
    check(&["debug", "tokenize", "--help"], &expect_file!["help/debug_tokenize.txt"]);
    check(&["debug", "detokenize", "--help"], &expect_file!["help/debug_detokenize.txt"]);
    check(&["debug", "render", "--help"], &expect_file!["help/debug_render.txt"]);
    check(&["debug", "logits", "--help"], &expect_file!["help/debug_logits.txt"]);
    check(&["debug", "perplexity", "--help"], &expect_file!["help/debug_perplexity.txt"]);
}
