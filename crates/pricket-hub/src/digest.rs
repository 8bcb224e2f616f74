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

enum Hasher {
    Sha256(sha2::Sha256),
    Git(sha1::Sha1),
}

/// Reads the file and compares. On a mismatch the caller throws it away.
pub(crate) fn verify(
    path: &Path,
    file: &str,
    promise: &Promise,
    reporter: &mut Reporter,
) -> Result<(), HubError> {
    let mut input = File::open(path).map_err(|e| HubError::io("open", path, e))?;
    let bytes = input.metadata().map_err(|e| HubError::io("measure", path, e))?.len();
    if let Some(want) = promise.bytes
        && want != bytes
    {
        return Err(HubError::SizeMismatch { file: file.into(), want, got: bytes });
    }
    let (algorithm, want, mut hasher) = match &promise.hash {
        Hash::Unknown => return Ok(()),
        Hash::Sha256(want) => ("SHA-256", want, Hasher::Sha256(sha2::Sha256::new())),
        Hash::GitBlob(want) => {
            let mut git = sha1::Sha1::new();
            git.update(format!("blob {bytes}\0"));
            ("git hash", want, Hasher::Git(git))
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
    if got == *want {
        return Ok(());
    }
    Err(HubError::HashMismatch { file: file.into(), algorithm, want: want.clone(), got })
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
