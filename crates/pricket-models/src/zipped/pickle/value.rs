//! What stands on the stack of a pickle, and the few classes that a checkpoint may name.

/// What is on the stack: small things themselves, others by their place in a list, so that whatever
/// a pickle makes, however deep or circular, is flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `None`, a truth value or a float: of a tensor, nothing that is read.
    Plain,
    Int(i64),
    EmptyTuple,
    Class(Class),
    /// By its place.
    Made(u32),
}

/// What a pickle makes.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Tuple(Vec<Item>),
    /// A list, whose items nothing reads.
    List,
    Dict(Vec<(Item, Item)>),
    Storage(Storage<'a>),
    Tensor(Tensor),
}

/// Numbers that tensors share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    pub(super) dtype: Dtype,
    /// The file of the archive that holds them.
    pub(super) key: &'a str,
}

/// A view of a storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    pub(super) storage: u32,
    /// In values.
    pub(super) offset: u64,
    /// `None` stands for an empty tuple.
    pub(super) shape: Option<u32>,
    pub(super) strides: Option<u32>,
}

/// The classes and functions that a checkpoint names; all others are refused, and none of these is
/// run: they say what data stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Dtype {
    F32,
    F16,
    Bf16,
    F64,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    /// As safetensors files name it.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }

    /// Bytes of a value.
    pub(in super::super) fn size(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

impl Class {
    pub(super) fn named(module: &[u8], name: &[u8]) -> Option<Self> {
        Some(match (module, name) {
            (b"collections", b"OrderedDict") => Self::OrderedDict,
            (b"torch._utils", b"_rebuild_tensor_v2") => Self::RebuildTensor,
            (b"torch._utils", b"_rebuild_parameter") => Self::RebuildParameter,
            (b"torch", storage) => Self::Storage(match storage {
                b"FloatStorage" => Dtype::F32,
                b"HalfStorage" => Dtype::F16,
                b"BFloat16Storage" => Dtype::Bf16,
                b"DoubleStorage" => Dtype::F64,
                b"LongStorage" => Dtype::I64,
                b"IntStorage" => Dtype::I32,
                b"ShortStorage" => Dtype::I16,
                b"CharStorage" => Dtype::I8,
                b"ByteStorage" => Dtype::U8,
                b"BoolStorage" => Dtype::Bool,
                _ => return None,
            }),
            _ => return None,
        })
    }
}
