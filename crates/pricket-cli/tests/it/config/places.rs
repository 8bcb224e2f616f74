//! Where models and caches are: paths of the file begin at its folder, and the environment wins.

use std::path::Path;

use super::run_with;
use crate::command::{Outcome, Pricket, finish};

const NO_MODEL: &str = "GGUF and then nothing that makes sense";

/// Runs in another folder than the file's, with the file named by the environment.
fn run_elsewhere(home: &Pricket, config: &str, args: &[&str]) -> Outcome {
    let elsewhere = home.home().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let mut command = home.command(args);
    finish(command.current_dir(elsewhere).env("PRICKET_CONFIG", config).spawn().unwrap())
}

/// A home with a damaged model in `~/models` and in `settings$1/models`; which of the two was read
/// is told by the error.
fn with_models() -> Pricket {
    let home = Pricket::new();
    for folder in ["models", "settings$1/models"] {
        std::fs::create_dir_all(home.home().join(folder)).unwrap();
        home.file(&format!("{folder}/own.gguf"), NO_MODEL);
    }
    home
}

#[test]
fn the_default_model_is_a_path_of_the_file() {
    let home = with_models();
    let check = |default: &str, read: &str| {
        let content = format!("[model]\ndefault = {default:?}");
        let file = home.file("settings$1/own.toml", &content);
        let path = home.home().join(read);
        let told = run_elsewhere(&home, &file, &["inspect"]);
        told.is_error(5, &[path.to_str().unwrap()]);
    };
    check("~/models/own.gguf", "models/own.gguf");
    check("models/own.gguf", "settings$1/models/own.gguf");
    check("./models/own.gguf", "settings$1/./models/own.gguf");
    check("../models/own.gguf", "settings$1/../models/own.gguf");
    check(home.home().join("models/own.gguf").to_str().unwrap(), "models/own.gguf");
    // What is no path stays a name.
    let file = home.file("settings$1/own.toml", "model.default = \"hf:org/repo/own.gguf\"");
    let told = run_elsewhere(&home, &file, &["config", "show", "--json"]).ok().json();
    assert_eq!(told["model"]["default"], "hf:org/repo/own.gguf");
}

#[test]
fn a_target_of_a_rule_is_a_path_of_the_file() {
    let home = with_models();
    let check = |target: &str, read: &str| {
        let content = format!("[[rule]]\npattern = {{ glob = \"m:*\" }}\ntarget = {target:?}");
        let file = home.file("settings$1/own.toml", &content);
        let path = home.home().join(read);
        let told = run_elsewhere(&home, &file, &["inspect", "m:own"]);
        told.is_error(5, &[path.to_str().unwrap()]);
    };
    check("~/models/$1.gguf", "models/own.gguf");
    check("models/$1.gguf", "settings$1/models/own.gguf");
    check("./models/$1.gguf", "settings$1/./models/own.gguf");
    check("../models/own.gguf", "settings$1/../models/own.gguf");
}

/// The shared cache that a command works with, and who says so.
fn shared_cache(home: &Pricket, variables: &[(&str, &str)]) -> (String, String) {
    let args = ["config", "show", "--json", "--origin"];
    let shown = run_with(home, variables, &args).ok().json();
    let cache = &shown["hub"]["shared_cache"];
    let text = |key: &str| cache[key].as_str().unwrap().to_owned();
    (text("value"), text("origin"))
}

#[test]
fn a_home_of_the_environment_beats_the_cache_of_the_file() {
    let home = Pricket::new();
    let file = home.file("own.toml", "hub.shared_cache = \"/data/hf\"");
    let in_file = ("PRICKET_CONFIG", file.as_str());
    let scratch = ("HF_HOME", "/scratch");
    let at = |place: &str| Path::new(place).display().to_string();
    assert_eq!(shared_cache(&home, &[in_file, scratch]), (at("/scratch/hub"), "HF_HOME".into()));
    let both = [in_file, scratch, ("HF_HUB_CACHE", "/cache")];
    assert_eq!(shared_cache(&home, &both), (at("/cache"), "HF_HUB_CACHE".into()));
    let none = [in_file, ("HF_HOME", "")];
    assert_eq!(shared_cache(&home, &none), (at("/data/hf"), format!("{file}:1:5")));
    // It is where a command looks, too.
    let snapshot = "hf/hub/models--org--repo/snapshots/0123456789abcdef0123456789abcdef01234567";
    std::fs::create_dir_all(home.home().join(snapshot)).unwrap();
    home.file(&format!("{snapshot}/own.gguf"), NO_MODEL);
    let list = run_with(&home, &[in_file], &["list", "--json"]).ok().json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn a_token_path_of_the_environment_beats_the_token_of_the_file() {
    let home = Pricket::new();
    let file = home.file("own.toml", "hub.token = \"hf_of_the_file\"");
    let token = home.file("token", "hf_of_the_environment\n");
    let site = crate::site::Site::start();
    let asked = |variables: &[(&str, &str)]| {
        let endpoint = [("PRICKET_CONFIG", file.as_str()), ("HF_ENDPOINT", site.endpoint())];
        let variables = [&endpoint, variables].concat();
        run_with(&home, &variables, &["pull", "hf:org/repo/own.gguf"]).is_error_of_pull(3, "own");
        site.last_authorization()
    };
    assert_eq!(asked(&[]).as_deref(), Some("Bearer hf_of_the_file"));
    let path = ("HF_TOKEN_PATH", token.as_str());
    assert_eq!(asked(&[path]).as_deref(), Some("Bearer hf_of_the_environment"));
    let both = [path, ("HF_TOKEN", "hf_itself")];
    assert_eq!(asked(&both).as_deref(), Some("Bearer hf_itself"));
}
