//! Writes GGUF files, right and wrong ones, and remembers where each of their parts begins.

/// Metadata types by their numbers in the format.
pub(crate) const U8: u32 = 0;
pub(crate) const I8: u32 = 1;
pub(crate) const U16: u32 = 2;
pub(crate) const I16: u32 = 3;
pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;
pub(crate) const U64: u32 = 10;
pub(crate) const I64: u32 = 11;
pub(crate) const F64: u32 = 12;

/// A key with a type and the bytes of its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) kind: u32,
    pub(crate) value: Vec<u8>,
}

/// A row of the tensor table.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: Vec<u8>,
    /// Innermost first, as in the file.
    pub(crate) axes: Vec<u64>,
    pub(crate) dimensions: Option<u32>,
    pub(crate) kind: u32,
    pub(crate) offset: u64,
}

/// A file in parts. What is `None` is derived from the rest.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) magic: Vec<u8>,
    pub(crate) version: u32,
    pub(crate) tensor_count: Option<u64>,
    pub(crate) entry_count: Option<u64>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) alignment: usize,
    pub(crate) data: Vec<u8>,
}

pub(crate) fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

pub(crate) fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes()[..], elements].concat()
}

pub(crate) fn strings(texts: &[&str]) -> Vec<u8> {
    array(STRING, texts.len() as u64, &texts.iter().flat_map(string).collect::<Vec<u8>>())
}

pub(crate) fn floats(numbers: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    array(F32, numbers.len() as u64, &bytes)
}

pub(crate) fn integers(numbers: &[i32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    array(I32, numbers.len() as u64, &bytes)
}

pub(crate) fn entry(key: impl AsRef<[u8]>, kind: u32, value: impl AsRef<[u8]>) -> Entry {
    Entry { key: key.as_ref().to_vec(), kind, value: value.as_ref().to_vec() }
}

pub(crate) fn tensor(name: impl AsRef<[u8]>, axes: &[u64], kind: u32, offset: u64) -> Tensor {
    let (name, axes) = (name.as_ref().to_vec(), axes.to_vec());
    Tensor { name, axes, dimensions: None, kind, offset }
}

impl File {
    /// A valid file: every kind of metadata, a vocabulary of four tokens, and three tensors of
    /// different types: `a` (2 x 4, F32), `b` (2 x 32, `Q4_0`) and `c` (4, F16).
    pub(crate) fn valid() -> Self {
        let entries = vec![
            entry("general.architecture", STRING, string("llama")),
            entry("general.name", STRING, string("tiny")),
            entry("t.u8", U8, [200]),
            entry("t.i8", I8, (-3_i8).to_le_bytes()),
            entry("t.u16", U16, 50_000_u16.to_le_bytes()),
            entry("t.i16", I16, (-300_i16).to_le_bytes()),
            entry("t.u32", U32, 7_u32.to_le_bytes()),
            entry("t.i32", I32, (-70_000_i32).to_le_bytes()),
            entry("t.f32", F32, 0.5_f32.to_le_bytes()),
            entry("t.bool", BOOL, [1]),
            entry("t.u64", U64, u64::MAX.to_le_bytes()),
            entry("t.i64", I64, i64::MIN.to_le_bytes()),
            entry("t.f64", F64, 0.25_f64.to_le_bytes()),
            entry(
                "t.nested",
                ARRAY,
                array(ARRAY, 2, &[integers(&[1, 2]), strings(&["x"])].concat()),
            ),
            entry("t.empty", ARRAY, array(U8, 0, &[])),
            entry("t.bools", ARRAY, array(BOOL, 3, &[1, 0, 1])),
            entry("tokenizer.ggml.model", STRING, string("gpt2")),
            entry("tokenizer.ggml.pre", STRING, string("smollm")),
            entry("tokenizer.ggml.tokens", ARRAY, strings(&["<s>", "</s>", "a", "ab"])),
            entry("tokenizer.ggml.scores", ARRAY, floats(&[0.0, 0.0, -1.0, -2.0])),
            entry("tokenizer.ggml.token_type", ARRAY, integers(&[3, 3, 1, 1])),
            entry("tokenizer.ggml.merges", ARRAY, strings(&["a b"])),
            entry("tokenizer.ggml.bos_token_id", U32, 0_u32.to_le_bytes()),
            entry("tokenizer.ggml.eos_token_id", U32, 1_u32.to_le_bytes()),
            entry("tokenizer.ggml.add_bos_token", BOOL, [0]),
            entry("tokenizer.chat_template", STRING, string("{{ messages }}")),
        ];
        let tensors = vec![
            tensor("a", &[4, 2], 0, 0),
            tensor("b", &[32, 2], 2, 32),
            tensor("c", &[4], 1, 96),
        ];
        let data = (0..104_u8).collect();
        Self {
            magic: b"GGUF".to_vec(),
            version: 3,
            tensor_count: None,
            entry_count: None,
            entries,
            tensors,
            alignment: 32,
            data,
        }
    }

    /// A file with these entries and no tensors.
    pub(crate) fn of_entries(entries: Vec<Entry>) -> Self {
        Self { entries, tensors: Vec::new(), data: Vec::new(), ..Self::valid() }
    }

    /// A file with these tensors, `data` bytes of data and only the architecture as metadata.
    pub(crate) fn of_tensors(tensors: Vec<Tensor>, data: usize) -> Self {
        let entries = vec![entry("general.architecture", STRING, string("llama"))];
        Self { entries, tensors, data: vec![0; data], ..Self::valid() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.parts().0
    }

    /// The bytes, and where each part begins: every count, length, name, type, value, element of
    /// the table, the padding and the data.
    pub(crate) fn parts(&self) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut marks = Vec::new();
        let mut put = |bytes: &mut Vec<u8>, part: &[u8]| {
            marks.push(bytes.len());
            bytes.extend_from_slice(part);
        };
        put(&mut bytes, &self.magic);
        put(&mut bytes, &self.version.to_le_bytes());
        let tensors = self.tensor_count.unwrap_or(self.tensors.len() as u64);
        put(&mut bytes, &tensors.to_le_bytes());
        let entries = self.entry_count.unwrap_or(self.entries.len() as u64);
        put(&mut bytes, &entries.to_le_bytes());
        for entry in &self.entries {
            put(&mut bytes, &(entry.key.len() as u64).to_le_bytes());
            put(&mut bytes, &entry.key);
            put(&mut bytes, &entry.kind.to_le_bytes());
            put(&mut bytes, &entry.value);
        }
        for tensor in &self.tensors {
            put(&mut bytes, &(tensor.name.len() as u64).to_le_bytes());
            put(&mut bytes, &tensor.name);
            let dimensions = tensor.dimensions.unwrap_or(tensor.axes.len() as u32);
            put(&mut bytes, &dimensions.to_le_bytes());
            for axis in &tensor.axes {
                put(&mut bytes, &axis.to_le_bytes());
            }
            put(&mut bytes, &tensor.kind.to_le_bytes());
            put(&mut bytes, &tensor.offset.to_le_bytes());
        }
        if !self.data.is_empty() {
            let padding = bytes.len().next_multiple_of(self.alignment) - bytes.len();
            put(&mut bytes, &vec![0; padding]);
            put(&mut bytes, &self.data);
        }
        (bytes, marks)
    }
}
