//! Prompts that begin alike are computed once: a tree of the blocks that earlier requests left.
//!
//! A radix tree over token ids (Zheng et al., "`SGLang`: Efficient Execution of Structured Language
//! Model Programs", 2024), cut at the blocks of the cache: a node is a block and the tokens that
//! stand in it, its children are what came behind. Only a leaf may be filled in part. Every node
//! holds its block; the leaf that was used longest ago is given up first.

use pricket_models::{BlockId, KV_BLOCK_TOKENS, KvCache};

/// Where the children of the root hang.
const ROOT: usize = 0;

#[derive(Debug)]
struct Node {
    /// None for the root, and for a place that is free.
    block: Option<BlockId>,
    /// What stands in the block, from its first position on.
    tokens: Vec<u32>,
    parent: usize,
    children: Vec<usize>,
    /// When it was last looked up or entered.
    used: u64,
}

/// The blocks that earlier requests left in one cache, by the tokens that stand in them.
#[derive(Debug)]
pub struct PrefixTree {
    /// The root first.
    nodes: Vec<Node>,
    free: Vec<usize>,
    clock: u64,
}

impl Default for PrefixTree {
    fn default() -> Self {
        Self::new()
    }
}

impl PrefixTree {
    /// A tree that knows nothing.
    pub fn new() -> Self {
        Self { nodes: vec![Node::new(None, &[], ROOT, 0)], free: Vec::new(), clock: 0 }
    }

    /// How many blocks it holds.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1 - self.free.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the longest beginning of `tokens` that is known: gives its length, and writes the
    /// blocks that it stands in to `blocks`. Of the last block only a part may count. What is found
    /// counts as used.
    pub fn find(&mut self, tokens: &[u32], blocks: &mut Vec<BlockId>) -> usize {
        blocks.clear();
        self.clock += 1;
        let (mut at, mut len) = (ROOT, 0);
        while let Some((child, common)) = self.nearest(at, tokens.get(len..).unwrap_or(&[])) {
            let Some(node) = self.nodes.get_mut(child) else { break };
            node.used = self.clock;
            blocks.extend(node.block);
            len += common;
            at = child;
            if common < KV_BLOCK_TOKENS {
                break;
            }
        }
        len
    }

    /// Enters what stands in the blocks of a sequence, and holds those that were not known. A block
    /// whose tokens are known in another block is not taken.
    pub fn insert(&mut self, tokens: &[u32], blocks: &[BlockId], cache: &mut KvCache) {
        self.clock += 1;
        let mut at = ROOT;
        for (part, block) in tokens.chunks(KV_BLOCK_TOKENS).zip(blocks) {
            at = match self.nearest(at, part) {
                Some((child, common)) if common == part.len() => {
                    // Known, or the beginning of what is known.
                    if let Some(node) = self.nodes.get_mut(child) {
                        node.used = self.clock;
                    }
                    child
                }
                Some((child, common)) if self.tokens(child).len() == common => {
                    // A leaf that was filled in part, and is filled further here.
                    if !cache.keep_block(*block) {
                        return;
                    }
                    let Some(node) = self.nodes.get_mut(child) else { return };
                    let before = node.block.replace(*block);
                    node.tokens.extend_from_slice(part.get(common..).unwrap_or(&[]));
                    node.used = self.clock;
                    if let Some(before) = before {
                        cache.forget_block(before);
                    }
                    child
                }
                _ => {
                    if !cache.keep_block(*block) {
                        return;
                    }
                    self.add(*block, part, at)
                }
            };
            if part.len() < KV_BLOCK_TOKENS {
                return;
            }
        }
    }

    /// Gives up blocks that no sequence holds, those used longest ago first, leaves before what
    /// they hang on, until `wanted` are given up or none is left. Tells how many were.
    pub fn evict(&mut self, wanted: usize, cache: &mut KvCache) -> usize {
        for given in 0..wanted {
            let leaves = self.nodes.iter().enumerate().filter(|(_, node)| node.children.is_empty());
            let idle = leaves.filter_map(|(index, node)| {
                let block = node.block.filter(|block| cache.block_sequences(*block) == 0)?;
                Some((node.used, index, block))
            });
            let Some((_, index, block)) = idle.min_by_key(|(used, ..)| *used) else {
                return given;
            };
            cache.forget_block(block);
            self.remove(index);
        }
        wanted
    }

    /// Gives up all that it holds.
    pub fn clear(&mut self, cache: &mut KvCache) {
        for block in self.nodes.drain(1..).filter_map(|node| node.block) {
            cache.forget_block(block);
        }
        self.free.clear();
        if let Some(root) = self.nodes.first_mut() {
            root.children.clear();
        }
    }

    /// The child that shares the longest beginning with `tokens`, and how long that is.
    fn nearest(&self, at: usize, tokens: &[u32]) -> Option<(usize, usize)> {
        let children = self.nodes.get(at)?.children.iter();
        let common = |child: &usize| {
            let pairs = self.tokens(*child).iter().zip(tokens);
            (*child, pairs.take_while(|(a, b)| a == b).count())
        };
        let longest = children.map(common).max_by_key(|(_, common)| *common);
        longest.filter(|(_, common)| *common > 0)
    }

    fn tokens(&self, index: usize) -> &[u32] {
        self.nodes.get(index).map_or(&[], |node| &node.tokens)
    }

    fn add(&mut self, block: BlockId, tokens: &[u32], parent: usize) -> usize {
        let node = Node::new(Some(block), tokens, parent, self.clock);
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.nodes.len(),
        };
        match self.nodes.get_mut(index) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(index);
        }
        index
    }

    /// Takes out a leaf.
    fn remove(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        let parent = node.parent;
        *node = Node::new(None, &[], ROOT, 0);
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.retain(|child| *child != index);
        }
        self.free.push(index);
    }
}

impl Node {
    fn new(block: Option<BlockId>, tokens: &[u32], parent: usize, used: u64) -> Self {
        Self { block, tokens: tokens.to_vec(), parent, children: Vec::new(), used }
    }
}
