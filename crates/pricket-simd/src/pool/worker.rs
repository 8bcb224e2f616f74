//! One thread of the pool: a mailbox in, a mailbox out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, JoinHandle, Thread};

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;

use super::{Job, Lookahead};
use crate::SimdError;

/// How often an idle worker looks into its mailbox before it parks. A look with a pause takes some
/// 20 to 50 ns, so this is 0.1 ms or so: longer than the caller's serial part between two forks of
/// a forward pass, and than the sampling between two tokens of a small model; short enough that an
/// idle engine costs nothing that `top` can see.
const WORKER_SPINS: u32 = 4_000;

/// How often the caller looks for a reply before it yields its core, and how often it yields before
/// it parks. All workers got equal shares, so a reply that is late means that a core was taken
/// away.
const CALLER_SPINS: u32 = 20_000;
const CALLER_YIELDS: u32 = 100;

/// A job on its way back.
pub(super) struct Reply<J> {
    pub(super) job: J,
    pub(super) panicked: bool,
}

struct Mailbox<J> {
    /// A job on its way to the worker, and the thread that waits for it.
    request: CachePadded<ArrayQueue<(J, Thread)>>,
    reply: CachePadded<ArrayQueue<Reply<J>>>,
    worker_parked: CachePadded<AtomicBool>,
    caller_parked: CachePadded<AtomicBool>,
    stop: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Worker<J: Job> {
    mailbox: Arc<Mailbox<J>>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

impl<J> std::fmt::Debug for Mailbox<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl<J: Job> Worker<J> {
    pub(super) fn start(index: usize) -> Result<Self, SimdError> {
        let mailbox = Arc::new(Mailbox {
            request: CachePadded::new(ArrayQueue::new(1)),
            reply: CachePadded::new(ArrayQueue::new(1)),
            worker_parked: CachePadded::new(AtomicBool::new(false)),
            caller_parked: CachePadded::new(AtomicBool::new(false)),
            stop: AtomicBool::new(false),
        });
        let its = Arc::clone(&mailbox);
        let handle = thread::Builder::new()
            .name(format!("pricket-worker-{index}"))
            .spawn(move || its.work())
            .map_err(|source| SimdError::ThreadStart { source })?;
        Ok(Self { mailbox, thread: handle.thread().clone(), handle: Some(handle) })
    }

    /// Hands a job over. The mailbox holds one, and the caller takes each reply before it sends the
    /// next, so there is always room.
    pub(super) fn send(&self, job: J, caller: Thread) {
        self.mailbox.request.force_push((job, caller));
        // Against the worker's own fence: either it sees the job before it parks, or this sees that
        // it parked.
        fence(Ordering::SeqCst);
        if self.mailbox.worker_parked.load(Ordering::Relaxed) {
            self.thread.unpark();
        }
    }

    /// Waits for the job that was sent, and meanwhile does what may be done ahead.
    pub(super) fn receive(&self, ahead: &mut Option<Lookahead>) -> Reply<J> {
        let mut looks = 0_u32;
        loop {
            if let Some(reply) = self.mailbox.reply.pop() {
                return reply;
            }
            if look_ahead(ahead) {
                continue;
            }
            looks = looks.saturating_add(1);
            if looks < CALLER_SPINS {
                std::hint::spin_loop();
            } else if looks < CALLER_SPINS + CALLER_YIELDS {
                thread::yield_now();
            } else {
                self.mailbox.caller_parked.store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                if self.mailbox.reply.is_empty() {
                    thread::park();
                }
                self.mailbox.caller_parked.store(false, Ordering::Relaxed);
            }
        }
    }
}

impl<J: Job> Drop for Worker<J> {
    fn drop(&mut self) {
        self.mailbox.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            // A worker catches its jobs' panics; there is nothing to learn from how it ended.
            let _ = handle.join();
        }
    }
}

impl<J: Job> Mailbox<J> {
    fn work(&self) {
        let (mut looks, mut ahead) = (0_u32, None);
        while !self.stop.load(Ordering::Relaxed) {
            let Some((mut job, caller)) = self.request.pop() else {
                if look_ahead(&mut ahead) {
                    continue;
                }
                looks += 1;
                if looks < WORKER_SPINS {
                    std::hint::spin_loop();
                } else {
                    looks = 0;
                    self.park();
                }
                continue;
            };
            looks = 0;
            let panicked = catch_unwind(AssertUnwindSafe(|| job.run())).is_err();
            ahead = Lookahead::of(&job);
            self.reply.force_push(Reply { job, panicked });
            fence(Ordering::SeqCst);
            if self.caller_parked.load(Ordering::Relaxed) {
                caller.unpark();
            }
        }
    }

    fn park(&self) {
        self.worker_parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.request.is_empty() && !self.stop.load(Ordering::Relaxed) {
            thread::park();
        }
        self.worker_parked.store(false, Ordering::Relaxed);
    }
}

/// Does a step of what may be done ahead; false where there is nothing, or nothing left.
fn look_ahead(ahead: &mut Option<Lookahead>) -> bool {
    let more = ahead.as_mut().is_some_and(Lookahead::advance);
    if !more {
        *ahead = None;
    }
    more
}
