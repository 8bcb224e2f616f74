//! A pool of workers for fork-join over a forward pass, without unsafe code and without allocation.
//!
//! Persistent threads cannot borrow, so what a worker needs travels to it by value and comes back
//! the same way: a job owns its buffers and holds `Arc`s of what it reads. A join gives every job
//! back, so the caller regains sole ownership and may write again what the workers read. Between
//! two fork-joins a worker spins briefly, because the next one is microseconds away, and then
//! parks, because a core that spins is a core taken from somebody else.

mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crate::SimdError;
use worker::Worker;

/// A piece of work that owns, or holds an `Arc` of, all it touches.
pub trait Job: Send + 'static {
    /// Does the work. Results stay in the job, which goes back to the caller.
    fn run(&mut self);

    /// What the thread may do while it waits for its next job, asked when this one is done. A panic
    /// here, or in what it gives, ends the looking ahead and nothing else.
    fn ahead(&self) -> Option<Lookahead> {
        None
    }
}

impl<J: Job + ?Sized> Job for Box<J> {
    fn run(&mut self) {
        (**self).run();
    }

    fn ahead(&self) -> Option<Lookahead> {
        (**self).ahead()
    }
}

/// Something useful for a thread that waits: fetching what its next job will read, say. Whether it
/// happens changes no result.
pub trait Ahead: Send + Sync {
    /// Does step `step` of what there is to do at `place`; false if there is nothing left. A step
    /// takes well below a microsecond, because a job may be waiting.
    fn step(&self, place: usize, step: usize) -> bool;
}

/// What to do while waiting, and where in it.
#[derive(Clone)]
pub struct Lookahead {
    what: Arc<dyn Ahead>,
    place: usize,
    step: usize,
}

impl Lookahead {
    /// Begins with step 0 of `place`.
    pub fn new(what: Arc<dyn Ahead>, place: usize) -> Self {
        Self { what, place, step: 0 }
    }

    /// What a job offers. A panic of its own is no offer: the job itself is done.
    fn of(job: &impl Job) -> Option<Self> {
        catch_unwind(AssertUnwindSafe(|| job.ahead())).ok().flatten()
    }

    /// Does the next step; false if there is nothing left, or if the step panicked.
    fn advance(&mut self) -> bool {
        let step = self.step;
        self.step += 1;
        catch_unwind(AssertUnwindSafe(|| self.what.step(self.place, step))).unwrap_or(false)
    }
}

impl std::fmt::Debug for Lookahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (place, step) = (self.place, self.step);
        f.debug_struct("Lookahead")
            .field("place", &place)
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

/// A fixed set of threads that run jobs beside the caller.
#[derive(Debug)]
pub struct Pool<J: Job> {
    workers: Vec<Worker<J>>,
}

impl<J: Job> Pool<J> {
    /// A pool in which `threads` threads work, the caller's among them; 0 counts as 1.
    ///
    /// # Errors
    /// [`SimdError::ThreadStart`] where the system refuses a thread.
    pub fn new(threads: usize) -> Result<Self, SimdError> {
        let workers = (1..threads.max(1)).map(Worker::start).collect::<Result<_, _>>()?;
        Ok(Self { workers })
    }

    /// How many threads work, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs every job, one on each thread, and returns when all are done; `jobs` holds the same
    /// jobs in the same order before and after. No more jobs may be given than there are threads.
    ///
    /// # Errors
    /// [`SimdError::JobsExceedThreads`] before anything runs; [`SimdError::JobPanicked`] where a
    /// job panicked: all others are complete, and the pool stays usable.
    pub fn run(&mut self, jobs: &mut Vec<J>) -> Result<(), SimdError> {
        if jobs.len() > self.threads() {
            return Err(SimdError::JobsExceedThreads { jobs: jobs.len(), threads: self.threads() });
        }
        let count = jobs.len();
        let caller = thread::current();
        while jobs.len() > 1 {
            // The job at index i goes to worker i - 1, so that the join restores the order.
            if let (Some(worker), Some(job)) = (self.workers.get(jobs.len() - 2), jobs.pop()) {
                worker.send(job, caller.clone());
            }
        }
        let mut panicked = match jobs.first_mut() {
            Some(job) => catch_unwind(AssertUnwindSafe(|| job.run())).is_err(),
            None => false,
        };
        let mut ahead = jobs.first().and_then(Lookahead::of);
        for worker in self.workers.iter().take(count.saturating_sub(1)) {
            let reply = worker.receive(&mut ahead);
            panicked |= reply.panicked;
            jobs.push(reply.job);
        }
        if panicked { Err(SimdError::JobPanicked) } else { Ok(()) }
    }
}

/// How many threads a forward pass should use where the user does not say: one for each physical
/// core that this process may run on. Two hardware threads of one core share its vector units, and
/// a kernel that keeps them busy gains nothing from the second.
pub fn default_threads() -> usize {
    let allowed = thread::available_parallelism().map_or(1, usize::from);
    physical_cores().map_or(allowed, |cores| cores.min(allowed)).max(1)
}

/// Counts distinct (package, core) pairs in what Linux tells of its processors; `None` elsewhere.
fn physical_cores() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let field = |line: &str, name: &str| -> Option<u32> {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().parse().ok())?
    };
    let mut cores: Vec<(u32, u32)> = Vec::new();
    let mut package = 0;
    for line in text.lines() {
        if let Some(id) = field(line, "physical id") {
            package = id;
        } else if let Some(core) = field(line, "core id") {
            cores.push((package, core));
        }
    }
    cores.sort_unstable();
    cores.dedup();
    (!cores.is_empty()).then_some(cores.len())
}
