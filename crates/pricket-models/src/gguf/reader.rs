//! Reads a GGUF header front to back. Every length is held against what the file still has before
//! anything of that length is allocated.

use std::io::BufRead;

use super::value::{GgufArray, GgufValue, Strings};
use crate::ModelError;
use crate::limits::{GGUF_ARRAY_DEPTH_MAX, GGUF_HEADER_BYTES_MAX};
use crate::tensor_source::Bytes;

/// The position in a header, and what is left of the file.
pub(super) struct Reader<'a> {
    bytes: &'a Bytes,
    inner: Box<dyn BufRead + 'a>,
    position: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a Bytes) -> Self {
        Self { bytes, inner: bytes.reader(), position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn malformed(&self, why: impl Into<String>) -> ModelError {
        let what = self.bytes.name();
        ModelError::Malformed { what, offset: self.position, why: why.into() }
    }

    /// Refuses `need` further bytes where the file or the limit has fewer.
    fn check(&self, need: u64) -> Result<(), ModelError> {
        let have = self.bytes.len().saturating_sub(self.position);
        if need > have {
            let what = self.bytes.name();
            return Err(ModelError::Truncated { what, offset: self.position, need, have });
        }
        let value = self.position.saturating_add(need);
        if value > GGUF_HEADER_BYTES_MAX {
            return Err(ModelError::LimitExceeded {
                what: format!("the header of {}, in bytes,", self.bytes.name()),
                value,
                max: GGUF_HEADER_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Refuses a count of things that take `each` bytes or more where the file cannot hold them.
    pub(super) fn check_count(&self, count: u64, each: u64) -> Result<(), ModelError> {
        self.check(count.saturating_mul(each))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ModelError> {
        let need = buffer.len() as u64;
        self.inner
            .read_exact(buffer)
            .map_err(|source| self.bytes.failed(source, self.position, need))?;
        self.position += need;
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        self.check(N as u64)?;
        let mut buffer = [0; N];
        self.fill(&mut buffer)?;
        Ok(buffer)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ModelError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ModelError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Appends a string's bytes to `text`, which holds whole strings only.
    fn append_string(&mut self, text: &mut Vec<u8>) -> Result<(), ModelError> {
        let len = self.u64()?;
        self.check(len)?;
        let start = text.len();
        // The header's limit is far below the address space.
        text.resize(start.saturating_add(len as usize), 0);
        self.fill(text.get_mut(start..).unwrap_or_default())?;
        match std::str::from_utf8(text.get(start..).unwrap_or_default()) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.malformed("a string is not UTF-8")),
        }
    }

    /// A string of at most `len_max` bytes.
    pub(super) fn string(&mut self, what: &str, len_max: u64) -> Result<String, ModelError> {
        let len = self.u64()?;
        self.check(len)?;
        if len > len_max {
            return Err(ModelError::LimitExceeded {
                what: format!("the length of {what} in {}", self.bytes.name()),
                value: len,
                max: len_max,
            });
        }
        let mut text = vec![0; len as usize];
        self.fill(&mut text)?;
        String::from_utf8(text).map_err(|_| self.malformed(format!("{what} is not UTF-8")))
    }

    /// A metadata value with the type that stands before it.
    pub(super) fn value(&mut self) -> Result<GgufValue, ModelError> {
        Ok(match self.u32()? {
            0 => GgufValue::U8(self.array().map(u8::from_le_bytes)?),
            1 => GgufValue::I8(self.array().map(i8::from_le_bytes)?),
            2 => GgufValue::U16(self.array().map(u16::from_le_bytes)?),
            3 => GgufValue::I16(self.array().map(i16::from_le_bytes)?),
            4 => GgufValue::U32(self.u32()?),
            5 => GgufValue::I32(self.array().map(i32::from_le_bytes)?),
            6 => GgufValue::F32(self.array().map(f32::from_le_bytes)?),
            7 => GgufValue::Bool(self.bool()?),
            8 => GgufValue::String(self.string("a metadata string", GGUF_HEADER_BYTES_MAX)?),
            9 => GgufValue::Array(self.list(GGUF_ARRAY_DEPTH_MAX)?),
            10 => GgufValue::U64(self.u64()?),
            11 => GgufValue::I64(self.array().map(i64::from_le_bytes)?),
            12 => GgufValue::F64(self.array().map(f64::from_le_bytes)?),
            other => return Err(self.malformed(format!("there is no metadata type {other}"))),
        })
    }

    fn bool(&mut self) -> Result<bool, ModelError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(self.malformed(format!("a truth value is 0 or 1, not {other}"))),
        }
    }

    fn list(&mut self, depth_left: usize) -> Result<GgufArray, ModelError> {
        let element = self.u32()?;
        let count = self.u64()?;
        Ok(match element {
            0 => GgufArray::U8(self.numbers(count, u8::from_le_bytes)?),
            1 => GgufArray::I8(self.numbers(count, i8::from_le_bytes)?),
            2 => GgufArray::U16(self.numbers(count, u16::from_le_bytes)?),
            3 => GgufArray::I16(self.numbers(count, i16::from_le_bytes)?),
            4 => GgufArray::U32(self.numbers(count, u32::from_le_bytes)?),
            5 => GgufArray::I32(self.numbers(count, i32::from_le_bytes)?),
            6 => GgufArray::F32(self.numbers(count, f32::from_le_bytes)?),
            7 => {
                self.check_count(count, 1)?;
                GgufArray::Bool((0..count).map(|_| self.bool()).collect::<Result<_, _>>()?)
            }
            8 => GgufArray::String(self.strings(count)?),
            9 => GgufArray::Array(self.lists(count, depth_left)?),
            10 => GgufArray::U64(self.numbers(count, u64::from_le_bytes)?),
            11 => GgufArray::I64(self.numbers(count, i64::from_le_bytes)?),
            12 => GgufArray::F64(self.numbers(count, f64::from_le_bytes)?),
            other => return Err(self.malformed(format!("there is no metadata type {other}"))),
        })
    }

    fn numbers<T, const N: usize>(
        &mut self,
        count: u64,
        from: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, ModelError> {
        self.check_count(count, N as u64)?;
        let mut numbers = Vec::with_capacity(count as usize);
        for _ in 0..count {
            numbers.push(from(self.array()?));
        }
        Ok(numbers)
    }

    fn strings(&mut self, count: u64) -> Result<Strings, ModelError> {
        const LENGTH_BYTES: u64 = 8;
        self.check_count(count, LENGTH_BYTES)?;
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(count as usize);
        for _ in 0..count {
            self.append_string(&mut text)?;
            // The header's limit is below 2^32.
            ends.push(text.len() as u32);
        }
        let text = String::from_utf8(text).map_err(|_| self.malformed("a string is not UTF-8"))?;
        Ok(Strings::new(text, ends))
    }

    fn lists(&mut self, count: u64, depth_left: usize) -> Result<Vec<GgufArray>, ModelError> {
        const LIST_BYTES: u64 = 12;
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(ModelError::LimitExceeded {
                what: format!("the depth of arrays in {}", self.bytes.name()),
                value: GGUF_ARRAY_DEPTH_MAX as u64 + 1,
                max: GGUF_ARRAY_DEPTH_MAX as u64,
            });
        };
        self.check_count(count, LIST_BYTES)?;
        let mut lists = Vec::new();
        for _ in 0..count {
            lists.push(self.list(depth_left)?);
        }
        Ok(lists)
    }
}
