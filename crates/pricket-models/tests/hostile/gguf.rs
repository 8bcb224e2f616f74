//! Malformed GGUF files.

use std::fs;

use pricket_models::{GgufFile, ModelError};

use crate::allocation::Alone;
use crate::gguf_cases;
use crate::gguf_writer::{ARRAY, File, STRING, U8, array, entry};

#[test]
fn every_malformed_file_gives_its_error_and_allocates_little() {
    let alone = Alone::begin();
    let cases = gguf_cases::all();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    for case in &cases {
        let (bytes, refusal) = (case.bytes.clone(), (case.code, case.message));
        alone.check_refused(case.name, bytes.len(), refusal, || {
            GgufFile::from_bytes("hostile.gguf", bytes)?.text_assets()
        });
    }
}

#[test]
fn names_of_cases_are_unique() {
    let _alone = Alone::begin();
    let mut names: Vec<_> = gguf_cases::all().iter().map(|case| case.name).collect();
    let before = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), before);
}

#[test]
fn the_same_files_on_disk_give_the_same_errors() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.gguf");
    for case in gguf_cases::all() {
        fs::write(&path, &case.bytes).unwrap();
        alone.check_refused(case.name, case.bytes.len(), (case.code, case.message), || {
            GgufFile::open(&path)?.text_assets()
        });
    }
}

#[test]
fn a_file_cut_at_any_boundary_of_its_structure_is_truncated() {
    let alone = Alone::begin();
    let (bytes, marks) = File::valid().parts();
    assert!(marks.len() > 100, "only {} boundaries", marks.len());
    for mark in marks {
        let cut = bytes.get(..mark).unwrap().to_vec();
        alone.check_refused(
            &format!("cut at {mark}"),
            mark,
            ("model_truncated", "ends early"),
            || GgufFile::from_bytes("cut.gguf", cut),
        );
    }
}

#[test]
fn a_file_cut_at_any_byte_is_truncated() {
    let _alone = Alone::begin();
    let bytes = File::valid().bytes();
    GgufFile::from_bytes("whole.gguf", bytes.clone()).unwrap();
    for end in 0..bytes.len() {
        let cut = bytes.get(..end).unwrap().to_vec();
        match GgufFile::from_bytes("cut.gguf", cut) {
            Err(ModelError::Truncated { offset, need, have, .. }) => {
                assert!(have < need, "cut at {end}: {need} bytes needed at {offset}, {have} left");
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

#[test]
fn a_count_that_the_file_could_hold_allocates_no_more_than_the_file() {
    let alone = Alone::begin();
    // A megabyte whose list of strings claims as many as a megabyte can hold, and breaks at once.
    let strings = array(STRING, (1 << 20) / 8, &vec![0xFF; 1 << 20]);
    let bytes = File::of_entries(vec![entry("k", ARRAY, strings)]).bytes();
    let len = bytes.len();
    let (result, allocated) = alone.counted(|| GgufFile::from_bytes("wide.gguf", bytes));
    assert_eq!(result.unwrap_err().code(), "model_truncated");
    assert!(allocated <= len, "{allocated} bytes for a file of {len}");
}

#[test]
fn a_valid_list_of_lists_allocates_a_small_multiple_of_the_file() {
    let alone = Alone::begin();
    // Lists of no bytes: twelve bytes of file each, the dearest that the format can express.
    let lists: Vec<u8> = (0..50_000).flat_map(|_| array(U8, 0, &[])).collect();
    let bytes = File::of_entries(vec![entry("k", ARRAY, array(ARRAY, 50_000, &lists))]).bytes();
    let len = bytes.len();
    let (result, allocated) = alone.counted(|| GgufFile::from_bytes("lists.gguf", bytes));
    result.unwrap();
    assert!(allocated <= 16 * len, "{allocated} bytes for a file of {len}");
}

#[test]
fn a_sparse_file_with_a_huge_count_is_refused_by_the_limit_of_the_header() {
    let alone = Alone::begin();
    // A terabyte that takes no room on disk: its length alone would allow the count.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.gguf");
    let list = array(U8, 1 << 39, &[]);
    fs::write(&path, File::of_entries(vec![entry("k", ARRAY, list)]).bytes()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    if file.set_len(1 << 40).is_err() {
        eprintln!("SKIPPED: this file system has no sparse files of a terabyte");
        return;
    }
    let refusal = ("model_limit_exceeded", "the header of");
    alone.check_refused("sparse", 0, refusal, || GgufFile::open(&path));
}

#[test]
fn what_is_no_file_is_not_found() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.gguf");
    for (path, why) in [(absent.as_path(), "no such file"), (folder.path(), "a folder")] {
        let error = GgufFile::open(path).unwrap_err();
        assert_eq!(error.code(), "model_not_found");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_before_it_is_read() {
    let _alone = Alone::begin();
    let error = GgufFile::open("/dev/zero".as_ref()).unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
}
