//! The model data: what is in it, what is laid over it, and what is found in it.

use pricket_core::{Capability, ErrorKind, MicroDollars, ModelInfo, Usage};
use pricket_hub::{Hub, HubBuilder, ModelCatalog, ModelQuery, ModelRef, Registry};

use crate::kit::temp;

fn catalog(models: &str) -> ModelCatalog {
    ModelCatalog::parse(&file(models)).unwrap()
}

fn file(models: &str) -> String {
    format!(r#"{{"version": 1, "models": [{models}]}}"#)
}

fn dollars(text: &str) -> MicroDollars {
    text.parse().unwrap()
}

fn names<'a>(models: impl Iterator<Item = &'a ModelInfo>) -> Vec<String> {
    models.map(ModelInfo::full_name).collect()
}

#[test]
fn the_built_in_data_is_whole_and_modest() {
    let text = std::fs::read_to_string("data/models.json").unwrap();
    let read = ModelCatalog::parse(&text).unwrap();
    assert_eq!(read, ModelCatalog::builtin(), "the file is what is built in");
    assert!(read.iter().count() >= 30);
    for info in read.iter() {
        let name = info.full_name();
        assert_ne!(info.capabilities, pricket_core::Capabilities::default(), "{name}");
        if let (Some(context), Some(output)) = (info.context_length, info.max_output_tokens) {
            assert!(output <= context, "{name}");
        }
        let Some(price) = &info.price else { continue };
        assert!(info.provider.is_some(), "{name} runs here and costs nobody a dollar");
        for rate in [price.input, price.cached_input, price.output].into_iter().flatten() {
            // Nothing is free, and nothing that is listed costs $100 a million.
            assert!(rate > MicroDollars(0) && rate < dollars("100"), "{name}: {rate}");
        }
        assert!(price.cached_input.is_none_or(|cached| Some(cached) < price.input), "{name}");
        assert!(price.as_of <= "2026-11-22".parse().unwrap(), "{name}");
    }
    let providers: Vec<&str> = read.providers().collect();
    assert!(providers.starts_with(&["openai", "anthropic", "google"]), "{providers:?}");
}

#[test]
fn every_alias_has_its_row_and_every_local_row_its_alias() {
    let (catalog, registry) = (ModelCatalog::builtin(), Registry::well_known());
    for alias in registry.iter() {
        let info = catalog.find(&alias.name).expect(&alias.name);
        assert!(info.provider.is_none() && info.capabilities.chat, "{}", alias.name);
    }
    let local = catalog.iter().filter(|info| info.provider.is_none());
    assert_eq!(local.count(), registry.iter().count());
    // No name of a provider's model is an alias of ours, or it would never be reached.
    for info in catalog.iter().filter(|info| info.provider.is_some()) {
        for name in info.names() {
            assert!(registry.get(name).is_none(), "{name}");
            let (found, _) = ModelRef::parse(name, &registry).expect(name);
            assert_eq!(found.to_string(), info.full_name());
        }
    }
}

#[test]
fn costs_to_the_micro_dollar() {
    let catalog = ModelCatalog::builtin();
    let usage = Usage { prompt_tokens: 1_234, cached_tokens: 1_000, completion_tokens: 567 };
    // 234 x 2.5 + 1,000 x 1.25 + 567 x 10 = 585 + 1,250 + 5,670.
    let cost = catalog.find("openai/gpt-4o").unwrap().cost(&usage);
    assert_eq!(cost, Some(MicroDollars(7_505)));
    // 234 x 0.15 + 1,000 x 0.075 + 567 x 0.6 = 35.1 + 75 + 340.2 = 450.3.
    assert_eq!(catalog.find("gpt-4o-mini").unwrap().cost(&usage), Some(MicroDollars(450)));
    // No price of cached tokens is known, so these have none; and none at all of these.
    let groq = catalog.find("groq/llama-3.3-70b-versatile").unwrap();
    assert_eq!(groq.cost(&usage), None);
    assert_eq!(groq.cost(&Usage { cached_tokens: 0, ..usage }), Some(MicroDollars(1_176)));
    for unknown in ["gemini-2.5-pro", "smollm2:135m"] {
        assert_eq!(catalog.find(unknown).unwrap().cost(&usage), None, "{unknown}");
    }
}

