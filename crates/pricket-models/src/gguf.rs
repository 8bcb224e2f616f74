//! GGUF files: one header with metadata and a table of tensors, then the tensors' bytes.
//!
//! The format is that of ggml's `gguf.md`, versions 2 and 3, little endian. The header is read
//! once, front to back; tensors are read by position when they are asked for.

mod ggml_type;
mod metadata;
mod part;
mod reader;
mod split;
mod tensors;
mod text_assets;
mod value;

use std::path::Path;

pub use ggml_type::GgmlType;
pub use metadata::{FromGguf, GgufMetadata};
use part::Part;
pub(crate) use split::is_later_part;
pub use tensors::GgufTensor;
pub use value::{GgufArray, GgufValue, Strings};

use crate::tensor_source::{Bytes, NameIndex, label, place};
use crate::{ModelError, TensorInfo, TensorSource, TextAssets};

/// A GGUF file, or all files of a model that is split into several, whose headers have been read
/// and held against the files.
#[derive(Debug)]
pub struct GgufFile {
    parts: Vec<Bytes>,
    version: u32,
    alignment: u64,
    metadata: GgufMetadata,
    tensors: Vec<GgufTensor>,
    index: NameIndex,
}

impl GgufFile {
    /// Reads the header of a file; of a model that is split into several files, any of them, the
    /// headers of all. The tensors stay on disk.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] and [`ModelError::Read`] for the files; [`ModelError::BadMagic`],
    /// [`ModelError::Truncated`], [`ModelError::Malformed`], [`ModelError::Metadata`],
    /// [`ModelError::LimitExceeded`], [`ModelError::Unsupported`] (version 1, big endian) and
    /// [`ModelError::QuantizationUnsupported`] for what they hold; [`ModelError::SplitInvalid`] for
    /// files that make no whole model.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let part = Part::read(Bytes::open(path)?)?;
        match split::Place::of(&part)? {
            Some(place) => Self::assemble(split::open(path, part, place)?),
            None => Self::assemble(vec![part]),
        }
    }

    /// The same for a file that is in memory; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`GgufFile::open`], and [`ModelError::Unsupported`] for one file of a split model.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ModelError> {
        let part = Part::read(Bytes::from_vec(name, bytes))?;
        if let Some(place) = split::Place::of(&part)? {
            return Err(ModelError::Unsupported {
                what: format!("a part of a model split into {} GGUF files", place.count),
                why: "its other parts are not in memory".to_owned(),
            });
        }
        Self::assemble(vec![part])
    }

    /// Puts the parts together; the first one's metadata is the model's.
    fn assemble(parts: Vec<Part>) -> Result<Self, ModelError> {
        let mut files = Vec::with_capacity(parts.len());
        let (mut tensors, mut head) = (Vec::new(), None);
        for part in parts {
            let Part { bytes, version, alignment, metadata, tensors: more } = part;
            tensors
                .extend(more.into_iter().map(|tensor| GgufTensor { part: files.len(), ..tensor }));
            files.push(bytes);
            head.get_or_insert((version, alignment, metadata));
        }
        let (version, alignment, metadata) = head.unwrap_or_default();
        let index = NameIndex::build(&tensors, |tensor| &tensor.name)
            .map_err(|twice| there_twice(&tensors, &files, twice))?;
        Ok(Self { parts: files, version, alignment, metadata, tensors, index })
    }

    /// The file; the first one of several.
    pub fn path(&self) -> &Path {
        self.parts.first().map_or(Path::new(""), Bytes::path)
    }

    /// The model's files, in the order of [`GgufTensor::part`].
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(Bytes::path)
    }

    /// The size of all files in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.parts.iter().map(Bytes::len).sum()
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
        match self.parts.get(tensor.part) {
            Some(file) => file.read_at(position, buffer),
            None => Err(ModelError::TensorMissing { tensor: label(name) }),
        }
    }
}

/// The refusal of a tensor that is there twice.
fn there_twice(tensors: &[GgufTensor], files: &[Bytes], twice: usize) -> ModelError {
    let name = tensors.get(twice).map_or_else(String::new, |tensor| label(&tensor.name));
    let second = tensors.get(twice);
    let first = tensors.iter().find(|tensor| second.is_some_and(|s| s.name == tensor.name));
    let file = |tensor: Option<&GgufTensor>| tensor.and_then(|tensor| files.get(tensor.part));
    match (file(first), file(second)) {
        (Some(first), Some(other)) if first.path() != other.path() => ModelError::SplitInvalid {
            path: other.path().to_owned(),
            why: format!("tensor `{name}` is in {} too", first.name()),
        },
        (_, other) => ModelError::Malformed {
            what: other.map_or_else(String::new, Bytes::name),
            offset: second.map_or(0, |tensor| tensor.offset),
            why: format!("tensor `{name}` is there twice"),
        },
    }
}
