//! Sets of capabilities, by name and back.

use pricket_core::{Capabilities, Capability, CoreError};

#[test]
fn each_is_its_own_bit_and_its_own_name() {
    for one in Capability::ALL {
        let set = Capabilities::from(one);
        let told: Vec<Capability> = set.iter().collect();
        assert_eq!(told, [one]);
        assert_eq!(one.as_str().to_uppercase().parse::<Capability>(), Ok(one));
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(json, format!("\"{one}\""));
    }
    let all: Capabilities = Capability::ALL.into_iter().collect();
    assert!(all.includes(&[Capability::Tools, Capability::Thinking].into()));
    assert!(!Capabilities::from(Capability::Chat).includes(&all));
    assert!(Capabilities::default().includes(&Capabilities::default()));
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = "flying".parse::<Capability>().unwrap_err();
    assert_eq!(error, CoreError::CapabilityUnknown { text: "flying".into() });
    assert!(error.to_string().contains("chat, tools, vision"), "{error}");
}

#[test]
fn a_set_from_before_a_capability_was_known_is_still_read() {
    let old = r#"{"chat": true, "tools": false, "vision": false, "embeddings": false}"#;
    let read: Capabilities = serde_json::from_str(old).unwrap();
    assert_eq!(read, Capability::Chat.into());
}