#[test]
fn models_are_found_by_each_name() {
    let catalog = catalog(
        r#"{"name": "m", "aliases": ["em"]}, {"provider": "a", "name": "x", "aliases": ["y"]},
           {"provider": "b", "name": "x"}, {"provider": "b", "name": "org/z"}"#,
    );
    for (name, found) in [
        ("m", Some("m")),
        ("EM", Some("m")),
        ("y", Some("a/x")),
        ("A/Y", Some("a/x")),
        ("b/x", Some("b/x")),
        ("b/org/z", Some("b/org/z")),
        ("org/z", Some("b/org/z")),
        // Two sell it.
        ("x", None),
        ("c/x", None),
        ("", None),
    ] {
        assert_eq!(catalog.find(name).map(ModelInfo::full_name).as_deref(), found, "{name}");
    }
    assert_eq!(names(catalog.find_all("X").into_iter()), ["a/x", "b/x"]);
    assert_eq!(catalog.providers().collect::<Vec<_>>(), ["a", "b"]);
    // The resolver tells both.
    let dir = temp();
    let hub = Hub::builder().cache_dir(dir.path()).catalog(catalog).build().unwrap();
    let error = hub.resolve("x").unwrap_err();
    assert_eq!(error.code(), "model_ambiguous");
    assert!(error.to_string().contains("`a/x` or `b/x`"), "{error}");
    assert_eq!(hub.resolve("b/x").unwrap().reference.to_string(), "b/x");
    // The built-in providers are not those of this hub.
    assert_eq!(hub.resolve("openai/gpt-4o").unwrap_err().code(), "model_unknown");
}

#[test]
fn queries_take_only_what_is_known_to_fit() {
    let catalog = catalog(
        r#"{"provider": "a", "name": "small", "context_length": 1000, "capabilities": ["chat"],
            "price": {"input": "1.00", "output": "2.00", "as_of": "2026-01-01"}},
           {"provider": "a", "name": "large", "context_length": 9000, "max_output_tokens": 500,
            "capabilities": ["chat", "tools"],
            "price": {"input": "0.90", "output": "4.00", "as_of": "2026-01-01"}},
           {"provider": "b", "name": "silent", "capabilities": ["chat", "tools", "thinking"]}"#,
    );
    let found = |query: ModelQuery| names(catalog.select(&query));
    assert_eq!(found(ModelQuery::new()).len(), 3);
    assert_eq!(found(ModelQuery::new().provider("A")), ["a/small", "a/large"]);
    let tools = || ModelQuery::new().capabilities(Capability::Tools);
    assert_eq!(found(tools()), ["a/large", "b/silent"]);
    assert_eq!(found(tools().context_at_least(9000)), ["a/large"]);
    assert_eq!(found(tools().context_at_least(9001)), [""; 0]);
    assert_eq!(found(ModelQuery::new().output_at_least(500)), ["a/large"]);
    assert_eq!(found(ModelQuery::new().input_price_at_most(dollars("0.90"))), ["a/large"]);
    assert_eq!(found(ModelQuery::new().output_price_at_most(dollars("3"))), ["a/small"]);
    // The cheapest depends on what it is used for.
    let usage = |prompt_tokens, completion_tokens| Usage {
        prompt_tokens,
        cached_tokens: 0,
        completion_tokens,
    };
    let cheapest = |query: &ModelQuery, usage: Usage| {
        catalog.cheapest(query, &usage).map(|(info, cost)| (info.name.clone(), cost.0))
    };
    let all = ModelQuery::new();
    assert_eq!(cheapest(&all, usage(1000, 0)), Some(("large".into(), 900)));
    assert_eq!(cheapest(&all, usage(1000, 1000)), Some(("small".into(), 3000)));
    assert_eq!(cheapest(&ModelQuery::new().provider("b"), usage(1, 1)), None);
}

