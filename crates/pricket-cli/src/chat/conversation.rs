//! What was said so far.

use std::path::Path;

use pricket::core::{Completion, CompletionRequest, Message};

use crate::answer::Answer;
use crate::error::CliError;

/// What was said so far, and what the last answer cost.
#[derive(Debug)]
pub(super) struct Conversation {
    system: Option<Message>,
    turns: Vec<Message>,
    last: Option<Completion>,
}

impl Conversation {
    /// Nothing said yet; instructions above it where there are any.
    pub(super) fn new(system: Option<&str>) -> Self {
        Self { system: system.map(Message::system), turns: Vec::new(), last: None }
    }

    /// Forgets what was said and keeps the instructions.
    pub(super) fn clear(&mut self) {
        self.turns.clear();
        self.last = None;
    }

    /// A request that continues the conversation with one more message.
    pub(super) fn request(&self, message: Message) -> CompletionRequest {
        let mut messages = self.messages();
        messages.push(message);
        CompletionRequest::chat(messages)
    }

    /// Remembers a message and its answer, as far as that came.
    pub(super) fn add(&mut self, message: Message, answer: Answer) {
        self.turns.push(message);
        self.turns.push(Message::assistant(answer.text));
        if answer.completion.is_some() {
            self.last = answer.completion;
        }
    }

    /// The last answer that ended by itself.
    pub(super) fn last(&self) -> Option<&Completion> {
        self.last.as_ref()
    }

    /// Writes everything to a file: JSON where its name ends in `.json`, else text.
    pub(super) fn save(&self, path: &Path) -> Result<(), CliError> {
        let failed = |source: std::io::Error| CliError::FileWrite {
            what: path.display().to_string(),
            source,
        };
        let messages = self.messages();
        let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        let text = if is_json {
            serde_json::to_string_pretty(&messages).map_err(|error| failed(error.into()))?
        } else {
            let paragraphs =
                messages.iter().map(|m| format!("{}: {}\n", m.role.as_str(), m.content));
            paragraphs.collect::<Vec<_>>().join("\n")
        };
        std::fs::write(path, text).map_err(failed)
    }

    fn messages(&self) -> Vec<Message> {
        self.system.iter().chain(&self.turns).cloned().collect()
    }
}
