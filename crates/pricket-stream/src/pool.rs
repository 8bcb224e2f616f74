//! The bounded pool on which producers wait for disks and sockets.
//!
//! Threads start on demand, park while idle (they use no CPU) and end after
//! [`POOL_IDLE_MAX`](crate::limits::POOL_IDLE_MAX). Jobs beyond the bound queue. A reader that is
//! about to park on a job that is still queued, and that no free worker will come to, has the pool
//! start one extra thread for exactly that job; so a thousand streams read in any order end with
//! few threads, and a job that reads another job's stream cannot deadlock.
//!
//! A job that nobody waits for keeps its place in the queue: work that others depend on without
//! reading it belongs on a thread of its own
//! ([`StreamBuilder::thread`](crate::StreamBuilder::thread)).

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::limits::{POOL_IDLE_MAX, POOL_THREADS_MAX};

/// How a job is called: to run, or to say why it cannot.
pub(crate) enum Call {
    /// Run.
    Run,
    /// Report this refusal to whoever reads.
    Refuse(String),
}

/// Work for one thread. Called once, or dropped when its reader is gone.
pub(crate) type Job = Box<dyn FnOnce(Call) + Send>;

/// Threads and jobs of a pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Worker threads alive, the extra ones not counted.
    pub threads: usize,
    /// Workers that run no job.
    pub idle: usize,
    /// Jobs that wait for a worker.
    pub queued: usize,
    /// Extra threads alive, each started for one job that a reader waited for.
    pub extra: usize,
    /// The most threads, extra ones included, that were ever alive at once.
    pub threads_peak: usize,
    /// Jobs done.
    pub jobs_done: u64,
}

/// A bounded pool of threads. Clones share it.
#[derive(Debug, Clone)]
pub struct IoPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    threads_max: usize,
    idle_max: Duration,
    // lock: taken once per job, not per item; the jobs themselves wait for disks and sockets.
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(u64, Job)>,
    next_id: u64,
    handles: Vec<JoinHandle<()>>,
    is_shut: bool,
    stats: PoolStats,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats.fmt(f)
    }
}

/// A queued job, as its reader knows it.
#[derive(Debug)]
pub(crate) struct JobTicket {
    pool: Arc<Shared>,
    id: u64,
}

impl IoPool {
    /// A pool of at most `threads_max` threads (at least one) whose idle threads end after
    /// `idle_max`. Threads are named `name`.
    pub fn new(name: impl Into<String>, threads_max: usize, idle_max: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                threads_max: threads_max.max(1),
                idle_max,
                state: Mutex::new(State::default()),
                work: Condvar::new(),
            }),
        }
    }

    /// The pool that streams and tasks use unless they are told otherwise.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<IoPool> = OnceLock::new();
        GLOBAL.get_or_init(|| Self::new("pricket-io", POOL_THREADS_MAX, POOL_IDLE_MAX))
    }

    /// What the pool is at.
    pub fn stats(&self) -> PoolStats {
        let state = self.shared.lock();
        PoolStats { queued: state.queue.len(), ..state.stats }
    }

    /// Takes no more jobs, refuses the queued ones (their streams end with an error chunk), waits
    /// for the running ones and joins every thread. Cancel the streams first if their producers may
    /// be waiting for readers. Called on a thread of the pool, it joins all the others.
    pub fn shutdown(&self) {
        let mut state = self.shared.lock();
        state.is_shut = true;
        let queued = std::mem::take(&mut state.queue);
        let handles = std::mem::take(&mut state.handles);
        drop(state);
        self.shared.work.notify_all();
        for (_, job) in queued {
            job(Call::Refuse(SHUT_DOWN.to_owned()));
        }
        let me = std::thread::current().id();
        for handle in handles {
            if handle.thread().id() != me {
                // A worker catches its jobs' panics, so there is no result to look at.
                let _ = handle.join();
            }
        }
    }

    /// Queues a job, and starts a thread where no idle one will come to it.
    pub(crate) fn submit(&self, job: Job) -> Option<JobTicket> {
        let mut state = self.shared.lock();
        if state.is_shut {
            drop(state);
            job(Call::Refuse(SHUT_DOWN.to_owned()));
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.queue.push_back((id, job));
        if state.queue.len() <= state.stats.idle {
            drop(state);
            self.shared.work.notify_one();
        } else if state.stats.threads < self.shared.threads_max
            && let Err(error) = self.shared.start_worker(&mut state)
            && state.stats.threads == 0
        {
            // With other workers alive the job waits for one of them; without, nobody would come.
            let refused = state.queue.pop_back();
            drop(state);
            if let Some((_, job)) = refused {
                job(Call::Refuse(no_thread(&error)));
            }
            return None;
        }
        Some(JobTicket { pool: Arc::clone(&self.shared), id })
    }
}

