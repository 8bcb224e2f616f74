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
const PATIENCE: Duration = Duration::from_secs(20);

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

    /// Waits until what was shown since a key was pressed is as it shall be.
    fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let shown = self.shown.lock().unwrap().clone();
            if is_so(&shown) {
                return shown;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} is missing: {shown:?}");
            assert!(self.child.try_wait().unwrap().is_none(), "it left: {shown:?}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Says a line and waits for the next prompt; gives what was shown.
    fn say(&mut self, line: &str) -> String {
        self.press(&format!("{line}\r"));
        self.listens()
    }

    /// Waits for a prompt on a line of its own, behind at least one other line.
    fn listens(&mut self) -> String {
        self.until("a prompt", |shown| {
            let last = shown.rsplit_once('\n').map_or("", |(_, last)| last);
            plain(last) == "> "
        })
    }

    fn leaves(mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        panic!("it does not leave: {:?}", self.shown.lock().unwrap());
    }
}

/// What a line shows, without what moves the cursor.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' => drop(characters.by_ref().find(char::is_ascii_alphabetic)),
            '\r' => {}
            other => text.push(other),
        }
    }
    text
}

#[test]
fn a_person_talks_recalls_a_line_and_leaves() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--greedy", "--max-tokens", "8"];
    let mut talk = Talk::begin(&home, &args);
    assert!(talk.listens().contains("/help tells the commands"));
    talk.say("Hi");
    let told = talk.say("/stats");
    assert!(told.contains("answer 8 tokens") && told.contains("this conversation: 1 answer, "));
    // Twice back is the message, which is said again.
    let told = talk.say(&format!("{UP}{UP}"));
    assert!(told.contains("Hi"), "{told:?}");
    assert!(talk.say("/stats").contains("this conversation: 2 answers, "));
    talk.press(CTRL_C);
    assert!(talk.listens().contains("Ctrl-C again leaves"));
    talk.press(CTRL_C);
    assert_eq!(talk.leaves(), Some(0));
}

#[test]
fn the_history_is_there_in_the_next_conversation() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--greedy", "--max-tokens", "2"];
    let mut talk = Talk::begin(&home, &args);
    talk.listens();
    talk.say("What is a pricket?");
    talk.press("/exit\r");
    assert_eq!(talk.leaves(), Some(0));
    let mut talk = Talk::begin(&home, &args);
    talk.listens();
    talk.press(&format!("{UP}{UP}"));
    talk.until("the line", |shown| shown.contains("What is a pricket?"));
    // The line is taken back, and Ctrl-D ends it.
    talk.press("\x15\x04");
    assert_eq!(talk.leaves(), Some(0));
}

#[test]
fn a_stopped_answer_is_counted_and_the_conversation_goes_on() {
    let home = Pricket::new();
    let model = home.chat_model();
    let args = ["chat", &model, "--temperature", "2", "--seed", "1", "--threads", "1"];
    let mut talk = Talk::begin(&home, &args);
    talk.listens();
    talk.press("Hi\r");
    talk.until("an answer", |shown| shown.len() > 64);
    // Stopped, or done before: the next line is taken either way.
    crate::interrupt::press_ctrl_c(&talk.child);
    talk.listens();
    let told = talk.say("/stats");
    assert!(told.contains("this conversation: 1 answer, "), "{told:?}");
    let tokens = |after: &str| -> u64 {
        let rest = told.split(after).nth(1).unwrap();
        let out = rest.split(" tokens out").next().unwrap();
        out.rsplit(' ').next().unwrap().trim().parse().unwrap()
    };
    assert_eq!(tokens("this conversation: "), tokens("since the start: "), "{told:?}");
    talk.press("/exit\r");
    assert_eq!(talk.leaves(), Some(0));
}
