//! Phrases that excuse unfinished work, in code, comments and texts.

use crate::source::whole_words;
use crate::{Complaint, Place, Source};

/// Banned phrases as whole words. One in capitals counts only in capitals.
pub(super) fn check(phrases: &[String], source: &Source) -> Vec<Complaint> {
    if source.place() != Place::Product {
        return Vec::new();
    }
    let lower = source.text.to_ascii_lowercase();
    let mut found = Vec::new();
    for phrase in phrases {
        let shouted = phrase.chars().all(|c| c.is_ascii_uppercase());
        let text = if shouted { &source.text } else { &lower };
        for at in whole_words(text, phrase) {
            let message = format!("\"{phrase}\": finish the thing, or say what it does not do");
            found.push(Complaint::new(&source.path, source.line_of(at), "phrase", message));
        }
    }
    found
}
