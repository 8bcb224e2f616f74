//! `pricket run`.

use std::io::Read;

use crate::command::{Outcome, Pricket, finish, tiny};

const GREEDY: [&str; 3] = ["--greedy", "--max-tokens", "12"];

fn raw(args: &[&str]) -> Outcome {
    let model = tiny("tiny-llama");
    let mut all = vec!["run", &model, "--raw"];
    all.extend(GREEDY);
    all.extend(args);
    Pricket::new().run(&all)
}

#[test]
fn text_goes_to_stdout_and_nothing_to_stderr() {
    let outcome = raw(&["The weather"]).ok();
    assert!(outcome.stdout.len() > 1 && outcome.stdout.ends_with('\n'), "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.stdout, raw(&["The weather"]).stdout, "greedy is the same each time");
}

#[test]
fn json_lines_end_with_one_complete_chunk_that_holds_all_text() {
    let outcome = raw(&["The weather", "--json"]).ok();
    let mut chunks = outcome.json_lines();
    let last = chunks.pop().unwrap();
    assert_eq!(last["type"], "complete");
    let text: String = chunks
        .iter()
        .map(|chunk| {
            assert_eq!(chunk["type"], "text");
            chunk["text"].as_str().unwrap()
        })
        .collect();
    assert_eq!(last["text"], text);
    assert_eq!(format!("{text}\n"), raw(&["The weather"]).stdout);
    assert_eq!(last["usage"]["completion_tokens"], 12);
    assert_eq!(last["finish_reason"], "length");
    assert_eq!(last["sampling"]["temperature"], 0.0);
}

#[test]
fn piped_text_is_the_prompt_or_comes_below_it() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let mut args = vec!["run", &model, "--raw"];
    args.extend(GREEDY);
    let piped = home.run_with_input(&args, "The weather\n").ok();
    assert_eq!(piped.stdout, raw(&["The weather"]).stdout);
    args.push("The weather");
    let both = home.run_with_input(&args, "in May\n").ok();
    assert_eq!(both.stdout, raw(&["The weather\n\nin May"]).stdout);
}

#[test]
fn a_seed_decides_and_the_knobs_reach_the_sampler() {
    let model = tiny("tiny-llama");
    let ask = |seed: &str| {
        let args = [
            "run",
            &model,
            "The weather",
            "--raw",
            "--json",
            "--max-tokens",
            "24",
            "--temperature",
            "1.5",
            "--top-k",
            "200",
            "--top-p",
            "0.99",
            "--min-p",
            "0.001",
            "--repetition-penalty",
            "1.1",
            "--frequency-penalty",
            "-0.5",
            "--presence-penalty",
            "0.25",
            "--penalty-last-n",
            "32",
            "--seed",
            seed,
        ];
        Pricket::new().run(&args).ok().json_lines().pop().unwrap()
    };
    let (first, again, other) = (ask("7"), ask("7"), ask("8"));
    assert_eq!(first["text"], again["text"]);
    assert_ne!(first["text"], other["text"]);
    let used = &first["sampling"];
    for (name, want) in [
        ("temperature", 1.5),
        ("top_k", 200.0),
        ("top_p", 0.99),
        ("min_p", 0.001),
        ("repetition_penalty", 1.1),
        ("frequency_penalty", -0.5),
        ("presence_penalty", 0.25),
        ("penalty_last_n", 32.0),
        ("seed", 7.0),
    ] {
        assert!((used[name].as_f64().unwrap() - want).abs() < 1e-6, "{name}: {used}");
    }
}

#[test]
fn a_conversation_is_rendered_by_the_template() {
    let home = Pricket::new();
    let model = home.chat_model();
    let mut args = vec!["run", &model, "Hi", "--system", "Be short.", "--json"];
    args.extend(GREEDY);
    let told = home.run(&args).ok().json_lines().pop().unwrap();
    let request = r#"{"messages": [{"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hi"}], "add_generation_prompt": true}"#;
    let file = home.file("request.json", request);
    let rendered = home.run(&["debug", "render", &model, "--request", &file]).ok().json();
    assert_eq!(rendered["text"], "[system] Be short.\n[user] Hi\n[assistant] ");
    let ids = rendered["ids"].as_array().unwrap().len();
    assert_eq!(told["usage"]["prompt_tokens"], ids);
}

#[test]
fn a_stop_text_ends_the_answer_and_is_not_shown() {
    let whole = raw(&["The weather"]).ok().stdout;
    let stop: String = whole.chars().skip(4).take(3).collect();
    let cut = raw(&["The weather", "--stop", &stop, "--json"]).ok();
    let last = cut.json_lines().pop().unwrap();
    let at = whole.find(&stop).unwrap();
    assert_eq!(last["text"], whole[..at]);
    assert_eq!((&last["finish_reason"], &last["stop"]), (&"stop".into(), &stop.into()));
}

#[test]
fn stats_are_told_on_stderr() {
    let outcome = raw(&["The weather", "--stats"]).ok();
    assert!(outcome.stderr.contains("12 tokens"), "{outcome:?}");
    assert!(outcome.stderr.contains("tok/s"), "{outcome:?}");
    assert!(!outcome.stderr.contains('\u{1b}'), "colours where nobody sees them: {outcome:?}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let args = ["run", &model, "--raw", "--json", "--max-tokens", "300", "The weather"];
    let mut child = home.command(&args).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn one_and_two_threads_and_candle_say_the_same() {
    let on = |args: &[&str]| raw(&[&["The weather"], args].concat()).ok().stdout;
    let one = on(&["--threads", "1"]);
    assert_eq!(one, on(&["--threads", "2"]));
    assert_eq!(one, on(&["--backend", "candle"]));
}
