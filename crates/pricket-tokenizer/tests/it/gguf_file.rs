//! The real SmolLM2 file: its metadata, read by a few lines that know just enough of GGUF.

use std::io::Read;

use pricket_tokenizer::{GgufVocab, Tokenizer};

use crate::fixtures::{model, shared};
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

#[test]
fn the_real_file_gives_the_reference_ids() {
    let Some(folder) = shared("tokenizers/smollm2") else { return };
    let Some(path) = model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
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
    let start = std::time::Instant::now();
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    eprintln!("built from metadata in {:?}", start.elapsed());
    assert_eq!(tokenizer.vocab_size(), 49_152);
    check_cases(&tokenizer, &folder);
}
