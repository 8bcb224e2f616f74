//! Does any schedule break it? Worlds without threads, each made from a seed: requests come at
//! random, readers are slow or leave, passes fail, blocks run out, and the scheduler's plans are
//! carried out on block tables of the test's own. Laws are checked after every plan. A failing seed
//! is printed; `PRICKET_SIM_SEED` runs that one alone, `PRICKET_SIM_SCHEDULES` as many as it says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and skips aloud"
)]

mod blocks;
mod broken;
mod dice;
mod laws;
mod patience;
mod request;
mod world;

use pricket::engine::schedule::schedule;
use world::{Fault, Tally, World};

/// How many plans are made at least.
const SCHEDULES: usize = 100_000;

#[test]
fn a_hundred_thousand_schedules_keep_every_law() {
    if let Ok(seed) = std::env::var("PRICKET_SIM_SEED") {
        let seed: u64 = seed.parse().expect("PRICKET_SIM_SEED is a number");
        let outcome = World::new(seed, Fault::None).run(schedule);
        eprintln!("seed {seed}: {outcome:#?}");
        assert!(outcome.is_ok());
        return;
    }
    let wanted = std::env::var("PRICKET_SIM_SCHEDULES").map_or(SCHEDULES, |text| {
        text.parse::<usize>().expect("PRICKET_SIM_SCHEDULES is a number").max(SCHEDULES)
    });
    let mut sum = Tally::default();
    for seed in 0.. {
        match World::new(seed, Fault::None).run(schedule) {
            Ok(tally) => sum.add(&tally),
            Err(broken) => panic!("PRICKET_SIM_SEED={seed} breaks a law: {broken:?}"),
        }
        if sum.plans >= wanted {
            break;
        }
    }
    eprintln!("{sum:#?}");
    assert!(sum.plans >= SCHEDULES);
    // Each of the things that can happen did, and often.
    for (what, count) in [
        ("requests", sum.requests),
        ("completed", sum.completed),
        ("failed", sum.failed),
        ("expired", sum.expired),
        ("left", sum.left),
        ("preempted for blocks", sum.preempted - sum.preempted_stalled),
        ("preempted while stalled", sum.preempted_stalled),
        ("found in the cache", sum.cached_admissions),
        ("steps with prompts beside answers", sum.mixed),
        ("drafts", sum.drafts),
        ("blocks evicted", sum.evicted),
    ] {
        assert!(count >= 200, "{what}: only {count}");
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let once = |seed| World::new(seed, Fault::None).run(schedule).unwrap();
    assert_eq!(once(7), once(7));
    assert_ne!(once(7), once(8));
}

#[test]
fn every_broken_scheduler_and_every_broken_world_is_caught() {
    let caught = |law: &str, fault: Fault, scheduler: world::Scheduler| {
        (0..400).any(|seed| {
            World::new(seed, fault).run(scheduler).is_err_and(|broken| broken.law == law)
        })
    };
    for (name, law, scheduler) in broken::SCHEDULERS {
        assert!(caught(law, Fault::None, scheduler), "{name} is not caught by `{law}`");
    }
    for (name, law, fault) in broken::FAULTS {
        assert!(caught(law, fault, schedule), "{name} is not caught by `{law}`");
    }
}
