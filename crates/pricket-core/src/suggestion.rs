//! Names that look like a mistyped one.

use crate::limits::{MISTYPED_BYTES_MAX, SUGGESTION_SHARE, SUGGESTIONS_MAX};

/// The candidates within one typo in three characters of `name`, or that begin with it; nearest
/// first, ties in the given order, three at most. Case does not count, and a name longer than 512
/// bytes has no neighbours.
pub fn nearest_names<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let near = near(name, candidates);
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// The one candidate that is nearer to `name` than all others, if there is one within the distance
/// of [`nearest_names`]. For callers that act on a suggestion instead of telling it.
pub fn nearest_name<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    match near(name, candidates).as_slice() {
        [(_, only)] => Some((*only).to_owned()),
        [(first, best), (second, _), ..] if first < second => Some((*best).to_owned()),
        _ => None,
    }
}

fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    if name.len() > MISTYPED_BYTES_MAX {
        return Vec::new();
    }
    let name = name.to_lowercase();
    let typos_max = name.chars().count().div_ceil(SUGGESTION_SHARE);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MISTYPED_BYTES_MAX)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let typos = distance(&name, &lower);
            let begins = name.len() >= 3 && lower.starts_with(&name);
            (typos <= typos_max || begins).then_some((typos, candidate))
        })
        .collect();
    near.sort_by_key(|&(typos, _)| typos);
    near
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