const SHUT_DOWN: &str = "the I/O pool is shut down and takes no more work";

/// Says that the system gave no thread.
pub(crate) fn no_thread(error: &std::io::Error) -> String {
    format!("cannot start a thread: {error}; lower the number of streams or raise the limit")
}

impl JobTicket {
    /// Called by the reader before it parks: sees to it that the job will run.
    pub(crate) fn ensure_runs(&self) {
        let mut state = self.pool.lock();
        let Ok(place) = state.queue.binary_search_by_key(&self.id, |(id, _)| *id) else {
            return;
        };
        // Idle workers were notified and take from the front; each takes one.
        if place < state.stats.idle {
            return;
        }
        let Some((id, job)) = state.queue.remove(place) else {
            return;
        };
        if let Err((error, job)) = self.pool.start_extra(&mut state, job) {
            if state.stats.threads > 0 {
                let place = state.queue.partition_point(|(other, _)| *other < id);
                state.queue.insert(place, (id, job));
            } else {
                drop(state);
                job(Call::Refuse(no_thread(&error)));
            }
        }
    }

    /// Takes the job back, if it has not started; nobody will read what it makes.
    pub(crate) fn withdraw(&self) {
        let mut state = self.pool.lock();
        let found = state.queue.binary_search_by_key(&self.id, |(id, _)| *id);
        let job = found.ok().and_then(|place| state.queue.remove(place));
        drop(state);
        // Dropped outside the lock: what the closure owns may run code of its own.
        drop(job);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_worker(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        let handle = std::thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || shared.work_until_idle())?;
        state.stats.threads += 1;
        // Counted as idle from the start: it will come to the queue.
        state.stats.idle += 1;
        state.keep(handle);
        Ok(())
    }

    fn start_extra(
        self: &Arc<Self>,
        state: &mut State,
        job: Job,
    ) -> Result<(), (std::io::Error, Job)> {
        // The job travels in a slot of its own, so that it is not lost when no thread starts.
        let slot = Arc::new(OnceSlot::new(job));
        let (shared, inside) = (Arc::clone(self), Arc::clone(&slot));
        let started =
            std::thread::Builder::new().name(format!("{}-extra", self.name)).spawn(move || {
                if let Some(job) = inside.take() {
                    run(job);
                }
                let mut state = shared.lock();
                state.stats.extra -= 1;
                state.stats.jobs_done += 1;
            });
        match started {
            Ok(handle) => {
                state.stats.extra += 1;
                state.keep(handle);
                Ok(())
            }
            Err(error) => match slot.take() {
                Some(job) => Err((error, job)),
                None => Ok(()),
            },
        }
    }

    /// A worker's life: take, run, and leave after some idle time.
    fn work_until_idle(&self) {
        let mut state = self.lock();
        loop {
            if let Some((_, job)) = state.queue.pop_front() {
                state.stats.idle -= 1;
                drop(state);
                run(job);
                state = self.lock();
                state.stats.idle += 1;
                state.stats.jobs_done += 1;
                continue;
            }
            if state.is_shut {
                break;
            }
            let (next, waited) = self
                .work
                .wait_timeout(state, self.idle_max)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.stats.idle -= 1;
        state.stats.threads -= 1;
    }
}

impl State {
    /// Keeps the handle for `shutdown`, and lets go of those of ended threads.
    fn keep(&mut self, handle: JoinHandle<()>) {
        self.handles.retain(|handle| !handle.is_finished());
        self.handles.push(handle);
        let alive = self.stats.threads + self.stats.extra;
        self.stats.threads_peak = self.stats.threads_peak.max(alive);
    }
}

/// Runs a job. Jobs catch their own panics to report them; this one keeps the worker alive even if
/// the report itself panics.
fn run(job: Job) {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(Call::Run)));
    if result.is_err() {
        tracing::error!("a job panicked while it reported its own panic");
    }
}

/// A job on its way to a thread.
struct OnceSlot {
    // lock: taken twice in the life of an extra thread.
    job: Mutex<Option<Job>>,
}

impl OnceSlot {
    fn new(job: Job) -> Self {
        Self { job: Mutex::new(Some(job)) }
    }

    fn take(&self) -> Option<Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
