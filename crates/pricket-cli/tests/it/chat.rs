//! `pricket chat`, where standard input is no terminal.

use serde_json::Value;

use crate::command::Pricket;

const QUICK: [&str; 3] = ["--greedy", "--max-tokens", "8"];

#[test]
fn each_line_is_a_message_and_the_conversation_is_remembered() {
    let home = Pricket::new();
    let model = home.chat_model();
    let saved = home.home().join("talk.json");
    let mut args = vec!["chat", &model, "--system", "Be short."];
    args.extend(QUICK);
    let save = format!("/save {}", saved.display());
    let lines = ["Hi", "", "And you?", &save, "/exit", "never said"].join("\n");
    let outcome = home.run_with_input(&args, &lines).ok();
    let talk: Vec<Value> = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
    let roles: Vec<&str> = talk.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    let said = |index: usize| talk[index]["content"].as_str().unwrap();
    assert_eq!((said(1), said(3)), ("Hi", "And you?"));
    let ended = |text: &str| if text.ends_with('\n') { text.into() } else { format!("{text}\n") };
    assert_eq!(outcome.stdout, ended(said(2)) + &ended(said(4)));

    // The second answer is the one that the whole conversation gets, so the first turn was read.
    let request = serde_json::json!({"messages": talk[..4], "add_generation_prompt": true});
    let file = home.file("request.json", &request.to_string());
    let prompt = home.run(&["debug", "render", &model, "--request", &file]).ok().json();
    let ids = crate::command::comma(&prompt["ids"]);
    let greedy = home.run(&["debug", "logits", &model, "--ids", &ids, "--greedy", "8"]).ok().json();
    let ids = crate::command::comma(&greedy["greedy"]);
    let text = home.run(&["debug", "detokenize", &model, "--ids", &ids]).ok().json();
    assert_eq!(text.as_str().unwrap().trim_start(), said(4).trim_start());
}

#[test]
fn commands_answer_on_stderr_and_wrong_ones_are_not_sent_to_the_model() {
    let home = Pricket::new();
    let model = home.chat_model();
    let mut args = vec!["chat", &model];
    args.extend(QUICK);
    let lines = "/help\n/stats\n/sav x\n/save\nHi\n/stats\n/clear\n/stats\n";
    let outcome = home.run_with_input(&args, lines).ok();
    for part in [
        "/save FILE",
        "no answer has ended yet",
        "/sav is no command here",
        "/save needs a file",
        "answer 8 tokens",
        "this conversation: 0 answers, 0 tokens in",
        "this conversation: 1 answer, ",
        "all conversations: 1 answer, ",
        "since the start: 1 request (0 failed, 0 cancelled), ",
        "8 tokens out\n",
        "first token after - on average",
        " of keys and values held, ",
        " 0 SIMD matrix operations",
        "forgotten",
    ] {
        assert!(outcome.stderr.contains(part), "`{part}` is missing: {outcome:?}");
    }
    assert_eq!(outcome.stderr.matches("no answer has ended yet").count(), 2);
}

#[test]
fn a_full_context_is_told_and_the_conversation_goes_on() {
    let home = Pricket::new();
    let model = home.chat_model();
    let mut args = vec!["chat", &model, "--context", "48"];
    args.extend(QUICK);
    let long = "word ".repeat(100);
    let outcome = home.run_with_input(&args, &format!("{long}\nHi\n")).ok();
    assert!(outcome.stderr.contains("error: "), "{outcome:?}");
    assert!(outcome.stderr.contains("/clear begins anew"), "{outcome:?}");
    assert!(!outcome.stdout.is_empty(), "the second message was answered: {outcome:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_the_conversation_goes_on() {
    let home = Pricket::new();
    let model = home.chat_model();
    let outcome = home.run_with_input(&["chat", &model], "/save /nowhere/talk.txt\n/help\n").ok();
    assert!(outcome.stderr.contains("error: cannot write /nowhere/talk.txt"), "{outcome:?}");
    assert!(outcome.stderr.contains("/exit"), "{outcome:?}");
}

#[test]
fn answers_cost_what_the_model_data_says() {
    let home = Pricket::new();
    let model = home.chat_model();
    let data = serde_json::json!({"version": 1, "models": [{
        "name": model,
        "price": {"input": "0", "cached_input": "0", "output": "1000.00", "as_of": "2026-11-22"},
    }]});
    let data = home.file("data.json", &data.to_string());
    let lines = home.file("lines.txt", "Hi\nAnd you?\n/stats\n/clear\nHi\n/stats\n");
    let output = home
        .command(&["chat", &model, "--max-tokens", "4", "--greedy"])
        .env("PRICKET_MODEL_DATA", data)
        .stdin(std::fs::File::open(lines).unwrap())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    // Four tokens at a thousand dollars a million are 0.4 cents.
    for (of, count, cost) in [
        ("this conversation", "2 answers", "$0.008"),
        ("this conversation", "1 answer", "$0.004"),
        ("all conversations", "3 answers", "$0.012"),
    ] {
        let line = told.lines().find(|line| line.starts_with(&format!("{of}: {count}, ")));
        let line = line.unwrap_or_else(|| panic!("{of}: {count} is missing: {told}"));
        assert!(line.ends_with(&format!(" tokens out, {cost}")), "{line}");
    }
}

#[test]
fn a_model_of_this_machine_is_not_charged_at_a_providers_price() {
    let home = Pricket::new();
    let model = home.chat_model();
    let rules = home.file(
        "rules.toml",
        &format!(
            "[[rule]]\npattern = {{ exact = \"gpt-4o\" }}\ntarget = {model:?}\n\
             [[rule]]\npattern = {{ exact = \"small\" }}\ntarget = {model:?}\n"
        ),
    );
    let row = |name: &str| {
        let price = serde_json::json!({"input": "0", "output": "1000.00", "as_of": "2026-11-22"});
        serde_json::json!({"name": name, "price": price})
    };
    let stats = |name: &str, rows: &[Value]| {
        let data = serde_json::json!({"version": 1, "models": rows});
        let data = home.file("data.json", &data.to_string());
        let lines = home.file("lines.txt", "Hi\n/stats\n");
        let mut command = home.command(&["chat", name, "--max-tokens", "4", "--greedy"]);
        command.env("PRICKET_CONFIG", &rules).env("PRICKET_MODEL_DATA", data);
        command.stdin(std::fs::File::open(lines).unwrap());
        crate::command::finish(command.spawn().unwrap()).ok().stderr
    };
    let told = stats("gpt-4o", &[]);
    assert!(told.contains("this conversation: 1 answer, ") && !told.contains('$'), "{told}");
    // What the name means has a price of its own; what it was called has another model's.
    assert!(stats("small", &[row(&model)]).contains("tokens out, $0.004"));
    assert!(!stats("small", &[row("small")]).contains('$'));
}
