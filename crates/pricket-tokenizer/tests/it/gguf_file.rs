//! Real files: their metadata, read by a few lines that know just enough of GGUF.

use std::io::Read;

use pricket_tokenizer::{GgufVocab, SkipSpecial, Special, Tokenizer};

use crate::fixtures::{ids, json, model, shared};
use crate::vocabularies::check_cases;

/// A reader of little-endian GGUF metadata.
struct Reader<R>(R);

/// The values that a vocabulary needs.
enum Value {
    Number(u64),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<u64>),
    Other,
}

impl<R: Read> Reader<R> {
    fn number(&mut self, bytes: usize) -> u64 {
        let mut buffer = [0; 8];
        self.0.read_exact(&mut buffer[..bytes]).unwrap();
        u64::from_le_bytes(buffer)
    }

    fn text(&mut self) -> String {
        let len = self.number(8) as usize;
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn value(&mut self, kind: u64) -> Value {
        match kind {
            0 | 1 | 7 => Value::Number(self.number(1)),
            2 | 3 => Value::Number(self.number(2)),
            4..=6 => Value::Number(self.number(4)),
            10..=12 => Value::Number(self.number(8)),
            8 => Value::Text(self.text()),
            9 => {
                let (kind, count) = (self.number(4), self.number(8));
                match kind {
                    8 => Value::Texts((0..count).map(|_| self.text()).collect()),
                    4..=6 => Value::Numbers((0..count).map(|_| self.number(4)).collect()),
                    _ => {
                        (0..count).for_each(|_| drop(self.value(kind)));
                        Value::Other
                    }
                }
            }
            _ => panic!("value type {kind}"),
        }
    }
}

/// The vocabulary in a file's metadata.
fn vocabulary(path: &std::path::Path) -> GgufVocab {
    let mut reader = Reader(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    assert_eq!(reader.number(4), u64::from(u32::from_le_bytes(*b"GGUF")));
    let (_version, _tensors, count) = (reader.number(4), reader.number(8), reader.number(8));
    let mut vocab = GgufVocab::default();
    for _ in 0..count {
        let (name, kind) = (reader.text(), reader.number(4));
        let value = reader.value(kind);
        match (name.strip_prefix("tokenizer.ggml."), value) {
            (Some("model"), Value::Text(text)) => vocab.model = text,
            (Some("pre"), Value::Text(text)) => vocab.pre = Some(text),
            (Some("tokens"), Value::Texts(texts)) => vocab.tokens = texts,
            (Some("merges"), Value::Texts(texts)) => vocab.merges = texts,
            (Some("scores"), Value::Numbers(bits)) => {
                vocab.scores = bits.iter().map(|&bits| f32::from_bits(bits as u32)).collect();
            }
            (Some("token_type"), Value::Numbers(kinds)) => {
                vocab.token_types = kinds.iter().map(|&kind| kind as i32).collect();
            }
            (Some("bos_token_id"), Value::Number(id)) => vocab.bos_id = Some(id as u32),
            (Some("eos_token_id"), Value::Number(id)) => vocab.eos_id = Some(id as u32),
            (Some("unknown_token_id"), Value::Number(id)) => vocab.unknown_id = Some(id as u32),
            (Some("padding_token_id"), Value::Number(id)) => vocab.padding_id = Some(id as u32),
            (Some("add_bos_token"), Value::Number(flag)) => vocab.add_bos = Some(flag != 0),
            (Some("add_space_prefix"), Value::Number(flag)) => {
                vocab.add_space_prefix = Some(flag != 0);
            }
            _ => {}
        }
    }
    vocab
}

#[test]
fn the_real_file_gives_the_reference_ids() {
    let Some(folder) = shared("tokenizers/smollm2") else { return };
    let Some(path) = model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let tokenizer = Tokenizer::from_gguf(&vocabulary(&path)).unwrap();
    assert_eq!(tokenizer.vocab_size(), 49_152);
    check_cases(&tokenizer, &folder);
}

/// Gemma 3 by scores: with special tokens as text the ids of sentencepiece itself, with special
/// tokens parsed those of Hugging Face's `tokenizers`.
#[test]
fn the_real_file_by_scores_gives_the_reference_ids() {
    let Some(folder) = shared("tokenizers/gemma-3") else { return };
    let Some(path) = model("gemma-3-270m-q4_k_m.gguf") else { return };
    let tokenizer = Tokenizer::from_gguf(&vocabulary(&path)).unwrap();
    assert_eq!(tokenizer.vocab_size(), 262_144);
    let file = json(&folder.join("cases.json"));
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 44);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let plain = ids(&case["ids"]);
        assert_eq!(tokenizer.encode(text, Special::AsText).unwrap(), plain, "{text:?}");
        let parsed = case.get("hf_tokenizers_ids").map_or_else(|| plain.clone(), ids);
        assert_eq!(tokenizer.encode(text, Special::Parse).unwrap(), parsed, "{text:?}");
        assert_eq!(tokenizer.count(text, Special::Parse).unwrap(), parsed.len(), "{text:?}");
        let with_bos = [&[2][..], &parsed].concat();
        assert_eq!(tokenizer.encode_prompt(text, Special::Parse).unwrap(), with_bos, "{text:?}");
        let decoded = tokenizer.decode(&plain, SkipSpecial::No).unwrap();
        assert_eq!(decoded, case["decoded"].as_str().unwrap(), "{text:?}");
    }
}
