//! `pricket embed` and `pricket rerank`, on the committed tiny models.

use std::path::PathBuf;

use serde_json::Value;

use crate::command::Pricket;

fn model(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/embeddings");
    root.join(name).display().to_string()
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_text_gives_a_line_and_the_last_tells_how_it_ended() {
    let model = model("tiny-bert");
    let outcome = Pricket::new().run(&["embed", &model, "the moon", "a cat"]).ok();
    let lines = lines(&outcome.stdout);
    assert_eq!(lines.len(), 3);
    for (index, line) in lines[..2].iter().enumerate() {
        assert_eq!(
            (&line["type"], line["index"].as_u64()),
            (&"embedding".into(), Some(index as u64))
        );
        assert_eq!(line["vector"].as_array().unwrap().len(), 32);
    }
    assert_eq!((&lines[2]["type"], &lines[2]["texts"]), (&"complete".into(), &2.into()));
}

#[test]
fn a_prompt_of_the_models_files_is_the_same_text_as_a_prefix() {
    let model = model("tiny-bert");
    let vector = |more: &[&str]| {
        let outcome = Pricket::new().run(&[&["embed", &model, "the moon"], more].concat()).ok();
        lines(&outcome.stdout)[0]["vector"].clone()
    };
    let named = vector(&["--prompt", "query"]);
    assert_eq!(named, vector(&["--prefix", "query: "]));
    assert_ne!(named, vector(&[]));
}

#[test]
fn a_long_text_is_refused_and_cut_where_asked() {
    let model = model("tiny-bert");
    let long = "the moon ".repeat(60);
    let outcome = Pricket::new().run(&["embed", &model, &long]);
    assert_ne!(outcome.code, Some(0));
    assert_eq!(lines(&outcome.stdout)[0]["code"], "text_too_long");
    assert!(outcome.stderr.contains("text 0 has"), "{}", outcome.stderr);
    let cut = Pricket::new().run(&["embed", &model, &long, "--truncate"]).ok();
    assert_eq!(lines(&cut.stdout)[0]["truncated"], true);
}

#[test]
fn documents_are_scored() {
    let (model, query) = (model("tiny-cross-encoder"), "how do i reset my password");
    let documents = ["i forgot my password and cannot log in", "rivers run to the sea"];
    let args = [&["rerank", &model, query], &documents[..]].concat();
    let lines = lines(&Pricket::new().run(&args).ok().stdout);
    let text = std::fs::read_to_string(PathBuf::from(&model).join("reference.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();
    for (line, pair) in lines.iter().zip(reference["pairs"].as_array().unwrap()).take(2) {
        let (ours, theirs) = (line["score"].as_f64().unwrap(), pair["score"].as_f64().unwrap());
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
    assert_eq!((lines.len(), &lines[2]["type"]), (3, &"complete".into()));
}

#[test]
fn what_cannot_begin_is_told_on_a_line_too() {
    let outcome = Pricket::new().run(&["embed", &model("tiny-bert")]);
    assert_eq!(outcome.code, Some(2));
    assert_eq!(lines(&outcome.stdout)[0]["code"], "usage");
    let outcome = Pricket::new().run(&["rerank", &model("tiny-bert"), "a", "b"]);
    assert_eq!(lines(&outcome.stdout)[0]["code"], "encoder_output");
}

#[test]
fn a_gguf_file_embeds_like_its_folder() {
    let vector = |name: &str, more: &[&str]| {
        let model = model(name);
        let outcome = Pricket::new().run(&[&["embed", &model, "the moon"], more].concat()).ok();
        lines(&outcome.stdout)[0]["vector"].clone()
    };
    let floats = vector("tiny-bert", &[]);
    assert_eq!(vector("tiny-bert.gguf", &[]), floats);
    assert_ne!(vector("tiny-bert", &["--quantize", "q8_0"]), floats);
}

#[test]
fn who_asks_an_encoder_for_an_answer_is_told_what_runs_it() {
    for name in ["tiny-bert", "tiny-bert.gguf"] {
        let outcome = Pricket::new().run(&["run", &model(name), "the moon"]);
        assert_ne!(outcome.code, Some(0));
        assert!(outcome.stderr.contains("pricket embed"), "{}", outcome.stderr);
    }
}
