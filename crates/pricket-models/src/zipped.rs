//! Weights in zip archives: what `torch.save` and `numpy.savez` write.
//!
//! Such archives store their files as they are, so that a tensor is a piece of the file and is read
//! by position like any other. Of a pickle, data is read and nothing is run (`pickle`). `F32`,
//! `F16` and `BF16` whose values lie side by side are readable, tensors that share a storage among
//! them; every other is listed and refused by name.

mod directory;
mod fields;
mod npy;
mod pickle;
mod torch;

use std::path::Path;

use directory::Directory;

use crate::safetensors::{ShardIndex, StoredAs, format_of};
use crate::tensor_source::{Bytes, NameIndex, label, place};
use crate::{ModelError, TensorInfo, TensorSource};

const TORCH: &str = "pytorch_model.bin";
const TORCH_INDEX: &str = "pytorch_model.bin.index.json";
const NUMPY: &str = "model.npz";

/// What every such archive begins with.
const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// How files of torch began before they were archives: a pickle, and in it a number of ten bytes.
const TORCH_BEFORE: [u8; 4] = [0x80, 0x02, 0x8a, 0x0a];

/// Whose archives they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Torch,
    Numpy,
}

/// A tensor of an archive.
#[derive(Debug)]
struct ZippedTensor {
    name: String,
    /// As safetensors files name it, and what else keeps it from being read.
    dtype: String,
    shape: Vec<usize>,
    /// Which of the model's files holds it.
    file: usize,
    /// Where its bytes begin, counted from that file's first.
    offset: u64,
    bytes: u64,
}

/// The tensors of a model in files as `torch.save` (`pytorch_model.bin`, `.pt`, `.pth`) or
/// `numpy.savez` (`.npz`) writes them, of which the names and shapes have been read.
#[derive(Debug)]
pub struct ZippedTensors {
    files: Vec<Bytes>,
    tensors: Vec<ZippedTensor>,
    index: NameIndex,
    writer: Writer,
}

impl ZippedTensors {
    /// Reads what a file says of its tensors; or a folder's `pytorch_model.bin`, or the files that
    /// its `pytorch_model.bin.index.json` names, or its `model.npz`. The tensors stay on disk, and
    /// nothing in a pickle is run.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] and [`ModelError::Read`] for files; [`ModelError::BadMagic`],
    /// [`ModelError::Truncated`], [`ModelError::Malformed`] and [`ModelError::LimitExceeded`] for
    /// what they hold; [`ModelError::Unsupported`] for what is compressed, for pickles with more
    /// than plain tensors in them, and for files of torch before 1.6; [`ModelError::Config`] for a
    /// wrong index, [`ModelError::TensorMissing`] where a file does not hold what the index
    /// promises.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if !path.is_dir() {
            return Self::read_single(Bytes::open(path)?);
        }
        let found = [TORCH, NUMPY].map(|name| path.join(name));
        let index = path.join(TORCH_INDEX);
        match found.iter().find(|file| file.exists()) {
            Some(single) if single.ends_with(TORCH) || !index.exists() => {
                Self::read_single(Bytes::open(single)?)
            }
            _ if index.exists() => Self::read_shards(path, &index),
            _ => Err(ModelError::NotFound {
                path: path.to_owned(),
                why: format!("the folder has none of `{TORCH}`, `{TORCH_INDEX}` and `{NUMPY}`"),
            }),
        }
    }

    /// The same for a file that is in memory; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`ZippedTensors::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::read_single(Bytes::from_vec(name, bytes))
    }

    /// Whether a folder has weights that [`ZippedTensors::open`] finds.
    pub(crate) fn are_in(folder: &Path) -> bool {
        [TORCH, TORCH_INDEX, NUMPY].iter().any(|name| folder.join(name).exists())
    }

    /// Whether a file is one of torch's or numpy's, by its first bytes: caches call files by their
    /// hashes.
    pub(crate) fn is_named(path: &Path) -> bool {
        let mut magic = [0; MAGIC.len()];
        let read = Bytes::open(path).and_then(|bytes| bytes.read_at(0, &mut magic));
        read.is_ok() && [MAGIC, TORCH_BEFORE].contains(&magic)
    }

    /// What to open for a named archive: itself, or, of a model in several files, the folder.
    pub(crate) fn place_of(file: &Path) -> &Path {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match file.parent() {
            Some(folder) if name.starts_with("pytorch_model-") => folder,
            _ => file,
        }
    }

    fn read_single(file: Bytes) -> Result<Self, ModelError> {
        let (writer, tensors) = read(&file, 0)?;
        Self::assemble(writer, vec![file], tensors)
    }

    fn read_shards(folder: &Path, index: &Path) -> Result<Self, ModelError> {
        let index = ShardIndex::read(index, ".bin")?;
        let mut files = Vec::with_capacity(index.files.len());
        let mut tensors = Vec::new();
        for (shard, name) in index.files.iter().enumerate() {
            let file = Bytes::open(&folder.join(name))?;
            let (_, found) = read(&file, shard)?;
            // Where two files hold a tensor, the index decides.
            tensors.extend(found.into_iter().filter(|tensor| {
                index.shard_of(&tensor.name).is_none_or(|wanted| wanted == shard)
            }));
            files.push(file);
        }
        let found = Self::assemble(Writer::Torch, files, tensors)?;
        match index.tensors().find(|name| !found.has(name)) {
            Some(missing) => Err(ModelError::TensorMissing { tensor: label(missing) }),
            None => Ok(found),
        }
    }

    fn assemble(
        writer: Writer,
        files: Vec<Bytes>,
        tensors: Vec<ZippedTensor>,
    ) -> Result<Self, ModelError> {
        let index = NameIndex::build(&tensors, |tensor| &tensor.name).map_err(|twice| {
            let tensor = tensors.get(twice);
            let file = tensor.and_then(|tensor| files.get(tensor.file));
            let name = tensor.map_or_else(String::new, |tensor| label(&tensor.name));
            ModelError::Malformed {
                what: file.map_or_else(String::new, Bytes::name),
                offset: tensor.map_or(0, |tensor| tensor.offset),
                why: format!("tensor `{name}` is there twice"),
            }
        })?;
        Ok(Self { files, tensors, index, writer })
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// The size of all files in bytes.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.files.iter().map(Bytes::len).sum()
    }

    /// How the tensors are stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = StoredAs<'_>> {
        self.tensors.iter().map(|tensor| StoredAs {
            name: &tensor.dtype,
            elements: tensor.shape.iter().fold(1, |n: u64, &axis| n.saturating_mul(axis as u64)),
            bytes: tensor.bytes,
            is_readable: format_of(&tensor.dtype).is_some(),
        })
    }

    fn wanted(&self, name: &str) -> Result<&ZippedTensor, ModelError> {
        let found = self.index.find(&self.tensors, name, |tensor| &tensor.name);
        found.ok_or_else(|| ModelError::TensorMissing { tensor: label(name) })
    }
}

