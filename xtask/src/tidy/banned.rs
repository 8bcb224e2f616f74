//! Words that have a better replacement.

use crate::{Complaint, Place, Source};

/// How a banned word must stand to count.
#[derive(Clone, Copy)]
enum Form {
    /// Anywhere in code.
    Word,
    /// `.word(` or `::word`.
    Method,
    /// `word!`
    Macro,
    /// `word(`, but no method and no definition of that name.
    Function,
}

struct Ban {
    rule: &'static str,
    form: Form,
    words: &'static [&'static str],
    instead: &'static str,
    /// Whether it holds in tests and benches too.
    everywhere: bool,
}

const BANS: [Ban; 7] = [
    Ban {
        rule: "unsafe",
        form: Form::Word,
        words: &["unsafe"],
        instead: "use a safe crate, or do without",
        everywhere: true,
    },
    Ban {
        rule: "unwrap",
        form: Form::Method,
        words: &["unwrap", "unwrap_err", "expect", "expect_err"],
        instead: "return the crate's error with `?`",
        everywhere: false,
    },
    Ban {
        rule: "panic",
        form: Form::Macro,
        words: &["panic", "unreachable"],
        instead: "return the crate's error",
        everywhere: false,
    },
    Ban {
        rule: "unfinished",
        form: Form::Macro,
        words: &["todo", "unimplemented"],
        instead: "finish it, or return a typed error",
        everywhere: false,
    },
    Ban {
        rule: "print",
        form: Form::Macro,
        words: &["print", "println", "eprint", "eprintln"],
        instead: "use `tracing`, or the terminal module of the binary",
        everywhere: false,
    },
    Ban { rule: "dbg", form: Form::Macro, words: &["dbg"], instead: "delete it", everywhere: true },
    Ban {
        rule: "sleep",
        form: Form::Function,
        words: &["sleep"],
        instead: "wait for what you wait for: a channel's or a condition's timeout, `park_timeout`",
        everywhere: false,
    },
];

/// Banned words in code.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let product = source.place() == Place::Product;
    let mut found = Vec::new();
    for ban in BANS.iter().filter(|ban| product || ban.everywhere) {
        for word in ban.words {
            for at in source.words(word).filter(|at| counts(ban.form, source, word, *at)) {
                let message = format!("`{word}` is banned; {}", ban.instead);
                found.push(Complaint::new(&source.path, source.line_of(at), ban.rule, message));
            }
        }
    }
    found
}

fn counts(form: Form, source: &Source, word: &str, at: usize) -> bool {
    let after = source.after(at + word.len());
    match form {
        Form::Word => true,
        Form::Method => match source.before(at) {
            Some(b'.') => after.starts_with('(') || after.starts_with("::"),
            Some(b':') => true,
            _ => false,
        },
        Form::Macro => after.starts_with('!') && !after.starts_with("!="),
        Form::Function => {
            let head = source.code.get(..at).unwrap_or_default().trim_end();
            after.starts_with('(') && !head.ends_with('.') && !head.ends_with("fn")
        }
    }
}
