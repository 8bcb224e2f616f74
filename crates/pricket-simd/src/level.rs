//! The instruction sets that the kernels are written for.

use std::fmt;
use std::str::FromStr;

use crate::SimdError;

/// An instruction set. Levels are ordered: a later one is the faster choice where it runs.
/// Every level gives the same bits, so the choice never changes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Plain Rust, any processor.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C (Haswell and later, Zen and later).
    Avx2,
    /// x86-64 with AVX2, FMA, F16C and AVX-VNNI (Alder Lake and later, Zen 5 and later).
    AvxVnni,
    /// x86-64 with AVX-512 F/BW/VL/DQ (Skylake server). Products of bytes are slower than by
    /// AVX-VNNI, but a processor that has both has [`Self::Avx512Vnni`] too.
    Avx512,
    /// x86-64 with AVX-512 F/BW/VL/DQ and VNNI (Cascade Lake and later, Zen 4 and later).
    Avx512Vnni,
    /// aarch64, any processor.
    Neon,
    /// aarch64 with `dotprod` (Cortex-A55 and A76 and later, Apple M1 and later, Graviton 2 and
    /// later). The choice also wants CRC, RDM, FP16, AES and SHA-2.
    NeonDot,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Self; 7] = [
        Self::Scalar,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Avx512Vnni,
        Self::Neon,
        Self::NeonDot,
    ];

    /// The names, as an error message lists them.
    pub(crate) const NAMES: &'static str =
        "scalar, avx2, avxvnni, avx512, avx512vnni, neon, neondot";

    /// The name that `PRICKET_SIMD` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512vnni",
            Self::Neon => "neon",
            Self::NeonDot => "neondot",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = SimdError;

    /// Reads a level's name, in any case.
    fn from_str(text: &str) -> Result<Self, SimdError> {
        let wanted = text.trim();
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| SimdError::LevelUnknown { name: text.to_owned(), known: Self::NAMES })
    }
}
