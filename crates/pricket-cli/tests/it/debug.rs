//! `pricket debug`: held against the references, as anyone may do from outside.

use serde_json::{Value, json};

use crate::command::{Pricket, comma, reference, tiny};

#[test]
fn tokenize_and_detokenize_agree_with_the_tokenizers_library() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let cases = std::fs::read(format!("{model}/tokenizer_cases.json")).unwrap();
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    // Each case is a process of its own; a tenth of them shows that the command does what the
    // library does, whose own tests run them all.
    for case in cases["cases"].as_array().unwrap().iter().skip(3).step_by(10) {
        let file = home.file("text.txt", case["text"].as_str().unwrap());
        let args = ["debug", "tokenize", &model, "--text-file", &file, "--special"];
        assert_eq!(home.run(&args).ok().json(), case["ids"], "{case}");
        let with_bos = [&args[..], &["--prompt"]].concat();
        assert_eq!(home.run(&with_bos).ok().json(), case["ids_with_special"], "{case}");
        let ids = comma(&case["ids"]);
        let args = ["debug", "detokenize", &model, "--ids", &ids];
        assert_eq!(home.run(&args).ok().json(), case["decoded"], "{case}");
    }
}

#[test]
fn without_special_a_special_token_is_plain_text() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let file = home.file("text.txt", "a</s>");
    let args = ["debug", "tokenize", &model, "--text-file", &file];
    let plain = home.run(&args).ok().json();
    let special = home.run(&[&args[..], &["--special"]].concat()).ok().json();
    assert!(!plain.as_array().unwrap().contains(&json!(2)), "{plain}");
    assert!(special.as_array().unwrap().contains(&json!(2)), "{special}");
}

