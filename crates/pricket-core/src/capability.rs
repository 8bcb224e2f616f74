//! What a model can do: one ability by name, and sets of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::CoreError;

/// One thing that a model can do beside continuing a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// It answers conversations.
    Chat,
    /// It is shown tools and calls them.
    Tools,
    /// It reads images.
    Vision,
    /// It reads or speaks sound.
    Audio,
    /// It gives embeddings.
    Embeddings,
    /// It thinks before it answers, and tells its thoughts apart from the answer.
    Thinking,
}

/// What a provider can do. A capability that is not set is not known to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "a set of independent yes-or-no facts")]
pub struct Capabilities {
    /// It answers conversations (it has a chat template).
    pub chat: bool,
    /// Its template shows tools to the model.
    pub tools: bool,
    /// It reads images.
    pub vision: bool,
    /// It reads or speaks sound.
    pub audio: bool,
    /// It gives embeddings.
    pub embeddings: bool,
    /// It thinks before it answers.
    pub thinking: bool,
}

impl Capability {
    /// Every capability, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Chat, Self::Tools, Self::Vision, Self::Audio, Self::Embeddings, Self::Thinking];

    /// The name that data files and command lines use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Tools => "tools",
            Self::Vision => "vision",
            Self::Audio => "audio",
            Self::Embeddings => "embeddings",
            Self::Thinking => "thinking",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Capability {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let named = |one: &Self| one.as_str().eq_ignore_ascii_case(text);
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| CoreError::CapabilityUnknown { text: text.chars().take(64).collect() })
    }
}

impl Capabilities {
    /// Whether it has one.
    pub fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Chat => self.chat,
            Capability::Tools => self.tools,
            Capability::Vision => self.vision,
            Capability::Audio => self.audio,
            Capability::Embeddings => self.embeddings,
            Capability::Thinking => self.thinking,
        }
    }

    /// Whether it has all of those.
    pub fn includes(&self, wanted: &Self) -> bool {
        wanted.iter().all(|capability| self.has(capability))
    }

    /// What it has, in the order of [`Capability::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Capability> {
        let own = *self;
        Capability::ALL.into_iter().filter(move |&capability| own.has(capability))
    }

    fn set(&mut self, capability: Capability) {
        *match capability {
            Capability::Chat => &mut self.chat,
            Capability::Tools => &mut self.tools,
            Capability::Vision => &mut self.vision,
            Capability::Audio => &mut self.audio,
            Capability::Embeddings => &mut self.embeddings,
            Capability::Thinking => &mut self.thinking,
        } = true;
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let mut set = Self::default();
        capabilities.into_iter().for_each(|capability| set.set(capability));
        set
    }
}

impl<const N: usize> From<[Capability; N]> for Capabilities {
    fn from(capabilities: [Capability; N]) -> Self {
        capabilities.into_iter().collect()
    }
}

impl From<Capability> for Capabilities {
    fn from(capability: Capability) -> Self {
        [capability].into()
    }
}
