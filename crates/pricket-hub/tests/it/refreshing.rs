//! Newer model data from an address.

use std::fs;
use std::path::Path;

use pricket_core::{ErrorKind, ErrorReport, ProgressEvent};
use pricket_hub::Hub;

use crate::kit::{closed_port, hub_at, temp};
use crate::server::{Manners, Site};

const DATA: &str = r#"{"version": 1, "models": [
    {"provider": "openai", "name": "gpt-4o", "context_length": 77},
    {"provider": "me", "name": "mine", "capabilities": ["chat"]}]}"#;

fn refresh(hub: &Hub, address: &str) -> Result<std::path::PathBuf, ErrorReport> {
    let events: Vec<ProgressEvent> = hub.refresh(address).collect();
    match events.last().unwrap() {
        ProgressEvent::Finished { path } => Ok(path.clone().unwrap()),
        ProgressEvent::Failed { error } => Err((**error).clone()),
        other => panic!("{other:?}"),
    }
}

fn site(data: &[u8]) -> (Site, String) {
    let site = Site::start(Manners { small: true, ..Site::of(&[("data.json", data)]) });
    let address = format!("{}/org/model/resolve/main/data.json", site.endpoint);
    (site, address)
}

fn context(dir: &Path, site: &Site) -> Option<usize> {
    let hub = hub_at(dir, site).build().unwrap();
    hub.catalog().find("openai/gpt-4o").unwrap().context_length
}

#[test]
fn refreshed_data_lies_over_the_built_in_and_under_the_users_own() {
    let dir = temp();
    let (site, address) = site(DATA.as_bytes());
    let built_in = context(dir.path(), &site);
    assert_ne!(built_in, Some(77));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = refresh(&hub, &address).unwrap();
    assert_eq!(path, dir.path().join("own/model-data.json"));
    assert_eq!(fs::read_to_string(&path).unwrap(), DATA);
    assert_eq!(context(dir.path(), &site), Some(77));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    assert!(hub.catalog().find("me/mine").is_some());
    assert!(hub.catalog().find("anthropic/claude-3-haiku-20240307").is_some(), "nothing is lost");
    let own = dir.path().join("own.json");
    let text = r#"{"version": 1, "models": [{"provider": "openai", "name": "gpt-4o",
        "context_length": 5}]}"#;
    fs::write(&own, text).unwrap();
    let hub = hub_at(dir.path(), &site).model_data(own).build().unwrap();
    assert_eq!(hub.catalog().find("openai/gpt-4o").unwrap().context_length, Some(5));
}

#[test]
fn what_is_wrong_is_told_and_replaces_nothing() {
    let dir = temp();
    let (good, address) = site(DATA.as_bytes());
    refresh(&hub_at(dir.path(), &good).build().unwrap(), &address).unwrap();
    let long = [b"{\"version\": 1, \"models\": []".as_slice(), &vec![b' '; 4 << 20], b"}"].concat();
    for (data, needle) in [
        (&b"<html>no</html>"[..], "expected value"),
        (br#"{"version": 2, "models": []}"#, "the version 2"),
        (br#"{"version": 1, "models": [{"name": "x", "cost": 1}]}"#, "unknown field `cost`"),
        (br#"{"version": 1, "models": [{"name": "x"}, {"name": "x"}]}"#, "twice"),
        (&[0xff, 0xfe], "UTF-8"),
        (&long, "more than 4194304 bytes"),
    ] {
        let (bad, address) = site(data);
        let hub = hub_at(dir.path(), &bad).build().unwrap();
        let error = refresh(&hub, &address).unwrap_err();
        assert_eq!(error.code, "model_data_malformed", "{}", error.message);
        assert!(error.message.contains(needle), "{}", error.message);
        assert_eq!(context(dir.path(), &bad), Some(77));
    }
    let hub = hub_at(dir.path(), &good).build().unwrap();
    let missing = refresh(&hub, &address.replace("data.json", "other.json")).unwrap_err();
    assert_eq!(missing.code, "remote_missing");
    let unreachable = refresh(&hub, &closed_port()).unwrap_err();
    assert_eq!(unreachable.code, "hub_unreachable");
    let nameless = refresh(&hub, "data.json").unwrap_err();
    assert_eq!(nameless.code, "model_data_address");
    let offline = hub_at(dir.path(), &good).offline(true).build().unwrap();
    let asked = good.log().len();
    let error = refresh(&offline, "http://user:secret@host/data.json?sig=1").unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("model_data_offline", ErrorKind::Unsupported));
    assert!(!error.message.contains("secret") && !error.message.contains("sig"), "{error:?}");
    assert_eq!(good.log().len(), asked);
    assert_eq!(context(dir.path(), &good), Some(77));
    let left: Vec<_> = fs::read_dir(dir.path().join("own")).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "the data and the locks: {left:?}");
}

/// No command may fail by a file that another version of the program wrote.
#[test]
fn kept_data_that_cannot_be_read_is_left_out() {
    let dir = temp();
    let (site, address) = site(DATA.as_bytes());
    let built_in = context(dir.path(), &site);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = refresh(&hub, &address).unwrap();
    fs::write(&path, r#"{"version": 9, "models": []}"#).unwrap();
    assert_eq!(context(dir.path(), &site), built_in);
    refresh(&hub_at(dir.path(), &site).build().unwrap(), &address).unwrap();
    assert_eq!(context(dir.path(), &site), Some(77));
}
