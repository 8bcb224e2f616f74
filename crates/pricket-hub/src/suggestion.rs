//! Names that look like a mistyped one.

use crate::limits::{SUGGESTION_SHARE, SUGGESTIONS_MAX};

/// The candidates within one typo in three characters of `name`, or that begin with it; nearest
/// first, ties in the given order.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let typos_max = name.chars().count().div_ceil(SUGGESTION_SHARE);
    let mut near: Vec<(usize, &str)> = candidates
        .filter_map(|candidate| {
            let typos = distance(&name, &candidate.to_lowercase());
            let begins = name.len() >= 3 && candidate.to_lowercase().starts_with(&name);
            (typos <= typos_max || begins).then_some((typos, candidate))
        })
        .collect();
    near.sort_by_key(|&(typos, _)| typos);
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Edits between two texts: insertions, deletions, substitutions, and swaps of neighbours
/// (optimal string alignment, after Damerau 1964 and Levenshtein 1966), by three rows of the
/// dynamic programme.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let substituted = above[j] + usize::from(x != y);
            let mut best = substituted.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}
