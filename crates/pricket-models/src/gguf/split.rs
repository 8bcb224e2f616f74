//! Models split into several GGUF files, as `llama-gguf-split` writes them: each says which of how
//! many it is (`split.no` from 0 on, `split.count`) and how many tensors all have together
//! (`split.tensors.count`), and is named for it: `NAME-00001-of-00003.gguf`. The first one has the
//! metadata of the model.

use std::path::{Path, PathBuf};

use super::part::Part;
use crate::ModelError;
use crate::limits::SHARDS_MAX;
use crate::tensor_source::Bytes;

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// Digits of a number in a name.
const DIGITS: usize = 5;

/// Which of how many parts a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From 0 on.
    number: u32,
    pub(super) count: u32,
    /// Tensors of all parts.
    tensors: Option<u64>,
}

impl Place {
    /// What a file says; `None` where it is a model of its own.
    pub(super) fn of(part: &Part) -> Result<Option<Self>, ModelError> {
        let count = part.metadata.find::<u32>(COUNT)?.unwrap_or(1);
        if count <= 1 {
            return Ok(None);
        }
        if count as usize > SHARDS_MAX {
            return Err(ModelError::LimitExceeded {
                what: format!("the number of parts that {} names", part.bytes.name()),
                value: count.into(),
                max: SHARDS_MAX as u64,
            });
        }
        let number = part.metadata.require::<u32>(NUMBER)?;
        if number >= count {
            let why = format!("it calls itself part {} of {count}", u64::from(number) + 1);
            return Err(invalid(part, why));
        }
        Ok(Some(Self { number, count, tensors: part.metadata.find(TENSORS)? }))
    }
}

/// Opens all parts of a model, of which one has been read. The parts come in their order.
pub(super) fn open(path: &Path, read: Part, place: Place) -> Result<Vec<Part>, ModelError> {
    let Place { number, count, tensors } = place;
    let name = Name::of(path).filter(|name| (name.number, name.count) == (number + 1, count));
    let Some(name) = name else {
        let why = format!(
            "it is part {} of {count}, so its name must end in `{}`",
            number + 1,
            ending(number + 1, count)
        );
        return Err(invalid(&read, why));
    };
    let mut read = Some(read);
    let mut parts = Vec::with_capacity(count as usize);
    for index in 0..count {
        let part = match read.take_if(|_| index == number) {
            Some(read) => read,
            None => Part::read(open_file(&name.sibling(path, index + 1), index + 1, count)?)?,
        };
        match Place::of(&part)? {
            Some(found) if (found.number, found.count) == (index, count) => {}
            Some(found) => {
                let why = format!("it is part {} of {}", found.number + 1, found.count);
                return Err(invalid(&part, why));
            }
            None => return Err(invalid(&part, "it is a model of its own".to_owned())),
        }
        parts.push(part);
    }
    check_tensors(&parts, tensors)?;
    Ok(parts)
}

fn open_file(path: &Path, number: u32, count: u32) -> Result<Bytes, ModelError> {
    Bytes::open(path).map_err(|error| match error {
        ModelError::NotFound { path, why } => {
            ModelError::NotFound { path, why: format!("part {number} of {count}: {why}") }
        }
        other => other,
    })
}

/// Refuses parts that have more or fewer tensors together than the model.
fn check_tensors(parts: &[Part], expected: Option<u64>) -> Result<(), ModelError> {
    let found: u64 = parts.iter().map(|part| part.tensors.len() as u64).sum();
    match (expected, parts.first()) {
        (Some(expected), Some(first)) if expected != found => {
            let why = format!("all parts have {found} tensors, but `{TENSORS}` is {expected}");
            Err(invalid(first, why))
        }
        _ => Ok(()),
    }
}

fn invalid(part: &Part, why: String) -> ModelError {
    ModelError::SplitInvalid { path: part.bytes.path().to_owned(), why }
}

/// How the name of a part ends.
fn ending(number: u32, count: u32) -> String {
    format!("-{number:0DIGITS$}-of-{count:0DIGITS$}.gguf")
}

/// The name of a part.
struct Name {
    stem: String,
    /// From 1 on.
    number: u32,
    count: u32,
}

impl Name {
    /// What a path is called; `None` where it is not called as a part is.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let digits = |text: &str| {
            let plain = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        };
        let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        Some(Self { stem: stem.to_owned(), number: digits(number)?, count: digits(count)? })
    }

    /// Another part, which lies beside it.
    fn sibling(&self, path: &Path, number: u32) -> PathBuf {
        path.with_file_name(format!("{}{}", self.stem, ending(number, self.count)))
    }
}

/// Whether a file is called as a part that is not the first of its model.
pub(crate) fn is_later_part(path: &Path) -> bool {
    Name::of(path).is_some_and(|name| name.number > 1)
}