#[test]
fn an_override_lays_fields_over_rows_and_adds_rows() {
    let base = ModelCatalog::builtin();
    let over = base
        .with_override(&file(
            r#"{"provider": "OpenAI", "name": "GPT-4o", "context_length": 1,
                "price": {"input": "9", "as_of": "2026-11-21"}, "max_output_tokens": null},
               {"provider": "me", "name": "mine", "capabilities": ["tools"]}"#,
        ))
        .unwrap();
    let (old, new) = (base.find("openai/gpt-4o").unwrap(), over.find("gpt-4o").unwrap());
    assert_eq!((new.context_length, new.max_output_tokens), (Some(1), None));
    assert_eq!(new.capabilities, old.capabilities);
    // A price is one fact with its day, not three.
    let price = new.price.as_ref().unwrap();
    assert_eq!((price.input, price.output), (Some(dollars("9")), None));
    assert!(over.find("me/mine").unwrap().capabilities.tools);
    assert_eq!(over.iter().count(), base.iter().count() + 1);
    assert!(base.find("me/mine").is_none(), "the base is as it was");
    // Once more on top, and from a file.
    let dir = temp();
    let path = dir.path().join("models.json");
    let again = r#"{"provider": "me", "name": "mine", "aliases": ["my"]}"#;
    std::fs::write(&path, file(again)).unwrap();
    let third = over.with_override_file(&path).unwrap();
    assert!(third.find("my").unwrap().capabilities.tools);
    let lookup = |name: &str| (name == "PRICKET_MODEL_DATA").then(|| path.clone().into_os_string());
    let hub = HubBuilder::from_lookup(lookup).cache_dir(dir.path()).build().unwrap();
    assert_eq!(hub.resolve("my").unwrap().reference.to_string(), "me/mine");
    assert!(hub.catalog().find("openai/gpt-4o").is_some());
    let error = over.with_override_file(dir.path().join("none.json")).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "model_data_unreadable"));
    assert!(error.to_string().contains("none.json"), "{error}");
    let error = over.with_override_file(dir.path()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Io, "model_data_unreadable"));
    // What is no text is malformed, and what is cut within a character is too long.
    std::fs::write(&path, b"\xff\xfe").unwrap();
    let error = over.with_override_file(&path).unwrap_err();
    assert_eq!(error.code(), "model_data_malformed");
    assert!(error.to_string().contains("UTF-8"), "{error}");
    std::fs::write(&path, "\u{e9}".repeat((2 << 20) + 1)).unwrap();
    let error = over.with_override_file(&path).unwrap_err();
    assert!(error.to_string().contains("more than 4194304 bytes"), "{error}");
    std::fs::write(&path, vec![b' '; (4 << 20) + 1]).unwrap();
    let error = over.with_override_file(&path).unwrap_err();
    assert_eq!(error.code(), "model_data_malformed");
    assert!(error.to_string().contains("models.json"), "{error}");
    let error = Hub::builder().cache_dir(dir.path()).model_data(&path).build().unwrap_err();
    assert_eq!(error.code(), "model_data_malformed");
}

#[test]
fn malformed_data_is_told_with_its_row() {
    for (models, part) in [
        // A row that was pasted twice must not change the first one unseen.
        (
            r#"{"name": "a", "context_length": 7}, {"name": "A"}"#,
            "the model `A`: it stands here twice",
        ),
        (r#"{"provider": "p", "name": "a"}, {"provider": "P", "name": "a"}"#, "twice"),
        (r#"{"name": "a"}, {"name": "b", "aliases": ["A"]}"#, "the name `A` is taken"),
        (r#"{"name": "a", "aliases": ["a"]}"#, "the name `a` is taken"),
        (r#"{"name": "a", "context": 5}"#, "the model `a`: unknown field `context`"),
        (r#"{"name": "a", "context_length": 0}"#, "leave out what is not known"),
        (r#"{"name": "a", "context_length": -1}"#, "the model `a`"),
        (r#"{"name": "a", "context_length": 1e99}"#, "the model `a`"),
        (r#"{"name": "a b"}"#, "space"),
        (r#"{"name": ""}"#, "empty"),
        (r#"{"provider": "x"}"#, "missing field `name`"),
        (r#"{"provider": "a/b", "name": "x"}"#, "`/`"),
        (r#"{"name": "a", "capabilities": ["flying"]}"#, "flying"),
        (
            r#"{"provider": "p", "name": "a", "price": {"input": 2.5, "as_of": "2026-01-01"}}"#,
            "the model `p/a`",
        ),
        (r#"{"name": "a", "price": {"input": "2.5"}}"#, "as_of"),
        (r#"{"name": "a", "price": {"input": "-1", "as_of": "2026-01-01"}}"#, "`-1`"),
        (r#"{"name": "a", "price": {"input": "1", "as_of": "2026-02-30"}}"#, "`2026-02-30`"),
        ("5", "line 1"),
    ] {
        let error = ModelCatalog::parse(&file(models)).expect_err(models);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Malformed, "model_data_malformed"));
        assert!(error.to_string().contains(part), "{models}: {error}");
    }
    for text in [
        "",
        "{",
        "[]",
        r#"{"models": []}"#,
        r#"{"version": 2, "models": []}"#,
        r#"{"version": 1, "models": [], "more": 1}"#,
        &"[".repeat(100_000),
    ] {
        assert_eq!(ModelCatalog::parse(text).unwrap_err().code(), "model_data_malformed");
    }
    let many: Vec<String> = (0..10_001).map(|i| format!(r#"{{"name": "m{i}"}}"#)).collect();
    let error = ModelCatalog::parse(&file(&many.join(","))).unwrap_err();
    assert!(error.to_string().contains("10000 models"), "{error}");
}