#[test]
fn render_gives_text_and_ids_or_the_error_of_the_template() {
    let home = Pricket::new();
    let model = home.chat_model();
    let request = home.file("request.json", r#"{"messages": [{"role": "user", "content": "Hi"}]}"#);
    let args = ["debug", "render", &model, "--request", &request];
    let told = home.run(&args).ok().json();
    assert_eq!(told["text"], "[user] Hi\n");
    assert!(told["ids"].as_array().is_some_and(|ids| !ids.is_empty()));

    let template = home.file("own.jinja", "{{ bos_token }}{{ mood }}: {{ messages[0].content }}");
    let request = home.file(
        "kwargs.json",
        r#"{"messages": [{"role": "user", "content": "Hi"}], "kwargs": {"mood": "glad"}}"#,
    );
    let args = ["debug", "render", &model, "--request", &request, "--template", &template];
    let told = home.run(&args).ok().json();
    assert_eq!(told["text"], "<s>glad: Hi");
    assert_eq!(told["ids"][0], 1);

    let template = home.file("refuses.jinja", "{{ raise_exception('roles must alternate') }}");
    let args = ["debug", "render", &model, "--request", &request, "--template", &template];
    let told = home.run(&args).ok().json();
    assert!(told["error"].as_str().unwrap().contains("roles must alternate"), "{told}");
}

fn off(told: &Value, want: &Value) -> f64 {
    let pairs = told.as_array().unwrap().iter().zip(want.as_array().unwrap());
    pairs.map(|(a, b)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs()).fold(0.0, f64::max)
}

#[test]
fn logits_agree_with_the_reference_however_they_are_computed() {
    let model = tiny("tiny-llama3-rope");
    let reference = reference("tiny-llama3-rope");
    let case = &reference["cases"][0];
    let ids = comma(&case["input_ids"]);
    for how in [&[][..], &["--chunk", "5"], &["--threads", "1"], &["--backend", "candle"]] {
        let mut args = vec!["debug", "logits", &model, "--ids", &ids, "--greedy", "32"];
        args.extend(how);
        let told = Pricket::new().run(&args).ok().json();
        assert!(off(&told["last_logits"], &case["last_logits"]) <= 1e-4, "{how:?}");
        assert_eq!(told["greedy"], reference["greedy"]["new_ids"], "{how:?}");
        let rows = told["top10"].as_array().unwrap();
        assert_eq!(rows.len(), case["input_ids"].as_array().unwrap().len());
        for (row, (ids, logits)) in rows.iter().zip(
            case["top10_ids"]
                .as_array()
                .unwrap()
                .iter()
                .zip(case["top10_logits"].as_array().unwrap()),
        ) {
            let pairs = row.as_array().unwrap();
            let told_ids: Value = pairs.iter().map(|pair| pair[0].clone()).collect();
            let told_logits: Value = pairs.iter().map(|pair| pair[1].clone()).collect();
            assert_eq!(&told_ids, ids, "{how:?}");
            assert!(off(&told_logits, logits) <= 1e-4, "{how:?}");
        }
    }
}

#[test]
fn logits_beyond_the_context_are_refused_with_the_numbers() {
    let (home, model) = (Pricket::new(), tiny("tiny-llama"));
    let most = u64::MAX.to_string();
    for (greedy, told) in [("509", "513"), (most.as_str(), most.as_str())] {
        home.run(&["debug", "logits", &model, "--ids", "1,2,3,4", "--greedy", greedy])
            .is_error(2, &[told, "512", "--greedy"]);
    }
}

/// The negative logarithm of the probability of `target` after `ids`, from every logit that
/// `debug logits` tells.
fn surprise(home: &Pricket, model: &str, ids: &[u64], target: u64) -> f64 {
    let ids = comma(&json!(ids));
    let told = home.run(&["debug", "logits", model, "--ids", &ids]).ok().json();
    let logits = told["last_logits"].as_array().unwrap();
    let logits: Vec<f64> = logits.iter().map(|logit| logit.as_f64().unwrap()).collect();
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    total.ln() - logits[usize::try_from(target).unwrap()]
}

#[test]
fn perplexity_judges_the_second_half_of_each_chunk() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    // Some twenty words, and a last newline that is no part of the text.
    let file =
        home.file("text.txt", "The way to the sea is long, they said, and went on.\nSo we did.\n");
    let args = ["debug", "perplexity", &model, "--text-file", &file, "--context", "9"];
    let told = home.run(&args).ok().json();

    let without =
        home.file("same.txt", "The way to the sea is long, they said, and went on.\nSo we did.");
    let ids = home.run(&["debug", "tokenize", &model, "--text-file", &without, "--prompt"]);
    let ids: Vec<u64> = serde_json::from_value(ids.ok().json()).unwrap();
    let bos = ids[0];
    assert_eq!(bos, 1, "the model's prompts begin with its first token");
    let mut losses = Vec::new();
    for chunk in ids.chunks_exact(9) {
        let chunk = [&[bos], &chunk[1..]].concat();
        for end in 5..9 {
            losses.push(surprise(&home, &model, &chunk[..end], chunk[end]));
        }
    }
    assert!(losses.len() >= 8, "two chunks at least: {ids:?}");
    let count = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count;
    let near = |key: &str, want: f64| {
        let value = told[key].as_f64().unwrap();
        assert!((value / want - 1.0).abs() < 1e-5, "{key}: {value} is not {want}");
    };
    near("mean_negative_log_likelihood", mean);
    near("perplexity", mean.exp());
    near("uncertainty", (variance / (count - 1.0)).sqrt() * mean.exp());
    assert_eq!(told["counted"], losses.len());
    assert_eq!((&told["tokens"], &told["context"]), (&ids.len().into(), &9.into()));
    assert_eq!(told["chunks"], ids.len() / 9);
}

#[test]
fn perplexity_of_too_little_text_is_refused_with_the_numbers() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let file = home.file("text.txt", "too little");
    let args = ["debug", "perplexity", &model, "--text-file", &file, "--context"];
    home.run(&[&args[..], &["64"]].concat()).is_error(2, &["two chunks of 64"]);
    home.run(&[&args[..], &["1024"]].concat()).is_error(2, &["1024", "512"]);
    home.run(&[&args[..], &["3"]].concat()).is_error(2, &["--context 3", "4 to 512"]);
}
