//! The ids that Kimi's models know calls by: `functions.NAME:INDEX`, where the index counts the
//! calls of a whole conversation from zero.
//!
//! Such a model reads the ids of its history and writes the next one. Where they look otherwise,
//! because another provider made them, it begins to imitate them, and a call whose id does not name
//! its tool is nobody's.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::Message;

/// What stands before the name.
const SPACE: &str = "functions.";

/// A call's id in Kimi's form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberedCallId {
    /// The tool's name. It may have dots, dashes and colons.
    pub name: String,
    /// How many calls the conversation had before.
    pub index: u64,
}

impl NumberedCallId {
    /// Reads an id; `None` where it has another form.
    pub fn parse(id: &str) -> Option<Self> {
        let (name, index) = id.strip_prefix(SPACE)?.rsplit_once(':')?;
        let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        if name.is_empty() || !digits {
            return None;
        }
        Some(Self { name: name.to_owned(), index: index.parse().ok()? })
    }
}

impl fmt::Display for NumberedCallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SPACE}{}:{}", self.name, self.index)
    }
}

/// Gives every call of a conversation an id of Kimi's form, and every result the id of its call. A
/// call that has such an id, with its own tool's name, keeps it; any other gets the number of calls
/// before it, or the next that is free.
///
/// A result belongs to the last call before it that had the id that it names. One that answers no
/// call stays as it is.
pub fn number_calls(messages: &mut [Message]) {
    let mut taken: HashSet<u64> = HashSet::new();
    for call in messages.iter().flat_map(|message| &message.tool_calls) {
        taken.extend(
            NumberedCallId::parse(&call.id).filter(|id| id.name == call.name).map(|id| id.index),
        );
    }
    let mut kept = HashSet::new();
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut calls = 0;
    for message in messages {
        for call in &mut message.tool_calls {
            let own = NumberedCallId::parse(&call.id).filter(|id| id.name == call.name);
            // Of two calls with one id, the second needs another.
            let is_kept = own.is_some_and(|id| kept.insert(id.index));
            if is_kept {
                renamed.insert(call.id.clone(), call.id.clone());
            } else {
                let mut index = calls;
                while !taken.insert(index) {
                    index += 1;
                }
                let id = NumberedCallId { name: call.name.clone(), index }.to_string();
                renamed.insert(std::mem::replace(&mut call.id, id.clone()), id);
            }
            calls += 1;
        }
        if let Some(id) = &mut message.tool_call_id
            && let Some(new) = renamed.get(id.as_str())
        {
            id.clone_from(new);
        }
    }
}
