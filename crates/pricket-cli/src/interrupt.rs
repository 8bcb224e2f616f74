//! Ctrl-C: the first press stops what is going on, the second leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pricket::stream::{AsyncStream, MessageChunk, TryNext};

use crate::error::{CliError, EXIT_INTERRUPTED};

/// How long a reader waits for a chunk before it looks at Ctrl-C again: short enough to feel
/// immediate, long enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct State {
    listening: AtomicBool,
    pressed: AtomicBool,
}

/// Ctrl-C of this process. While nobody listens, a press leaves at once.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    state: Arc<State>,
}

/// How reading a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The stream was read to its end.
    Through,
    /// Ctrl-C was pressed.
    Interrupted,
}

impl Interrupt {
    /// Takes over Ctrl-C.
    pub(crate) fn install() -> Result<Self, CliError> {
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        ctrlc::set_handler(move || {
            let listening = seen.listening.load(Ordering::SeqCst);
            if !listening || seen.pressed.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_INTERRUPTED.into());
            }
        })?;
        Ok(Self { state })
    }

    /// Gives every chunk to `each` until the stream ends or Ctrl-C is pressed. After Ctrl-C the
    /// stream is cancelled, and its producer has [`LOOK_EVERY`] to say how far it came.
    pub(crate) fn read<T: MessageChunk>(
        &self,
        mut stream: AsyncStream<T>,
        mut each: impl FnMut(T) -> Result<(), CliError>,
    ) -> Result<Ended, CliError> {
        let _listening = self.listen();
        loop {
            if self.state.pressed.load(Ordering::SeqCst) {
                stream.cancel();
                while let TryNext::Item(chunk) = stream.next_timeout(LOOK_EVERY) {
                    if !chunk.is_error() {
                        each(chunk)?;
                    }
                }
                return Ok(Ended::Interrupted);
            }
            match stream.next_timeout(LOOK_EVERY) {
                TryNext::Item(chunk) => each(chunk)?,
                TryNext::Empty => {}
                TryNext::Ended => return Ok(Ended::Through),
            }
        }
    }

    fn listen(&self) -> Listening<'_> {
        self.state.pressed.store(false, Ordering::SeqCst);
        self.state.listening.store(true, Ordering::SeqCst);
        Listening { state: &self.state }
    }
}

/// While it lives, the first Ctrl-C only asks.
struct Listening<'a> {
    state: &'a State,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.state.listening.store(false, Ordering::SeqCst);
    }
}
