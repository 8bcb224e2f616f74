//! Ctrl-C.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use crate::command::{Pricket, finish, tiny};

pub(crate) fn press_ctrl_c(child: &Child) {
    // The shell's own kill: a bare machine may have no program of that name.
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    let sent = sent.unwrap();
    assert!(sent.success());
}

#[test]
fn while_it_waits_for_a_prompt_it_leaves_at_once() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let args = ["run", &model, "--raw"];
    let mut child = home.command(&args).stdin(Stdio::piped()).spawn().unwrap();
    let open = child.stdin.take();
    // Its note says that it listens: whoever pressed before would kill a process that is starting.
    let mut note = [0; 1];
    child.stderr.as_mut().unwrap().read_exact(&mut note).unwrap();
    press_ctrl_c(&child);
    assert_eq!(finish(child).code, Some(130));
    drop(open);
}

#[test]
fn an_answer_stops_with_what_was_said_so_far() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let args = [
        "run",
        &model,
        "--raw",
        "--temperature",
        "2",
        "--seed",
        "1",
        "--threads",
        "1",
        "The weather",
    ];
    let mut child = home.command(&args).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    press_ctrl_c(&child);
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(130), ""), "{outcome:?}");
    assert!(outcome.stdout.ends_with('\n'));
}
