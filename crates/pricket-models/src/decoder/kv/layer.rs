//! One layer's keys and values.

use pricket_simd::Kernels;

use super::plane::Plane;
use super::{HeadView, KvFormat, Shape};
use crate::{BlockId, KV_BLOCK_TOKENS, ModelError, memory};

/// The most blocks whose memory is reserved and given back together: 8,192 tokens.
pub(super) const SEGMENT_BLOCKS: usize = 64;

#[derive(Debug)]
struct Segment {
    keys: Plane,
    /// None where values lie within the keys.
    values: Option<Plane>,
}

/// One layer's keys and values: a segment is (blocks, kv heads, positions, width).
#[derive(Debug)]
pub(crate) struct KvLayer {
    segments: Vec<Option<Segment>>,
    segment_blocks: usize,
    format: KvFormat,
    shape: Shape,
    /// Elements of one head in one block.
    head_len: usize,
}

impl KvLayer {
    /// A layer without memory yet, and with a list of so many segments.
    pub(super) fn new(
        format: KvFormat,
        shape: Shape,
        segment_blocks: usize,
        segments_reserved: usize,
    ) -> Result<Self, ModelError> {
        let mut segments = Vec::new();
        memory::reserve(&mut segments, segments_reserved)?;
        let head_len = format.head_len(shape.width, KV_BLOCK_TOKENS)?.unwrap_or(0);
        Ok(Self { segments, segment_blocks, format, shape, head_len })
    }

    pub(super) fn is(&self, format: KvFormat, shape: Shape) -> bool {
        self.format == format && self.shape == shape
    }

    /// Bytes that a token takes.
    pub(super) fn token_bytes(&self) -> u64 {
        let Shape { heads, width, has_values } = self.shape;
        self.format.bytes((heads * width * (1 + usize::from(has_values))) as u64)
    }

    /// The segment that a block lies in.
    pub(super) fn segment_of(&self, block: BlockId) -> usize {
        block.index() / self.segment_blocks
    }

    /// Where a block begins in its segment, in elements.
    fn start_of(&self, block: BlockId) -> usize {
        block.index() % self.segment_blocks * self.block_len()
    }

    /// Elements of a block.
    fn block_len(&self) -> usize {
        self.shape.heads * self.head_len
    }

    /// Writes the keys and values of one position of a block, of every head.
    pub(super) fn write(
        &mut self,
        kernels: &Kernels,
        block: BlockId,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), ModelError> {
        let (start, head_len, width) = (self.start_of(block), self.head_len, self.shape.width);
        let segment = self.segment_mut(self.segment_of(block))?;
        for (head, key) in keys.chunks_exact(width).enumerate() {
            segment.keys.write_key(kernels, start + head * head_len, position, key)?;
        }
        let Some(plane) = &mut segment.values else { return Ok(()) };
        for (head, value) in values.chunks_exact(width).enumerate() {
            plane.write_value(kernels, start + head * head_len, position, value)?;
        }
        Ok(())
    }

    /// A segment, whose memory is reserved where it is not yet.
    fn segment_mut(&mut self, index: usize) -> Result<&mut Segment, ModelError> {
        if index >= self.segments.len() {
            self.segments.resize_with(index + 1, || None);
        }
        let len = self.segment_blocks * self.block_len();
        let (format, has_values) = (self.format, self.shape.has_values);
        let segment = self.segments.get_mut(index).ok_or(ModelError::CacheBlockUnknown)?;
        match segment {
            Some(segment) => Ok(segment),
            None => Ok(segment.insert(Segment {
                keys: Plane::new(format, len)?,
                values: has_values.then(|| Plane::new(format, len)).transpose()?,
            })),
        }
    }

    /// A block's keys and values of one head: see [`super::KvRead::head`].
    pub(super) fn head(&self, block: BlockId, kv_head: usize) -> (HeadView<'_>, HeadView<'_>) {
        let start = self.start_of(block) + kv_head * self.head_len;
        match self.segments.get(self.segment_of(block)).and_then(Option::as_ref) {
            Some(Segment { keys, values }) => {
                let values = match values {
                    Some(values) => values.view(start, self.head_len),
                    None => keys.view(0, 0),
                };
                (keys.view(start, self.head_len), values)
            }
            None => (HeadView::F32(&[]), HeadView::F32(&[])),
        }
    }

    /// Copies all that a block holds.
    pub(super) fn copy_block(&mut self, from: BlockId, to: BlockId) -> Result<(), ModelError> {
        let (from_start, to_start, len) =
            (self.start_of(from), self.start_of(to), self.block_len());
        let (from, to) = (self.segment_of(from), self.segment_of(to));
        // It stands aside while the other is written, which may be the same.
        let Some(mut source) = self.segments.get_mut(from).and_then(Option::take) else {
            return Ok(());
        };
        let copied = if from == to {
            source.copy_within(from_start, to_start, len);
            Ok(())
        } else {
            self.segment_mut(to).map(|target| target.copy_from(&source, from_start, to_start, len))
        };
        if let Some(place) = self.segments.get_mut(from) {
            *place = Some(source);
        }
        copied
    }

    /// Gives back a segment's memory.
    pub(super) fn drop_segment(&mut self, segment: usize) {
        if let Some(segment) = self.segments.get_mut(segment) {
            *segment = None;
        }
    }
}

impl Segment {
    fn copy_within(&mut self, from: usize, to: usize, len: usize) {
        self.keys.copy_within(from, to, len);
        if let Some(values) = &mut self.values {
            values.copy_within(from, to, len);
        }
    }

    fn copy_from(&mut self, other: &Self, from: usize, to: usize, len: usize) {
        self.keys.copy_from(&other.keys, from, to, len);
        if let (Some(values), Some(other)) = (&mut self.values, &other.values) {
            values.copy_from(other, from, to, len);
        }
    }
}
