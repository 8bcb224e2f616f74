//! Several texts at a time, on as many threads as the work is worth.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Special, Tokenizer};
use crate::error::{Result, TokenizerError};

/// Work below this size is not worth a thread of its own, which costs about 50 us.
const PARALLEL_BYTES_MIN: usize = 64 << 10;

impl Tokenizer {
    /// The ids of several texts, in the order of the texts, whatever the number of threads.
    ///
    /// # Errors
    /// The error of the first text for which [`Tokenizer::encode`] has one.
    pub fn encode_batch(&self, texts: &[&str], special: Special) -> Result<Vec<Vec<u32>>> {
        each(texts, |text| self.encode(text, special))
    }

    /// How many ids each of several texts has, in the order of the texts.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode_batch`].
    pub fn count_batch(&self, texts: &[&str], special: Special) -> Result<Vec<usize>> {
        each(texts, |text| self.count(text, special))
    }
}

/// The results of every text, in their order. A free thread takes the next text, so that one long
/// text holds up nobody.
fn each<T: Send>(texts: &[&str], work: impl Fn(&str) -> Result<T> + Sync) -> Result<Vec<T>> {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(texts.len()).min(bytes / PARALLEL_BYTES_MIN + 1);
    if threads < 2 {
        return texts.iter().map(|text| work(text)).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(text) = texts.get(at) else { return done };
            done.push((at, work(text)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut results = share();
        for other in others {
            let dead = |_| TokenizerError::Encode { why: "a worker thread died".to_owned() };
            results.extend(other.join().map_err(dead)?);
        }
        Ok::<_, TokenizerError>(results)
    })?;
    results.sort_unstable_by_key(|&(at, _)| at);
    results.into_iter().map(|(_, result)| result).collect()
}
