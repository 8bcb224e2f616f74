//! The bounded pool: few threads, no deadlock, no idle work, an orderly end.

use std::time::Duration;

use pricket_stream::{AsyncStream, AsyncTask, CancelToken, IoPool, TaskError, emit};

use crate::{Num, eventually, nums, threads};

fn counting(pool: &IoPool, n: u64) -> AsyncStream<Num> {
    AsyncStream::builder().pool(pool).capacity(4).with_channel(move |tx| {
        for i in 0..n {
            emit!(tx, Num::Value(i));
        }
    })
}

#[test]
fn a_thousand_streams_need_few_threads_in_any_order() {
    for order in ["forward", "backward", "mixed"] {
        let pool = IoPool::new("thousand", 8, Duration::from_secs(1));
        // Each sends more than its queue holds, so the eight that run first block until they are
        // read.
        let mut streams: Vec<_> = (0..1000).map(|_| Some(counting(&pool, 10))).collect();
        let place = |i: usize| match order {
            "backward" => 999 - i,
            // 619 and 1000 have no common divisor, so this meets each once.
            "mixed" => i * 619 % 1000,
            _ => i,
        };
        let streams: Vec<_> = (0..1000).filter_map(|i| streams[place(i)].take()).collect();
        assert_eq!(streams.len(), 1000);
        let mut seen_max = 0;
        for stream in streams {
            assert_eq!(stream.collect(), nums(0..10));
            seen_max = seen_max.max(threads::count("thousand"));
        }
        let stats = pool.stats();
        assert!(stats.threads_peak <= 8 + 4, "{order}: {stats:?}");
        assert!(seen_max <= 8 + 4, "{order}: the kernel saw {seen_max} threads");
        pool.shutdown();
        assert_eq!(pool.stats().jobs_done, 1000, "{order}");
    }
}

#[test]
fn jobs_that_read_each_other_s_streams_do_not_deadlock() {
    fn nested(pool: &IoPool, depth: u64) -> AsyncStream<Num> {
        let inner = pool.clone();
        AsyncStream::builder().pool(pool).capacity(1).with_channel(move |tx| {
            if depth == 0 {
                emit!(tx, Num::Value(0));
                return;
            }
            let below = nested(&inner, depth - 1);
            for chunk in below {
                emit!(tx, chunk);
            }
            emit!(tx, Num::Value(depth));
        })
    }
    let pool = IoPool::new("nested", 2, Duration::from_secs(1));
    assert_eq!(nested(&pool, 20).collect(), nums(0..=20));
    pool.shutdown();
}

#[test]
fn a_merge_of_more_streams_than_threads_reads_them_all() {
    let pool = IoPool::new("merged", 2, Duration::from_secs(1));
    let merged = AsyncStream::merge((0..50).map(|_| counting(&pool, 20)));
    assert_eq!(merged.collect().len(), 1000);
    pool.shutdown();
}

#[test]
fn an_idle_pool_uses_no_processor_and_its_threads_end() {
    let pool = IoPool::new("idling", 4, Duration::from_millis(600));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            AsyncTask::start(&pool, &CancelToken::new(), |_| {
                std::thread::sleep(Duration::from_millis(20));
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.collect(), Ok(()));
    }
    eventually("all four are idle", || pool.stats().idle == 4);
    std::thread::sleep(Duration::from_millis(20));
    let before = (threads::cpu_ticks("idling"), threads::voluntary_switches("idling"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pool.stats().threads, 4, "they were there all the time");
    let after = (threads::cpu_ticks("idling"), threads::voluntary_switches("idling"));
    assert_eq!(after, before, "(clock ticks used, times woken)");
    eventually("idle threads end", || pool.stats().threads == 0 && threads::count("idling") == 0);
    // And come back when there is work.
    assert_eq!(AsyncTask::start(&pool, &CancelToken::new(), |_| 1).collect(), Ok(1));
}

#[test]
fn shutdown_joins_the_workers_and_refuses_the_rest() {
    let pool = IoPool::new("shutting", 1, Duration::from_secs(30));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let running = AsyncTask::start(&pool, &CancelToken::new(), move |_| {
        let _ = wait.recv();
        1
    });
    eventually("it runs", || pool.stats().idle == 0 && pool.stats().threads == 1);
    let queued = counting(&pool, 3);
    let helper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        go.send(()).unwrap();
    });
    pool.shutdown();
    assert_eq!(threads::count("shutting"), 0, "joined");
    helper.join().unwrap();
    assert_eq!(running.collect(), Ok(1), "what ran was waited for");
    let refused = "the I/O pool is shut down and takes no more work".to_owned();
    assert_eq!(queued.collect(), [Num::Bad(refused.clone())]);
    assert_eq!(counting(&pool, 3).collect(), [Num::Bad(refused.clone())]);
    let late = AsyncTask::start(&pool, &CancelToken::new(), |_| 1).collect();
    assert_eq!(late, Err(TaskError::NotStarted { reason: refused }));
    pool.shutdown();
}

#[test]
fn a_job_whose_reader_is_gone_before_it_starts_is_taken_back() {
    let pool = IoPool::new("taken", 1, Duration::from_secs(1));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let running = AsyncTask::start(&pool, &CancelToken::new(), move |_| {
        let _ = wait.recv();
    });
    eventually("it runs", || pool.stats().idle == 0 && pool.stats().threads == 1);
    let streams: Vec<_> = (0..10).map(|_| counting(&pool, 1)).collect();
    assert_eq!(pool.stats().queued, 10);
    drop(streams);
    assert_eq!(pool.stats().queued, 0);
    go.send(()).unwrap();
    assert_eq!(running.collect(), Ok(()));
}

#[test]
fn a_panic_costs_the_pool_no_worker() {
    let pool = IoPool::new("panicky", 1, Duration::from_secs(1));
    for _ in 0..5 {
        let stream = AsyncStream::<Num>::builder().pool(&pool).with_channel(|_| panic!("x"));
        assert_eq!(stream.collect().len(), 1);
    }
    assert_eq!(counting(&pool, 2).collect(), nums(0..2));
    eventually("one worker, no extra", || pool.stats().extra == 0 && pool.stats().threads == 1);
}
