//! `pricket config`.

use super::{run_in, run_with};
use crate::command::Pricket;

const FILE: &str = "\
[sampling]
temperature = 0.7
seed = 1

[hub]
token = \"hf_verysecret\"
models = \"models\"

[chat]
history = \"\"

[[alias]]
name = \"mine:1b\"
repo = \"org/repo\"
revision = \"v2\"
file = \"mine.gguf\"

[[rule]]
pattern = { glob = \"mine/*\" }
target = \"mine:$1\"
";

/// The value and the origin of a setting in `config show --origin`.
#[track_caller]
fn row<'a>(table: &'a str, key: &str) -> (&'a str, &'a str) {
    let line = table.lines().find(|line| line.starts_with(&format!("{key} "))).expect(key);
    let rest = line[key.len()..].trim_start();
    let (value, origin) = rest.rsplit_once("  ").expect("two columns");
    (value.trim_end(), origin)
}

#[test]
fn every_value_is_shown_with_its_origin() {
    let home = Pricket::new();
    let file = home.file("own.toml", FILE);
    let variables = [("PRICKET_CONFIG", file.as_str()), ("PRICKET_SEED", "5")];
    let args = ["config", "show", "--origin", "--top-p", "0.9", "--log", "json", "--offline"];
    let table = run_with(&home, &variables, &args).ok().stdout;
    let at = |place: &str| format!("{file}:{place}");
    assert_eq!(row(&table, "sampling.temperature"), ("0.7", at("2:1").as_str()));
    assert_eq!(row(&table, "sampling.seed"), ("5", "PRICKET_SEED"));
    assert_eq!(row(&table, "sampling.top_p"), ("0.9", "--top-p"));
    assert_eq!(row(&table, "sampling.min_p"), ("(the model decides)", "default"));
    assert_eq!(row(&table, "log.format"), ("json", "--log"));
    assert_eq!(row(&table, "hub.offline"), ("true", "--offline"));
    assert_eq!(row(&table, "hub.token"), ("***", at("6:1").as_str()));
    let models = home.home().join("models");
    assert_eq!(row(&table, "hub.models"), (models.to_str().unwrap(), at("7:1").as_str()));
    assert_eq!(row(&table, "chat.history"), ("(none)", at("10:1").as_str()));
    assert_eq!(row(&table, "model.backend"), ("cpu", "default"));
    assert_eq!(row(&table, "alias mine:1b").0, "hf:org/repo@v2/mine.gguf");
    assert_eq!(row(&table, "rule glob `mine/*`"), ("mine:$1", at("18:1").as_str()));
    let cache = home.home().join("cache");
    assert_eq!(row(&table, "hub.cache"), (cache.to_str().unwrap(), "PRICKET_CACHE"));
    let hub = home.home().join("hf").join("hub");
    assert_eq!(row(&table, "hub.shared_cache"), (hub.to_str().unwrap(), "HF_HOME"));
    let greedy = run_in(&home, &file, &["config", "show", "--origin", "--greedy"]).ok().stdout;
    assert_eq!(row(&greedy, "sampling.temperature"), ("0", "--greedy"));
}

#[test]
fn json_holds_every_setting_by_section() {
    let home = Pricket::new();
    let file = home.file("own.toml", FILE);
    let plain = run_in(&home, &file, &["config", "show", "--json"]).ok().json();
    assert_eq!(
        (&plain["sampling"]["temperature"], &plain["sampling"]["seed"]),
        (&0.7.into(), &1.into())
    );
    assert!(plain["sampling"]["top_p"].is_null() && plain["answer"]["stop"].is_null(), "{plain}");
    assert_eq!((&plain["hub"]["offline"], &plain["hub"]["token"]), (&false.into(), &"***".into()));
    assert_eq!(plain["alias"][0]["revision"], "v2");
    let told = run_in(&home, &file, &["config", "show", "--json", "--origin"]).ok().json();
    let seed = &told["sampling"]["seed"];
    assert_eq!((&seed["value"], &seed["layer"]), (&1.into(), &"file".into()));
    assert_eq!(seed["origin"], format!("{file}:3:1"));
    assert_eq!(told["alias"][0]["origin"], format!("{file}:12:1"));
    assert_eq!(told["rule"][0]["value"]["target"], "mine:$1");
}

#[test]
fn a_secret_is_never_shown() {
    let home = Pricket::new();
    let file = home.file("own.toml", FILE);
    let variables =
        [("PRICKET_CONFIG", file.as_str()), ("HF_TOKEN", "hf_othersecret"), ("RUST_LOG", "trace")];
    for args in [
        &["config", "show"][..],
        &["config", "show", "--origin"],
        &["config", "show", "--json"],
        &["config", "check"],
        &["list"],
        &["run", "nothing:1b", "Hi"],
    ] {
        let outcome = run_with(&home, &variables, args);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!all.contains("verysecret") && !all.contains("othersecret"), "{all}");
    }
}

