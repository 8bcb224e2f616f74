//! Bytes from the hub into a partial file, taken up again where the last attempt stopped.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use pricket_core::{ByteSize, ProgressStage};

use crate::HubError;
use crate::client::{Client, RemoteFile, Response, refusal, unusable};
use crate::disk::check_room;
use crate::limits::{
    ATTEMPTS_MAX, ATTEMPTS_WITHOUT_BYTES_MAX, BUFFER_BYTES, FILE_BYTES_MAX, RETRY_WAIT,
};
use crate::progress::Reporter;

/// Brings a file into `partial`, which may hold a beginning of it already. Afterwards the length
/// is right where it was promised; the hash is still to be checked.
pub(crate) fn transfer(
    client: &Client<'_>,
    remote: &RemoteFile,
    partial: &Path,
    reporter: &mut Reporter,
) -> Result<(), HubError> {
    let mut part = Partial::open(partial, remote)?;
    if let Some(dir) = partial.parent() {
        check_room(dir, &remote.file, remote.promise.bytes.unwrap_or(0).saturating_sub(part.len))?;
    }
    reporter.begin(ProgressStage::Downloading, &remote.file, remote.promise.bytes)?;
    reporter.advance(part.len)?;
    // Bytes that had to be fetched again are no step forward.
    let (mut attempts, mut fruitless, mut furthest) = (0, 0, part.len);
    while !part.is_complete() {
        attempts += 1;
        let cause = match part.attempt(client, reporter)? {
            Attempt::Done => break,
            Attempt::Broken(cause) => cause,
        };
        fruitless = if part.len > furthest { 0 } else { fruitless + 1 };
        furthest = furthest.max(part.len);
        if attempts >= ATTEMPTS_MAX || fruitless >= ATTEMPTS_WITHOUT_BYTES_MAX {
            let (file, received) = (remote.file.clone(), ByteSize(part.len));
            return Err(HubError::Interrupted { file, received, attempts, cause });
        }
        tracing::debug!(
            file = remote.file,
            received = part.len,
            cause,
            "taking a download up again"
        );
        wait(RETRY_WAIT * 2u32.pow(fruitless), reporter)?;
    }
    Ok(())
}

enum Attempt {
    Done,
    Broken(String),
}

struct Partial<'a> {
    file: File,
    path: &'a Path,
    len: u64,
    remote: &'a RemoteFile,
}

impl<'a> Partial<'a> {
    fn open(path: &'a Path, remote: &'a RemoteFile) -> Result<Self, HubError> {
        let fail = |e| HubError::io("write", path, e);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(path).map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        let mut part = Self { file, path, len: 0, remote };
        // More than the whole cannot be a beginning of it.
        if remote.promise.bytes.is_some_and(|bytes| len > bytes) {
            part.restart()?;
        }
        part.len = part.file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(part)
    }

    fn is_complete(&self) -> bool {
        self.remote.promise.bytes == Some(self.len)
    }

    fn restart(&mut self) -> Result<(), HubError> {
        let fail = |e| HubError::io("write", self.path, e);
        self.file.set_len(0).map_err(fail)?;
        self.file.seek(SeekFrom::Start(0)).map_err(fail)?;
        self.len = 0;
        Ok(())
    }

    /// One request. What cannot get better by asking again is an error; the rest is `Broken`.
    fn attempt(
        &mut self,
        client: &Client<'_>,
        reporter: &mut Reporter,
    ) -> Result<Attempt, HubError> {
        let from = (self.len > 0).then_some(self.len);
        let answer = match client.get(&self.remote.url, from) {
            Ok(answer) => answer,
            Err(HubError::Unreachable { host, cause }) => {
                return Ok(Attempt::Broken(format!("{host}: {cause}")));
            }
            Err(error) => return Err(error),
        };
        match answer.status().as_u16() {
            200 => {
                self.check_length(&answer)?;
                if self.len > 0 {
                    self.restart()?;
                }
            }
            206 => self.check_range(&answer)?,
            416 => {
                self.restart()?;
                return Ok(Attempt::Broken("the server refused the range".into()));
            }
            status @ (408 | 425 | 429 | 500 | 502..=504) => {
                return Ok(Attempt::Broken(format!("HTTP {status}")));
            }
            status => return Err(refusal(&self.remote.url, &self.remote.file, status)),
        }
        self.receive(answer, reporter)
    }

    /// The whole must be as long as it was promised to be; asking again would not change it.
    fn check_length(&self, answer: &Response) -> Result<(), HubError> {
        match (self.remote.promise.bytes, answer.body().content_length()) {
            (Some(want), Some(got)) if want != got => {
                Err(HubError::SizeMismatch { file: self.remote.file.clone(), want, got })
            }
            _ => Ok(()),
        }
    }

    /// `Content-Range: bytes FIRST-LAST/TOTAL` must go on where we stopped, in the file we know.
    fn check_range(&self, answer: &Response) -> Result<(), HubError> {
        let range = answer.headers().get("content-range").and_then(|range| range.to_str().ok());
        let range = range.and_then(|range| range.strip_prefix("bytes "));
        let (first, total) = match range.and_then(|range| range.split_once('/')) {
            Some((span, total)) => (span.split('-').next().unwrap_or_default(), total),
            None => ("", ""),
        };
        let total_fits = match (total.parse::<u64>(), self.remote.promise.bytes) {
            (Ok(total), Some(promised)) => total == promised,
            _ => true,
        };
        if first.parse() == Ok(self.len) && total_fits {
            return Ok(());
        }
        let reason = format!("asked for bytes from {}, it sent `{range:?}`", self.len);
        Err(unusable(&self.remote.url, &self.remote.file, &reason))
    }

    fn receive(&mut self, answer: Response, reporter: &mut Reporter) -> Result<Attempt, HubError> {
        let mut body = answer.into_body().into_reader();
        let mut buffer = vec![0u8; BUFFER_BYTES];
        let most = self.remote.promise.bytes.unwrap_or(FILE_BYTES_MAX);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(count) => count,
                Err(error) => return Ok(Attempt::Broken(error.to_string())),
            };
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
            let len = self.len + count as u64;
            if len > most {
                self.restart()?;
                let (file, want) = (self.remote.file.clone(), most);
                return Err(HubError::SizeMismatch { file, want, got: len });
            }
            self.file.write_all(read).map_err(|e| HubError::io("write", self.path, e))?;
            self.len = len;
            reporter.advance(len)?;
        }
        match self.remote.promise.bytes {
            Some(bytes) if bytes != self.len => Ok(Attempt::Broken("it ended early".into())),
            _ => Ok(Attempt::Done),
        }
    }
}

fn wait(time: Duration, reporter: &Reporter) -> Result<(), HubError> {
    let start = Instant::now();
    while start.elapsed() < time {
        reporter.pause()?;
    }
    Ok(())
}
