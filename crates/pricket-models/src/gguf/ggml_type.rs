//! The ways in which ggml stores the values of a tensor.

use std::fmt;

use pricket_simd::Format;

/// How a GGUF tensor's values are stored. Every type that current writers use is known here with
/// its size, so that a file can be checked and inspected even where the kernels do not read the
/// type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GgmlType {
    id: u32,
    name: &'static str,
    block_len: u64,
    block_bytes: u64,
    format: Option<Format>,
}

const fn kind(
    id: u32,
    name: &'static str,
    block_len: u64,
    block_bytes: u64,
    format: Option<Format>,
) -> GgmlType {
    GgmlType { id, name, block_len, block_bytes, format }
}

/// Numbers, names, values per block and bytes per block as ggml's type table has them.
const KNOWN: [GgmlType; 34] = [
    kind(0, "F32", 1, 4, Some(Format::F32)),
    kind(1, "F16", 1, 2, Some(Format::F16)),
    kind(2, "Q4_0", 32, 18, Some(Format::Q4_0)),
    kind(3, "Q4_1", 32, 20, Some(Format::Q4_1)),
    kind(6, "Q5_0", 32, 22, Some(Format::Q5_0)),
    kind(7, "Q5_1", 32, 24, Some(Format::Q5_1)),
    kind(8, "Q8_0", 32, 34, Some(Format::Q8_0)),
    kind(9, "Q8_1", 32, 36, None),
    kind(10, "Q2_K", 256, 84, Some(Format::Q2K)),
    kind(11, "Q3_K", 256, 110, Some(Format::Q3K)),
    kind(12, "Q4_K", 256, 144, Some(Format::Q4K)),
    kind(13, "Q5_K", 256, 176, Some(Format::Q5K)),
    kind(14, "Q6_K", 256, 210, Some(Format::Q6K)),
    kind(15, "Q8_K", 256, 292, None),
    kind(16, "IQ2_XXS", 256, 66, Some(Format::Iq2Xxs)),
    kind(17, "IQ2_XS", 256, 74, Some(Format::Iq2Xs)),
    kind(18, "IQ3_XXS", 256, 98, Some(Format::Iq3Xxs)),
    kind(19, "IQ1_S", 256, 50, Some(Format::Iq1S)),
    kind(20, "IQ4_NL", 32, 18, Some(Format::Iq4Nl)),
    kind(21, "IQ3_S", 256, 110, Some(Format::Iq3S)),
    kind(22, "IQ2_S", 256, 82, Some(Format::Iq2S)),
    kind(23, "IQ4_XS", 256, 136, Some(Format::Iq4Xs)),
    kind(24, "I8", 1, 1, None),
    kind(25, "I16", 1, 2, None),
    kind(26, "I32", 1, 4, None),
    kind(27, "I64", 1, 8, None),
    kind(28, "F64", 1, 8, None),
    kind(29, "IQ1_M", 256, 56, Some(Format::Iq1M)),
    kind(30, "BF16", 1, 2, Some(Format::Bf16)),
    kind(34, "TQ1_0", 256, 54, Some(Format::Tq1_0)),
    kind(35, "TQ2_0", 256, 66, Some(Format::Tq2_0)),
    kind(39, "MXFP4", 32, 17, Some(Format::Mxfp4)),
    kind(40, "NVFP4", 64, 36, None),
    kind(41, "Q1_0", 128, 18, None),
];

impl GgmlType {
    /// The type of a number in a file; `None` for numbers that ggml gave up or that are newer.
    pub fn from_id(id: u32) -> Option<Self> {
        KNOWN.iter().copied().find(|known| known.id == id)
    }

    /// What a number that [`GgmlType::from_id`] does not know is called in messages.
    pub(crate) fn unknown_name(id: u32) -> String {
        match id {
            4 => "Q4_2 (which ggml gave up)".to_owned(),
            5 => "Q4_3 (which ggml gave up)".to_owned(),
            31..=33 => format!("ggml type {id} (a repacked Q4_0, which ggml gave up)"),
            36..=38 => format!("ggml type {id} (a repacked IQ4_NL, which ggml gave up)"),
            _ => format!("ggml type {id}, which is not known"),
        }
    }

    /// The name that ggml gives it, such as `Q4_K`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// How many values a block has.
    pub fn block_len(self) -> u64 {
        self.block_len
    }

    /// How many bytes a block has.
    pub fn block_bytes(self) -> u64 {
        self.block_bytes
    }

    /// How the kernels call it; `None` where they do not read it.
    pub fn format(self) -> Option<Format> {
        self.format
    }
}

impl fmt::Display for GgmlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