/// Reads what one file says of its tensors.
fn read(bytes: &Bytes, file: usize) -> Result<(Writer, Vec<ZippedTensor>), ModelError> {
    let mut magic = [0; MAGIC.len()];
    bytes.read_at(0, &mut magic)?;
    if magic == TORCH_BEFORE {
        return Err(ModelError::Unsupported {
            what: format!("the format of torch before 1.6, which {} has,", bytes.name()),
            why: "its tensors cannot be found without running the file; load it with torch and \
                  save the weights as safetensors"
                .to_owned(),
        });
    }
    if magic != MAGIC {
        let (what, found) = (bytes.name(), magic.escape_ascii().to_string());
        return Err(ModelError::BadMagic { what, format: "torch or numpy", found });
    }
    let archive = Directory::read(bytes)?;
    if let Some(folder) = torch::folder(&archive) {
        return Ok((Writer::Torch, torch::read(bytes, &archive, folder, file)?));
    }
    if archive.entries().iter().any(|entry| entry.name.ends_with(npy::SUFFIX)) {
        return Ok((Writer::Numpy, npy::read(bytes, &archive)?));
    }
    let why = "the archive holds neither a pickle of torch's nor an array of numpy's";
    Err(directory::malformed(bytes, 0, why))
}

impl TensorSource for ZippedTensors {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.tensors.iter().map(|tensor| tensor.name.as_str()))
    }

    fn has(&self, name: &str) -> bool {
        self.wanted(name).is_ok()
    }

    fn info(&self, name: &str) -> Result<TensorInfo, ModelError> {
        let tensor = self.wanted(name)?;
        let Some(format) = format_of(&tensor.dtype) else {
            let found = label(&tensor.dtype);
            return Err(ModelError::QuantizationUnsupported { tensor: label(name), found });
        };
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        Ok(TensorInfo { name, shape, format, bytes: tensor.bytes })
    }

    fn read_range(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ModelError> {
        let tensor = self.wanted(name)?;
        // The bytes of a tensor with strides are not those at its place.
        if format_of(&tensor.dtype).is_none() {
            let found = label(&tensor.dtype);
            return Err(ModelError::QuantizationUnsupported { tensor: label(name), found });
        }
        let position = place(&tensor.name, tensor.offset, tensor.bytes, offset, buffer.len())?;
        match self.files.get(tensor.file) {
            Some(file) => file.read_at(position, buffer),
            None => Err(ModelError::TensorMissing { tensor: label(name) }),
        }
    }
}
