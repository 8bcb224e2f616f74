//! Any bytes as a `tokenizer.json`: a tokenizer that encodes and decodes, or a typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricket_tokenizer::{SkipSpecial, Special, Tokenizer};

fuzz_target!(|data: &[u8]| {
    let Ok(tokenizer) = Tokenizer::from_tokenizer_json(data, None) else { return };
    for text in ["Hello, world! 123", "", "\u{e9}\u{1f600} \n\t<s></s>"] {
        if let Ok(ids) = tokenizer.encode(text, Special::Parse) {
            let _ = tokenizer.decode(&ids, SkipSpecial::Yes);
        }
    }
    let _ = tokenizer.decode(&[0, 1, u32::MAX], SkipSpecial::No);
});
