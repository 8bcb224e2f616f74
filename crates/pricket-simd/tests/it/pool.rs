//! The worker pool: order, panics, sleep, sizes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pricket_simd::{Ahead, Job, Lookahead, Pool, SimdError, default_threads};

/// Multiplies its own number, and panics where it is told to.
struct Double {
    value: u64,
    panics: bool,
    ran_on: Option<std::thread::ThreadId>,
}

impl Double {
    fn new(value: u64) -> Self {
        Self { value, panics: false, ran_on: None }
    }
}

impl Job for Double {
    fn run(&mut self) {
        self.ran_on = Some(std::thread::current().id());
        assert!(!self.panics, "told to");
        self.value *= 2;
    }
}

#[test]
fn jobs_come_back_done_and_in_order_from_as_many_threads() {
    for threads in 1..=5 {
        let mut pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads);
        for count in 0..=threads {
            let mut jobs: Vec<_> = (0..count as u64).map(Double::new).collect();
            pool.run(&mut jobs).unwrap();
            let values: Vec<_> = jobs.iter().map(|job| job.value).collect();
            assert_eq!(values, (0..count as u64).map(|value| 2 * value).collect::<Vec<_>>());
            let mut ids: Vec<_> = jobs.iter().filter_map(|job| job.ran_on).collect();
            ids.sort_by_key(|id| format!("{id:?}"));
            ids.dedup();
            assert_eq!(ids.len(), count, "each job on a thread of its own");
        }
    }
}

#[test]
fn no_threads_counts_as_one() {
    assert_eq!(Pool::<Double>::new(0).unwrap().threads(), 1);
    assert!(default_threads() >= 1);
}

#[test]
fn more_jobs_than_threads_are_refused_before_any_runs() {
    let mut pool = Pool::new(2).unwrap();
    let mut jobs: Vec<_> = (1..4).map(Double::new).collect();
    let error = pool.run(&mut jobs).unwrap_err();
    assert!(matches!(error, SimdError::JobsExceedThreads { jobs: 3, threads: 2 }), "{error}");
    assert!(jobs.iter().all(|job| job.ran_on.is_none()));
}

#[test]
fn a_panic_is_an_error_the_other_jobs_finish_and_the_pool_lives_on() {
    let mut pool = Pool::new(3).unwrap();
    for culprit in 0..3 {
        let mut jobs: Vec<_> = (1..4).map(Double::new).collect();
        jobs[culprit].panics = true;
        let error = pool.run(&mut jobs).unwrap_err();
        assert!(matches!(error, SimdError::JobPanicked), "{error}");
        assert_eq!(jobs.len(), 3);
        for (index, job) in jobs.iter().enumerate() {
            let before = index as u64 + 1;
            assert_eq!(job.value, if index == culprit { before } else { 2 * before });
        }
        let mut jobs: Vec<_> = (1..4).map(Double::new).collect();
        pool.run(&mut jobs).unwrap();
        assert_eq!(jobs[2].value, 6);
    }
}

/// Panics in what it offers to do ahead, or in the first step of it.
#[derive(Clone, Copy, PartialEq)]
enum Careless {
    Offering,
    Stepping,
}

impl Job for Careless {
    fn run(&mut self) {}

    fn ahead(&self) -> Option<Lookahead> {
        assert!(*self == Self::Stepping, "a careless offer");
        Some(Lookahead::new(Arc::new(CarelessStep), 0))
    }
}

struct CarelessStep;

impl Ahead for CarelessStep {
    fn step(&self, _place: usize, _step: usize) -> bool {
        panic!("a careless step");
    }
}

#[test]
fn a_panic_while_looking_ahead_loses_no_job() {
    for careless in [Careless::Offering, Careless::Stepping] {
        let mut pool = Pool::new(3).unwrap();
        let mut jobs = vec![careless; 3];
        for _ in 0..100 {
            pool.run(&mut jobs).unwrap();
            assert_eq!(jobs.len(), 3);
        }
    }
}

/// Holds an `Arc` that the caller wants back.
struct Reader {
    shared: Option<Arc<AtomicUsize>>,
}

impl Job for Reader {
    fn run(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn what_jobs_read_is_the_callers_alone_after_every_join() {
    let mut pool = Pool::new(3).unwrap();
    let mut shared = Arc::new(AtomicUsize::new(0));
    let mut jobs: Vec<_> = (0..3).map(|_| Reader { shared: None }).collect();
    for round in 1..=2_000 {
        for job in &mut jobs {
            job.shared = Some(Arc::clone(&shared));
        }
        pool.run(&mut jobs).unwrap();
        let sole = Arc::get_mut(&mut shared).expect("every worker gave it back");
        assert_eq!(*sole.get_mut(), 3 * round);
    }
}

/// Tells where the kernel keeps the account of the thread that ran it.
struct Account(Option<std::path::PathBuf>);

impl Job for Account {
    fn run(&mut self) {
        self.0 = std::fs::read_link("/proc/thread-self").ok();
    }
}

/// Clock ticks (a hundredth of a second) that a thread has used.
fn ticks(thread: &std::path::Path) -> u64 {
    let stat = std::fs::read_to_string(std::path::Path::new("/proc").join(thread).join("stat"));
    let stat = stat.unwrap();
    // After the name, which stands in parentheses: state is field 3, user and system time 14 and
    // 15.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_waits_uses_no_processor_and_wakes() {
    let mut pool = Pool::new(2).unwrap();
    let mut jobs = vec![Account(None), Account(None)];
    for _ in 0..5 {
        pool.run(&mut jobs).unwrap();
        let worker = jobs[1].0.clone().unwrap();
        // It spins for a fraction of a millisecond, and sleeps from then on.
        std::thread::sleep(Duration::from_millis(20));
        let before = ticks(&worker);
        std::thread::sleep(Duration::from_millis(300));
        assert!(ticks(&worker) <= before + 1, "a worker without work uses the processor");
    }
}

/// Counts the steps that waiting threads do, 5 at each place.
#[derive(Default)]
struct Steps {
    done: AtomicUsize,
    wrong: AtomicUsize,
}

impl Ahead for Steps {
    fn step(&self, place: usize, step: usize) -> bool {
        self.wrong.fetch_add(usize::from(place != 7 || step > 5), Ordering::Relaxed);
        if step < 5 {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        step < 5
    }
}

/// Leaves something to do while its thread waits.
struct Leaving(Arc<Steps>);

impl Job for Leaving {
    fn run(&mut self) {}

    fn ahead(&self) -> Option<Lookahead> {
        Some(Lookahead::new(Arc::clone(&self.0) as Arc<dyn Ahead>, 7))
    }
}

#[test]
fn a_waiting_worker_looks_ahead_until_nothing_is_left() {
    let steps = Arc::new(Steps::default());
    let mut pool = Pool::new(2).unwrap();
    let mut jobs: Vec<_> = (0..2).map(|_| Leaving(Arc::clone(&steps))).collect();
    pool.run(&mut jobs).unwrap();
    let begun = std::time::Instant::now();
    while steps.done.load(Ordering::Relaxed) < 5 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the worker never looked ahead");
        std::thread::yield_now();
    }
    drop(pool);
    let done = steps.done.load(Ordering::Relaxed);
    assert!((5..=10).contains(&done), "the worker's five, and the caller's as far as it waited");
    assert_eq!(steps.wrong.load(Ordering::Relaxed), 0);
}
