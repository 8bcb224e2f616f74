//! The registry: all or none, and one meaning per name.

use pricket_hub::{Alias, Registry, Wheel};

const HASH: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

fn alias(name: &str) -> Alias {
    Alias::new(name, "org/repo", "m.gguf")
}

#[test]
fn all_are_registered_or_none() {
    let mut registry = Registry::empty();
    registry.try_register(alias("a:1")).unwrap();
    let error = registry.try_register_all([alias("b:1"), alias("c:1"), alias("A:1")]).unwrap_err();
    assert_eq!(error.code(), "alias_refused");
    assert!(error.to_string().contains("`A:1` is taken"), "{error}");
    let names: Vec<&str> = registry.iter().map(|alias| alias.name.as_str()).collect();
    assert_eq!(names, ["a:1"]);
    // Two new ones that collide with each other.
    let twice = [alias("b:1"), Alias { aka: vec!["b:1".into()], ..alias("c:1") }];
    assert!(registry.try_register_all(twice).is_err());
    assert_eq!(registry.iter().count(), 1);
    registry.try_register_all([alias("b:1"), alias("c:1")]).unwrap();
    assert_eq!(registry.iter().count(), 3);
}

#[test]
fn replacing_is_explicit_and_tells_what_went() {
    let mut registry = Registry::empty();
    let old = Alias { aka: vec!["a".into()], ..alias("a:1") };
    registry.try_register_all([old.clone(), alias("b:1")]).unwrap();
    let gone = registry.replace(Alias { aka: vec!["a".into()], ..alias("a:2") }).unwrap();
    assert_eq!(gone, [old]);
    assert_eq!(registry.get("A").unwrap().name, "a:2");
    assert_eq!(registry.unregister("a").unwrap().name, "a:2");
    assert_eq!(registry.unregister("a"), None);
    assert_eq!(registry.iter().count(), 1);
    // A refused replacement takes nothing away.
    assert!(registry.replace(Alias { repo: "..".into(), ..alias("b:1") }).is_err());
    assert_eq!(registry.iter().count(), 1);
}

#[test]
fn what_could_harm_is_refused() {
    let wheel = |requirement: &str| Alias {
        sha256: Some(HASH.into()),
        wheel: Some(Wheel { requirement: requirement.into(), member: "m".into(), bytes: None }),
        ..alias("w:1")
    };
    Registry::empty().try_register(wheel("pkg==1.0")).unwrap();
    for bad in [
        alias(""),
        alias("../x"),
        alias("a/b"),
        alias("-rf"),
        alias("hf:x"),
        alias("a b"),
        alias(&"x".repeat(200)),
        Alias { aka: vec!["../x".into()], ..alias("a:1") },
        Alias { repo: "org".into(), ..alias("a:1") },
        Alias { revision: "../x".into(), ..alias("a:1") },
        Alias { file: "../x.gguf".into(), ..alias("a:1") },
        Alias { sha256: Some("abc".into()), ..alias("a:1") },
        Alias { sha256: Some(HASH.to_uppercase()), ..alias("a:1") },
        // pip would take these for options, for a URL, for any version.
        wheel("--index-url=evil"),
        wheel("-r==1"),
        wheel("pkg @ https://evil/x.whl"),
        wheel("pkg"),
        wheel("pkg==1; evil"),
        // Nothing would check what the wheel holds.
        Alias { sha256: None, ..wheel("pkg==1.0") },
    ] {
        let error = Registry::empty().try_register(bad.clone()).expect_err(&format!("{bad:?}"));
        assert_eq!(error.code(), "alias_refused");
    }
}

#[test]
fn aliases_are_data() {
    let text = r#"{"name": "mine:1b", "repo": "me/mine", "file": "mine.gguf"}"#;
    let mine: Alias = serde_json::from_str(text).unwrap();
    assert_eq!(mine, Alias::new("mine:1b", "me/mine", "mine.gguf"));
    assert_eq!(mine.family(), "mine");
    let odd =
        serde_json::from_str::<Alias>(r#"{"name": "a", "repo": "b/c", "file": "d", "sha": 1}"#);
    assert!(odd.unwrap_err().to_string().contains("unknown field `sha`"));
}
