//! How weights come in: what is told, what it takes, and what happens where a file fails midway.

use std::fs::{self, OpenOptions as FileOptions};
use std::path::{Path, PathBuf};

use pricket_core::{ByteSize, ProgressEvent, ProgressStage};
use pricket_models::{
    Batch, Logits, LogitsWanted, ModelError, ModelFiles, OpenOptions, inspect, open,
};

use crate::allocation::Alone;
use crate::gguf_writer::{File, U32};

/// Rows of the embedding: with 32 floats each they are read in six pieces.
const TOKENS: u64 = 20_000;
/// The most that is read at once, by each thread.
const PIECE_BYTES: usize = 512 << 10;

/// A model with a large vocabulary, whose weights are small numbers, each another.
fn model(folder: &Path) -> PathBuf {
    let file = File::llama().with(|file| {
        let embedding = 4 * 32 * TOKENS;
        let grown = embedding - 4 * 32 * 4;
        for tensor in &mut file.tensors {
            if tensor.name == b"token_embd.weight" {
                tensor.axes = vec![32, TOKENS];
            } else {
                tensor.offset += grown;
            }
        }
        let values = (file.data.len() as u64 + grown) / 4;
        let value = |index: u64| ((index * 2_654_435_761) % 1_000) as f32 / 5_000.0 - 0.1;
        file.data = (0..values).flat_map(|index| value(index).to_le_bytes()).collect();
    });
    let path = folder.join("model.gguf");
    fs::write(&path, file.bytes()).unwrap();
    path
}

fn options(threads: usize) -> OpenOptions {
    OpenOptions { threads: Some(threads), ..OpenOptions::default() }
}

fn logits(path: &Path, threads: usize) -> Vec<u32> {
    let mut model = open(path, &options(threads), &mut |_| ()).unwrap().model;
    let mut cache = model.new_cache(1, 8).unwrap();
    let (mut batch, mut logits) = (Batch::default(), Logits::default());
    batch.push(cache.open_sequence().unwrap(), 0, &[3, 19_999, 7], LogitsWanted::All);
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    (0..3).flat_map(|row| logits.row(row).iter().map(|value| value.to_bits())).collect()
}

#[test]
fn any_number_of_threads_packs_the_same_bits() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = model(folder.path());
    let alone = logits(&path, 1);
    assert!(alone.iter().any(|&bits| bits != alone[0]), "the logits tell something");
    for threads in [2, 3, 8] {
        assert!(logits(&path, threads) == alone, "{threads} threads");
    }
}

#[test]
fn progress_begins_rises_to_the_total_and_ends() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = model(folder.path());
    for threads in [1, 2, 8] {
        let mut events = Vec::new();
        open(&path, &options(threads), &mut |event| events.push(event)).unwrap();
        let [ProgressEvent::Started { stage, what, total: Some(total) }, between @ .., last] =
            events.as_slice()
        else {
            panic!("{events:?}")
        };
        assert_eq!((*stage, what.as_str()), (ProgressStage::Loading, "model.gguf"));
        // All matrices; the norms are not counted.
        let matrices = 32 * TOKENS + 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64;
        assert_eq!(*total, 4 * matrices);
        assert_eq!(*last, ProgressEvent::Finished { path: None });
        let mut before = 0;
        for event in between {
            let ProgressEvent::Advanced { stage, done, total: told } = event else {
                panic!("{event:?}")
            };
            assert_eq!((*stage, *told), (ProgressStage::Loading, Some(*total)));
            assert!(*done > before, "{events:?}");
            before = *done;
        }
        assert_eq!(before, *total, "{events:?}");
        assert!(threads > 1 || between.len() > 6, "every piece is told: {events:?}");
    }
}

#[test]
fn loading_takes_the_packed_weights_and_a_piece_for_each_thread() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = model(folder.path());
    let packed = inspect(&path).unwrap().packed_bytes.unwrap() as usize;
    assert!(packed > 4 * 32 * TOKENS as usize);
    for threads in [1, 3] {
        let files = ModelFiles::at(&path).unwrap();
        let (loaded, allocated) = alone.counted(|| files.load(&options(threads), &mut |_| ()));
        assert_eq!(loaded.unwrap().spec().weight_bytes, packed as u64 - 4 * 3 * 32, "no norms");
        // What else there is: the tables of a pass, threads, names.
        let most = packed + threads * PIECE_BYTES + (256 << 10);
        assert!(allocated <= most, "{threads} threads: {allocated} bytes, {packed} packed");
    }
}

