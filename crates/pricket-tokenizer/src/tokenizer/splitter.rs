//! How text is cut into words before anything is merged.
//!
//! Patterns are compiled to automata without backtracking. All of those in use end in
//! `\s+(?!\S)|\s+`: the spaces before a word, but for the last one, which the word keeps. That is
//! the one thing in them that needs a look ahead, and is done by hand here.

use regex::Regex;

use super::decoding::SPACE_MARK;

/// What patterns end in.
const SPACES: &str = r"\s+(?!\S)|\s+";

/// GPT-2: contractions, words, numbers and signs, each with the space before it.
pub(crate) const GPT2: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Cuts text by each of its rules in turn.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    cuts: Vec<Cut>,
}

/// One rule; what it finds and what lies between are pieces.
#[derive(Debug)]
enum Cut {
    /// What a pattern finds.
    Found(Regex),
    /// The same for a pattern that ends in [`SPACES`], here without them and bound to where the
    /// search begins.
    FoundOrSpaces(Regex),
    /// Words that begin with a space mark.
    Marks,
}

impl Splitter {
    /// Adds a pattern, as `Split` with `Isolated` has it. `None` where it needs a backtracking
    /// engine, or means another thing to one: look-around, anchors, possessive repetition.
    pub(crate) fn with_pattern(mut self, pattern: &str) -> Option<Self> {
        let head = pattern.strip_suffix(SPACES).and_then(|head| head.strip_suffix('|'));
        if !is_plain(head.unwrap_or(pattern)) {
            return None;
        }
        let regex = match head {
            Some(head) => Regex::new(&format!("^(?:{head})")),
            None => Regex::new(pattern),
        };
        let regex = regex.ok().filter(|regex| !regex.is_match(""))?;
        let cut = if head.is_some() { Cut::FoundOrSpaces } else { Cut::Found };
        self.cuts.push(cut(regex));
        Some(self)
    }

    /// Adds the rule that a space mark begins a word.
    pub(crate) fn with_marks(mut self) -> Self {
        self.cuts.push(Cut::Marks);
        self
    }

    /// Shows the words of a text in their order; together they are the text.
    pub(crate) fn words(&self, text: &str, see: &mut dyn FnMut(&str)) {
        cut(&self.cuts, text, see);
    }
}

fn cut(cuts: &[Cut], text: &str, see: &mut dyn FnMut(&str)) {
    match cuts.split_first() {
        None if text.is_empty() => {}
        None => see(text),
        Some((first, rest)) => first.pieces(text, &mut |piece| cut(rest, piece, see)),
    }
}

impl Cut {
    fn pieces(&self, text: &str, see: &mut dyn FnMut(&str)) {
        let mut done = 0;
        // Shows what lies before a find, and the find.
        let mut found = |start: usize, end: usize| {
            if done < start {
                see(&text[done..start]);
            }
            see(&text[start..end]);
            done = end;
        };
        match self {
            Self::Found(regex) => {
                regex.find_iter(text).for_each(|hit| found(hit.start(), hit.end()));
            }
            Self::FoundOrSpaces(head) => {
                let mut at = 0;
                while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
                    let len = head.find(rest).map_or_else(|| spaces(rest), |hit| hit.end());
                    if len > 0 {
                        found(at, at + len);
                        at += len;
                    } else {
                        at += rest.chars().next().map_or(1, char::len_utf8);
                    }
                }
            }
            Self::Marks => {
                let starts = text.match_indices(SPACE_MARK).map(|(at, _)| at).filter(|&at| at > 0);
                let mut start = 0;
                for next in starts.chain([text.len()]).filter(|&next| next > 0) {
                    found(start, next);
                    start = next;
                }
            }
        }
        if done < text.len() {
            see(&text[done..]);
        }
    }
}

/// The length of what [`SPACES`] finds at the beginning of a text, 0 where that is no space.
fn spaces(text: &str) -> usize {
    let rest = text.trim_start();
    let len = text.len() - rest.len();
    let last = text[..len].chars().next_back().map_or(0, char::len_utf8);
    // Before a word the last space stays, unless it is the only one.
    if rest.is_empty() || last == len { len } else { len - last }
}

/// Whether a pattern means the same to an automaton as to a backtracking engine. What is in doubt
/// does not.
fn is_plain(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    let (mut classes, mut repeated) = (0usize, false);
    while let Some(c) = chars.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '\\' => match chars.next() {
                // Classes of characters, whose name may stand in braces.
                Some('p' | 'P' | 'u' | 'x') => {
                    if chars.next_if_eq(&'{').is_some() {
                        while chars.next().is_some_and(|c| c != '}') {}
                    }
                }
                Some('s' | 'S' | 'd' | 'D' | 'w' | 'W' | 'r' | 'n' | 't') => {}
                // A letter or digit has another meaning in each engine, a sign means itself.
                Some(c) if !c.is_alphanumeric() && c != '<' && c != '>' => {}
                _ => return false,
            },
            '[' => {
                classes += 1;
                chars.next_if_eq(&'^');
            }
            ']' => classes = classes.saturating_sub(1),
            _ if classes > 0 => {}
            '^' | '$' => return false,
            '(' if chars.next_if_eq(&'?').is_some() => match chars.peek() {
                Some(':' | 'i') => {}
                _ => return false,
            },
            '+' if was_repeated => return false,
            '?' | '*' | '+' | '}' => repeated = true,
            _ => {}
        }
    }
    true
}
