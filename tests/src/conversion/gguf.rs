//! Writing GGUF files.

/// A GGUF file of version 3 on its way.
#[derive(Default)]
pub(super) struct Gguf {
    keys: (u64, Vec<u8>),
    tensors: (u64, Vec<u8>),
    data: Vec<u8>,
}

impl Gguf {
    const ALIGNMENT: usize = 32;

    pub(super) fn entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        let (count, bytes) = &mut self.keys;
        *count += 1;
        bytes.extend(string(key));
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
    }

    pub(super) fn number(&mut self, key: &str, value: u32) {
        self.entry(key, 4, &value.to_le_bytes());
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.entry(key, 7, &[u8::from(value)]);
    }

    pub(super) fn float(&mut self, key: &str, value: f32) {
        self.entry(key, 6, &value.to_le_bytes());
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.entry(key, 8, &string(value));
    }

    pub(super) fn add(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let (count, bytes) = &mut self.tensors;
        *count += 1;
        bytes.extend(string(name));
        bytes.extend((shape.len() as u32).to_le_bytes());
        bytes.extend(shape.iter().rev().flat_map(|&axis| (axis as u64).to_le_bytes()));
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.data.resize(self.data.len().next_multiple_of(Self::ALIGNMENT), 0);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(self.tensors.0.to_le_bytes());
        bytes.extend(self.keys.0.to_le_bytes());
        bytes.extend(&self.keys.1);
        bytes.extend(&self.tensors.1);
        bytes.resize(bytes.len().next_multiple_of(Self::ALIGNMENT), 0);
        bytes.extend(&self.data);
        bytes
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
