//! Every rendering byte-equal to transformers 5.23 with jinja2 3.1, and every refusal too.

use std::time::{Duration, UNIX_EPOCH};

use pricket_tokenizer::{ChatTemplate, NullKeys, SpecialTokens, TemplateInput, TokenizerError};
use serde_json::Value;

use crate::fixtures::{json, shared};

/// 2025-01-02 03:04:05 UTC, the time of the fixtures.
const NOW: Duration = Duration::from_secs(1_735_787_045);

/// Holds a rendering against a text, or an error against the reference's.
fn check(label: &str, got: Result<String, TokenizerError>, want: &Value, error: &Value) {
    match (got, want.as_str(), error.as_str()) {
        (Ok(got), Some(want), _) => assert_eq!(got, want, "{label}"),
        (Err(TokenizerError::TemplateRaised { message }), None, Some(error)) => {
            assert_eq!(Some(message.as_str()), error.strip_prefix("TemplateError: "), "{label}");
        }
        (Err(TokenizerError::TemplateRender { why }), None, Some(error)) => {
            let kinds = ["UndefinedError: ", "TypeError: "];
            assert!(kinds.iter().any(|kind| error.starts_with(kind)), "{label}: {why} / {error}");
        }
        (got, want, error) => panic!("{label}: got {got:?}, want {want:?} or error {error:?}"),
    }
}

#[test]
fn every_rendering_and_every_refusal_is_exact() {
    let Some(folder) = shared("templates") else { return };
    let file = json(&folder.join("cases.json"));
    let templates = file["templates"].as_object().unwrap();
    assert_eq!(templates.len(), 13);
    let mut count = 0;
    for (name, template) in templates {
        let source = folder.join(template["file"].as_str().unwrap());
        let source = std::fs::read_to_string(source).unwrap();
        let token = |key: &str| template[key].as_str().map(str::to_owned);
        let special = SpecialTokens {
            bos: token("bos_token"),
            eos: token("eos_token"),
            // Guards must not change a byte.
            guarded: ["<|im_end|>", "</s>", "<\u{ff5c}User\u{ff5c}>", "<|eot_id|>"]
                .map(str::to_owned)
                .to_vec()
                .into(),
            ..SpecialTokens::default()
        };
        let compiled =
            ChatTemplate::new(&source, &special).unwrap().with_clock(|| UNIX_EPOCH + NOW);
        for case in template["cases"].as_array().unwrap() {
            let label = format!("{name} / {}", case["name"]);
            let render = |null_keys| {
                let input = TemplateInput {
                    tools: case.get("tools").filter(|tools| !tools.is_null()),
                    add_generation_prompt: case["add_generation_prompt"] == true,
                    continue_final_message: case["continue_final_message"] == true,
                    kwargs: case["extra"].as_object(),
                    null_keys,
                    ..TemplateInput::new(&case["messages"])
                };
                compiled.render(&input).map(|rendered| rendered.text().to_owned())
            };
            check(&label, render(NullKeys::Drop), &case["rendered"], &case["error"]);
            let kept = (&case["rendered_nulls_kept"], &case["error_nulls_kept"]);
            if !kept.0.is_null() || !kept.1.is_null() {
                let label = format!("{label} (nulls kept)");
                check(&label, render(NullKeys::Keep), kept.0, kept.1);
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count} cases");
}
