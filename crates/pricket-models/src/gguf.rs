//! GGUF files: one header with metadata and a table of tensors, then the tensors' bytes.
//!
//! The format is that of ggml's `gguf.md`, versions 2 and 3, little endian. The header is read
//! once, front to back; tensors are read by position when they are asked for.

mod ggml_type;
mod metadata;
mod reader;
mod tensors;
mod text_assets;
mod value;

use std::path::Path;

pub use ggml_type::GgmlType;
pub use metadata::{FromGguf, GgufMetadata};
use reader::Reader;
pub use tensors::GgufTensor;
pub use value::{GgufArray, GgufValue, Strings};

use crate::limits::GGUF_KEY_BYTES_MAX;
use crate::tensor_source::{Bytes, NameIndex, label, place};
use crate::{ModelError, TensorInfo, TensorSource, TextAssets};

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT_DEFAULT: u32 = 32;
/// The fewest bytes of a key and its value: the key's length, a byte of it, a type, a byte of
/// value.
const ENTRY_BYTES_MIN: u64 = 8 + 1 + 4 + 1;

/// A GGUF file whose header has been read and held against the file.
#[derive(Debug)]
pub struct GgufFile {
    bytes: Bytes,
    version: u32,
    alignment: u64,
    metadata: GgufMetadata,
    tensors: Vec<GgufTensor>,
    index: NameIndex,
}

impl GgufFile {
    /// Reads the header of a file. The tensors stay on disk.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] and [`ModelError::Read`] for the file; [`ModelError::BadMagic`],
    /// [`ModelError::Truncated`], [`ModelError::Malformed`], [`ModelError::Metadata`],
    /// [`ModelError::LimitExceeded`], [`ModelError::Unsupported`] (version 1, big endian, one file
    /// of a split model) and [`ModelError::QuantizationUnsupported`] for what it holds.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::read(Bytes::open(path)?)
    }

    /// The same for a file that is in memory; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`GgufFile::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::read(Bytes::from_vec(name, bytes))
    }

    fn read(bytes: Bytes) -> Result<Self, ModelError> {
        let mut reader = Reader::new(&bytes);
        let version = read_version(&mut reader, &bytes)?;
        let tensor_count = reader.u64()?;
        let entry_count = reader.u64()?;
        reader.check_count(entry_count, ENTRY_BYTES_MIN)?;
        reader.check_count(tensor_count, tensors::ENTRY_BYTES_MIN)?;
        let metadata = read_metadata(&mut reader, entry_count)?;
        refuse_split(&metadata)?;
        let alignment = read_alignment(&metadata)?;
        reader.check_count(tensor_count, tensors::ENTRY_BYTES_MIN)?;
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(tensors::read_entry(&mut reader)?);
        }
        // The header's limit keeps the sum far below 2^64.
        let data_start = reader.position().next_multiple_of(alignment);
        tensors::settle(&mut tensors, data_start, alignment, &bytes)?;
        let index = NameIndex::build(&tensors, |tensor| &tensor.name).map_err(|twice| {
            let name = tensors.get(twice).map_or_else(String::new, |tensor| label(&tensor.name));
            reader.malformed(format!("tensor `{name}` is there twice"))
        })?;
        drop(reader);
        Ok(Self { bytes, version, alignment, metadata, tensors, index })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.bytes.path()
    }

    /// The file's size in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.bytes.len()
    }

    /// The format's version: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// To how many bytes the tensors are aligned.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// The metadata.
    pub fn metadata(&self) -> &GgufMetadata {
        &self.metadata
    }

    /// The tensors, in the order of the file's table.
    pub fn tensors(&self) -> &[GgufTensor] {
        &self.tensors
    }

    /// One tensor.
    pub fn tensor(&self, name: &str) -> Option<&GgufTensor> {
        self.index.find(&self.tensors, name, |tensor| &tensor.name)
    }

    /// The architecture that the file names (`general.architecture`).
    ///
    /// # Errors
    /// [`ModelError::Metadata`] where it is missing or no text.
    pub fn architecture(&self) -> Result<&str, ModelError> {
        self.metadata.require("general.architecture")
    }

    /// Everything about text: vocabulary, chat template, ends and defaults.
    ///
    /// # Errors
    /// [`ModelError::Metadata`] where a key has the wrong type, lists differ in length, or an id
    /// lies outside the vocabulary.
    pub fn text_assets(&self) -> Result<TextAssets, ModelError> {
        text_assets::collect(&self.metadata)
    }

    fn wanted(&self, name: &str) -> Result<&GgufTensor, ModelError> {
        self.tensor(name).ok_or_else(|| ModelError::TensorMissing { tensor: label(name) })
    }
}

impl TensorSource for GgufFile {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.tensors.iter().map(|tensor| tensor.name.as_str()))
    }

    fn has(&self, name: &str) -> bool {
        self.tensor(name).is_some()
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let tensor = self.wanted(name)?;
        let Some(format) = tensor.ggml_type.format() else {
            let found = tensor.ggml_type.to_string();
            return Err(ModelError::QuantizationUnsupported { tensor: label(name), found });
        };
        Ok(TensorInfo {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            format,
            bytes: tensor.bytes,
        })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let tensor = self.wanted(name)?;
        let position = place(name, tensor.offset, tensor.bytes, offset, buffer.len())?;
        self.bytes.read_at(position, buffer)
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

fn refuse_split(metadata: &GgufMetadata) -> Result<(), ModelError> {
    match metadata.find::<u32>("split.count")? {
        Some(count) if count > 1 => Err(ModelError::Unsupported {
            what: format!("a model split into {count} GGUF files"),
            why: "join the files first (`llama-gguf-split --merge`)".to_owned(),
        }),
        _ => Ok(()),
    }
}
