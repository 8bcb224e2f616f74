//! Pieces of a stream, put together, are the decoded whole.

use pricket_tokenizer::{SkipSpecial, Special, Tokenizer, TokenizerError};
use proptest::prelude::*;

use crate::fixtures::{tiny_llama, tiny_llama3};

/// All pieces and the rest, one after the other.
fn stream(tokenizer: &Tokenizer, ids: &[u32], skip: SkipSpecial) -> String {
    let mut stream = tokenizer.detokenizer(skip);
    let mut text: String = ids.iter().map(|&id| stream.push(id).unwrap().to_owned()).collect();
    text.push_str(stream.finish());
    text
}

#[test]
fn characters_come_whole() {
    let tokenizer = tiny_llama3();
    for text in
        ["\u{1f600}\u{1f468}\u{200d}\u{1f469}", "\u{4e2d}\u{6587}", "e\u{301}\u{928}\u{93f}"]
    {
        let ids = tokenizer.encode(text, Special::AsText).unwrap();
        assert!(ids.len() > text.chars().count(), "the tiny vocabulary splits characters");
        let mut stream = tokenizer.detokenizer(SkipSpecial::Yes);
        let mut whole = String::new();
        for &id in &ids {
            let piece = stream.push(id).unwrap();
            assert!(!piece.contains('\u{fffd}'), "{piece:?}");
            whole.push_str(piece);
        }
        assert_eq!(stream.finish(), "");
        assert_eq!(whole, text);
    }
}

#[test]
fn an_unfinished_character_shows_at_the_end_only() {
    let tokenizer = tiny_llama3();
    let ids = tokenizer.encode("\u{1f600}", Special::AsText).unwrap();
    let mut stream = tokenizer.detokenizer(SkipSpecial::Yes);
    for &id in &ids[..ids.len() - 1] {
        assert_eq!(stream.push(id).unwrap(), "");
    }
    assert_eq!(stream.finish(), "\u{fffd}");
    assert_eq!(stream.push(ids[0]).unwrap(), "", "as new after the end");
}

#[test]
fn the_space_in_front_belongs_to_the_vocabulary() {
    let tokenizer = tiny_llama();
    let ids = tokenizer.encode("Hello world", Special::AsText).unwrap();
    assert_eq!(tokenizer.token_bytes(ids[0]), Some(b" ".as_slice()));
    assert_eq!(stream(&tokenizer, &ids, SkipSpecial::Yes), "Hello world");
    let with_bos = [&[1][..], &ids].concat();
    assert_eq!(stream(&tokenizer, &with_bos, SkipSpecial::Yes), "Hello world");
}

#[test]
fn special_tokens_are_hidden() {
    let tokenizer = tiny_llama3();
    let ids = tokenizer.encode("a<|eot_id|>b", Special::Parse).unwrap();
    assert_eq!(stream(&tokenizer, &ids, SkipSpecial::Yes), "ab");
    assert_eq!(stream(&tokenizer, &ids, SkipSpecial::No), "a<|eot_id|>b");
}

#[test]
fn an_unknown_id_is_an_error_and_costs_nothing() {
    let tokenizer = tiny_llama3();
    let ids = tokenizer.encode("\u{4e2d}", Special::AsText).unwrap();
    let mut stream = tokenizer.detokenizer(SkipSpecial::Yes);
    stream.push(ids[0]).unwrap();
    let error = stream.push(u32::MAX).unwrap_err();
    assert!(matches!(error, TokenizerError::IdUnknown { id: u32::MAX, .. }), "{error}");
    let rest: String = ids[1..].iter().map(|&id| stream.push(id).unwrap().to_owned()).collect();
    assert_eq!(rest, "\u{4e2d}");
    assert!(tokenizer.decode(&[999_999], SkipSpecial::Yes).is_err());
}

#[test]
fn any_ids_stream_to_what_they_decode_to() {
    // The oracle test holds decode against another implementation; here a second way through
    // ours: lossy UTF-8 over the tokens' bytes.
    let tokenizer = tiny_llama3();
    let size = tokenizer.vocab_size() as u32;
    proptest!(|(ids in prop::collection::vec(0..size, 0..60))| {
        let bytes: Vec<u8> =
            ids.iter().flat_map(|&id| tokenizer.token_bytes(id).unwrap().to_vec()).collect();
        let want = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(stream(&tokenizer, &ids, SkipSpecial::No), want);
    });
}
