//! `{% generation %}` blocks, with which transformers finds the assistant's tokens for training.
//! They change nothing in the text; `{% with %}` has the same scope.

/// Writes `generation` blocks as `with` blocks, keeping the whitespace marks of the tags.
pub(super) fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let (inner, after) = tag.split_at(end);
        let word = inner.trim_start_matches("{%").trim_matches(|c: char| "+-".contains(c)).trim();
        match word {
            "generation" => out.push_str(&inner.replace("generation", "with")),
            "endgeneration" => out.push_str(&inner.replace("endgeneration", "endwith")),
            _ => out.push_str(inner),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
