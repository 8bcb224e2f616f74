//! Keys or values of some blocks: where a position's numbers stand, in every format.

use half::f16;
use half::slice::HalfBitsSliceExt;
use pricket_simd::{KEY_BLOCK, Kernels, KvLine, write_key_lines, write_value_lines};

use super::KvFormat;
use crate::{ModelError, memory};

/// Values of a key that are narrowed at once.
const NARROWED: usize = 64;

/// One of keys or values: (blocks, kv heads, positions, head dim), keys interleaved by
/// [`KEY_BLOCK`] positions. Where a head of a block begins, in elements, is the caller's to know.
#[derive(Debug)]
pub(super) enum Plane {
    F16(Vec<u16>),
    F32(Vec<f32>),
    Q8(Vec<KvLine>),
}

/// What attention reads: one head.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HeadView<'a> {
    F16(&'a [f16]),
    F32(&'a [f32]),
    Q8(&'a [KvLine]),
}

impl Plane {
    /// `len` elements of zero, none of which takes memory before it is written.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where the system does not give so much.
    pub(super) fn new(format: KvFormat, len: usize) -> Result<Self, ModelError> {
        memory::probe((len as u64).saturating_mul(format.element_bytes()), 1)?;
        Ok(match format {
            KvFormat::F32 => Self::F32(vec![0.0; len]),
            KvFormat::Auto | KvFormat::F16 => Self::F16(vec![0; len]),
            KvFormat::Q8 => Self::Q8(vec![[0; 16]; len]),
        })
    }

    /// Writes a position's value: one row of a head that begins at `head`.
    pub(super) fn write_value(
        &mut self,
        kernels: &Kernels,
        head: usize,
        position: usize,
        values: &[f32],
    ) -> Result<(), ModelError> {
        let at = head + position * values.len();
        let end = at + values.len();
        match self {
            Self::F16(bits) => {
                if let Some(out) = bits.get_mut(at..end) {
                    kernels.narrow(values, out.reinterpret_cast_mut())?;
                }
            }
            Self::F32(floats) => {
                if let Some(out) = floats.get_mut(at..end) {
                    out.copy_from_slice(values);
                }
            }
            Self::Q8(lines) => {
                write_value_lines(lines.get_mut(head..).unwrap_or(&mut []), position, values)?;
            }
        }
        Ok(())
    }

    /// Writes a position's key into its place in the blocks of a head that begins at `head`.
    pub(super) fn write_key(
        &mut self,
        kernels: &Kernels,
        head: usize,
        position: usize,
        values: &[f32],
    ) -> Result<(), ModelError> {
        let block = head + position / KEY_BLOCK * KEY_BLOCK * values.len();
        let places = block + position % KEY_BLOCK..block + KEY_BLOCK * values.len();
        match self {
            Self::F16(bits) => {
                let mut places =
                    bits.get_mut(places).unwrap_or(&mut []).iter_mut().step_by(KEY_BLOCK);
                for values in values.chunks(NARROWED) {
                    let mut narrowed = [f16::ZERO; NARROWED];
                    kernels.narrow(values, narrowed.get_mut(..values.len()).unwrap_or(&mut []))?;
                    for (value, place) in narrowed.iter().zip(places.by_ref().take(values.len())) {
                        *place = value.to_bits();
                    }
                }
            }
            Self::F32(floats) => {
                let places = floats.get_mut(places).unwrap_or(&mut []).iter_mut();
                for (place, value) in places.step_by(KEY_BLOCK).zip(values) {
                    *place = *value;
                }
            }
            Self::Q8(lines) => {
                write_key_lines(lines.get_mut(head..).unwrap_or(&mut []), position, values)?;
            }
        }
        Ok(())
    }

    /// Copies `len` elements within the plane.
    pub(super) fn copy_within(&mut self, from: usize, to: usize, len: usize) {
        match self {
            Self::F16(bits) => bits.copy_within(from..from + len, to),
            Self::F32(floats) => floats.copy_within(from..from + len, to),
            Self::Q8(lines) => lines.copy_within(from..from + len, to),
        }
    }

    /// Copies `len` elements of another plane of the same format.
    pub(super) fn copy_from(&mut self, other: &Self, from: usize, to: usize, len: usize) {
        fn copy<T: Copy>(into: &mut [T], other: &[T], from: usize, to: usize, len: usize) {
            let places = into.get_mut(to..to + len).unwrap_or(&mut []);
            if let Some(other) = other.get(from..from + places.len()) {
                places.copy_from_slice(other);
            }
        }
        match (self, other) {
            (Self::F16(bits), Self::F16(other)) => copy(bits, other, from, to, len),
            (Self::F32(floats), Self::F32(other)) => copy(floats, other, from, to, len),
            (Self::Q8(lines), Self::Q8(other)) => copy(lines, other, from, to, len),
            _ => {}
        }
    }

    pub(super) fn view(&self, at: usize, len: usize) -> HeadView<'_> {
        match self {
            Self::F16(bits) => {
                HeadView::F16(bits.get(at..at + len).unwrap_or(&[]).reinterpret_cast())
            }
            Self::F32(floats) => HeadView::F32(floats.get(at..at + len).unwrap_or(&[])),
            Self::Q8(lines) => HeadView::Q8(lines.get(at..at + len).unwrap_or(&[])),
        }
    }
}
