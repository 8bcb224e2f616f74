//! The bytes of a model file: on disk, read by position, or in memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind};
use std::path::{Path, PathBuf};

use crate::ModelError;

/// Bytes that can be read at any position from any thread.
#[derive(Debug)]
pub(crate) struct Bytes {
    path: PathBuf,
    len: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Disk(File),
    Memory(Vec<u8>),
}

impl Bytes {
    /// Opens a file. Anything but a regular file is refused before it is opened: a pipe would
    /// block.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let read = |source: io::Error| match source.kind() {
            ErrorKind::NotFound => ModelError::NotFound {
                path: path.to_owned(),
                why: "there is no such file".to_owned(),
            },
            _ => ModelError::Read { path: path.to_owned(), source },
        };
        let metadata = fs::metadata(path).map_err(read)?;
        if !metadata.is_file() {
            let why = if metadata.is_dir() { "it is a folder" } else { "it is no regular file" };
            return Err(ModelError::NotFound { path: path.to_owned(), why: why.to_owned() });
        }
        let file = File::open(path).map_err(read)?;
        let len = file.metadata().map_err(read)?.len();
        Ok(Self { path: path.to_owned(), len, place: Place::Disk(file) })
    }

    /// Bytes in memory, and the name that messages give them.
    pub(crate) fn from_vec(name: &str, bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from(name), len: bytes.len() as u64, place: Place::Memory(bytes) }
    }

    /// The file, or the name of the bytes in memory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path as messages show it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A buffered reader from the first byte on.
    pub(crate) fn reader(&self) -> Box<dyn BufRead + '_> {
        const BUFFER_BYTES: usize = 64 << 10;
        match &self.place {
            Place::Disk(file) => Box::new(BufReader::with_capacity(BUFFER_BYTES, file)),
            Place::Memory(bytes) => Box::new(Cursor::new(bytes)),
        }
    }

    /// Fills `buffer` from position `offset` on.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let read = match &self.place {
            Place::Disk(file) => read_exact_at(file, offset, buffer),
            Place::Memory(bytes) => copy_at(bytes, offset, buffer),
        };
        read.map_err(|source| self.failed(source, offset, buffer.len() as u64))
    }

    /// All of them, where they are at most `max`.
    pub(crate) fn read_all(&self, max: u64) -> Result<Vec<u8>, ModelError> {
        if self.len > max {
            let what = format!("the size of {}, in bytes,", self.name());
            return Err(ModelError::LimitExceeded { what, value: self.len, max });
        }
        let mut buffer = vec![0; self.len as usize];
        self.read_at(0, &mut buffer)?;
        Ok(buffer)
    }

    /// The error of a failed read: a file that ends early is truncated, everything else is I/O.
    pub(crate) fn failed(&self, source: io::Error, offset: u64, need: u64) -> ModelError {
        if source.kind() == ErrorKind::UnexpectedEof {
            let have = self.len.saturating_sub(offset).min(need.saturating_sub(1));
            return ModelError::Truncated { what: self.name(), offset, need, have };
        }
        ModelError::Read { path: self.path.clone(), source }
    }
}

fn copy_at(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    let piece = usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(buffer.len())?))
        .ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
    buffer.copy_from_slice(piece);
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if count == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof));
        }
        offset += count as u64;
        buffer = buffer.get_mut(count..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
fn read_exact_at(_: &File, _: u64, _: &mut [u8]) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "this platform has no positioned reads"))
}
