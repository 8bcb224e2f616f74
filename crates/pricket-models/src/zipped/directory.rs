//! The directory of a zip archive: which entries there are, and where their bytes lie.
//!
//! As PKWARE's APPNOTE has it, with the 64-bit fields; entries are listed however they are stored,
//! and read only where they are stored as they are, so that a piece of a tensor is a piece of the
//! file.

use super::fields::Fields;
use crate::ModelError;
use crate::limits::ZIP_DIRECTORY_BYTES_MAX;
use crate::tensor_source::{Bytes, NameIndex, label};

const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 65_535;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_BYTES: usize = 20;
const END_64: u32 = 0x0606_4b50;
const END_64_BYTES: usize = 56;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: usize = 30;
/// The extra field with the numbers that do not fit into 32 bits.
const EXTRA_64: u16 = 1;
const STORED: u16 = 0;
const ENCRYPTED: u16 = 1;

/// A file in the archive.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// How many bytes it has.
    pub(super) size: u64,
    method: u16,
    flags: u16,
    /// Where its own header begins.
    header: u64,
}

/// The files in an archive.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    bytes: &'a Bytes,
    entries: Vec<Entry>,
    index: NameIndex,
}

/// Where the directory lies.
struct Extent {
    start: u64,
    len: u64,
}

impl<'a> Directory<'a> {
    pub(super) fn read(bytes: &'a Bytes) -> Result<Self, ModelError> {
        let Extent { start, len } = extent(bytes)?;
        if len > ZIP_DIRECTORY_BYTES_MAX {
            return Err(ModelError::LimitExceeded {
                what: format!("the directory of {}, in bytes,", bytes.name()),
                value: len,
                max: ZIP_DIRECTORY_BYTES_MAX,
            });
        }
        let refused = |why: &str| malformed(bytes, start, why);
        if start.checked_add(len).is_none_or(|end| end > bytes.len()) {
            return Err(refused("the archive's directory does not lie in the file"));
        }
        let mut raw = vec![0; len as usize];
        bytes.read_at(start, &mut raw)?;
        let mut fields = Fields::of(&raw);
        let mut entries = Vec::new();
        while !fields.is_empty() {
            entries.push(entry(&mut fields).map_err(|why| {
                let at = start + fields.at() as u64;
                malformed(bytes, at, &format!("the archive's directory {why}"))
            })?);
        }
        let index = NameIndex::build(&entries, |entry| &entry.name).map_err(|twice| {
            let name = entries.get(twice).map_or_else(String::new, |entry| label(&entry.name));
            refused(&format!("`{name}` is in the archive twice"))
        })?;
        Ok(Self { bytes, entries, index })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.index.find(&self.entries, name, |entry| &entry.name)
    }

    /// Where the bytes of an entry begin.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] where they are compressed or encrypted.
    pub(super) fn start(&self, entry: &Entry) -> Result<u64, ModelError> {
        let (bytes, name) = (self.bytes, label(&entry.name));
        if entry.method != STORED || entry.flags & ENCRYPTED != 0 {
            return Err(ModelError::Unsupported {
                what: format!("`{name}` in {}", bytes.name()),
                why: "it is compressed or encrypted; save it uncompressed (numpy.savez), or as \
                      safetensors"
                    .to_owned(),
            });
        }
        let refused = |why: &str| malformed(bytes, entry.header, &format!("`{name}` {why}"));
        if bytes.len() < LOCAL_BYTES as u64 || entry.header > bytes.len() - LOCAL_BYTES as u64 {
            return Err(refused("does not lie in the file"));
        }
        let mut raw = [0; LOCAL_BYTES];
        bytes.read_at(entry.header, &mut raw)?;
        let mut fields = Fields::of(&raw);
        let signature = fields.u32();
        let lengths = fields.take(22).and_then(|_| Some([fields.u16()?, fields.u16()?]));
        let (Some(LOCAL), Some([name_bytes, extra])) = (signature, lengths) else {
            return Err(refused("does not begin where the archive's directory says"));
        };
        let own = LOCAL_BYTES as u64 + u64::from(name_bytes) + u64::from(extra);
        let start = entry.header.checked_add(own);
        match start.and_then(|start| Some((start, start.checked_add(entry.size)?))) {
            Some((start, end)) if end <= bytes.len() => Ok(start),
            _ => Err(refused("does not lie in the file")),
        }
    }

    /// All bytes of an entry, where they are at most `max`.
    pub(super) fn read_all(&self, entry: &Entry, max: u64) -> Result<Vec<u8>, ModelError> {
        let start = self.start(entry)?;
        if entry.size > max {
            let what =
                format!("the size of `{}` in {}, in bytes,", label(&entry.name), self.bytes.name());
            return Err(ModelError::LimitExceeded { what, value: entry.size, max });
        }
        let mut raw = vec![0; entry.size as usize];
        self.bytes.read_at(start, &mut raw)?;
        Ok(raw)
    }
}

