//! One GGUF file: its header, read once from front to back.

use super::metadata::GgufMetadata;
use super::reader::Reader;
use super::tensors::{self, GgufTensor};
use crate::ModelError;
use crate::limits::GGUF_KEY_BYTES_MAX;
use crate::tensor_source::Bytes;

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT_DEFAULT: u32 = 32;
/// The fewest bytes of a key and its value: the key's length, a byte of it, a type, a byte of
/// value.
const ENTRY_BYTES_MIN: u64 = 8 + 1 + 4 + 1;

/// A file whose header has been read and held against the file.
pub(super) struct Part {
    pub(super) bytes: Bytes,
    pub(super) version: u32,
    pub(super) alignment: u64,
    pub(super) metadata: GgufMetadata,
    pub(super) tensors: Vec<GgufTensor>,
}

impl Part {
    pub(super) fn read(bytes: Bytes) -> Result<Self, ModelError> {
        let mut reader = Reader::new(&bytes);
        let version = read_version(&mut reader, &bytes)?;
        let tensor_count = reader.u64()?;
        let entry_count = reader.u64()?;
        reader.check_count(entry_count, ENTRY_BYTES_MIN)?;
        reader.check_count(tensor_count, tensors::ENTRY_BYTES_MIN)?;
        let metadata = read_metadata(&mut reader, entry_count)?;
        let alignment = read_alignment(&metadata)?;
        reader.check_count(tensor_count, tensors::ENTRY_BYTES_MIN)?;
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(tensors::read_entry(&mut reader)?);
        }
        // The header's limit keeps the sum far below 2^64.
        let data_start = reader.position().next_multiple_of(alignment);
        tensors::settle(&mut tensors, data_start, alignment, &bytes)?;
        drop(reader);
        Ok(Self { bytes, version, alignment, metadata, tensors })
    }
}

fn read_version(reader: &mut Reader<'_>, bytes: &Bytes) -> Result<u32, ModelError> {
    if bytes.len() >= MAGIC.len() as u64 {
        let found: [u8; 4] = reader.array()?;
        if found != MAGIC {
            let found = found.escape_ascii().to_string();
            return Err(ModelError::BadMagic { what: bytes.name(), format: "GGUF", found });
        }
    } else {
        let (what, have) = (bytes.name(), bytes.len());
        return Err(ModelError::Truncated { what, offset: 0, need: MAGIC.len() as u64, have });
    }
    let version = reader.u32()?;
    let why = match version {
        2 | 3 => return Ok(version),
        1 => "it is older than version 2; convert the model again",
        _ if matches!(version.swap_bytes(), 1..=3) => {
            "it is big endian; convert the model for little-endian machines"
        }
        _ => "versions 2 and 3 are",
    };
    let what = format!("GGUF version {version} of {}", bytes.name());
    Err(ModelError::Unsupported { what, why: why.to_owned() })
}

fn read_metadata(reader: &mut Reader<'_>, count: u64) -> Result<GgufMetadata, ModelError> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = reader.string("a metadata key", GGUF_KEY_BYTES_MAX)?;
        if key.is_empty() {
            return Err(reader.malformed("a metadata key is empty"));
        }
        entries.push((key, reader.value()?));
    }
    GgufMetadata::new(entries)
}

fn read_alignment(metadata: &GgufMetadata) -> Result<u64, ModelError> {
    const KEY: &str = "general.alignment";
    let alignment = metadata.find::<u32>(KEY)?.unwrap_or(ALIGNMENT_DEFAULT);
    if !alignment.is_power_of_two() {
        let why = format!("is {alignment}, but a power of two is expected");
        return Err(ModelError::Metadata { key: KEY.to_owned(), why });
    }
    Ok(alignment.into())
}