/// The header is held against the file's length when it is read; this file shrinks afterwards.
#[test]
fn a_file_that_ends_in_the_middle_of_loading_is_refused_and_nothing_hangs() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    for threads in [1, 2, 8] {
        for keep in [0.9, 0.5, 0.1] {
            let path = model(folder.path());
            let files = ModelFiles::at(&path).unwrap();
            let len = fs::metadata(&path).unwrap().len();
            let kept = (len as f64 * keep) as u64;
            FileOptions::new().write(true).open(&path).unwrap().set_len(kept).unwrap();
            let mut events = Vec::new();
            let error = files.load(&options(threads), &mut |e| events.push(e)).err().unwrap();
            assert_eq!(error.code(), "model_truncated", "{error}");
            assert!(matches!(events[0], ProgressEvent::Started { .. }));
            let ended = |e: &ProgressEvent| matches!(e, ProgressEvent::Finished { .. });
            assert!(!events.iter().any(ended), "{events:?}");
        }
    }
}

#[test]
fn a_model_that_needs_more_than_it_may_take_is_refused_unread_with_both_numbers() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = model(folder.path());
    let found = inspect(&path).unwrap();
    let fixed = found.packed_bytes.unwrap() + found.buffer_bytes.unwrap();
    let per_token = found.kv_bytes_per_token.unwrap();
    assert_eq!(found.memory_bytes(0), Some(fixed));
    // Of more than it was trained for (64) the refusal is another one.
    for (context, need) in
        [(None, fixed), (Some(50), fixed + 50 * per_token), (Some(1 << 40), fixed + 64 * per_token)]
    {
        let options = |memory| OpenOptions { context, memory, ..OpenOptions::default() };
        let mut events = Vec::new();
        let refused = open(&path, &options(Some(need - 1)), &mut |event| events.push(event));
        let Err(ModelError::MemoryExceeded { need: told, have }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((told, have), (ByteSize(need), ByteSize(need - 1)));
        assert!(events.is_empty(), "{events:?}");
        assert!(open(&path, &options(Some(need)), &mut |_| ()).is_ok());
        assert!(open(&path, &options(None), &mut |_| ()).is_ok());
    }
}

/// A few kilobytes on the disk and half a terabyte of nothing behind them.
#[test]
fn a_model_larger_than_the_machine_is_refused_unread() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.gguf");
    let (width, tokens) = (8_192_u64, 1 << 24);
    let file = File::llama().with(|file| {
        file.set("llama.embedding_length", U32, (width as u32).to_le_bytes());
        file.set("llama.feed_forward_length", U32, (width as u32).to_le_bytes());
        let mut offset = 0;
        for tensor in &mut file.tensors {
            let name = String::from_utf8(tensor.name.clone()).unwrap();
            tensor.axes = match name.as_str() {
                "token_embd.weight" => vec![width, tokens],
                name if name.contains("norm") => vec![width],
                name if name.contains("attn_k") || name.contains("attn_v") => {
                    vec![width, width / 2]
                }
                _ => vec![width, width],
            };
            tensor.offset = offset;
            offset += 4 * tensor.axes.iter().product::<u64>();
        }
        file.data.truncate(64);
    });
    let bytes = file.bytes();
    fs::write(&path, &bytes).unwrap();
    let data = 4 * (width * tokens + 3 * width + 6 * width * width);
    let file = FileOptions::new().write(true).open(&path).unwrap();
    if let Err(error) = file.set_len(bytes.len() as u64 + data) {
        eprintln!("SKIPPED: this file system holds no file of half a terabyte: {error}");
        return;
    }
    let (refused, allocated) =
        alone.counted(|| open(&path, &OpenOptions::default(), &mut |_| panic!("it was read")));
    let Err(ModelError::MemoryExceeded { need, have }) = refused else { panic!("{refused:?}") };
    assert!(need.0 >= 4 * width * tokens && have < need, "{need} of {have}");
    assert!(allocated < 1 << 20, "{allocated}");
    assert_eq!(inspect(&path).unwrap().memory_bytes(0), Some(need.0));
}
