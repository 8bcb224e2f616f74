//! From the start of a program to its first word, and the most memory that it ever held.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// How often a running program's memory is looked at. Its peak never falls, so only what it grows
/// by in the last moment before its end can be missed.
const LOOK: Duration = Duration::from_millis(2);

/// One start.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Start {
    /// Seconds until the first byte on its standard output.
    pub seconds: f64,
    /// The most memory that was resident, in bytes, pages of mapped files among it: `VmHWM`.
    pub peak_bytes: u64,
    /// The most of it that was the program's own (`RssAnon`), which the system cannot drop.
    pub own_bytes: u64,
}

impl Start {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// Where it does not start, says nothing or does not end well.
    pub fn of(command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
        let mut stdout = child.stdout.take().ok_or("the program has no standard output")?;
        let (closed, told) = channel();
        let reader = thread::spawn(move || {
            let mut first = [0];
            let spoke = stdout.read_exact(&mut first).is_ok();
            let seconds = started.elapsed().as_secs_f64();
            // What else it says is not looked at; a closed pipe would end it.
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            let _ = closed.send(());
            spoke.then_some(seconds)
        });
        let mut start = Self { seconds: 0.0, peak_bytes: 0, own_bytes: 0 };
        while told.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            start.look(&child);
        }
        let status = child.wait()?;
        let seconds = reader.join().map_err(|_| "the reader of a program's output died")?;
        if !status.success() {
            return Err(format!("`{program}` ended with {status}").into());
        }
        start.seconds = seconds.ok_or_else(|| format!("`{program}` said nothing"))?;
        Ok(start)
    }

    fn look(&mut self, child: &Child) {
        let path = Path::new("/proc").join(child.id().to_string()).join("status");
        if let Ok(status) = std::fs::read_to_string(path) {
            self.peak_bytes = self.peak_bytes.max(bytes_in(&status, "VmHWM:").unwrap_or(0));
            self.own_bytes = self.own_bytes.max(bytes_in(&status, "RssAnon:").unwrap_or(0));
        }
    }
}

/// A number of bytes from what Linux tells of a process (`/proc/PID/status`).
pub fn bytes_in(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
