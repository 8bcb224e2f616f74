//! Random numbers for weights, the same each time.

/// Marsaglia's xorshift, 64 bits.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new() -> Self {
        Self(1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// The codes of one block of `Q4_0`.
    pub(crate) fn codes(&mut self) -> [u8; 16] {
        let (low, high) = (u128::from(self.next()), u128::from(self.next()));
        (low | high << 64).to_le_bytes()
    }
}
