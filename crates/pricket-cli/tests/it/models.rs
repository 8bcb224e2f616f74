//! `pricket models`: what is known, and what a name means.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::command::Pricket;

#[test]
fn the_table_tells_what_is_known_and_leaves_out_what_is_not() {
    let told = Pricket::new().run(&["models"]).ok();
    assert_eq!(told.stderr, "");
    let row = |name: &str| -> Vec<&str> {
        let line = told.stdout.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.expect(name).split_whitespace().collect()
    };
    assert_eq!(row("NAME")[..2], ["NAME", "CONTEXT"]);
    assert_eq!(row("smollm2:135m"), ["smollm2:135m", "8192", "-", "-", "-", "-", "chat"]);
    assert_eq!(row("openai/gpt-4o")[1..5], ["128000", "16384", "2.50", "10.00"]);
    assert_eq!(row("google/gemini-2.5-pro")[3..6], ["-", "-", "-"]);
}

#[test]
fn filters_take_only_what_is_known_to_fit() {
    let home = Pricket::new();
    let names = |args: &[&str]| -> Vec<String> {
        let models = home.run(&[&["models", "--json"], args].concat()).ok().json();
        let names = models.as_array().unwrap().iter();
        names.map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["--provider", "moonshot"]), ["kimi-k2-0711-preview"]);
    assert_eq!(names(&["--can", "tools,thinking", "--provider", "openai"]).len(), 6);
    assert_eq!(names(&["--can", "thinking", "--context", "1000000"]).len(), 2);
    let told = home.run(&["models", "--provider", "nobody"]).ok();
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("`pricket models` lists all"), "{told:?}");
    home.run(&["models", "--can", "fly"]).is_error(2, &["fly", "chat, tools, vision"]);
    home.run(&["models", "gpt-4o", "--can", "chat"]).is_error(2, &["--can"]);
}

#[test]
fn aliases_of_the_user_are_listed_with_what_is_not_known_of_them() {
    let home = Pricket::new();
    let alias = |name: &str, aka: &str| {
        format!("[[alias]]\nname = {name:?}\naka = [{aka:?}]\nrepo = \"o/r\"\nfile = \"m.gguf\"\n")
    };
    let file = home.file("own.toml", &(alias("mine:1b", "my") + &alias("gpt-4o", "g")));
    let told = home.run(&["models", "--config", &file]).ok().stdout;
    let row = told.lines().find(|line| line.starts_with("mine:1b ")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["mine:1b", "-", "-", "-", "-", "-"]);
    assert!(told.lines().any(|line| line.starts_with("gpt-4o ")), "{told}");
    assert_eq!(told.matches("smollm2:135m ").count(), 1, "{told}");
    let json = home.run(&["models", "--json", "--config", &file]).ok().json();
    let mine = json.as_array().unwrap().iter().find(|model| model["name"] == "mine:1b").unwrap();
    assert_eq!(mine["aliases"], json!(["my"]));
    let told = home.run(&["models", "--can", "chat", "--config", &file]).ok().stdout;
    assert!(!told.contains("mine:1b"), "{told}");
    let told = home.run(&["run", "xyzzy", "Hi", "--config", &file]);
    told.is_error(3, &["`hf:org/repo/file`", "help: `pricket models` shows the known names"]);
}

#[test]
fn a_name_that_begins_with_a_provider_is_not_said_to_run_there() {
    let home = Pricket::new();
    let told = home.run(&["run", "google/gemma-2b", "Hi"]);
    told.is_error(5, &["begins with a provider of the model data", "`hf:google/gemma-2b`"]);
    assert!(!told.stderr.contains("google runs"), "{told:?}");
    home.run(&["run", "openai/gpt-4o", "Hi"]).is_error(5, &["is a model that openai runs"]);
}

#[test]
fn a_name_is_explained() {
    let home = Pricket::new();
    let told = home.run(&["models", "smollm2:135m"]).ok().stdout;
    assert!(told.starts_with("`smollm2:135m`: it is an alias\nfile: hf:QuantFactory/"), "{told}");
    assert!(told.contains("context  8192 tokens"), "{told}");
    let told = home.run(&["models", "gpt-4o"]).ok().stdout;
    let price = "$2.50 input, $1.25 cached input, $10.00 output for a million tokens (as of 20";
    assert!(told.contains(price), "{told}");
    let json = home.run(&["models", "kimi-k2", "--json"]).ok().json();
    assert_eq!(json["meaning"], "moonshot/kimi-k2-0711-preview");
    assert_eq!((&json["model"]["context_length"], &json["path"]), (&json!(131_072), &json!(null)));
    let told = home.run(&["models", "hf:org/repo/m.gguf"]).ok();
    assert!(told.stderr.contains("pricket inspect"), "{told:?}");
    home.run(&["models", "smolm2:135m"]).is_error(3, &["did you mean `smollm2:135m`"]);
}

#[test]
fn a_file_of_the_user_is_laid_over_the_data() {
    let home = Pricket::new();
    let data = r#"{"version": 1, "models": [
        {"provider": "openai", "name": "gpt-4o", "price": null},
        {"provider": "me", "name": "mine", "context_length": 77, "capabilities": ["chat"]}]}"#;
    let path = home.file("data.json", data);
    let run = |args: &[&str]| {
        let output = home.command(args).env("PRICKET_MODEL_DATA", &path).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    assert!(run(&["models", "me/mine"]).1.contains("77 tokens"));
    assert!(run(&["models", "gpt-4o"]).1.contains("price           -"));
    std::fs::write(&path, r#"{"version": 1, "models": [{"name": "x", "cost": 1}]}"#).unwrap();
    let (code, _, stderr) = run(&["models"]);
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(code, Some(5), "{stderr}");
    assert!(stderr.contains("data.json") && stderr.contains("unknown field `cost`"), "{stderr}");
}

#[test]
fn a_remote_model_is_known_and_cannot_be_run_here() {
    let home = Pricket::new();
    for args in [&["run", "openai/gpt-4o", "Hi"][..], &["pull", "gpt-4o"], &["inspect", "gpt-4o"]] {
        let told = home.run(args);
        assert_eq!(told.code, Some(5), "{told:?}");
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(all.contains("runs models of this machine only"), "{told:?}");
    }
}

/// A host that gives one answer.
fn host(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/data.json", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _request = connection.read(&mut [0; 4096]).unwrap();
        let len = body.len();
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n{body}").unwrap();
    });
    address
}

#[test]
fn refreshed_data_is_kept_and_bad_data_is_not() {
    let home = Pricket::new();
    let good =
        r#"{"version": 1, "models": [{"provider": "me", "name": "mine", "context_length": 77}]}"#;
    let told = home.run(&["models", "--provider", "me", "--refresh", &host(good)]).ok();
    assert!(told.stdout.contains("me/mine"), "{told:?}");
    assert!(told.stderr.contains("model-data.json"), "{told:?}");
    let refused = home.run(&["models", "--refresh", &host("<html>")]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.stderr.contains("cannot be used: expected value"), "{refused:?}");
    assert!(home.run(&["models", "me/mine"]).ok().stdout.contains("77 tokens"));
    let mut offline = home.command(&["models", "--refresh", "https://host/data.json"]);
    let output = offline.env("PRICKET_OFFLINE", "1").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains("offline mode forbids"), "{stderr}");
}
