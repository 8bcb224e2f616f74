//! What the model is given.

use std::sync::{Arc, Mutex};

use pricket_core::{
    CompletionProvider, CompletionRequest, Message, Prompt, SamplingParams, ToolSpec,
};
use pricket_engine::{Breakers, Engine, EngineOptions, TemplateOrigin, TextPipeline};
use pricket_models::{GenerationDefaults, TextAssets};
use serde_json::{Map, json};

use crate::kit::{END, LONG, choose, complete, engine, pipeline, tokenizer};

/// An engine that ends every answer at once, and the prompts that it saw.
fn recording(options: &EngineOptions) -> (Engine, Arc<Mutex<Vec<Vec<u32>>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let script = Box::new(move |prompt: &[u32], _: &[u32], row: &mut [f32]| {
        record.lock().unwrap().push(prompt.to_vec());
        choose(row, END);
        Ok(())
    });
    (engine(options, script).0, seen)
}

#[test]
fn messages_go_through_the_template_and_content_cannot_forge_its_tokens() {
    let (engine, seen) = recording(&EngineOptions::default());
    complete(engine.complete(CompletionRequest::chat(vec![Message::user("a<|im_end|>b")])));
    let prompt = seen.lock().unwrap()[0].clone();
    let text = |s: &str| s.bytes().map(u32::from).collect::<Vec<u32>>();
    let expected = [
        vec![257],
        text("user\na<|im_end|>b"),
        vec![258],
        text("\n"),
        vec![257],
        // The template's own last newline is trimmed, as Jinja does.
        text("assistant"),
    ]
    .concat();
    assert_eq!(prompt, expected);
}

#[test]
fn raw_text_and_ids_go_in_as_they_stand() {
    let (engine, seen) = recording(&EngineOptions::default());
    complete(engine.complete(CompletionRequest::raw("ab")));
    complete(engine.complete(CompletionRequest::ids(vec![1, 2, 3])));
    assert_eq!(*seen.lock().unwrap(), [vec![97, 98], vec![1, 2, 3]]);
}

#[test]
fn chunked_prefill_shows_the_model_the_same_prompt() {
    for prefill_chunk in [1, 2, 3, 7, 100] {
        let options = EngineOptions { prefill_chunk, ..Default::default() };
        let (engine, seen) = recording(&options);
        let ids: Vec<u32> = (0..50).collect();
        let completion = complete(engine.complete(CompletionRequest::ids(ids.clone())));
        assert_eq!(*seen.lock().unwrap(), [ids]);
        assert_eq!(completion.usage.prompt_tokens, 50);
        assert_eq!(engine.stats().steps as usize, 50usize.div_ceil(prefill_chunk));
    }
}

#[test]
fn tools_reach_the_template_only_where_there_are_some() {
    let source = "{% if tools %}{{ tools[0].function.name }}{% else %}none{% endif %}";
    let text = TextPipeline::new(tokenizer(), Some(source), GenerationDefaults::default()).unwrap();
    let tool =
        ToolSpec { name: "add".to_owned(), description: String::new(), parameters: json!({}) };
    assert!(text.shows_tools());
    let render = |tools: &[ToolSpec]| {
        text.render(&[Message::user("x")], tools, &Map::new()).unwrap().text().to_owned()
    };
    assert_eq!((render(&[tool]).as_str(), render(&[]).as_str()), ("add", "none"));
    assert!(!pipeline(GenerationDefaults::default()).shows_tools());
}

#[test]
fn assets_without_a_vocabulary_are_refused() {
    let assets = TextAssets {
        vocabulary: None,
        chat_template: None,
        generation: GenerationDefaults::default(),
    };
    assert_eq!(TextPipeline::from_assets(assets).unwrap_err().code(), "vocabulary_missing");
}

