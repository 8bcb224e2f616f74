//! Every limit of this crate, with its argument.

use std::time::Duration;

/// Chunks that a stream holds unless its builder says otherwise. Enough that a producer of tokens
/// never waits for a terminal that redraws, and little enough that an abandoned stream of
/// kilobyte chunks holds well under a megabyte.
pub const CAPACITY_DEFAULT: usize = 256;

/// The most chunks that a stream may hold. The ring is allocated at once: at 64 bytes a chunk this
/// is 64 MiB, beyond which a caller wants a file and not a queue.
pub const CAPACITY_MAX: usize = 1 << 20;

/// Threads of the I/O pool. Its jobs wait for disks and sockets, so the number is above that of
/// cores; at 32 their stacks cost about 2 MiB of touched memory in all.
pub const POOL_THREADS_MAX: usize = 32;

/// How long an idle pool thread waits before it ends. A burst every few seconds then finds its
/// threads alive, and a program that did its I/O at the start keeps none.
pub const POOL_IDLE_MAX: Duration = Duration::from_secs(5);
