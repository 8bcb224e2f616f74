//! The pickle of a checkpoint: which tensors there are. Only data is read, and nothing is run.
//!
//! `torch.save` writes pickles of protocol 2 with some thirty of their instructions. An instruction
//! beyond these is refused, and so is every class or function but those of [`value::Class`], which
//! are understood here and never called. What is made lies in one flat list, to which the stack and
//! the memo point: nothing is copied, nothing recurses.

mod opcode;
mod value;

use std::collections::BTreeSet;

use super::fields::Fields;
use crate::ModelError;
use crate::limits::{
    PICKLE_BYTES_PER_VALUE, PICKLE_STACK_MAX, SAFETENSORS_DIMENSIONS_MAX, TENSOR_NAME_BYTES_MAX,
};
use crate::tensor_source::label;

pub(super) use value::Dtype;
use value::{Class, Item, Storage, Tensor, Value};

/// A tensor as the pickle tells it.
#[derive(Debug)]
pub(super) struct Saved<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: Dtype,
    /// The file in the archive's folder `data` that holds its storage.
    pub(super) key: &'a str,
    /// Where it begins in its storage, in values.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<u64>,
}

/// Why a pickle is refused.
enum Refusal {
    Ends,
    Wrong(String),
    /// A class or function that no checkpoint of plain tensors names.
    Foreign(String),
}

type Read<T> = Result<T, Refusal>;

struct Machine<'a> {
    input: Fields<'a>,
    values: Vec<Value<'a>>,
    values_max: usize,
    stack: Vec<Item>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: Vec<Option<Item>>,
}

/// Reads the tensors of a pickle that holds them by name; `what` is what messages call it.
pub(super) fn read<'a>(what: &str, pickle: &'a [u8]) -> Result<Vec<Saved<'a>>, ModelError> {
    let mut machine = Machine {
        input: Fields::of(pickle),
        values: Vec::new(),
        values_max: 64 + pickle.len() / PICKLE_BYTES_PER_VALUE,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    let mut at = 0;
    let result = loop {
        match machine.step() {
            Ok(None) => at = machine.input.at() as u64,
            Ok(Some(top)) => break machine.saved(top),
            Err(refusal) => break Err(refusal),
        }
    };
    result.map_err(|refusal| match refusal {
        Refusal::Ends => ModelError::Truncated {
            what: what.to_owned(),
            offset: at,
            need: pickle.len() as u64 - at + 1,
            have: pickle.len() as u64 - at,
        },
        Refusal::Wrong(why) => ModelError::Malformed { what: what.to_owned(), offset: at, why },
        Refusal::Foreign(name) => ModelError::Unsupported {
            what: format!("`{name}` in {what}"),
            why: "of a pickle only plain tensors are read, and nothing in it is run; save the \
                  weights as safetensors"
                .to_owned(),
        },
    })
}

