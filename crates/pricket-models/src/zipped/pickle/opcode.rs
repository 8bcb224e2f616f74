//! The instructions of a pickle, one at a time.

use super::value::{Class, Item, Value};
use super::{Machine, Read, Refusal, wrong};
use crate::limits::PICKLE_STACK_MAX;
use crate::tensor_source::label;

impl<'a> Machine<'a> {
    /// Follows one instruction; gives what stands on the stack at the end.
    #[expect(clippy::too_many_lines, reason = "one arm per instruction; splitting hides the table")]
    pub(super) fn step(&mut self) -> Read<Option<Item>> {
        match self.input.u8().ok_or(Refusal::Ends)? {
            // PROTO
            0x80 => {
                let version = self.u8()?;
                if version > 5 {
                    return Err(wrong(format!("it is of protocol {version}")));
                }
            }
            b'.' => return self.pop().map(Some),
            b'c' => {
                let class = self.class()?;
                self.push(Item::Class(class))?;
            }
            b'N' | 0x88 | 0x89 => self.push(Item::Plain)?,
            b'G' => {
                self.take(8)?;
                self.push(Item::Plain)?;
            }
            b'K' => {
                let number = self.u8()?;
                self.push(Item::Int(number.into()))?;
            }
            b'M' => {
                let number = self.input.u16().ok_or(Refusal::Ends)?;
                self.push(Item::Int(number.into()))?;
            }
            b'J' => {
                let number = self.input.u32().ok_or(Refusal::Ends)?;
                self.push(Item::Int(number.cast_signed().into()))?;
            }
            0x8a => {
                let number = self.long()?;
                self.push(Item::Int(number))?;
            }
            b'X' => {
                let len = self.input.u32().ok_or(Refusal::Ends)?;
                self.text(len as usize)?;
            }
            // SHORT_BINUNICODE
            0x8c => {
                let len = self.u8()?;
                self.text(len.into())?;
            }
            b')' => self.push(Item::EmptyTuple)?,
            b'(' => self.mark()?,
            b't' => {
                let items = self.pop_marked()?;
                self.tuple(items)?;
            }
            count @ 0x85..=0x87 => {
                let mut items = vec![Item::Plain; usize::from(count - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.tuple(items)?;
            }
            b']' => self.make(Value::List)?,
            b'}' => self.make(Value::Dict(Vec::new()))?,
            b'a' => {
                self.pop()?;
                self.check_top(|value| matches!(value, Value::List))?;
            }
            b'e' => {
                self.pop_marked()?;
                self.check_top(|value| matches!(value, Value::List))?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_marked()?;
                self.insert(&items)?;
            }
            // What it sets are notes on a dictionary, such as versions of its modules.
            b'b' => {
                self.pop()?;
                self.check_top(|value| matches!(value, Value::Dict(_)))?;
            }
            b'R' => self.reduce()?,
            b'Q' => self.storage()?,
            op @ (b'q' | b'r' | b'h' | b'j') => self.memo(op)?,
            op => return Err(wrong(format!("torch writes no instruction {op:#04x}"))),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        self.input.take(count).ok_or(Refusal::Ends)
    }

    fn u8(&mut self) -> Read<u8> {
        self.input.u8().ok_or(Refusal::Ends)
    }

    fn mark(&mut self) -> Read<()> {
        if self.marks.len() == PICKLE_STACK_MAX {
            return Err(wrong(format!("it has more than {PICKLE_STACK_MAX} marks")));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn class(&mut self) -> Read<Class> {
        let mut line = || self.input.line().ok_or(Refusal::Ends);
        let (module, name) = (line()?, line()?);
        Class::named(module, name).ok_or_else(|| {
            let [module, name] = [module, name].map(String::from_utf8_lossy);
            Refusal::Foreign(label(&format!("{module}.{name}")))
        })
    }

    /// A whole number of up to eight bytes.
    fn long(&mut self) -> Read<i64> {
        let len = self.u8()?;
        let bytes = self.take(len.into())?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut number = [if negative { 0xff } else { 0 }; 8];
        let place = number.get_mut(..bytes.len());
        place.ok_or_else(|| wrong("a number has more than 64 bits"))?.copy_from_slice(bytes);
        Ok(i64::from_le_bytes(number))
    }

    fn text(&mut self, len: usize) -> Read<()> {
        let bytes = self.take(len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("a text is no UTF-8"))?;
        self.make(Value::Text(text))
    }

    fn tuple(&mut self, items: Vec<Item>) -> Read<()> {
        if items.is_empty() {
            return self.push(Item::EmptyTuple);
        }
        self.make(Value::Tuple(items))
    }

    /// The value on top, which stays there.
    fn top(&mut self) -> Read<Item> {
        let top = self.pop()?;
        self.stack.push(top);
        Ok(top)
    }

    fn check_top(&mut self, fits: impl FnOnce(&Value<'a>) -> bool) -> Read<()> {
        let top = self.top()?;
        match self.value(top) {
            Some(value) if fits(value) => Ok(()),
            _ => Err(wrong("it adds to what takes nothing")),
        }
    }

    /// Adds keys and values to the dictionary on top.
    fn insert(&mut self, items: &[Item]) -> Read<()> {
        let Item::Made(place) = self.top()? else {
            return Err(wrong("it adds to what is no dictionary"));
        };
        let Some(Value::Dict(entries)) = self.values.get_mut(place as usize) else {
            return Err(wrong("it adds to what is no dictionary"));
        };
        let (pairs, rest) = items.as_chunks::<2>();
        entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        if rest.is_empty() { Ok(()) } else { Err(wrong("a key has no value")) }
    }

    /// Puts the top into the memo, or something out of it on top.
    fn memo(&mut self, op: u8) -> Read<()> {
        let place = match op {
            b'q' | b'h' => self.u8()?.into(),
            _ => self.input.u32().ok_or(Refusal::Ends)? as usize,
        };
        if matches!(op, b'h' | b'j') {
            let item = self.memo.get(place).copied().flatten();
            return self.push(item.ok_or_else(|| wrong(format!("its memo has no {place}")))?);
        }
        // Writers count the places; this many instructions there are not.
        if place >= self.values_max.saturating_mul(2) {
            return Err(wrong(format!("its memo has no room for {place}")));
        }
        let top = self.top()?;
        if self.memo.len() <= place {
            self.memo.resize(place + 1, None);
        }
        if let Some(slot) = self.memo.get_mut(place) {
            *slot = Some(top);
        }
        Ok(())
    }
}
