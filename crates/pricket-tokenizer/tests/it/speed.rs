//! A megabyte takes under a second, whatever it is made of, even in this profile, which optimises
//! little; `cargo bench -p pricket-benches --bench tokenizer` measures.

use std::time::{Duration, Instant};

use pricket_tokenizer::{Special, Tokenizer};

use crate::fixtures::{as_gguf, committed, json, model, shared, tiny_llama, tiny_llama3};

const MEGABYTE: usize = 1 << 20;

/// Texts of a megabyte, by name: usual ones, and those that could take longer.
fn texts() -> Vec<(&'static str, String)> {
    let line = "The quick brown fox (aged 27) can't jump over \u{4e2d}\u{6587} lazy dogs!\n";
    let repeated = |part: &str| part.repeat(MEGABYTE / part.len() + 1);
    vec![
        ("prose", repeated(line)),
        ("one word", repeated("a")),
        ("one long varied word", repeated("abcdefghijklmnopqrstuvwxyzzyxwvuts")),
        ("spaces", repeated(" ")),
        ("spaces and a word", repeated(" ") + "x"),
        ("line breaks", repeated("\r\n\n")),
        ("digits", repeated("0123456789")),
        ("capitals", repeated("A")),
        ("signs", repeated("=-")),
        ("Han", repeated("\u{4e2d}\u{6587}\u{5b57}")),
        ("marks", repeated("e\u{301}")),
        ("marks without letters", repeated("\u{301}")),
        ("emoji", repeated("\u{1f468}\u{200d}\u{1f469}")),
        ("apostrophes", repeated("'")),
        ("half a special token", repeated("<|im_")),
        ("special tokens", repeated("<|im_end|></s><|eot_id|>")),
    ]
}

/// Counts every text, and says how long that took: the quickest of three, since the machine may do
/// other things meanwhile.
fn check(name: &str, tokenizer: &Tokenizer, limit: Duration) {
    for (kind, text) in texts() {
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let count = tokenizer.count(&text, Special::Parse).unwrap();
            quickest = quickest.min(start.elapsed());
            if quickest < limit {
                eprintln!("{name}, {kind}: {count} ids in {quickest:?}");
                break;
            }
        }
        assert!(quickest < limit, "{name}, {kind}: {quickest:?}");
    }
}

const LIMIT: Duration = Duration::from_secs(1);

#[test]
fn a_megabyte_of_anything_by_bytes() {
    check("byte-level", &tiny_llama3(), LIMIT);
    let ranks = committed("tokenizers/kimi-tiktoken/tiktoken.model");
    check("ranks", &Tokenizer::from_file(ranks).unwrap(), LIMIT);
}

#[test]
fn a_megabyte_of_anything_by_a_real_vocabulary() {
    let Some(folder) = shared("tokenizers/smollm2") else { return };
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    check("smollm2", &tokenizer, LIMIT);
}

/// `WordPiece` goes through `tokenizers`, which takes longer in this profile.
#[test]
fn a_megabyte_of_anything_by_word_pieces() {
    let Some(file) = model("all-MiniLM-L6-v2/tokenizer.json") else { return };
    check("word pieces", &Tokenizer::from_file(file).unwrap(), 5 * LIMIT);
}

#[test]
fn a_megabyte_of_anything_by_characters() {
    check("characters", &tiny_llama(), LIMIT);
    let file = json(&committed("models/tiny-llama/tokenizer.json"));
    let mut vocab = as_gguf(&file, "llama", None);
    vocab.scores = (0..vocab.tokens.len()).map(|id| -(id as f32)).collect();
    vocab.unknown_id = Some(0);
    check("scores", &Tokenizer::from_gguf(&vocab).unwrap(), LIMIT);
}
