//! Tasks: the value, or the typed reason why there is none.

use std::time::{Duration, Instant};

use pricket_stream::{AsyncTask, CancelToken, IoPool, TaskError, spawn_task};

use crate::eventually;

#[test]
fn a_task_gives_its_value() {
    assert_eq!(spawn_task(|| 6 * 7).collect(), Ok(42));
    assert_eq!(AsyncTask::from_value("done").collect(), Ok("done"));
    // A task may give a Result: it is one value and no stream.
    assert_eq!(spawn_task(|| "5".parse::<u8>()).collect(), Ok(Ok(5)));
}

#[test]
fn a_panic_is_a_typed_error() {
    let task = spawn_task(|| -> u8 { panic!("bad weights") });
    assert_eq!(task.collect(), Err(TaskError::Panicked { message: "bad weights".to_owned() }));
}

#[test]
fn try_collect_and_is_ready_do_not_wait() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut task = spawn_task(move || {
        let _ = wait.recv();
        5
    });
    assert!(!task.is_ready());
    assert_eq!(task.try_collect(), None);
    assert_eq!(task.collect_timeout(Duration::from_millis(5)), None);
    go.send(()).unwrap();
    eventually("the task is ready", || task.is_ready());
    assert_eq!(task.try_collect(), Some(Ok(5)));
    assert_eq!(task.try_collect(), Some(Err(TaskError::Cancelled)), "a value is given out once");
}

#[test]
fn cancel_frees_who_waits_for_a_deaf_task() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let task = spawn_task(move || {
        let _ = wait.recv();
    });
    let token = task.cancel_token();
    let waiting = std::thread::spawn(move || task.collect());
    std::thread::sleep(Duration::from_millis(10));
    let start = Instant::now();
    token.cancel();
    assert_eq!(waiting.join().unwrap(), Err(TaskError::Cancelled));
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(go);
}

#[test]
fn a_task_that_asks_its_token_stops() {
    let token = CancelToken::new();
    let pool = IoPool::new("asking", 1, Duration::from_secs(1));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let task = AsyncTask::start(&pool, &token, move |stop| {
        while !stop.is_cancelled() {
            std::thread::yield_now();
        }
        // Its value would count, if it came before anybody asks.
        let _ = wait.recv();
    });
    eventually("the task runs", || pool.stats().queued == 0);
    task.cancel();
    assert_eq!(task.collect(), Err(TaskError::Cancelled));
    drop(go);
    eventually("the worker is free", || pool.stats().jobs_done == 1);
}

#[test]
fn a_task_that_is_dropped_goes_on_if_it_has_started() {
    let (tx, rx) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, begin) = std::sync::mpsc::channel();
    let task = spawn_task(move || {
        begun.send(()).unwrap();
        let _ = wait.recv();
        tx.send(1).unwrap();
    });
    begin.recv().unwrap();
    drop(task);
    go.send(()).unwrap();
    assert_eq!(rx.recv(), Ok(1));
}