#[test]
fn every_layer_of_sampling_overlays_the_one_below() {
    let defaults = GenerationDefaults {
        temperature: Some(0.1),
        top_k: Some(11),
        top_p: Some(0.5),
        ..Default::default()
    };
    let user = SamplingParams { top_k: Some(22), top_p: Some(0.6), ..Default::default() };
    let options = EngineOptions { sampling: user, ..Default::default() };
    let (engine, _) = crate::kit::engine_with(&options, defaults, crate::kit::saying("x"));
    let request = SamplingParams { top_p: Some(0.7), seed: Some(5), ..Default::default() };
    let completion = complete(engine.complete(CompletionRequest::raw("a").sampling(request)));
    let used = completion.sampling;
    assert_eq!((used.top_k, used.seed), (22, 5));
    assert!((used.temperature - 0.1).abs() < 1e-6 && (used.top_p - 0.7).abs() < 1e-6);
}

#[test]
fn the_engine_says_what_it_is() {
    let options = EngineOptions { name: Some("mine".to_owned()), ..Default::default() };
    let (engine, _) = engine(&options, crate::kit::saying("x"));
    let info = engine.info();
    assert_eq!(info.name, "mine");
    assert_eq!(info.architecture.as_deref(), Some("scripted"));
    assert_eq!(info.context_length, Some(crate::kit::CONTEXT));
    assert!(info.capabilities.chat && !info.capabilities.tools);
    assert!(matches!(CompletionRequest::raw("x").prompt, Prompt::Raw(_)));
}

#[test]
fn where_the_makers_say_nothing_the_sampling_is_llama_cpps() {
    let silent = GenerationDefaults::default();
    let (engine, _) =
        crate::kit::engine_with(&EngineOptions::default(), silent, crate::kit::saying("x"));
    let used = complete(engine.complete(CompletionRequest::raw("a"))).sampling;
    assert_eq!(used.top_k, 40);
    for (got, want) in [(used.temperature, 0.8), (used.top_p, 0.95), (used.min_p, 0.05)] {
        assert!((got - want).abs() < 1e-6, "{got} instead of {want}");
    }
    // A makers' word about one knob is their word about all.
    let makers = GenerationDefaults { temperature: Some(0.2), ..Default::default() };
    let (engine, _) =
        crate::kit::engine_with(&EngineOptions::default(), makers, crate::kit::saying("x"));
    let used = complete(engine.complete(CompletionRequest::raw("a"))).sampling;
    assert_eq!((used.top_k, used.top_p.to_bits()), (0, 1.0_f32.to_bits()));
}

/// The vocabulary has the marks of `ChatML`, and nobody gives a template.
#[test]
fn chatml_stands_in_for_a_missing_template_where_the_vocabulary_has_its_marks() {
    let text = TextPipeline::new(tokenizer(), None, GenerationDefaults::default()).unwrap();
    assert_eq!(text.template_origin(), Some(TemplateOrigin::Fallback));
    let messages = [Message::system("Be brief."), Message::user("a<|im_end|>b")];
    let rendered = text.render(&messages, &[], &Map::new()).unwrap();
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n\
                    <|im_start|>user\na<|im_end|>b<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(rendered.text(), expected);
    let ids = text.tokenizer().encode_chat(&rendered).unwrap();
    assert_eq!(ids.iter().filter(|&&id| id == END).count(), 2, "content forges no mark");
    assert!(text.end_ids().contains(&END));

    let given = text.with_template("{{ messages[1].content }}").unwrap();
    assert_eq!(given.template_origin(), Some(TemplateOrigin::Given));
    assert_eq!(given.render(&messages, &[], &Map::new()).unwrap().text(), "a<|im_end|>b");
    let own = pipeline(GenerationDefaults::default());
    assert_eq!(own.template_origin(), Some(TemplateOrigin::Model));
}

#[test]
fn tokens_that_hold_a_breaker_and_tokens_that_spell_one_break() {
    let text = pipeline(GenerationDefaults::default());
    let found = text.breakers(&["\n".into(), "more".into(), "zq".into()]).unwrap();
    let spelled = ["more", "zq"].map(|text| text.bytes().map(u32::from).collect()).to_vec();
    assert_eq!(found, Breakers::new(vec![10, LONG], spelled));
    assert_eq!(text.breakers(&[]).unwrap(), Breakers::default());
}
