//! What is installed, where it is looked for, and what a removal may touch.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use pricket_core::ErrorKind;
use pricket_hub::{Alias, Hub, HubBuilder, InstalledModel, Origin, Registry};

use crate::kit::{body, hub_at, pulled, temp};
use crate::server::{COMMIT, Manners, Site, sha256};

fn aliased() -> Registry {
    let mut registry = Registry::empty();
    registry.try_register(Alias::new("mine:1b", "org/model", "weights.gguf")).unwrap();
    registry
}

fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(tree(&entry.path()));
        }
    }
    found
}

#[test]
fn a_listing_names_what_it_finds_so_that_it_is_found_again() {
    let dir = temp();
    let manners = Site::of(&[
        ("weights.gguf", &body(300)),
        ("other.gguf", &body(200)),
        ("config.json", b"{}"),
        ("model.safetensors", &body(500)),
    ]);
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).registry(aliased()).build().unwrap();
    assert_eq!(hub.list().unwrap(), []);
    for name in ["mine:1b", "hf:org/model@v2/other.gguf", "hf:org/model"] {
        pulled(&hub, name);
    }
    let listed = hub.list().unwrap();
    let told: Vec<(&str, u64, Origin)> =
        listed.iter().map(|model| (model.name.as_str(), model.bytes, model.origin)).collect();
    // All three revisions are one commit here, so the folder holds every file of it.
    assert_eq!(
        told,
        [
            ("hf:org/model", 1002, Origin::Hub),
            ("hf:org/model/other.gguf", 200, Origin::Hub),
            ("mine:1b", 300, Origin::Hub),
        ]
    );
    for model in &listed {
        assert_eq!(hub.locate(&model.name).unwrap().as_ref(), Some(&model.path));
        let modified = model.modified.unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let json = serde_json::to_value(model).unwrap();
        assert_eq!(json["modified"], modified);
        let read: InstalledModel = serde_json::from_value(json).unwrap();
        assert_eq!(read.modified, Some(UNIX_EPOCH + Duration::from_secs(modified)));
    }
}

#[test]
fn a_removal_frees_the_blob_and_forgets_the_name() {
    let (dir, bytes) = (temp(), body(300));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).registry(aliased()).build().unwrap();
    assert_eq!(hub.remove("mine:1b").unwrap_err().code(), "not_installed");
    let path = pulled(&hub, "mine:1b");
    let removed = hub.remove("mine:1b").unwrap();
    assert_eq!((removed.bytes, removed.paths.len()), (300, 2));
    assert_eq!(removed.paths[0], path);
    assert_eq!(hub.list().unwrap(), []);
    let left = tree(&dir.path().join("hub/models--org--model"));
    assert!(left.iter().all(|path| !path.ends_with(sha256(&bytes))), "{left:?}");
    let error = hub.remove("mine:1b").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "not_installed"));
    assert_eq!(fs::read(pulled(&hub, "mine:1b")).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn a_blob_that_another_snapshot_shares_stays() {
    let (dir, bytes) = (temp(), body(300));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    pulled(&hub, "hf:org/model/weights.gguf");
    let other = dir.path().join("hub/models--org--model/snapshots").join("f".repeat(40));
    fs::create_dir(&other).unwrap();
    let target = format!("../../blobs/{}", sha256(&bytes));
    std::os::unix::fs::symlink(target, other.join("weights.gguf")).unwrap();
    let removed = hub.remove("hf:org/model/weights.gguf").unwrap();
    assert_eq!((removed.bytes, removed.paths.len()), (0, 1));
    assert_eq!(fs::read(other.join("weights.gguf")).unwrap(), bytes);
    let name = format!("hf:org/model@{}/weights.gguf", "f".repeat(40));
    assert_eq!(hub.list().unwrap()[0].name, name);
    assert_eq!(hub.remove(&name).unwrap().bytes, 300);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_cache_are_cut_and_not_followed() {
    use std::os::unix::fs::symlink;
    let (dir, precious) = (temp(), temp());
    let treasure = precious.path().join("weights.gguf");
    fs::write(&treasure, b"precious").unwrap();
    let site = Site::start(Manners::default());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let repo = dir.path().join("hub/models--org--model");
    let snapshot = repo.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repo.join("refs")).unwrap();
    fs::write(repo.join("refs/main"), COMMIT).unwrap();
    // A file that leads out: the link goes, the file stays.
    symlink(&treasure, snapshot.join("weights.gguf")).unwrap();
    let removed = hub.remove("hf:org/model/weights.gguf").unwrap();
    assert_eq!((removed.bytes, removed.paths.len()), (0, 1));
    assert_eq!(fs::read(&treasure).unwrap(), b"precious");
    // A folder that leads out: nothing goes.
    symlink(precious.path(), snapshot.join("sub")).unwrap();
    let error = hub.remove("hf:org/model/sub/weights.gguf").unwrap_err();
    assert_eq!(error.code(), "outside_cache");
    fs::remove_dir_all(&snapshot).unwrap();
    symlink(precious.path(), &snapshot).unwrap();
    assert_eq!(hub.remove("hf:org/model/weights.gguf").unwrap_err().code(), "outside_cache");
    // A revision that leads out is no commit.
    fs::write(repo.join("refs/main"), "../../../../..").unwrap();
    assert_eq!(hub.remove("hf:org/model/weights.gguf").unwrap_err().code(), "not_installed");
    assert_eq!(fs::read(&treasure).unwrap(), b"precious");
}

#[test]
fn paths_are_never_removed() {
    let dir = temp();
    let file = dir.path().join("own.gguf");
    fs::write(&file, b"mine").unwrap();
    let hub = Hub::builder().cache_dir(dir.path()).build().unwrap();
    for name in [file.to_str().unwrap(), dir.path().to_str().unwrap(), "/", "../..", "src"] {
        let error = hub.remove(name).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "outside_cache"));
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(hub.locate(file.to_str().unwrap()).unwrap(), Some(file.clone()));
    assert_eq!(pulled(&hub, file.to_str().unwrap()), file);
}

