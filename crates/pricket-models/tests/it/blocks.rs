//! Keys and values in blocks: who holds which, and what sharing them gives.

use pricket_models::{
    Batch, BlockId, CacheSize, CausalLm, KV_BLOCK_TOKENS, KvCache, KvFormat, Logits, LogitsWanted,
    ModelError, OpenOptions, SequenceId, open,
};

use crate::fixtures::committed;

const BLOCK: usize = KV_BLOCK_TOKENS;

fn model(name: &str, kv: KvFormat) -> Box<dyn CausalLm> {
    let options = OpenOptions { threads: Some(2), kv, ..OpenOptions::default() };
    open(&committed("models").join(name), &options, &mut |_| ()).unwrap().model
}

/// Some ids of a small vocabulary.
fn ids(len: usize, salt: usize) -> Vec<u32> {
    (0..len).map(|i| ((i * 7 + i / 3 + salt * (i + 1)) % 500) as u32).collect()
}

/// Runs more tokens of a sequence and gives the last one's logits.
fn run(
    model: &mut dyn CausalLm,
    cache: &mut KvCache,
    id: SequenceId,
    tokens: &[u32],
) -> Result<Vec<f32>, ModelError> {
    let mut batch = Batch::default();
    batch.push(id, cache.len(id).unwrap(), tokens, LogitsWanted::Last);
    let mut logits = Logits::default();
    model.forward(&batch, cache, &mut logits)?;
    Ok(logits.row(0).to_vec())
}

fn size(sequences_max: usize, tokens_max: usize, blocks_max: usize) -> CacheSize {
    CacheSize { sequences_max, tokens_max, blocks_max }
}

#[test]
fn a_sequence_takes_a_block_for_so_many_tokens_and_gives_all_back() {
    let mut model = model("tiny-llama", KvFormat::F16);
    let mut cache = model.new_cache_of(size(2, 4 * BLOCK, 5)).unwrap();
    let tokens = ids(3 * BLOCK, 1);
    assert_eq!((cache.blocks_max(), cache.blocks_free(), cache.bytes()), (5, 5, 0));
    let a = cache.open_sequence().unwrap();
    run(&mut *model, &mut cache, a, &tokens[..BLOCK]).unwrap();
    assert_eq!((cache.blocks(a).len(), cache.blocks_free()), (1, 4));
    run(&mut *model, &mut cache, a, &tokens[..1]).unwrap();
    assert_eq!((cache.blocks(a).len(), cache.blocks_free()), (2, 3));
    let per_token = model.spec().kv_bytes_per_token;
    assert_eq!(cache.bytes(), per_token * (BLOCK as u64 + 1));

    // Four more would be needed: refused, and nothing is taken.
    let b = cache.open_sequence().unwrap();
    let error = run(&mut *model, &mut cache, b, &ids(4 * BLOCK, 2)).unwrap_err();
    assert!(matches!(error, ModelError::CacheBlocksExhausted { need: 4, free: 3 }), "{error}");
    assert_eq!(
        (error.code(), cache.blocks_free(), cache.len(b)),
        ("cache_blocks_full", 3, Some(0))
    );
    run(&mut *model, &mut cache, b, &tokens).unwrap();
    assert_eq!(cache.blocks_free(), 0);

    cache.truncate(b, BLOCK + 1).unwrap();
    assert_eq!((cache.blocks(b).len(), cache.blocks_free()), (2, 1));
    cache.close_sequence(a);
    cache.close_sequence(b);
    assert_eq!((cache.blocks_free(), cache.bytes()), (5, 0));
    assert_eq!(cache.blocks(a), []);
}

/// Blocks that another sequence computed, whole or cut anywhere: of plain attention, of windows, of
/// sinks, and of latent attention.
#[test]
fn what_is_shared_gives_the_bits_of_what_is_computed() {
    for (name, kv) in [
        ("tiny-llama", KvFormat::F32),
        ("tiny-llama", KvFormat::F16),
        ("tiny-gemma3", KvFormat::F16),
        ("tiny-gpt-oss", KvFormat::F32),
        ("tiny-kimi-k2", KvFormat::F32),
    ] {
        let mut model = model(name, kv);
        let mut cache = model.new_cache_of(size(4, 1024, 64)).unwrap();
        let shared = ids(2 * BLOCK + 50, 1);
        let rest = ids(40, 2);
        let first = cache.open_sequence().unwrap();
        let after_shared = run(&mut *model, &mut cache, first, &shared).unwrap();
        let blocks: Vec<BlockId> = cache.blocks(first).to_vec();
        for len in [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 50] {
            let alone = cache.open_sequence().unwrap();
            let whole: Vec<u32> = shared[..len].iter().chain(&rest).copied().collect();
            let want = run(&mut *model, &mut cache, alone, &whole).unwrap();
            cache.close_sequence(alone);

            let free = cache.blocks_free();
            let heir = cache.open_sequence().unwrap();
            cache.adopt(heir, &blocks[..len.div_ceil(BLOCK)], len).unwrap();
            assert_eq!((cache.len(heir), cache.blocks_free()), (Some(len), free));
            assert_eq!(cache.block_sequences(blocks[0]), 2);
            let got = run(&mut *model, &mut cache, heir, &rest).unwrap();
            assert!(got == want, "{name}, {kv:?}, {len} tokens shared");
            cache.close_sequence(heir);
            assert_eq!(cache.block_sequences(blocks[0]), 1);
        }
        // The first sequence is what it was.
        let again = cache.open_sequence().unwrap();
        assert!(run(&mut *model, &mut cache, again, &shared).unwrap() == after_shared);
        let next = run(&mut *model, &mut cache, again, &rest).unwrap();
        assert!(run(&mut *model, &mut cache, first, &rest).unwrap() == next, "{name}, {kv:?}");
    }
}

