//! Processes, not threads: killed with no chance to tidy up, and two at a time.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::kit::{body, eventually, hub_at, pulled, temp};
use crate::server::{Manners, Site, sha256};

const NAME: &str = "hf:org/model/weights.gguf";

/// Not a test of its own: the others run it as a process that pulls.
#[test]
#[ignore = "it is the child process of the tests beside it"]
fn child() {
    let (Some(dir), Some(endpoint)) =
        (std::env::var_os("HUB_CHILD_DIR"), std::env::var("HUB_CHILD_ENDPOINT").ok())
    else {
        return;
    };
    let site = Site::start(Manners::default());
    let hub = hub_at(Path::new(&dir), &site).endpoint(endpoint).build().unwrap();
    pulled(&hub, NAME);
}

fn spawn(dir: &Path, site: &Site) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "children::child"])
        .env("HUB_CHILD_DIR", dir)
        .env("HUB_CHILD_ENDPOINT", &site.endpoint)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_process_leaves_a_beginning_that_the_next_goes_on_from() {
    let (dir, bytes) = (temp(), body(2_000_000));
    let drip = Some((20_000, Duration::from_millis(10)));
    let site = Site::start(Manners { drip, ..Site::of(&[("weights.gguf", &bytes)]) });
    let mut child = spawn(dir.path(), &site);
    let blobs = dir.path().join("hub/models--org--model/blobs");
    let partial = blobs.join(format!("{}.incomplete", sha256(&bytes)));
    let len = || partial.metadata().map_or(0, |metadata| metadata.len());
    eventually("a beginning is on the disk", || len() > 200_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = len();
    assert!(kept > 0 && kept < 2_000_000, "{kept}");
    assert!(!blobs.join(sha256(&bytes)).exists());
    let hub = hub_at(dir.path(), &site).build().unwrap();
    assert_eq!(hub.locate(NAME).unwrap(), None);
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
    let asked = site.storage_requests();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].ends_with(&format!("range={kept}")), "{asked:?} after {kept}");
}

#[test]
fn two_processes_fetch_one_file_once() {
    let (dir, bytes) = (temp(), body(1_000_000));
    let drip = Some((20_000, Duration::from_millis(10)));
    let site = Site::start(Manners { drip, ..Site::of(&[("weights.gguf", &bytes)]) });
    let mut children = [spawn(dir.path(), &site), spawn(dir.path(), &site)];
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(site.storage_requests().len(), 1, "{:?}", site.log());
    let hub = hub_at(dir.path(), &site).offline(true).build().unwrap();
    assert_eq!(fs::read(pulled(&hub, NAME)).unwrap(), bytes);
}
