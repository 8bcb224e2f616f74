//! The order of merging: a list that is searched for short words, a queue for long ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Merge, Pairs};

/// The longest word that is merged by searching: its pairs are a few cache lines, and moving them
/// up costs less than a queue. Words of usual texts have under 20 symbols.
const SEARCHED_LEN_MAX: usize = 48;

/// No rank is as high: a vocabulary has fewer merges.
const NO_MERGE: Merge = Merge { rank: u32::MAX, id: 0 };

/// No neighbour, and no symbol.
const NONE: u32 = u32::MAX;

/// A symbol of a long word with its neighbours.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// `NONE` once it was merged into its left neighbour.
    id: u32,
    prev: u32,
    next: u32,
}

/// Buffers that one encoding uses for all its words.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The word's ids, before and after.
    pub(super) ids: Vec<u32>,
    /// What each id and the next one become.
    merges: Vec<Merge>,
    links: Vec<Link>,
    /// Ranks and left positions, lowest first.
    queue: BinaryHeap<Reverse<u64>>,
}

impl Pairs {
    /// Merges `scratch.ids` in place.
    pub(super) fn merge(&self, scratch: &mut Scratch) {
        match scratch.ids.len() {
            0 | 1 => {}
            2..=SEARCHED_LEN_MAX => self.merge_by_search(scratch),
            _ => self.merge_by_queue(scratch),
        }
    }

    fn merge_by_search(&self, scratch: &mut Scratch) {
        let Scratch { ids, merges, .. } = scratch;
        merges.clear();
        merges
            .extend(ids.windows(2).map(|pair| self.merge_of(pair[0], pair[1]).unwrap_or(NO_MERGE)));
        loop {
            let (mut at, mut best) = (0, NO_MERGE);
            for (place, &merge) in merges.iter().enumerate() {
                if merge.rank < best.rank {
                    (at, best) = (place, merge);
                }
            }
            if best == NO_MERGE {
                return;
            }
            ids[at] = best.id;
            ids.remove(at + 1);
            merges.remove(at);
            for left in at.saturating_sub(1)..=at {
                if let (Some(&[a, b]), Some(merge)) = (
                    ids.get(left..left + 2).and_then(|pair| pair.first_chunk()),
                    merges.get_mut(left),
                ) {
                    *merge = self.merge_of(a, b).unwrap_or(NO_MERGE);
                }
            }
        }
    }

    /// The positions fit `u32`, since texts are shorter than that.
    fn merge_by_queue(&self, scratch: &mut Scratch) {
        let Scratch { ids, links, queue, .. } = scratch;
        links.clear();
        links.extend(ids.iter().enumerate().map(|(at, &id)| {
            let at = at as u32;
            Link { id, prev: at.wrapping_sub(1), next: at + 1 }
        }));
        if let Some(last) = links.last_mut() {
            last.next = NONE;
        }
        queue.clear();
        let offer = |queue: &mut BinaryHeap<Reverse<u64>>, at: u32, left: u32, right: u32| {
            if let Some(merge) = self.merge_of(left, right) {
                queue.push(Reverse(u64::from(merge.rank) << 32 | u64::from(at)));
            }
        };
        for (at, pair) in ids.windows(2).enumerate() {
            offer(queue, at as u32, pair[0], pair[1]);
        }
        while let Some(Reverse(entry)) = queue.pop() {
            let (rank, at) = ((entry >> 32) as u32, entry as u32);
            let Some(&left) = links.get(at as usize) else { continue };
            let Some(&right) = links.get(left.next as usize) else { continue };
            // What was merged meanwhile has no pair of this rank here any more.
            let merge = if left.id == NONE { None } else { self.merge_of(left.id, right.id) };
            let Some(merge) = merge.filter(|merge| merge.rank == rank) else { continue };
            links[at as usize] = Link { id: merge.id, prev: left.prev, next: right.next };
            links[left.next as usize].id = NONE;
            if let Some(after) = links.get_mut(right.next as usize) {
                after.prev = at;
                offer(queue, at, merge.id, after.id);
            }
            if let Some(before) = links.get(left.prev as usize) {
                offer(queue, left.prev, before.id, merge.id);
            }
        }
        ids.clear();
        ids.extend(links.iter().map(|link| link.id).filter(|&id| id != NONE));
    }
}
