//! Files on this machine, held against what they were promised to be.

use std::fs;
use std::path::Path;

use pricket_core::{ErrorKind, ErrorReport, ProgressEvent, ProgressStage};
use pricket_hub::{Alias, Hub, PromisedFile, Registry};

use crate::kit::{body, hub_at, pulled, temp};
use crate::server::{Manners, Site, git_hash, sha256};

/// Verifies one file: what was begun, and how it ended.
fn verify(hub: &Hub, file: &PromisedFile) -> (usize, Result<(), ErrorReport>) {
    let events: Vec<ProgressEvent> = hub.verify(file).collect();
    let begun = |event: &&ProgressEvent| {
        matches!(event, ProgressEvent::Started { stage: ProgressStage::Verifying, .. })
    };
    let outcome = match events.last().unwrap() {
        ProgressEvent::Finished { path } => {
            assert_eq!(path.as_ref(), Some(&file.path));
            Ok(())
        }
        ProgressEvent::Failed { error } => Err((**error).clone()),
        other => panic!("{other:?}"),
    };
    (events.iter().filter(begun).count(), outcome)
}

/// Changes one byte of what a path leads to.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[7] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_of_the_hub_is_what_it_was_until_a_byte_changes() {
    let (dir, bytes) = (temp(), body(300_000));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let name = "hf:org/model/weights.gguf";
    let error = hub.promised(name).unwrap_err();
    assert_eq!(error.code(), "not_cached");
    let path = pulled(&hub, name);
    // By its name, and by its path.
    for name in [name.to_owned(), path.display().to_string()] {
        let files = hub.promised(&name).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!((file.name.as_str(), &file.path), ("weights.gguf", &path));
        assert_eq!(file.promise(), Some(("SHA-256", &*sha256(&bytes))));
        assert_eq!(verify(&hub, file), (1, Ok(())));
    }
    let files = hub.promised(name).unwrap();
    spoil(&path);
    let error = verify(&hub, &files[0]).1.unwrap_err();
    assert_eq!((&*error.code, error.kind), ("file_differs", ErrorKind::Malformed));
    assert!(error.message.contains(&sha256(&bytes)), "{error:?}");
    assert!(error.message.contains("pull it again"), "{error:?}");
    assert!(path.exists(), "what is verified stays");
}

#[test]
fn every_file_of_a_folder_is_held_against_its_own_hash() {
    let dir = temp();
    let weights = body(3_000);
    let site = Site::start(Manners {
        small: true,
        ..Site::of(&[("config.json", b"{\"a\": 1}"), ("model.safetensors", &weights)])
    });
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let folder = pulled(&hub, "hf:org/model");
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    let files = hub.promised("hf:org/model").unwrap();
    let told: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.promise())).collect();
    assert_eq!(
        told,
        [
            ("config.json", Some(("git hash", &*git_hash(b"{\"a\": 1}")))),
            ("model.safetensors", Some(("git hash", &*git_hash(&weights)))),
            ("notes.txt", None),
        ]
    );
    spoil(&folder.join("model.safetensors"));
    let outcomes: Vec<_> = files.iter().map(|file| verify(&hub, file)).collect();
    assert!(outcomes[0].1.is_ok() && outcomes[1].1.is_err(), "{outcomes:?}");
    // Nothing is known, so nothing is read.
    assert_eq!(outcomes[2], (0, Ok(())));
}

#[test]
fn an_alias_knows_length_and_hash_of_the_users_own_file() {
    let (dir, bytes) = (temp(), body(5_000));
    let models = dir.path().join("models");
    fs::create_dir(&models).unwrap();
    let path = models.join("weights.gguf");
    fs::write(&path, &bytes).unwrap();
    let mut registry = Registry::empty();
    registry
        .try_register(Alias {
            sha256: Some(sha256(&bytes)),
            bytes: Some(5_000),
            ..Alias::new("mine:1b", "org/model", "weights.gguf")
        })
        .unwrap();
    let hub = Hub::builder()
        .cache_dir(dir.path())
        .models_dir(&models)
        .registry(registry)
        .offline(true)
        .build()
        .unwrap();
    for name in ["mine:1b".to_owned(), path.display().to_string()] {
        let files = hub.promised(&name).unwrap();
        assert_eq!(files[0].promise(), Some(("SHA-256", &*sha256(&bytes))), "{name}");
        assert_eq!(verify(&hub, &files[0]), (1, Ok(())));
    }
    let files = hub.promised("mine:1b").unwrap();
    fs::write(&path, &bytes[1..]).unwrap();
    let error = verify(&hub, &files[0]).1.unwrap_err();
    assert!(error.message.contains("its length is 4999 instead of 5000"), "{error:?}");
}

#[test]
fn of_files_that_somebody_laid_down_nothing_is_known() {
    let dir = temp();
    let path = dir.path().join("m-00001-of-00002.gguf");
    fs::write(&path, "GGUF").unwrap();
    fs::write(dir.path().join("m-00002-of-00002.gguf"), "GGUF").unwrap();
    let hub = Hub::builder().cache_dir(dir.path()).registry(Registry::empty()).build().unwrap();
    let files = hub.promised(&path.display().to_string()).unwrap();
    assert_eq!(files.len(), 2);
    for file in &files {
        assert_eq!(file.promise(), None);
        assert_eq!(verify(&hub, file), (0, Ok(())));
    }
    let absent = dir.path().join("absent.gguf").display().to_string();
    assert_eq!(hub.promised(&absent).unwrap_err().code(), "path_missing");
}
