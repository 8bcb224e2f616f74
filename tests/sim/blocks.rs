//! A pool of blocks with reference counts, and a table of those kept for their prefixes.

use std::collections::BTreeMap;

use crate::laws::{Broken, law};

/// What full blocks are found by: whose tokens they hold, and which of its blocks they are.
pub(crate) type Key = (usize, usize);

#[derive(Debug, Clone, Default)]
struct Block {
    held: usize,
    key: Option<Key>,
    /// When it was last given back.
    idle_since: usize,
}

/// The pool. Every block is unused, held, or idle: kept for its prefix and held by nobody.
#[derive(Debug)]
pub(crate) struct Pool {
    blocks: Vec<Block>,
    unused: Vec<usize>,
    found: BTreeMap<Key, usize>,
    clock: usize,
    pub(crate) evicted: usize,
}

impl Pool {
    pub(crate) fn new(blocks: usize) -> Self {
        Self {
            blocks: vec![Block::default(); blocks],
            unused: (0..blocks).collect(),
            found: BTreeMap::new(),
            clock: 0,
            evicted: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    fn is_idle(&self, block: usize) -> bool {
        self.blocks[block].held == 0 && self.blocks[block].key.is_some()
    }

    /// Unused and idle ones.
    pub(crate) fn free(&self) -> usize {
        self.unused.len() + self.found.values().filter(|&&block| self.is_idle(block)).count()
    }

    /// The leading blocks with these keys, and how many of them are idle.
    pub(crate) fn find(&self, keys: impl Iterator<Item = Key>) -> (Vec<usize>, usize) {
        let found: Vec<usize> = keys.map_while(|key| self.found.get(&key).copied()).collect();
        let idle = found.iter().filter(|&&block| self.is_idle(block)).count();
        (found, idle)
    }

    /// One more holds a block that was found.
    pub(crate) fn share(&mut self, block: usize) {
        self.blocks[block].held += 1;
    }

    /// A block for one who writes to it: an unused one, or the one that was idle longest.
    pub(crate) fn take(&mut self) -> Result<usize, Broken> {
        let block = if let Some(block) = self.unused.pop() {
            block
        } else {
            let idle = self.found.values().copied().filter(|&block| self.is_idle(block));
            let oldest = idle.min_by_key(|&block| self.blocks[block].idle_since);
            let Some(block) = oldest else {
                return law("blocks", "a block is taken, none is free");
            };
            let key = self.blocks[block].key.take().unwrap();
            self.found.remove(&key);
            self.evicted += 1;
            block
        };
        self.blocks[block].held = 1;
        Ok(block)
    }

    /// A block is full: others may find it. The first with a key keeps it.
    pub(crate) fn keep(&mut self, block: usize, key: Key) {
        if let std::collections::btree_map::Entry::Vacant(vacant) = self.found.entry(key) {
            vacant.insert(block);
            self.blocks[block].key = Some(key);
        }
    }

    pub(crate) fn give_back(&mut self, block: usize) -> Result<(), Broken> {
        self.clock += 1;
        let entry = &mut self.blocks[block];
        if entry.held == 0 {
            return law("accounts", format!("block {block} is given back and nobody held it"));
        }
        entry.held -= 1;
        entry.idle_since = self.clock;
        if entry.held == 0 && entry.key.is_none() {
            self.unused.push(block);
        }
        Ok(())
    }

    pub(crate) fn is_sole(&self, block: usize) -> bool {
        self.blocks[block].held == 1
    }

    /// Counts everything anew from the tables of those who hold blocks.
    pub(crate) fn audit(&self, tables: &[(&[usize], Vec<Key>)]) -> Result<(), Broken> {
        let mut held = vec![0; self.blocks.len()];
        let mut keys: Vec<Option<Key>> = vec![None; self.blocks.len()];
        for (table, table_keys) in tables {
            for (&block, &key) in table.iter().zip(table_keys) {
                held[block] += 1;
                if keys[block].is_some_and(|other| other != key) {
                    return law("accounts", format!("block {block} holds two texts"));
                }
                keys[block] = Some(key);
            }
        }
        let mut unused = vec![0; self.blocks.len()];
        self.unused.iter().for_each(|&block| unused[block] += 1);
        let mut idle = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            let expected = usize::from(block.held == 0 && block.key.is_none());
            if block.held != held[index] || unused[index] != expected {
                return law("accounts", format!("{index}: {block:?}, held {}", held[index]));
            }
            if held[index] > 1 && block.key.is_none() {
                return law("accounts", format!("block {index} is shared and has no key"));
            }
            if block.key.is_some_and(|key| keys[index].is_some_and(|holder| holder != key)) {
                return law("accounts", format!("block {index} was written over"));
            }
            idle += usize::from(self.is_idle(index));
        }
        let holds = held.iter().filter(|&&held| held > 0).count();
        if holds + idle + self.unused.len() != self.blocks.len()
            || holds + self.free() != self.len()
        {
            return law("accounts", "held, idle and unused are not all");
        }
        Ok(())
    }
}