impl<'a> Machine<'a> {
    /// The tensors of a dictionary of tensors; entries that are none are passed over, as those of
    /// counters are.
    fn saved(&self, top: Item) -> Read<Vec<Saved<'a>>> {
        let Some(Value::Dict(entries)) = self.value(top) else {
            return Err(wrong("it holds no dictionary of tensors"));
        };
        let mut names = BTreeSet::new();
        let mut list = Vec::new();
        for &(key, value) in entries {
            let (Some(Value::Text(name)), Some(Value::Tensor(tensor))) =
                (self.value(key), self.value(value))
            else {
                continue;
            };
            if name.len() > TENSOR_NAME_BYTES_MAX {
                return Err(wrong(format!("the name `{}` is too long", label(name))));
            }
            if !names.insert(*name) {
                return Err(wrong(format!("tensor `{}` is there twice", label(name))));
            }
            list.push(self.tensor(name, tensor)?);
        }
        if list.is_empty() {
            return Err(wrong("its dictionary holds no tensor; save the model's `state_dict`"));
        }
        Ok(list)
    }

    fn tensor(&self, name: &'a str, tensor: &Tensor) -> Read<Saved<'a>> {
        let refused = |what: &str| wrong(format!("tensor `{}` has {what}", label(name)));
        let Some(Value::Storage(Storage { dtype, key })) = self.made(tensor.storage) else {
            return Err(refused("no storage"));
        };
        let axes = |place: Option<u32>| {
            let items = match place.map(|place| self.made(place)) {
                None => return Some(Vec::new()),
                Some(Some(Value::Tuple(items))) => items,
                Some(_) => return None,
            };
            let fits = items.len() <= SAFETENSORS_DIMENSIONS_MAX;
            let axis = |item: &Item| match item {
                Item::Int(axis) => u64::try_from(*axis).ok(),
                _ => None,
            };
            fits.then(|| items.iter().map(axis).collect::<Option<Vec<u64>>>()).flatten()
        };
        let shape = axes(tensor.shape).ok_or_else(|| refused("a shape that is none"))?;
        let strides = axes(tensor.strides).ok_or_else(|| refused("strides that are none"))?;
        if strides.len() != shape.len() {
            return Err(refused("a stride too many or too few"));
        }
        let shape = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>();
        let shape = shape.map_err(|_| refused("an axis that cannot be counted"))?;
        Ok(Saved { name, dtype: *dtype, key, offset: tensor.offset, shape, strides })
    }

    fn made(&self, place: u32) -> Option<&Value<'a>> {
        self.values.get(place as usize)
    }

    fn value(&self, item: Item) -> Option<&Value<'a>> {
        match item {
            Item::Made(place) => self.made(place),
            _ => None,
        }
    }

    fn push(&mut self, item: Item) -> Read<()> {
        if self.stack.len() == PICKLE_STACK_MAX {
            return Err(wrong(format!("its stack is higher than {PICKLE_STACK_MAX}")));
        }
        self.stack.push(item);
        Ok(())
    }

    fn make(&mut self, value: Value<'a>) -> Read<()> {
        if self.values.len() == self.values_max {
            return Err(wrong("it makes more values than its length allows"));
        }
        let place = self.values.len() as u32;
        self.values.push(value);
        self.push(Item::Made(place))
    }

    fn pop(&mut self) -> Read<Item> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(wrong("its stack is empty"));
        }
        self.stack.pop().ok_or_else(|| wrong("its stack is empty"))
    }

    /// What stands above the last mark, which goes too.
    fn pop_marked(&mut self) -> Read<Vec<Item>> {
        let mark = self.marks.pop().ok_or_else(|| wrong("it has no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    /// What `REDUCE` makes of a class and its arguments.
    fn reduce(&mut self) -> Read<()> {
        let (args, class) = (self.pop()?, self.pop()?);
        let Item::Class(class) = class else { return Err(wrong("it calls what is no class")) };
        let args = match self.value(args) {
            Some(Value::Tuple(args)) => args.as_slice(),
            _ if args == Item::EmptyTuple => &[],
            _ => return Err(wrong("it calls a class without a tuple")),
        };
        match class {
            Class::OrderedDict if args.is_empty() => self.make(Value::Dict(Vec::new())),
            Class::RebuildTensor => {
                let tensor = tensor(args).ok_or_else(|| wrong("a tensor has wrong parts"))?;
                self.make(Value::Tensor(tensor))
            }
            Class::RebuildParameter if !args.is_empty() => {
                let tensor = args.first().copied().unwrap_or(Item::Plain);
                self.push(tensor)
            }
            _ => Err(wrong("it calls a class with wrong arguments")),
        }
    }

    /// A storage: `('storage', its class, its file, a device, how many values)`.
    fn storage(&mut self) -> Read<()> {
        let id = self.pop()?;
        let parts = match self.value(id) {
            Some(Value::Tuple(parts)) => parts.as_slice(),
            _ => &[],
        };
        let storage = match *parts {
            [_, Item::Class(Class::Storage(dtype)), key, _, Item::Int(_)] => {
                match self.value(key) {
                    Some(Value::Text(key)) => Some(Storage { dtype, key }),
                    _ => None,
                }
            }
            _ => None,
        };
        self.make(Value::Storage(storage.ok_or_else(|| wrong("a storage has wrong parts"))?))
    }
}

/// `(storage, offset, shape, strides, ..)`.
fn tensor(args: &[Item]) -> Option<Tensor> {
    let tuple = |item| match item {
        Item::EmptyTuple => Some(None),
        Item::Made(place) => Some(Some(place)),
        _ => None,
    };
    let [Item::Made(storage), Item::Int(offset), shape, strides, ..] = *args else { return None };
    let (shape, strides) = (tuple(shape)?, tuple(strides)?);
    Some(Tensor { storage, offset: u64::try_from(offset).ok()?, shape, strides })
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal::Wrong(why.into())
}
