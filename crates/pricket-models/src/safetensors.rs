//! safetensors files: one, or several with an index that says which holds which tensor.
//!
//! The header is read and checked with the rules and the limit of the reference reader; tensors are
//! read by position when they are asked for. `F32`, `F16` and `BF16` are readable, and matrices
//! that several tensors make up together (`quantized`); every other type is listed and refused by
//! name.

mod dtype;
mod header;
mod quantized;
mod shard_index;
mod source;

use std::collections::BTreeMap;
use std::path::Path;

use quantized::{Quantized, Role};

pub(crate) use dtype::format as format_of;
pub(crate) use shard_index::ShardIndex;

use crate::ModelError;
use crate::tensor_source::{Bytes, NameIndex, label};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A tensor of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetensorsTensor {
    /// Its name.
    pub name: String,
    /// Its element type, as the file names it (`BF16`).
    pub dtype: String,
    /// Its shape, outermost first; empty for a single value.
    pub shape: Vec<usize>,
    /// Which of the model's files holds it.
    pub shard: usize,
    /// Where its bytes begin, counted from that file's first.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl SafetensorsTensor {
    /// How many values it has.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |count, &axis| count.saturating_mul(axis as u64))
    }

    /// Whether the kernels read its element type, without other tensors beside it.
    pub fn is_readable(&self) -> bool {
        dtype::format(&self.dtype).is_some()
    }
}

/// The tensors of a model in safetensors files, whose headers have been read and checked.
#[derive(Debug)]
pub struct Safetensors {
    files: Vec<Bytes>,
    tensors: Vec<SafetensorsTensor>,
    index: NameIndex,
    /// For each tensor.
    roles: Vec<Role>,
    matrices: Vec<Quantized>,
    matrix_index: NameIndex,
    notes: BTreeMap<String, String>,
}

/// How weights are stored: what `inspect` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredAs<'a> {
    pub(crate) name: &'a str,
    pub(crate) elements: u64,
    pub(crate) bytes: u64,
    pub(crate) is_readable: bool,
}

impl Safetensors {
    /// Reads the headers of a model: of a `.safetensors` file, of the shards that an index file
    /// (`model.safetensors.index.json`) names, or of whichever of the two a folder has. The tensors
    /// stay on disk.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] and [`ModelError::Read`] for files; [`ModelError::Truncated`],
    /// [`ModelError::Malformed`] and [`ModelError::LimitExceeded`] for what they hold;
    /// [`ModelError::Config`] for a wrong index, [`ModelError::TensorMissing`] where a shard does
    /// not hold what the index promises.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.is_dir() {
            return match (path.join(SINGLE), path.join(INDEX)) {
                (single, _) if single.exists() => Self::read_single(Bytes::open(&single)?),
                (_, index) if index.exists() => Self::read_shards(path, &index),
                _ => Err(ModelError::NotFound {
                    path: path.to_owned(),
                    why: format!("the folder has neither `{SINGLE}` nor `{INDEX}`"),
                }),
            };
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            return Self::read_shards(path.parent().unwrap_or(Path::new("")), path);
        }
        Self::read_single(Bytes::open(path)?)
    }

    /// Whether a folder has weights that [`Safetensors::open`] finds.
    pub(crate) fn are_in(folder: &Path) -> bool {
        [SINGLE, INDEX].iter().any(|name| folder.join(name).exists())
    }

    /// The same for a file that is in memory; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`Safetensors::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::read_single(Bytes::from_vec(name, bytes))
    }

    fn read_single(file: Bytes) -> Result<Self, ModelError> {
        let header = header::read(&file, 0)?;
        Self::assemble(vec![file], header.tensors, header.notes)
    }

    fn read_shards(folder: &Path, index: &Path) -> Result<Self, ModelError> {
        let index = ShardIndex::read(index, ".safetensors")?;
        let mut files = Vec::with_capacity(index.files.len());
        let mut tensors = Vec::new();
        let mut notes = BTreeMap::new();
        for (shard, name) in index.files.iter().enumerate() {
            let file = Bytes::open(&folder.join(name))?;
            let header = header::read(&file, shard)?;
            // Where two shards hold a tensor, the index decides.
            tensors.extend(header.tensors.into_iter().filter(|tensor| {
                index.shard_of(&tensor.name).is_none_or(|wanted| wanted == shard)
            }));
            notes.extend(header.notes);
            files.push(file);
        }
        let found = Self::assemble(files, tensors, notes)?;
        match index.tensors().find(|name| found.tensor(name).is_none()) {
            Some(missing) => Err(ModelError::TensorMissing { tensor: label(missing) }),
            None => Ok(found),
        }
    }

    fn assemble(
        files: Vec<Bytes>,
        tensors: Vec<SafetensorsTensor>,
        notes: BTreeMap<String, String>,
    ) -> Result<Self, ModelError> {
        let index = NameIndex::build(&tensors, |tensor| &tensor.name).map_err(|twice| {
            let tensor = tensors.get(twice);
            let file = tensor.and_then(|tensor| files.get(tensor.shard));
            let name = tensor.map_or_else(String::new, |tensor| label(&tensor.name));
            ModelError::Malformed {
                what: file.map_or_else(String::new, Bytes::name),
                offset: tensor.map_or(0, |tensor| tensor.offset),
                why: format!("tensor `{name}` is there twice"),
            }
        })?;
        let place = |name: &str| index.place(&tensors, name, |tensor| &tensor.name);
        let (matrices, roles) =
            quantized::find(&tensors, place, |tensor| source::read_pair(&files, tensor))?;
        // Each has the name of a tensor of its own, or that with its end taken off.
        let matrix_index = NameIndex::build(&matrices, |matrix| &matrix.name).map_err(|twice| {
            let name = matrices.get(twice).map_or("", |matrix| &matrix.name);
            ModelError::TensorMissing { tensor: label(name) }
        })?;
        Ok(Self { files, tensors, index, roles, matrices, matrix_index, notes })
    }

    /// The tensors, file after file, in the order in which their bytes lie.
    pub fn tensors(&self) -> &[SafetensorsTensor] {
        &self.tensors
    }

    /// One tensor.
    pub fn tensor(&self, name: &str) -> Option<&SafetensorsTensor> {
        self.index.find(&self.tensors, name, |tensor| &tensor.name)
    }

    /// The model's files, in the order of [`SafetensorsTensor::shard`].
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(Bytes::path)
    }

    /// The size of all files in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(Bytes::len).sum()
    }

    /// What the writer noted beside the tensors (`__metadata__`), such as `format: pt`.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// How the weights are stored: matrices as one, their parts not beside them.
    pub(crate) fn stored(&self) -> impl Iterator<Item = StoredAs<'_>> {
        self.tensors.iter().zip(&self.roles).filter_map(|(tensor, role)| match *role {
            Role::Plain => Some(StoredAs {
                name: &tensor.dtype,
                elements: tensor.elements(),
                bytes: tensor.bytes,
                is_readable: tensor.is_readable(),
            }),
            Role::Codes(matrix) => {
                let matrix = self.matrices.get(matrix)?;
                let scales = self.tensors.get(matrix.scales).map_or(0, |scales| scales.bytes);
                Some(StoredAs {
                    name: matrix.format.as_ref().map_or_else(String::as_str, |f| f.name()),
                    elements: (matrix.rows as u64).saturating_mul(matrix.cols as u64),
                    bytes: tensor.bytes.saturating_add(scales),
                    is_readable: matrix.format.is_ok(),
                })
            }
            Role::Beside => None,
        })
    }
}
