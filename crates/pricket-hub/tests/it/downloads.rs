//! Files of the hub: the cache's layout, resume, cancel, two at once.

use std::fs;
use std::time::{Duration, Instant};

use pricket_core::{ProgressEvent, ProgressStage};

use crate::kit::{begun, body, eventually, hub_at, pull, pulled, temp};
use crate::server::{COMMIT, Manners, Site, git_hash, sha256};

const NAME: &str = "hf:org/model/weights.gguf";

#[test]
fn a_file_lands_in_the_layout_that_python_shares() {
    let (dir, bytes) = (temp(), body(300_000));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let (events, path) = pull(&hub, NAME);
    let path = path.unwrap();
    let repo = dir.path().join("hub/models--org--model");
    assert_eq!(path, repo.join("snapshots").join(COMMIT).join("weights.gguf"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read(repo.join("blobs").join(sha256(&bytes))).unwrap(), bytes);
    assert_eq!(fs::read_to_string(repo.join("refs/main")).unwrap(), COMMIT);
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(&path).unwrap().to_str().unwrap(),
        format!("../../blobs/{}", sha256(&bytes))
    );
    let stages: Vec<ProgressStage> = events
        .iter()
        .filter_map(|event| match event {
            ProgressEvent::Started { stage, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(
        stages,
        [ProgressStage::Resolving, ProgressStage::Downloading, ProgressStage::Verifying]
    );
    assert!(!repo.join("blobs").join(format!("{}.incomplete", sha256(&bytes))).exists());
}

#[test]
fn a_small_file_is_held_against_gits_hash() {
    let (dir, bytes) = (temp(), b"{\"a\": 1}".to_vec());
    let manners = Manners { small: true, ..Site::of(&[("config.json", &bytes)]) };
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let path = pulled(&hub, "hf:org/model/config.json");
    assert_eq!(fs::read(path).unwrap(), bytes);
    let blob = dir.path().join("hub/models--org--model/blobs").join(git_hash(&bytes));
    assert_eq!(fs::read(blob).unwrap(), bytes);
}

#[test]
fn what_is_here_asks_nobody() {
    let (dir, bytes) = (temp(), body(1000));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    assert_eq!(hub.locate(NAME).unwrap(), None);
    let path = pulled(&hub, NAME);
    let asked = site.log().len();
    assert_eq!(pulled(&hub, NAME), path);
    assert_eq!(hub.locate(NAME).unwrap(), Some(path.clone()));
    let offline = hub_at(dir.path(), &site).offline(true).build().unwrap();
    assert_eq!(pulled(&offline, NAME), path);
    assert_eq!(pulled(&offline, "hf:org/model@main#weights.gguf"), path);
    assert_eq!(pulled(&offline, &format!("hf:org/model@{COMMIT}/weights.gguf")), path);
    assert_eq!(site.log().len(), asked, "{:?}", site.log());
}

#[test]
fn a_connection_that_is_cut_is_taken_up_where_it_stopped() {
    let (dir, bytes) = (temp(), body(500_000));
    let manners = Manners { cut_after: Some(200_000), ..Site::of(&[("weights.gguf", &bytes)]) };
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    let asked = site.storage_requests();
    assert!(asked.len() >= 3, "{asked:?}");
    assert!(asked[1..].iter().all(|line| line.contains("range=")), "{asked:?}");
    // Nothing that arrived was sent again; what the cut tore up in flight may have been.
    assert!(site.sent() < 900_000, "{}", site.sent());
}

#[test]
fn a_silent_connection_is_given_up_and_taken_up_again() {
    let (dir, bytes) = (temp(), body(200_000));
    let manners = Manners { stall_after: Some(100_000), ..Site::of(&[("weights.gguf", &bytes)]) };
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site)
        .timeouts(Duration::from_secs(2), Duration::from_millis(300))
        .build()
        .unwrap();
    let start = Instant::now();
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(site.storage_requests()[1].contains("range=100000"), "{:?}", site.log());
}

#[test]
fn a_server_without_ranges_is_asked_for_everything_again() {
    let (dir, bytes) = (temp(), body(200_000));
    let manners = Manners { rangeless: true, ..Site::of(&[("weights.gguf", &bytes)]) };
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let blobs = dir.path().join("hub/models--org--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(format!("{}.incomplete", sha256(&bytes))), &bytes[..50_000]).unwrap();
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    assert!(site.storage_requests()[0].contains("range=50000"));
    assert_eq!(site.sent(), 200_000);
}

#[test]
fn a_damaged_beginning_is_thrown_away() {
    let (dir, bytes) = (temp(), body(100_000));
    let site = Site::start(Site::of(&[("weights.gguf", &bytes)]));
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let blobs = dir.path().join("hub/models--org--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(format!("{}.incomplete", sha256(&bytes))), vec![0u8; 40_000]).unwrap();
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    let asked = site.storage_requests();
    assert!(asked[0].contains("range=40000") && !asked[1].contains("range="), "{asked:?}");
}

#[test]
fn a_dropped_stream_stops_the_download_and_keeps_what_arrived() {
    let (dir, bytes) = (temp(), body(4_000_000));
    let drip = Some((20_000, Duration::from_millis(10)));
    let site = Site::start(Manners { drip, ..Site::of(&[("weights.gguf", &bytes)]) });
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let mut stream = hub.pull(NAME);
    for event in stream.by_ref() {
        if matches!(event, ProgressEvent::Advanced { stage: ProgressStage::Downloading, .. }) {
            break;
        }
    }
    drop(stream);
    let partial = dir
        .path()
        .join("hub/models--org--model/blobs")
        .join(format!("{}.incomplete", sha256(&bytes)));
    let mut before = 0;
    eventually("the partial file stops growing", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = partial.metadata().unwrap().len();
        std::mem::replace(&mut before, now) == now
    });
    assert!(before > 0 && before < bytes.len() as u64, "{before}");
    // Its lock is free again, so the next pull goes on at once.
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    assert!(site.storage_requests().last().unwrap().contains(&format!("range={before}")));
}

#[test]
fn two_pulls_of_one_file_fetch_it_once() {
    let (dir, bytes) = (temp(), body(1_000_000));
    let drip = Some((50_000, Duration::from_millis(20)));
    let site = Site::start(Manners { drip, ..Site::of(&[("weights.gguf", &bytes)]) });
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let first = std::thread::spawn({
        let hub = hub.clone();
        move || pull(&hub, NAME)
    });
    eventually("the first pull downloads", || site.sent() > 0);
    let (events, second) = pull(&hub, NAME);
    let (_, first) = first.join().unwrap();
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(site.storage_requests().len(), 1, "{:?}", site.log());
    let waited = begun(&events).iter().any(|what| what.contains("waiting for another pull"));
    assert!(waited, "{events:?}");
}

#[test]
fn the_token_goes_to_the_hub_and_not_to_its_storage() {
    let (dir, bytes) = (temp(), body(1000));
    let manners = Manners {
        token: Some("hf_secret".into()),
        storage_elsewhere: true,
        ..Site::of(&[("weights.gguf", &bytes)])
    };
    let site = Site::start(manners);
    let builder = hub_at(dir.path(), &site).token("hf_secret");
    assert!(!format!("{builder:?}").contains("hf_secret"));
    let hub = builder.build().unwrap();
    assert!(!format!("{hub:?}").contains("hf_secret"));
    pulled(&hub, NAME);
    let log = site.log();
    let (storage, own): (Vec<_>, Vec<_>) = log.iter().partition(|line| line.contains("/storage/"));
    assert!(!storage.is_empty() && storage.iter().all(|line| !line.contains("Bearer")), "{log:?}");
    assert!(own.iter().all(|line| line.ends_with("Bearer hf_secret")), "{log:?}");
}
