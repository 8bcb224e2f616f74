//! Stop strings: text that could be the beginning of one waits until it is known whether it is.

use crate::error::{Result, malformed};

/// What one call gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed<'a> {
    /// Text that belongs to no stop string and may be shown.
    pub text: &'a str,
    /// The stop string that is now complete, by its place in the list.
    pub stopped: Option<usize>,
}

/// Finds stop strings in text that arrives in pieces of any length.
///
/// The stop string that is complete first ends the text; of two that end together the longer one
/// does. So the result does not depend on where the pieces are cut. After a stop nothing more comes
/// out until [`StopMatcher::reset`].
#[derive(Debug)]
pub struct StopMatcher {
    stops: Vec<String>,
    /// Text that was not given out yet.
    held: String,
    /// Text that is given out by this call.
    ready: String,
    stopped: Option<usize>,
}

impl StopMatcher {
    /// A matcher of these strings; with none, text passes through.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`](crate::TokenizerError::Malformed) for an empty stop string.
    pub fn new(stops: Vec<String>) -> Result<Self> {
        if let Some(index) = stops.iter().position(String::is_empty) {
            return Err(malformed("stop strings", format!("string {index} is empty")));
        }
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        let capacity = 2 * longest + (1 << 10);
        Ok(Self {
            stops,
            held: String::with_capacity(capacity),
            ready: String::with_capacity(capacity),
            stopped: None,
        })
    }

    /// Takes the next piece and gives what may be shown.
    pub fn feed(&mut self, piece: &str) -> Fed<'_> {
        self.ready.clear();
        if self.stopped.is_some() {
            return Fed { text: "", stopped: self.stopped };
        }
        self.held.push_str(piece);
        let safe = if let Some((index, start)) = self.first_stop() {
            self.stopped = Some(index);
            start
        } else {
            self.held.len() - self.open_bytes()
        };
        self.ready.extend(self.held.drain(..safe));
        if self.stopped.is_some() {
            self.held.clear();
        }
        Fed { text: &self.ready, stopped: self.stopped }
    }

    /// Ends the text: what waited was no stop string after all.
    pub fn finish(&mut self) -> &str {
        self.ready.clear();
        std::mem::swap(&mut self.ready, &mut self.held);
        &self.ready
    }

    /// Makes the matcher ready for another text.
    pub fn reset(&mut self) {
        self.held.clear();
        self.ready.clear();
        self.stopped = None;
    }

    /// The stop string that ends first in the held text, and where it starts.
    fn first_stop(&self) -> Option<(usize, usize)> {
        self.stops
            .iter()
            .enumerate()
            .filter_map(|(index, stop)| Some((index, self.held.find(stop)?, stop.len())))
            .min_by_key(|&(_, start, len)| (start + len, start))
            .map(|(index, start, _)| (index, start))
    }

    /// The bytes at the end of the held text that may be the beginning of a stop string.
    fn open_bytes(&self) -> usize {
        let held = self.held.as_bytes();
        self.stops
            .iter()
            .map(|stop| {
                let stop = stop.as_bytes();
                let longest = held.len().min(stop.len().saturating_sub(1));
                (1..=longest).rev().find(|&n| held.ends_with(&stop[..n])).unwrap_or(0)
            })
            .max()
            .unwrap_or(0)
    }
}
