//! Licence expressions: SPDX 2.3, Annex D, and the slash that older manifests write for OR.

/// Deeper parentheses than these are nobody's licence.
const DEPTH_MAX: usize = 16;

/// A licence expression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expression {
    /// One licence, with its exception: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// One of these is enough.
    Any(Vec<Expression>),
    /// All of these bind.
    All(Vec<Expression>),
}

impl Expression {
    /// Reads an expression. AND binds tighter than OR.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut reader = Reader { words: &words, at: 0 };
        let expression = reader.any(0)?;
        match reader.peek() {
            None => Ok(expression),
            Some(word) => Err(format!("`{word}` is too much")),
        }
    }

    /// Whether it holds when each licence is judged so.
    pub fn holds(&self, judge: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => judge(name),
            Self::Any(parts) => parts.iter().any(|part| part.holds(judge)),
            Self::All(parts) => parts.iter().all(|part| part.holds(judge)),
        }
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, String> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.take("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, String> {
        let first = self.licence(depth)?;
        let mut parts = vec![first];
        while self.take("AND") {
            parts.push(self.licence(depth)?);
        }
        Ok(single(parts, Expression::All))
    }

    fn licence(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEPTH_MAX {
            return Err("it nests too deep".to_owned());
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { Err("`)` is missing".to_owned()) };
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Ok(Expression::Licence(format!("{name} WITH {exception}")));
        }
        Ok(Expression::Licence(name))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(word) if !["OR", "AND", "WITH", "(", ")"].contains(&word) => {
                let name = word.to_owned();
                self.at += 1;
                Ok(name)
            }
            Some(word) => Err(format!("expected a licence before `{word}`")),
            None => Err("it ends where a licence should stand".to_owned()),
        }
    }
}

fn single(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
