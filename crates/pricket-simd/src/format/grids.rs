//! The grids of the I-quants: which combinations of steps a code may stand for.
//!
//! They follow from nothing, so they are data: `grids.bin`, written from the tables of the `gguf`
//! Python package by `tests/fixtures/formats/make.py --grids`. Point after point is a u16 with its
//! first value in the lowest bits: two bits for each of 8 values, or three for each of 4.

/// Points as the file has them.
const BYTES: &[u8; 2 * POINTS] = include_bytes!("grids.bin");

/// How many points all grids have.
const POINTS: usize = 256 + 512 + 1_024 + 2_048 + 256 + 512;

/// A grid: where its points begin in the file, and how many there are (a power of two).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    first: usize,
    points: usize,
}

/// `IQ2_XXS`: two bits a value.
pub(crate) const TWO_XXS: Grid = Grid { first: 0, points: 256 };
/// `IQ2_XS`: two bits a value.
pub(crate) const TWO_XS: Grid = Grid { first: 256, points: 512 };
/// `IQ2_S`: two bits a value.
pub(crate) const TWO_S: Grid = Grid { first: 768, points: 1_024 };
/// `IQ1_S` and `IQ1_M`: two bits a value.
pub(crate) const ONE: Grid = Grid { first: 1_792, points: 2_048 };
/// `IQ3_XXS`: three bits a value.
pub(crate) const THREE_XXS: Grid = Grid { first: 3_840, points: 256 };
/// `IQ3_S`: three bits a value.
pub(crate) const THREE_S: Grid = Grid { first: 4_096, points: 512 };

impl Grid {
    /// A point; indices past the grid begin again at its first.
    pub(crate) fn point(self, index: usize) -> u16 {
        let at = self.first + index % self.points;
        BYTES.as_chunks().0.get(at).map_or(0, |point| u16::from_le_bytes(*point))
    }
}
