//! Who computes which texts of a batch.

use super::batch::EncoderBatch;
use super::blueprint::EncoderBlueprint;
use super::work::Work;

/// Deals the texts out so that all threads have about as much to do: the longest first, each to
/// whoever has least (Graham, 1969).
pub(super) fn deal(b: &EncoderBlueprint, batch: &EncoderBatch, works: &mut [Box<Work>]) {
    let texts = batch.texts();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let work_of = |text: usize| texts.get(text).map_or(0, |text| b.work(text.len));
    order.sort_by_key(|&text| std::cmp::Reverse(work_of(text)));
    let mut shares = vec![(0_u64, Vec::new()); works.len()];
    for text in order {
        if let Some((load, share)) = shares.iter_mut().min_by_key(|(load, _)| *load) {
            *load = load.saturating_add(work_of(text));
            share.push(text);
        }
    }
    for (work, (_, share)) in works.iter_mut().zip(shares) {
        work.begin(batch, share);
    }
}
