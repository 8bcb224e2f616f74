//! Holding a file against its promised length and hash.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pricket_core::ProgressStage;
use sha2::Digest as _;

use crate::HubError;
use crate::limits::BUFFER_BYTES;
use crate::progress::Reporter;

/// What a file is promised to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The length in bytes.
    pub(crate) bytes: Option<u64>,
    /// The hash.
    pub(crate) hash: Hash,
}

/// A promised hash, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SHA-256, of files in the hub's large file storage and of wheels' members.
    Sha256(String),
    /// Git's hash of a blob (SHA-1 over `blob LENGTH NUL` and the bytes), of the hub's small files.
    GitBlob(String),
    /// None that we know how to check.
    Unknown,
}

impl Hash {
    /// What an entity tag of the hub, the name of the file's blob, says of its bytes.
    pub(crate) fn of_etag(etag: &str) -> Self {
        match etag.len() {
            64 if is_hex(etag) => Self::Sha256(etag.to_owned()),
            40 if is_hex(etag) => Self::GitBlob(etag.to_owned()),
            _ => Self::Unknown,
        }
    }

    /// What it is called, and its digits.
    pub(crate) fn known(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Sha256(digits) => Some(("SHA-256", digits)),
            Self::GitBlob(digits) => Some(("git hash", digits)),
            Self::Unknown => None,
        }
    }
}

/// How a file differs from its promise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Length { want: u64, got: u64 },
    Hash { algorithm: &'static str, want: String, got: String },
}

enum Hasher {
    Sha256(sha2::Sha256),
    Git(sha1::Sha1),
}

/// Reads what arrived and compares. On a mismatch the caller throws it away.
pub(crate) fn verify(
    path: &Path,
    file: &str,
    promise: &Promise,
    reporter: &mut Reporter,
) -> Result<(), HubError> {
    let file_name = || file.to_owned();
    match compare(path, file, promise, reporter)? {
        None => Ok(()),
        Some(Difference::Length { want, got }) => {
            Err(HubError::SizeMismatch { file: file_name(), want, got })
        }
        Some(Difference::Hash { algorithm, want, got }) => {
            Err(HubError::HashMismatch { file: file_name(), algorithm, want, got })
        }
    }
}

/// Reads a file, where its length is right, and compares.
pub(crate) fn compare(
    path: &Path,
    file: &str,
    promise: &Promise,
    reporter: &mut Reporter,
) -> Result<Option<Difference>, HubError> {
    let mut input = File::open(path).map_err(|e| HubError::io("open", path, e))?;
    let bytes = input.metadata().map_err(|e| HubError::io("measure", path, e))?.len();
    if let Some(want) = promise.bytes
        && want != bytes
    {
        return Ok(Some(Difference::Length { want, got: bytes }));
    }
    let mut hasher = match &promise.hash {
        Hash::Unknown => return Ok(None),
        Hash::Sha256(_) => Hasher::Sha256(sha2::Sha256::new()),
        Hash::GitBlob(_) => {
            let mut git = sha1::Sha1::new();
            git.update(format!("blob {bytes}\0"));
            Hasher::Git(git)
        }
    };
    reporter.begin(ProgressStage::Verifying, file, Some(bytes))?;
    let mut buffer = vec![0u8; BUFFER_BYTES];
    let mut done = 0u64;
    loop {
        let count = input.read(&mut buffer).map_err(|e| HubError::io("read", path, e))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        match &mut hasher {
            Hasher::Sha256(sha) => sha.update(read),
            Hasher::Git(sha) => sha.update(read),
        }
        done += count as u64;
        reporter.advance(done)?;
    }
    let got = match hasher {
        Hasher::Sha256(sha) => hex(&sha.finalize()),
        Hasher::Git(sha) => hex(&sha.finalize()),
    };
    let promised = promise.hash.known().filter(|(_, want)| *want != got);
    Ok(promised.map(|(algorithm, want)| Difference::Hash { algorithm, want: want.into(), got }))
}

/// Whether a text is of hexadecimal digits in lower case.
pub(crate) fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
