//! What goes wrong ends in one sentence, a remedy and a documented exit code.

use crate::command::{Outcome, Pricket, finish, tiny};
use crate::site::Site;

#[test]
fn wrong_usage_exits_with_2() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    home.run(&["run", &model, "Hi", "--temprature", "1"]).is_error(2, &["--temperature"]);
    home.run(&["run", &model, "Hi", "--threads", "0"])
        .is_error(2, &["--threads", "from 1 to 1024"]);
    // They would all be started, and would wait for one another for minutes.
    home.run(&["run", &model, "Hi", "--threads", "10000"]).is_error(2, &["from 1 to 1024"]);
    home.run(&["run", &model, "Hi", "--raw", "--top-p", "1.5"]).is_error(2, &["--top-p", "1.5"]);
    home.run(&["run", &model, "Hi", "--stop", ""])
        .is_error(2, &["--stop", "it must be a nonempty text"]);
    home.run(&["run", &model]).is_error(2, &["prompt", "standard input"]);
    home.run(&["debug", "logits", &model, "--ids", "1,x"]).is_error(2, &["--ids"]);
    home.run(&["debug", "logits", &model, "--ids", "1,512"]).is_error(2, &["512"]);
    home.run(&["jump"]).is_error(2, &["jump"]);
    let mut command = home.command(&["run", &model, "Hi", "--raw"]);
    let output = command.env("PRICKET_SIMD", "mmx").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("scalar, avx2"));
}

#[test]
fn what_is_not_there_exits_with_3() {
    let home = Pricket::new();
    home.run(&["run", "./nothing.gguf", "Hi"]).is_error(3, &["nothing.gguf"]);
    home.run(&["inspect", "/no/such/folder"]).is_error(3, &["/no/such/folder"]);
    home.run(&["run", "smolm2:135m", "Hi"]).is_error(3, &["smolm2:135m", "smollm2:135m"]);
    home.run(&["run", "smollm2:135m", "Hi", "--offline"]).is_error(3, &["offline", "pull"]);
    home.run(&["rm", "smollm2:135m"]).is_error(3, &["smollm2:135m"]);
    let model = tiny("tiny-llama");
    home.run(&["debug", "tokenize", &model, "--text-file", "no.txt"]).is_error(3, &["no.txt"]);
}

#[test]
fn a_network_that_fails_exits_with_4() {
    let home = Pricket::new();
    let mut command = home.command(&["pull", "hf:org/repo/model.gguf"]);
    // Port 9 of this machine: nobody listens.
    let output = command.env("HF_ENDPOINT", "http://127.0.0.1:9").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: ") && stderr.contains("127.0.0.1"), "{stderr}");
}