/// The refusal of something in a file.
pub(super) fn malformed(bytes: &Bytes, offset: u64, why: &str) -> ModelError {
    ModelError::Malformed { what: bytes.name(), offset, why: why.to_owned() }
}

/// Finds the directory by the record at the end of the file, behind which there may be a comment.
fn extent(bytes: &Bytes) -> Result<Extent, ModelError> {
    let tail_len = bytes.len().min((END_BYTES + COMMENT_BYTES_MAX + LOCATOR_BYTES) as u64) as usize;
    let tail_start = bytes.len() - tail_len as u64;
    let mut tail = vec![0; tail_len];
    bytes.read_at(tail_start, &mut tail)?;
    let last = tail_len.saturating_sub(END_BYTES);
    let found = (0..=last).rev().find_map(|at| Some((at, end(tail.get(at..)?)?)));
    let Some((at, extent)) = found else {
        // What writes an archive writes its directory last.
        let (what, need) = (bytes.name(), END_BYTES as u64);
        return Err(ModelError::Truncated { what, offset: bytes.len(), need, have: 0 });
    };
    let before = at.checked_sub(LOCATOR_BYTES).and_then(|start| tail.get(start..at));
    match before.and_then(locator) {
        Some(place) => extent_64(bytes, place),
        None => Ok(extent),
    }
}

/// Reads the record at the end, where these bytes are one whose comment ends with the file.
fn end(raw: &[u8]) -> Option<Extent> {
    let mut fields = Fields::of(raw);
    if fields.u32()? != END {
        return None;
    }
    fields.take(8)?;
    let (len, start) = (fields.u32()?, fields.u32()?);
    let comment = usize::from(fields.u16()?);
    (raw.len() == END_BYTES + comment).then_some(Extent { start: start.into(), len: len.into() })
}

/// Where the record with 64-bit numbers lies.
fn locator(raw: &[u8]) -> Option<u64> {
    let mut fields = Fields::of(raw);
    if fields.u32()? != LOCATOR {
        return None;
    }
    fields.u32()?;
    fields.u64()
}

fn extent_64(bytes: &Bytes, place: u64) -> Result<Extent, ModelError> {
    let refused = || malformed(bytes, place, "the archive's 64-bit record is not where it says");
    if bytes.len() < END_64_BYTES as u64 || place > bytes.len() - END_64_BYTES as u64 {
        return Err(refused());
    }
    let mut raw = [0; END_64_BYTES];
    bytes.read_at(place, &mut raw)?;
    let mut fields = Fields::of(&raw);
    let (Some(END_64), Some(_)) = (fields.u32(), fields.take(36)) else { return Err(refused()) };
    match (fields.u64(), fields.u64()) {
        (Some(len), Some(start)) => Ok(Extent { start, len }),
        _ => Err(refused()),
    }
}

/// Reads one entry of the directory; the error continues "the archive's directory".
fn entry(fields: &mut Fields<'_>) -> Result<Entry, &'static str> {
    const ENDS: &str = "ends within an entry";
    if fields.u32().ok_or(ENDS)? != ENTRY {
        return Err("holds something that is no entry");
    }
    let parsed = (|| {
        fields.take(4)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.take(8)?;
        let (packed, size) = (fields.u32()?, fields.u32()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
        fields.take(8)?;
        let header = fields.u32()?;
        let [name, extra, comment] = lengths;
        let (name, extra) = (fields.take(name)?, fields.take(extra)?);
        fields.take(comment)?;
        Some((flags, method, [size, packed, header], name, extra))
    })();
    let (flags, method, numbers, name, extra) = parsed.ok_or(ENDS)?;
    let name = std::str::from_utf8(name).map_err(|_| "holds a name that is no UTF-8")?;
    let [size, packed, header] =
        wide(numbers, extra).ok_or("holds an entry without its 64-bit numbers")?;
    if method == STORED && size != packed {
        return Err("holds an entry with two sizes");
    }
    Ok(Entry { name: name.to_owned(), size, method, flags, header })
}

/// An entry's numbers, those that do not fit taken from the extra field, where they stand in order.
fn wide(numbers: [u32; 3], extra: &[u8]) -> Option<[u64; 3]> {
    if !numbers.contains(&u32::MAX) {
        return Some(numbers.map(u64::from));
    }
    let mut fields = Fields::of(extra);
    loop {
        let (id, len) = (fields.u16()?, fields.u16()?);
        let field = fields.take(len.into())?;
        if id == EXTRA_64 {
            let mut field = Fields::of(field);
            let mut out = numbers.map(u64::from);
            for number in &mut out {
                if *number == u64::from(u32::MAX) {
                    *number = field.u64()?;
                }
            }
            return Some(out);
        }
    }
}
