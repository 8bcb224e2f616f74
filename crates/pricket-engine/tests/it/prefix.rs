//! The tree of prefixes: what it finds, what it holds, and what it gives up.

use std::any::Any;

use pricket_engine::PrefixTree;
use pricket_models::{
    Batch, BlockId, CacheSize, KV_BLOCK_TOKENS, KvCache, KvStorage, LogitsWanted, ModelError,
    SequenceId,
};

const BLOCK: usize = KV_BLOCK_TOKENS;
const VOCAB: usize = 100_000;

/// Blocks of nothing.
struct Empty;

impl KvStorage for Empty {
    fn bytes(&self) -> u64 {
        0
    }

    fn release(&mut self, _slot: usize) {}

    fn shares_blocks(&self) -> bool {
        true
    }

    fn copy_block(&mut self, _from: BlockId, _to: BlockId) -> Result<(), ModelError> {
        Ok(())
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn cache(blocks_max: usize) -> KvCache {
    let size = CacheSize { sequences_max: 16, tokens_max: 64 * BLOCK, blocks_max };
    KvCache::new(size, Box::new(Empty)).unwrap()
}

fn ids(len: usize, salt: usize) -> Vec<u32> {
    (0..len).map(|i| ((i * 31 + salt * 977) % VOCAB) as u32).collect()
}

/// What a pass over these tokens does to the cache.
fn ran(cache: &mut KvCache, tokens: &[u32]) -> SequenceId {
    let id = cache.open_sequence().unwrap();
    let mut batch = Batch::default();
    batch.push(id, 0, tokens, LogitsWanted::None);
    cache.prepare(&batch, VOCAB).unwrap();
    cache.commit(&batch);
    id
}

/// A request that ran and left its blocks to the tree.
fn left(tree: &mut PrefixTree, cache: &mut KvCache, tokens: &[u32]) {
    let id = ran(cache, tokens);
    let blocks = cache.blocks(id).to_vec();
    tree.insert(tokens, &blocks, cache);
    cache.close_sequence(id);
}

fn found(tree: &mut PrefixTree, tokens: &[u32]) -> (usize, usize) {
    let mut blocks = Vec::new();
    let len = tree.find(tokens, &mut blocks);
    (len, blocks.len())
}

#[test]
fn the_longest_known_beginning_is_found() {
    let (mut tree, mut cache) = (PrefixTree::new(), cache(64));
    let a = ids(3 * BLOCK + 40, 1);
    assert_eq!(found(&mut tree, &a), (0, 0));
    left(&mut tree, &mut cache, &a);
    assert_eq!((tree.len(), cache.blocks_idle()), (4, 4));
    for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 40] {
        assert_eq!(found(&mut tree, &a[..len]), (len, len.div_ceil(BLOCK)), "{len}");
    }
    let longer: Vec<u32> = a.iter().copied().chain(ids(10, 9)).collect();
    assert_eq!(found(&mut tree, &longer), (a.len(), 4));
    // It goes apart within the second block.
    let mut other = a.clone();
    other[BLOCK + 7] += 1;
    assert_eq!(found(&mut tree, &other), (BLOCK + 7, 2));
    left(&mut tree, &mut cache, &other);
    assert_eq!(tree.len(), 4 + 3);
    assert_eq!(found(&mut tree, &other), (other.len(), 4));
    assert_eq!(found(&mut tree, &a), (a.len(), 4));
    assert_eq!(found(&mut tree, &ids(50, 3)), (0, 0));
}

#[test]
fn what_is_known_is_held_once() {
    let (mut tree, mut cache) = (PrefixTree::new(), cache(64));
    let a = ids(2 * BLOCK + 5, 1);
    left(&mut tree, &mut cache, &a);
    left(&mut tree, &mut cache, &a);
    left(&mut tree, &mut cache, &a[..BLOCK + 9]);
    assert_eq!((tree.len(), cache.blocks_free()), (3, 61));
    // A leaf that was filled in part is filled further, and its former block is free again.
    let longer: Vec<u32> = a.iter().copied().chain(ids(BLOCK, 2)).collect();
    left(&mut tree, &mut cache, &longer);
    assert_eq!((tree.len(), cache.blocks_free()), (4, 60));
    assert_eq!(found(&mut tree, &longer), (longer.len(), 4));
}

#[test]
fn leaves_go_first_and_of_them_the_longest_unused() {
    let (mut tree, mut cache) = (PrefixTree::new(), cache(64));
    let root = ids(BLOCK, 1);
    let branch = |salt| -> Vec<u32> { root.iter().copied().chain(ids(BLOCK, salt)).collect() };
    for salt in [2, 3, 4] {
        left(&mut tree, &mut cache, &branch(salt));
    }
    assert_eq!(tree.len(), 4);
    assert_eq!(found(&mut tree, &branch(2)), (2 * BLOCK, 2));
    assert_eq!(tree.evict(1, &mut cache), 1);
    assert_eq!(found(&mut tree, &branch(3)), (BLOCK, 1), "the one unused for longest");
    assert_eq!(found(&mut tree, &branch(4)), (2 * BLOCK, 2));

    // Blocks of a running sequence stay, and so does what they hang on.
    let mut blocks = Vec::new();
    let len = tree.find(&branch(2), &mut blocks);
    let heir = cache.open_sequence().unwrap();
    cache.adopt(heir, &blocks, len).unwrap();
    assert_eq!(cache.blocks_idle(), 1);
    assert_eq!(tree.evict(10, &mut cache), 1);
    assert_eq!((tree.len(), cache.blocks_idle()), (2, 0));
    assert_eq!(found(&mut tree, &branch(2)), (2 * BLOCK, 2));
    cache.close_sequence(heir);
    assert_eq!(tree.evict(10, &mut cache), 2);
    assert_eq!((tree.len(), cache.blocks_free()), (0, 64));
    left(&mut tree, &mut cache, &branch(5));
    assert_eq!(tree.len(), 2);
    tree.clear(&mut cache);
    assert!(tree.is_empty());
    assert_eq!((cache.blocks_free(), found(&mut tree, &branch(5))), (64, (0, 0)));
    left(&mut tree, &mut cache, &branch(6));
    assert_eq!(found(&mut tree, &branch(6)), (2 * BLOCK, 2));
}

/// Against the plain definition, on requests of few ids, so that they often begin alike.
#[test]
fn it_finds_no_less_than_what_was_left_and_no_more_than_is_there() {
    let (mut tree, mut cache) = (PrefixTree::new(), cache(400));
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as usize % below
    };
    let mut known: Vec<Vec<u32>> = Vec::new();
    for _ in 0..300 {
        let mut tokens = match known.len() {
            0 => Vec::new(),
            len => known[random(len)].clone(),
        };
        tokens.truncate(random(tokens.len() + 1));
        let more = 1 + random(200);
        tokens.extend((0..more).map(|_| random(3) as u32));
        tokens.truncate(8 * BLOCK);
        let common = |a: &[u32]| a.iter().zip(&tokens).take_while(|(a, b)| a == b).count();
        let best = known.iter().map(|known| common(known)).max().unwrap_or(0);
        let (len, blocks) = found(&mut tree, &tokens);
        assert_eq!(blocks, len.div_ceil(BLOCK));
        // Of what goes apart within a block, one side's block may have been given up: none was yet.
        assert_eq!(len, best);
        let need = tokens.len().div_ceil(BLOCK);
        if cache.blocks_free() < need {
            let idle = cache.blocks_idle();
            assert_eq!(idle, tree.len());
            tree.clear(&mut cache);
            known.clear();
            assert_eq!(cache.blocks_free(), 400);
        }
        left(&mut tree, &mut cache, &tokens);
        assert_eq!(cache.blocks_free() + tree.len(), 400);
        known.push(tokens);
    }
}
