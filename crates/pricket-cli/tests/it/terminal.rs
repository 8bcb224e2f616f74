//! `pricket chat` on a terminal: a pseudo-terminal of Linux, written to as keys are pressed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::command::Pricket;

const UP: &str = "\x1b[A";
const CTRL_C: &str = "\x03";

/// How long anything may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A conversation and what stands on its terminal so far.
struct Talk {
    child: Child,
    keys: File,
    shown: Arc<Mutex<String>>,
}

impl Talk {
    fn begin(home: &Pricket, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        let mut command = home.command(args);
        command.env("TERM", "xterm").stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().unwrap();
        drop(command);
        let keys = File::from(master);
        let (mut screen, shown) = (keys.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let written = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error when nobody holds the other side any more.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keys, shown }
    }

    fn press(&mut self, keys: &str) {
        self.shown.lock().unwrap().clear();
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until all of this was shown since a key was pressed.
    fn sees(&mut self, parts: &[&str]) {
        let begin = Instant::now();
        loop {
            let shown = self.shown.lock().unwrap().clone();
            if parts.iter().all(|part| shown.contains(part)) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{parts:?} is missing: {shown:?}");
            assert!(self.child.try_wait().unwrap().is_none(), "it left: {shown:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until more was shown than so many bytes: an answer has begun.
    fn shows_more_than(&mut self, bytes: usize) {
        let begin = Instant::now();
        while self.shown.lock().unwrap().len() <= bytes {
            assert!(begin.elapsed() < PATIENCE, "it says nothing: {:?}", self.shown.lock());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn leaves(mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        panic!("it does not leave: {:?}", self.shown.lock().unwrap());
    }
}

#[test]
fn a_person_talks_recalls_a_line_and_leaves() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--greedy", "--max-tokens", "8"];
    let mut talk = Talk::begin(&home, &args);
    talk.sees(&["/help tells the commands", "> "]);
    talk.press("Hi\r");
    talk.sees(&["Hi", "\r\n", "> "]);
    talk.press("/stats\r");
    talk.sees(&["answer 8 tokens", "this conversation: 1 answer, ", "SIMD matrix operations"]);
    // Twice back is the message, which is said again.
    talk.press(&format!("{UP}{UP}"));
    talk.sees(&["Hi"]);
    talk.press("\r");
    talk.press("/stats\r");
    talk.sees(&["this conversation: 2 answers, "]);
    talk.press(CTRL_C);
    talk.sees(&["Ctrl-C again leaves"]);
    talk.press(CTRL_C);
    assert_eq!(talk.leaves(), Some(0));
}

#[test]
fn the_history_is_there_in_the_next_conversation() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--greedy", "--max-tokens", "2"];
    let mut talk = Talk::begin(&home, &args);
    talk.sees(&["> "]);
    talk.press("What is a pricket?\r");
    talk.sees(&["> "]);
    talk.press("/exit\r");
    assert_eq!(talk.leaves(), Some(0));
    let mut talk = Talk::begin(&home, &args);
    talk.sees(&["> "]);
    talk.press(&format!("{UP}{UP}"));
    talk.sees(&["What is a pricket?"]);
    talk.press("\x15\x04");
    assert_eq!(talk.leaves(), Some(0));
}

#[test]
fn a_stopped_answer_is_counted_and_the_conversation_goes_on() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--temperature", "2", "--seed", "1", "--threads", "1"];
    let mut talk = Talk::begin(&home, &args);
    talk.sees(&["> "]);
    talk.press("Hi\r");
    talk.shows_more_than("Hi\r\n".len() + 64);
    crate::interrupt::press_ctrl_c(&talk.child);
    // Stopped, or done before: the next line is taken either way.
    talk.press("/stats\r");
    talk.sees(&["this conversation: 1 answer, ", "since the start: 1 request"]);
    let shown = talk.shown.lock().unwrap().clone();
    let tokens = |after: &str| -> u64 {
        let rest = shown.split(after).nth(1).unwrap();
        let out = rest.split(" tokens out").next().unwrap();
        out.rsplit(' ').next().unwrap().trim().parse().unwrap()
    };
    assert_eq!(tokens("this conversation: "), tokens("since the start: "), "{shown:?}");
    talk.press("/exit\r");
    assert_eq!(talk.leaves(), Some(0));
}
