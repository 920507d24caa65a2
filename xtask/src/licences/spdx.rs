//! Licence expressions, as packages state them.

/// A licence expression: which licences must hold together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// One licence, with its exception (`Apache-2.0 WITH LLVM-exception`).
    One(String),
    /// Both apply.
    Both(Box<Expression>, Box<Expression>),
    /// We may choose.
    Either(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Whether the licences that `allowed` admits are enough.
    pub(crate) fn holds(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::One(id) => allowed(id),
            Self::Both(left, right) => left.holds(allowed) && right.holds(allowed),
            Self::Either(left, right) => left.holds(allowed) || right.holds(allowed),
        }
    }
}

/// Reads an SPDX expression; the old `A/B` means `A OR B`.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let spaced = text
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens };
    let expression = parser.either()?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(extra) => Err(format!("`{extra}` is unexpected")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let found = self.tokens.first() == Some(&word);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn either(&mut self) -> Result<Expression, String> {
        let mut left = self.both()?;
        while self.take_if("OR") {
            left = Expression::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression, String> {
        let mut left = self.one()?;
        while self.take_if("AND") {
            left = Expression::Both(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Expression, String> {
        match self.take() {
            Some("(") => {
                let inner = self.either()?;
                if self.take_if(")") {
                    Ok(inner)
                } else {
                    Err("a `)` is missing".to_owned())
                }
            }
            Some(word @ (")" | "OR" | "AND" | "WITH")) => Err(format!("`{word}` is unexpected")),
            Some(id) if self.take_if("WITH") => {
                let exception = self.take().ok_or("`WITH` is followed by nothing")?;
                Ok(Expression::One(format!("{id} WITH {exception}")))
            }
            Some(id) => Ok(Expression::One(id.to_owned())),
            None => Err("a licence is missing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, allowed: &[&str]) -> bool {
        parse(text)
            .expect("a good expression")
            .holds(&|id| allowed.contains(&id))
    }

    #[test]
    fn either_needs_one_and_both_need_all() {
        assert!(holds("MIT OR GPL-3.0", &["MIT"]));
        assert!(holds("GPL-3.0/MIT", &["MIT"]) && holds("GPL-3.0 / MIT", &["MIT"]));
        assert!(!holds("MIT AND GPL-3.0", &["MIT"]));
        assert!(!holds("GPL-3.0", &["MIT"]));
    }

    #[test]
    fn both_bind_closer_than_either_and_parentheses_closest() {
        assert!(holds("MIT OR GPL-3.0 AND ISC", &["MIT"]));
        assert!(!holds("(MIT OR GPL-3.0) AND ISC", &["MIT"]));
        assert!(holds("(MIT OR GPL-3.0) AND ISC", &["MIT", "ISC"]));
    }

    #[test]
    fn an_exception_is_part_of_its_licence() {
        let text = "Apache-2.0 WITH LLVM-exception";
        assert!(!holds(text, &["Apache-2.0"]));
        assert!(holds(text, &["Apache-2.0 WITH LLVM-exception"]));
    }

    #[test]
    fn a_broken_expression_is_refused() {
        for text in [
            "", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH",
        ] {
            assert!(parse(text).is_err(), "`{text}` was read");
        }
    }
}