#[test]
fn a_folder_of_models_is_looked_into_and_never_written_to() {
    let (dir, models, bytes) = (temp(), temp(), body(700));
    let mut registry = Registry::empty();
    let alias = Alias { bytes: Some(700), ..Alias::new("mine:1b", "org/model", "a/mine.gguf") };
    registry.try_register(alias).unwrap();
    let hub = Hub::builder()
        .cache_dir(dir.path())
        .models_dir(models.path())
        .registry(registry)
        .offline(true)
        .build()
        .unwrap();
    let file = models.path().join("mine.gguf");
    // The name alone proves nothing: a file of another length is another file.
    fs::write(&file, &bytes[..699]).unwrap();
    assert_eq!(hub.locate("mine:1b").unwrap(), None);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(hub.locate("mine:1b").unwrap(), Some(file.clone()));
    assert_eq!(pulled(&hub, "mine:1b"), file);
    assert_eq!(hub.remove("mine:1b").unwrap_err().code(), "outside_cache");
    assert!(file.exists());
}

fn from(pairs: &[(&str, &str)]) -> Hub {
    let pairs: HashMap<String, OsString> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    HubBuilder::from_lookup(|name| pairs.get(name).cloned()).build().unwrap()
}

#[test]
fn the_environment_is_read_as_python_reads_it() {
    let hub_cache = |pairs: &[(&str, &str)]| from(pairs).hub_cache().to_path_buf();
    for (pairs, want) in [
        (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
        (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
        (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")], "/hf/hub"),
        (&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")], "/c"),
        (&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "")], "/hf/hub"),
        (&[("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
    ] {
        assert_eq!(hub_cache(pairs), Path::new(want), "{pairs:?}");
    }
    assert_eq!(from(&[("PRICKET_CACHE", "/p")]).own_cache(), Path::new("/p"));
    for (pairs, offline) in [
        (&[][..], false),
        (&[("HF_HUB_OFFLINE", "1")], true),
        (&[("HF_HUB_OFFLINE", "True")], true),
        (&[("HF_HUB_OFFLINE", "0")], false),
        (&[("PRICKET_OFFLINE", "yes")], true),
    ] {
        let sources = from(pairs).resolve("smollm2:135m").unwrap().sources;
        assert_eq!(sources.is_empty(), offline, "{pairs:?}");
    }
}

#[test]
fn tokens_are_found_where_python_puts_them() {
    let (dir, bytes) = (temp(), body(10));
    let manners = Manners { token: Some("hf_abc".into()), ..Site::of(&[("weights.gguf", &bytes)]) };
    let site = Site::start(manners);
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("token"), "hf_abc\n").unwrap();
    fs::write(dir.path().join("elsewhere"), "hf_abc").unwrap();
    let (home, elsewhere) = (home.to_str().unwrap(), dir.path().join("elsewhere"));
    for (at, pair) in [
        ("HF_TOKEN", "hf_abc"),
        ("HUGGING_FACE_HUB_TOKEN", "hf_abc"),
        ("HF_HOME", home),
        ("HF_TOKEN_PATH", elsewhere.to_str().unwrap()),
    ]
    .iter()
    .enumerate()
    {
        let cache = dir.path().join(at.to_string());
        let pairs = [
            *pair,
            ("HF_HUB_CACHE", cache.to_str().unwrap()),
            ("PRICKET_CACHE", cache.to_str().unwrap()),
            ("HF_ENDPOINT", &format!("{}/", site.endpoint)),
        ];
        pulled(&from(&pairs), "hf:org/model/weights.gguf");
    }
}

#[test]
fn a_listing_tells_the_users_own_folder_too_and_a_removal_leaves_it_alone() {
    let (dir, own) = (temp(), temp());
    std::fs::write(own.path().join("weights.gguf"), body(300)).unwrap();
    std::fs::write(own.path().join("unknown.gguf"), body(20)).unwrap();
    std::fs::write(own.path().join("notes.txt"), b"no model").unwrap();
    let site = Site::start(Site::of(&[]));
    let mut registry = Registry::empty();
    let mine = Alias { bytes: Some(300), ..Alias::new("mine:1b", "org/model", "weights.gguf") };
    registry.try_register(mine).unwrap();
    let hub = hub_at(dir.path(), &site).registry(registry).models_dir(own.path());
    let hub = hub.build().unwrap();
    let listed = hub.list().unwrap();
    let told: Vec<(&str, u64, Origin)> =
        listed.iter().map(|model| (model.name.as_str(), model.bytes, model.origin)).collect();
    let unknown = own.path().join("unknown.gguf").display().to_string();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&("mine:1b", 300, Origin::Folder)), "{told:?}");
    assert!(told.contains(&(unknown.as_str(), 20, Origin::Folder)), "{told:?}");
    for model in &listed {
        assert_eq!(hub.locate(&model.name).unwrap().as_ref(), Some(&model.path));
        assert!(hub.remove(&model.name).is_err());
        assert!(model.path.is_file(), "the user's own file is gone");
    }
}
