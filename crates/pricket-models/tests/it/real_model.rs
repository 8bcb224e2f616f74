//! The real SmolLM2-135M-Instruct.

use std::time::Instant;

use pricket_models::{GgufFile, TensorSource, Vocabulary, inspect};

use crate::fixtures::outside;

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

#[test]
fn the_header_of_a_real_model_is_read_fast() {
    let Some(path) = outside("PRICKET_MODELS", "models", FILE) else { return };
    let start = Instant::now();
    let file = GgufFile::open(&path).unwrap();
    let parsed = start.elapsed();
    let assets = file.text_assets().unwrap();
    let all = start.elapsed();
    eprintln!("{FILE}: header {parsed:?}, with text assets {all:?}");
    // Milliseconds in practice; the bound only catches a change of order.
    assert!(all.as_secs_f64() < 2.0, "{all:?}");
    let Some(Vocabulary::Gguf(vocabulary)) = assets.vocabulary else { panic!("no vocabulary") };
    assert_eq!(vocabulary.tokens.len(), 49_152);
    assert_eq!(vocabulary.merges.len(), 48_900);
    assert_eq!((vocabulary.model.as_str(), vocabulary.pre.as_deref()), ("gpt2", Some("smollm")));
    assert!(assets.chat_template.is_some_and(|template| template.contains("<|im_start|>")));
    assert_eq!(file.architecture().unwrap(), "llama");
    assert_eq!(file.metadata().require::<u32>("llama.block_count").unwrap(), 30);
    for name in file.names() {
        let info = file.info(name).unwrap();
        file.read_range(name, info.bytes - 1, &mut [0]).unwrap();
    }
}

#[test]
fn a_real_model_is_inspected() {
    let Some(path) = outside("PRICKET_MODELS", "models", FILE) else { return };
    let found = inspect(&path).unwrap();
    assert_eq!(found.parameters, 134_515_008);
    assert_eq!((found.context_length, found.vocab_size), (Some(8192), Some(49_152)));
    assert_eq!((found.layers, found.heads, found.kv_heads), (Some(30), Some(9), Some(3)));
    assert_eq!(found.quantization, "Q4_1");
    assert_eq!(found.kv_bytes_per_token, Some(2 * 2 * 30 * 3 * 64));
    assert!(found.has_chat_template);
}