#[test]
fn a_model_that_may_not_take_what_it_needs_is_refused_with_both_numbers_and_a_remedy() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    for command in [&["run", &model, "Hi", "--raw"][..], &["bench", &model]] {
        let arguments = [command, &["--memory", "100kB"]].concat();
        home.run(&arguments).is_error(1, &["the model needs ", "97.7 KiB are", "--memory says"]);
    }
    let more = ["run", &model, "Hi", "--raw", "--max-tokens", "1", "--memory", "1TB"];
    home.run(&more).ok();
    home.run(&["run", &model, "Hi", "--memory", "much"]).is_error(2, &["--memory", "6GiB"]);
    let file = home.file("memory.toml", "model.memory = \"100 kB\"");
    let mut command = home.command(&["run", &model, "Hi", "--raw"]);
    let output = command.env("PRICKET_CONFIG", &file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_damaged_model_exits_with_5() {
    let home = Pricket::new();
    let file = home.file("broken.gguf", "GGUF and then nothing that makes sense");
    home.run(&["run", &file, "Hi"]).is_error(5, &["broken.gguf"]);
    home.run(&["inspect", &file]).is_error(5, &["broken.gguf"]);
    let model = home.chat_model();
    std::fs::write(format!("{model}/config.json"), "{").unwrap();
    home.run(&["run", &model, "Hi"]).is_error(5, &["config.json"]);
}

#[test]
fn a_model_without_a_template_says_what_to_do() {
    let outcome = Pricket::new().run(&["run", &tiny("tiny-llama"), "Hi"]);
    outcome.is_error(5, &["chat template", "--raw", "--template"]);
}

#[test]
fn a_template_of_the_users_own_is_taken() {
    let (home, model) = (Pricket::new(), tiny("tiny-llama"));
    let file = home.file("plain.jinja", "{{ bos_token }}{{ messages[0].content }}");
    let answer = |args: &[&str]| {
        let mut all = vec!["run", &model, "The weather", "--greedy", "--max-tokens", "8"];
        all.extend(args);
        home.run(&all).ok().stdout
    };
    // What --raw gives too.
    assert_eq!(answer(&["--template", &file]), answer(&["--raw"]));
    assert_ne!(answer(&["--template", "chatml"]), answer(&["--raw"]));
    let refused = home.run(&["run", &model, "Hi", "--template", "absent.jinja"]);
    refused.is_error(3, &["absent.jinja"]);
    let refused = home.run(&["run", &model, "Hi", "--raw", "--template", &file]);
    refused.is_error(2, &["--raw", "--template"]);
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_with_the_numbers() {
    let long = "word ".repeat(2_000);
    let outcome = Pricket::new().run(&["run", &tiny("tiny-llama"), "--raw", &long]);
    outcome.is_error(1, &["512"]);
}

#[test]
fn json_lines_end_with_an_error_chunk_also_where_no_answer_began() {
    let outcome = Pricket::new().run(&["run", "./nothing.gguf", "Hi", "--json"]);
    assert_eq!(outcome.code, Some(3));
    let chunks = outcome.json_lines();
    assert_eq!(chunks.len(), 1);
    assert_eq!((&chunks[0]["type"], &chunks[0]["kind"]), (&"error".into(), &"not_found".into()));
}

#[test]
fn a_log_filter_that_is_none_is_wrong_usage() {
    let home = Pricket::new();
    let output = home.command(&["list"]).env("RUST_LOG", "a=b=c").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn logs_are_json_lines_on_stderr_and_hold_no_prompt() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let args = ["run", &model, "--raw", "a very secret word", "--max-tokens", "2", "--log", "json"];
    let output = home.command(&args).env("RUST_LOG", "trace").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.lines().count() > 0, "a trace says nothing");
    for line in stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(!stderr.contains("secret"), "{stderr}");
}

/// What dependencies log by the crate `log` holds requests byte by byte, the token in rows of 16,
/// and what is typed at the editor.
#[test]
fn no_log_of_a_dependency_is_written() {
    let (home, site) = (Pricket::new(), Site::start());
    let variables =
        [("RUST_LOG", "trace"), ("HF_TOKEN", "hf_secret"), ("HF_ENDPOINT", site.endpoint())];
    let mut command = home.command(&["pull", "hf:org/repo/m.gguf"]);
    let told = finish(command.envs(variables).spawn().unwrap());
    assert_eq!(told.code, Some(3), "{told:?}");
    assert_eq!(site.last_authorization().as_deref(), Some("Bearer hf_secret"));
    assert!(told.stderr.contains("a source failed"), "a trace says nothing: {told:?}");
    assert!(!told.stderr.contains("ureq"), "{told:?}");
}

/// The last chunk of `run --json`, which is told whatever fails.
#[test]
fn json_lines_end_with_an_error_chunk_also_for_a_log_filter() {
    let home = Pricket::new();
    let mut command = home.command(&["run", &tiny("tiny-llama"), "Hi", "--raw", "--json"]);
    let outcome = finish(command.env("RUST_LOG", "a=b=c").spawn().unwrap());
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let chunks = outcome.json_lines();
    assert_eq!(chunks.len(), 1, "{outcome:?}");
    assert_eq!(
        (&chunks[0]["type"], &chunks[0]["kind"]),
        (&"error".into(), &"invalid_request".into())
    );
}

#[test]
fn files_that_settings_name_are_told_by_their_settings() {
    let home = Pricket::new();
    let with = |variable: &str, value: &str, args: &[&str]| -> Outcome {
        finish(home.command(args).env(variable, value).spawn().unwrap())
    };
    let told = with("PRICKET_MODEL_DATA", "/no/data.json", &["list"]);
    told.is_error(3, &["/no/data.json", "help: PRICKET_MODEL_DATA or hub.model_data names"]);
    let told = with("PRICKET_MODEL_DATA", home.home().to_str().unwrap(), &["list"]);
    told.is_error(1, &["help: PRICKET_MODEL_DATA or hub.model_data names"]);
    let file = home.file("file", "");
    let told = with("PRICKET_MODELS", &file, &["list"]);
    told.is_error(1, &["help: PRICKET_MODELS or hub.models names"]);
    let told = with("SSL_CERT_FILE", "/no/certificates.pem", &["pull", "hf:org/repo/m.gguf"]);
    told.is_error_of_pull(3, "/no/certificates.pem");
    assert!(told.stderr.contains("help: SSL_CERT_FILE names"), "{told:?}");
    for told in [told, with("PRICKET_MODEL_DATA", "/no/data.json", &["list"])] {
        assert!(!told.stderr.contains("PRICKET_CACHE"), "{told:?}");
    }
    // What is about a cache still says which folders those are.
    let told = with("HF_HUB_CACHE", &file, &["list"]);
    told.is_error(1, &["PRICKET_CACHE and HF_HOME name the folders"]);
}
