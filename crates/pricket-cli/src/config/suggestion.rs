//! The name that was meant by a mistyped one.

use std::fmt::Display;

use pricket::core::nearest_names;

/// The candidate that is nearest to a name, if one is near.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest_names(name, candidates).into_iter().next()
}

/// Words to put behind a sentence; none where nothing is meant.
pub(super) fn did_you_mean(meant: Option<impl Display>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}