#[test]
fn who_reads_an_address_is_never_shown_and_reaches_the_hub() {
    let home = Pricket::new();
    let site = crate::site::Site::start();
    let endpoint = site.endpoint().replace("http://", "http://me:secretpw@");
    let content = format!(
        "[hub]\nendpoint = \"{endpoint}\"\npip = \"/no/pip -i https://me:secretpw@host/simple\"\n"
    );
    let file = home.file("own.toml", &content);
    for args in [
        &["config", "show"][..],
        &["config", "show", "--origin"],
        &["config", "show", "--json"],
        &["config", "check"],
        &["pull", "smollm2:135m"],
    ] {
        let told = run_with(&home, &[("PRICKET_CONFIG", &file), ("RUST_LOG", "trace")], args);
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(!all.contains("secretpw"), "{all}");
    }
    let shown = run_in(&home, &file, &["config", "show", "--json"]).ok().json();
    assert_eq!(shown["hub"]["pip"], "/no/pip -i https://***@host/simple");
    // It was asked there, and so the address is whole where it is used.
    site.last_authorization();
}

#[test]
fn the_path_is_told_also_of_a_broken_file_and_of_none() {
    let home = Pricket::new();
    let file = home.file("broken.toml", "= = =");
    assert_eq!(run_in(&home, &file, &["config", "path"]).ok().stdout, format!("{file}\n"));
    let other = home.run(&["config", "path", "--config", "other.toml"]).ok();
    assert_eq!(other.stdout, "other.toml\n");
    let begins = "`pricket config example > other.toml` begins one";
    assert!(other.stderr.contains(begins), "{other:?}");
    let none = run_in(&home, "", &["config", "path"]).ok();
    assert_eq!(none.stdout, "");
    if cfg!(target_os = "linux") {
        let usual = home.home().join(".config/pricket/config.toml");
        let told = home.run(&["config", "path"]).ok().stdout;
        assert_eq!(told, format!("{}\n", usual.display()));
    }
}

#[test]
fn check_counts_what_is_in_effect_and_names_stray_variables() {
    let home = Pricket::new();
    let file = home.file("own.toml", FILE);
    let variables = [
        ("PRICKET_CONFIG", file.as_str()),
        ("PRICKET_SEED", "5"),
        ("PRICKET_TEMPRATURE", "1"),
        ("PRICKET_CACHE", ""),
    ];
    let outcome = run_with(&home, &variables, &["config", "check"]).ok();
    // PRICKET_SEED, and HF_HOME for the shared cache.
    let told = format!(
        "{file}: 4 settings in effect, 1 alias, 1 rule\nenvironment: 2 settings in effect\n"
    );
    assert_eq!(outcome.stdout, told);
    let stray = "PRICKET_TEMPRATURE sets nothing; did you mean `PRICKET_TEMPERATURE`?";
    assert!(outcome.stderr.contains(stray), "{outcome:?}");
}

#[test]
fn the_example_holds_every_setting_and_is_itself_without_mistake() {
    let home = Pricket::new();
    let example = home.run(&["config", "example"]).ok().stdout;
    assert!(example.lines().all(|line| line.len() <= 100), "{example}");
    let as_it_is = home.file("as_it_is.toml", &example);
    let told = run_in(&home, &as_it_is, &["config", "check"]).ok().stdout;
    assert!(told.contains("0 settings in effect, 0 aliases, 0 rules"), "{told}");
    // Comments begin with `# `, settings with `#`.
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let set: Vec<String> = example.lines().map(uncomment).collect();
    let set = home.file("set.toml", &set.join("\n"));
    let variables = [("PRICKET_CONFIG", set.as_str()), ("PRICKET_CACHE", ""), ("HF_HOME", "")];
    let shown = run_with(&home, &variables, &["config", "show", "--json", "--origin"]).ok().json();
    let mut settings = 0;
    for (section, members) in shown.as_object().unwrap() {
        for (name, member) in members.as_object().into_iter().flatten() {
            assert_eq!(member["layer"], "file", "{section}.{name} is not in the example");
            settings += 1;
        }
    }
    assert!(settings >= 26, "{settings}");
    for key in ["alias", "rule"] {
        assert_eq!(shown[key].as_array().map(Vec::len), Some(1), "{key}");
    }
}

#[test]
fn what_every_command_fails_by_fails_the_check_and_not_the_show() {
    let home = Pricket::new();
    let broken = home.file("broken.json", "{");
    for (variable, value, code, part) in [
        ("PRICKET_MODEL_DATA", "nope.json", 3, "nope.json"),
        ("PRICKET_MODEL_DATA", broken.as_str(), 5, "broken.json"),
    ] {
        let variables = [(variable, value), ("PRICKET_CACHE", "")];
        run_with(&home, &variables, &["list"]).is_error(code, &[part]);
        run_with(&home, &variables, &["config", "check"]).is_error(code, &[part]);
        let shown = run_with(&home, &variables, &["config", "show", "--origin"]).ok().stdout;
        assert_eq!(row(&shown, "hub.model_data"), (value, variable));
        assert_eq!(row(&shown, "hub.cache"), ("(the user's own cache)", "default"));
    }
    let file = home.file("filter.toml", "[log]\nfilter = \"a=b=c\"\n[sampling]\ntop_p = 2\n");
    let told = run_in(&home, &file, &["config", "check"]);
    told.is_error(2, &["2 mistakes", ":2:10: log.filter: \"a=b=c\" is not a log filter", ":4:9: "]);
    run_with(&home, &[("RUST_LOG", "a=b=c")], &["config", "check"])
        .is_error(2, &["RUST_LOG: log.filter: \"a=b=c\" is not a log filter"]);
}