#[test]
fn a_block_outlives_its_sequence_as_long_as_it_is_held() {
    let mut model = model("tiny-llama", KvFormat::F32);
    let mut cache = model.new_cache_of(size(2, 1024, 8)).unwrap();
    let tokens = ids(BLOCK, 1);
    let id = cache.open_sequence().unwrap();
    run(&mut *model, &mut cache, id, &tokens).unwrap();
    let block = cache.blocks(id)[0];
    assert!(cache.keep_block(block));
    assert_eq!((cache.blocks_free(), cache.blocks_idle()), (7, 0));
    cache.close_sequence(id);
    assert_eq!((cache.block_sequences(block), cache.blocks_free(), cache.blocks_idle()), (0, 7, 1));
    assert!(cache.bytes() > 0);

    let heir = cache.open_sequence().unwrap();
    cache.adopt(heir, &[block], BLOCK).unwrap();
    assert_eq!((cache.block_sequences(block), cache.blocks_idle()), (1, 0));
    let got = run(&mut *model, &mut cache, heir, &[1]).unwrap();
    let alone = cache.open_sequence().unwrap();
    run(&mut *model, &mut cache, alone, &tokens).unwrap();
    assert!(run(&mut *model, &mut cache, alone, &[1]).unwrap() == got);

    cache.forget_block(block);
    cache.close_sequence(heir);
    cache.close_sequence(alone);
    assert_eq!((cache.blocks_free(), cache.bytes()), (8, 0));
    assert!(!cache.keep_block(block), "nobody holds it");
    cache.forget_block(block);
    assert_eq!((cache.blocks_free(), cache.blocks_idle()), (8, 0));
}

#[test]
fn what_is_not_there_is_not_adopted() {
    let mut model = model("tiny-llama", KvFormat::F32);
    let mut cache = model.new_cache_of(size(2, 2 * BLOCK, 8)).unwrap();
    let id = cache.open_sequence().unwrap();
    run(&mut *model, &mut cache, id, &ids(BLOCK + 1, 1)).unwrap();
    let blocks: Vec<BlockId> = cache.blocks(id).to_vec();
    let heir = cache.open_sequence().unwrap();
    for (blocks, len, code) in [
        (&blocks[..1], BLOCK + 1, "cache_block_unknown"),
        (&blocks[..], BLOCK, "cache_block_unknown"),
        (&blocks[..], 3 * BLOCK, "context_exceeded"),
    ] {
        assert_eq!(cache.adopt(heir, blocks, len).unwrap_err().code(), code, "{len}");
    }
    assert_eq!(cache.adopt(id, &blocks, BLOCK + 1).unwrap_err().code(), "position_mismatch");
    cache.close_sequence(id);
    assert_eq!(cache.adopt(heir, &blocks, BLOCK + 1).unwrap_err().code(), "cache_block_unknown");
    assert_eq!(cache.adopt(id, &[], 0).unwrap_err().code(), "sequence_unknown");
    assert_eq!(cache.blocks_free(), 8);
}

/// Copying needs a free block of its own; where there is none, nothing changes.
#[test]
fn a_shared_block_is_copied_only_where_there_is_room() {
    let mut model = model("tiny-llama", KvFormat::F32);
    let mut cache = model.new_cache_of(size(2, BLOCK, 1)).unwrap();
    let id = cache.open_sequence().unwrap();
    run(&mut *model, &mut cache, id, &ids(9, 1)).unwrap();
    let block = cache.blocks(id)[0];
    let heir = cache.open_sequence().unwrap();
    cache.adopt(heir, &[block], 9).unwrap();
    for sequence in [heir, id] {
        let error = run(&mut *model, &mut cache, sequence, &[1]).unwrap_err();
        assert!(matches!(error, ModelError::CacheBlocksExhausted { need: 1, free: 0 }), "{error}");
        assert_eq!(cache.len(sequence), Some(9));
        assert_eq!(cache.own_tail(sequence).unwrap_err().code(), "cache_blocks_full");
    }
    cache.close_sequence(heir);
    run(&mut *model, &mut cache, id, &[1]).unwrap();
}
