//! The memory of packed matrices.

use super::layout::Line;

/// From how many bytes on memory is asked for as pages of its own: the size of a huge page on the
/// processors that have kernels here.
const PAGES_BYTES_MIN: usize = 2 << 20;

/// Zeroed lines. The system hands them out page by page as they are written, so what several
/// threads pack is nobody's to clear first.
pub(super) struct Lines {
    memory: Memory,
    len: usize,
}

enum Memory {
    /// From the allocator: the lines, and the bytes before and behind that align them.
    Heap(Box<[u8]>),
    /// From the system, which is asked for huge pages: first touching a gigabyte costs half a
    /// second in pages of 4 KiB and less than a fifth of that in pages of 2 MiB (LOG.md). No file
    /// is behind it.
    #[cfg(target_os = "linux")]
    Pages(memmap2::MmapMut),
}

impl Memory {
    fn zeroed(bytes: usize) -> Option<Self> {
        #[cfg(target_os = "linux")]
        if bytes >= PAGES_BYTES_MIN {
            let pages = memmap2::MmapMut::map_anon(bytes).ok()?;
            // A system without huge pages has small ones.
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Some(Self::Pages(pages));
        }
        // The allocator knows how to give zeroed bytes without touching them; of types that are
        // aligned more strictly than its own blocks it would clear every page itself.
        let bytes = bytes.checked_add(align_of::<Line>() - 1)?;
        bytemuck::try_zeroed_slice_box(bytes).ok().map(Self::Heap)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            #[cfg(target_os = "linux")]
            Self::Pages(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            #[cfg(target_os = "linux")]
            Self::Pages(bytes) => bytes,
        }
    }
}

impl Lines {
    /// `len` lines; none where the system refuses them or they exceed the address space.
    pub(super) fn zeroed(len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<Line>())?;
        // More than a slice may hold, which an allocator refuses and a mapping need not.
        isize::try_from(bytes).ok()?;
        Some(Self { memory: Memory::zeroed(bytes)?, len })
    }

    pub(super) fn get(&self) -> &[Line] {
        let (_, lines, _) = bytemuck::pod_align_to(self.memory.bytes());
        lines.get(..self.len).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self) -> &mut [Line] {
        let (_, lines, _) = bytemuck::pod_align_to_mut(self.memory.bytes_mut());
        lines.get_mut(..self.len).unwrap_or_default()
    }
}
