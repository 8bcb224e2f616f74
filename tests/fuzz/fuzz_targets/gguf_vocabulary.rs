//! Any bytes as the vocabulary of a GGUF file: its kind, its flags and its ids, then tokens with
//! their types and scores, then merges, each line one. A tokenizer that encodes and decodes, or a
//! typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_tokenizer::{GgufVocab, SkipSpecial, Special, Tokenizer};

const KINDS: [&str; 8] = ["gpt2", "llama", "bert", "t5", "gemma4", "plamo2", "none", ""];
const SPLITS: [Option<&str>; 8] = [
    None,
    Some("llama-bpe"),
    Some("qwen2"),
    Some("gpt-2"),
    Some("deepseek-v3"),
    Some("kimi-k2"),
    Some("smollm"),
    Some("other"),
];

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<8>() else { return };
    let flag = |bit: u8| match head[2] >> (2 * bit) & 3 {
        0 => None,
        1 => Some(false),
        _ => Some(true),
    };
    let id = |at: usize| (head[at] != 0xff).then_some(u32::from(head[at]));
    let text = String::from_utf8_lossy(rest);
    let (tokens, merges) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut vocab = GgufVocab::default();
    vocab.model = KINDS[usize::from(head[0] % 8)].to_owned();
    vocab.pre = SPLITS[usize::from(head[1] % 8)].map(str::to_owned);
    for line in tokens.lines() {
        let mut parts = line.chars();
        let kind = parts.next().map_or(1, |kind| kind as i32 - '0' as i32);
        vocab.tokens.push(parts.as_str().to_owned());
        if head[7] & 1 == 0 {
            vocab.token_types.push(kind);
        }
        if head[7] & 2 == 0 {
            vocab.scores.push(-(vocab.scores.len() as f32));
        }
    }
    vocab.merges = merges.lines().map(str::to_owned).collect();
    (vocab.bos_id, vocab.eos_id, vocab.unknown_id) = (id(3), id(4), id(5));
    vocab.padding_id = id(6);
    (vocab.add_bos, vocab.add_eos, vocab.add_space_prefix) = (flag(0), flag(1), flag(2));
    let Ok(tokenizer) = Tokenizer::from_gguf(&vocab) else { return };
    for text in ["Hello, world! 123", "", "\u{4e2d}\u{1f600} \n\t<s></s>"] {
        for special in [Special::Parse, Special::AsText] {
            if let Ok(ids) = tokenizer.encode(text, special) {
                let _ = tokenizer.decode(&ids, SkipSpecial::Yes);
            }
        }
    }
    let _ = tokenizer.decode(&[0, 1, u32::MAX], SkipSpecial::No);
});
