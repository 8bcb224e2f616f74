//! `pricket pull`, `list` and `rm`.

use crate::command::{Pricket, tiny};

#[test]
fn an_empty_disk_is_an_empty_list() {
    let home = Pricket::new();
    assert_eq!(home.run(&["list", "--json"]).ok().json(), serde_json::json!([]));
    let told = home.run(&["list"]).ok();
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("pricket pull"), "{told:?}");
}

#[test]
fn pulling_what_is_on_disk_tells_its_path_as_a_json_line() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let events = home.run(&["pull", &model]).ok().json_lines();
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished");
    assert_eq!(last["path"], model);
}

#[test]
fn a_removal_takes_the_model_that_the_listing_calls_so() {
    let home = Pricket::new();
    let file = home.file(
        "rules.toml",
        "[[rule]]\npattern = { exact = \"smollm2:135m\" }\ntarget = \"qwen3:0.6b\"\n",
    );
    let commit = "ab810cf68114990406fdf996510dd3d3c6adbdf5";
    let own = "SmolLM2-135M-Instruct.Q4_1.gguf";
    for (repo, file) in [
        ("QuantFactory--SmolLM2-135M-Instruct-GGUF", own),
        ("Qwen--Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf"),
    ] {
        let folder = format!("hf/hub/models--{repo}/snapshots/{commit}");
        std::fs::create_dir_all(home.home().join(&folder)).unwrap();
        home.file(&format!("{folder}/{file}"), "GGUF");
        let refs = format!("hf/hub/models--{repo}/refs");
        std::fs::create_dir_all(home.home().join(&refs)).unwrap();
        home.file(&format!("{refs}/main"), commit);
    }
    let run = |args: &[&str]| {
        crate::command::finish(home.command(args).env("PRICKET_CONFIG", &file).spawn().unwrap())
    };
    let names = || -> Vec<String> {
        let list = run(&["list", "--json"]).ok().json();
        let names = list.as_array().unwrap().iter();
        names.map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), ["qwen3:0.6b", "smollm2:135m"]);
    assert!(run(&["rm", "smollm2:135m"]).ok().stdout.starts_with("removed smollm2:135m"));
    assert_eq!(names(), ["qwen3:0.6b"]);
    run(&["rm", "smollm2:135m"]).is_error(3, &["smollm2:135m"]);
    assert_eq!(names(), ["qwen3:0.6b"]);
}
