//! Tokens become text, and text becomes chunks. Text leaves the engine only here.

use pricket_core::{CompactString, CompletionChunk, TokenLogprob};
use pricket_tokenizer::{Detokenizer, StopMatcher, TokenizerError};

use crate::EngineError;
use crate::outlet::Outlet;

/// Detokenises, holds back what may become a stop text, and sends the rest.
#[derive(Debug)]
pub(crate) struct Emitter {
    detokenizer: Detokenizer,
    matcher: StopMatcher,
    /// Everything sent so far.
    text: String,
    /// Of the tokens whose text is not sent yet.
    logprobs: Vec<TokenLogprob>,
    outlet: Outlet,
}

impl Emitter {
    /// An emitter with room for `text_bytes` bytes before its text grows.
    pub(crate) fn new(
        detokenizer: Detokenizer,
        matcher: StopMatcher,
        text_bytes: usize,
        outlet: Outlet,
    ) -> Self {
        let text = String::with_capacity(text_bytes);
        Self { detokenizer, matcher, text, logprobs: Vec::new(), outlet }
    }

    /// Emits a token's text as far as it is whole characters and no part of a stop text. Gives the
    /// index of the stop text that the token completed.
    pub(crate) fn push(
        &mut self,
        id: u32,
        logprob: Option<TokenLogprob>,
    ) -> Result<Option<usize>, EngineError> {
        let piece = match self.detokenizer.push(id) {
            Ok(piece) => piece,
            // Tables of weights are padded, and the model may pick a token that has no text.
            Err(TokenizerError::IdUnknown { .. }) => "",
            Err(error) => return Err(error.into()),
        };
        let fed = self.matcher.feed(piece);
        self.logprobs.extend(logprob);
        send(fed.text, &mut self.text, &mut self.logprobs, &self.outlet)?;
        Ok(fed.stopped)
    }

    /// Emits what was held back, once no more will come. The held bytes may complete a stop text.
    pub(crate) fn finish(&mut self) -> Result<Option<usize>, EngineError> {
        let piece = self.detokenizer.finish();
        let fed = self.matcher.feed(piece);
        // One chunk for both parts: a step may send no more (`limits::STEP_CHUNKS_MAX`).
        let (mut rest, stopped) = (CompactString::from(fed.text), fed.stopped);
        if stopped.is_none() {
            rest.push_str(self.matcher.finish());
        }
        if rest.is_empty() && !self.logprobs.is_empty() {
            let logprobs = std::mem::take(&mut self.logprobs);
            self.outlet.send(CompletionChunk::Text { text: rest, logprobs })?;
        } else {
            send(&rest, &mut self.text, &mut self.logprobs, &self.outlet)?;
        }
        Ok(stopped)
    }

    /// The text, once everything is sent.
    pub(crate) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The request's stream.
    pub(crate) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// The request's stream.
    pub(crate) fn outlet_mut(&mut self) -> &mut Outlet {
        &mut self.outlet
    }
}

/// Sends a piece, with the log-probabilities that have gathered. A piece of up to 24 bytes lies in
/// its chunk and allocates nothing.
fn send(
    piece: &str,
    text: &mut String,
    logprobs: &mut Vec<TokenLogprob>,
    outlet: &Outlet,
) -> Result<(), EngineError> {
    if piece.is_empty() {
        return Ok(());
    }
    text.push_str(piece);
    let logprobs = std::mem::take(logprobs);
    outlet.send(CompletionChunk::Text { text: CompactString::from(piece), logprobs })
}
