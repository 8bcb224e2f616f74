//! Any bytes as a `tiktoken.model`, and after a zero byte its `tokenizer_config.json`: a tokenizer
//! that gives every text back, or a typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_tokenizer::{SkipSpecial, Special, Tokenizer};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let ranks = parts.next().unwrap_or_default();
    let Ok(tokenizer) = Tokenizer::from_tiktoken(ranks, parts.next()) else { return };
    for text in ["Hello, world! 123", "", "\u{4e2d}\u{6587}\u{1f600} \n\t[BOS]<|im_end|>"] {
        for special in [Special::Parse, Special::AsText] {
            // All bytes have a rank, so every text has ids.
            let ids = tokenizer.encode(text, special).unwrap_or_default();
            let back = tokenizer.decode(&ids, SkipSpecial::No);
            assert_eq!(back.ok().as_deref(), Some(text));
        }
    }
    let _ = tokenizer.decode(&[0, 1, u32::MAX], SkipSpecial::No);
});
