//! Where ids go: into a list, or into a number that takes no memory.

/// Takes ids in their order.
pub(crate) trait Sink {
    /// Takes the next ids.
    fn put(&mut self, ids: &[u32]);
}

impl Sink for Vec<u32> {
    fn put(&mut self, ids: &[u32]) {
        self.extend_from_slice(ids);
    }
}

/// How many ids came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count(pub(crate) usize);

impl Sink for Count {
    fn put(&mut self, ids: &[u32]) {
        self.0 += ids.len();
    }
}
