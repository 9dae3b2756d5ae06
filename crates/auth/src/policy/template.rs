//! [`Template`]: a text with policy variables.

use super::glob::Token;

/// A text of a policy: characters, and `${variables}` where its version has them. What a variable
/// stands for is never a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    /// Characters, among which `*` and `?` may be wildcards.
    Text(String),
    /// A character that is none: `${*}`.
    Literal(char),
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// Finds the value of a key, given in lower case, if it has exactly one.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Template {
    pub(super) fn read(text: &str, has_variables: bool) -> Template {
        let mut pieces = Vec::new();
        let mut rest = text;
        while has_variables && let Some((before, variable, behind)) = next_variable(rest) {
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(variable);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Template(pieces)
    }

    /// The text that is compared as it is; `None` if a variable has no value.
    pub(super) fn text(&self, lookup: Lookup<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text += piece,
                Piece::Literal(c) => text.push(*c),
                Piece::Variable { key, default } => {
                    text += &lookup(key).or_else(|| default.clone())?;
                }
            }
        }
        Some(text)
    }

    /// The pattern that is matched; `None` if a variable has no value, or if no text of
    /// `text_bytes` bytes could match it.
    pub(super) fn pattern(&self, lookup: Lookup<'_>, text_bytes: usize) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        let mut literals = 0;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => tokens.extend(text.chars().map(Token::of_pattern)),
                Piece::Literal(c) => tokens.push(Token::Char(*c)),
                Piece::Variable { key, default } => {
                    let value = lookup(key).or_else(|| default.clone())?;
                    literals += value.len();
                    tokens.extend(value.chars().map(Token::Char));
                }
            }
            if literals > text_bytes {
                return None;
            }
        }
        Some(tokens)
    }
}

/// What stands before the first variable of `text`, it, and what stands behind it. A `${` that no
/// brace closes is text.
fn next_variable(text: &str) -> Option<(&str, Piece, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (inside, behind) = rest.split_once('}')?;
    let variable = match inside {
        "*" => Piece::Literal('*'),
        "?" => Piece::Literal('?'),
        "$" => Piece::Literal('$'),
        _ => {
            let (key, default) = inside.split_once(',').map_or((inside, None), |(key, rest)| {
                let quoted =
                    rest.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                (key, quoted.map(str::to_owned))
            });
            Piece::Variable { key: key.trim().to_lowercase(), default }
        }
    };
    Some((before, variable, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str) -> Option<String> {
        let lookup = |key: &str| (key == "aws:username").then(|| "a*b".to_owned());
        Template::read(template, true).text(&lookup)
    }

    #[test]
    fn a_variable_stands_for_the_value_of_a_key() {
        for (template, expected) in [
            ("", Some("")),
            ("x", Some("x")),
            ("${aws:username}", Some("a*b")),
            ("-${AWS:UserName}-${aws:username}-", Some("-a*b-a*b-")),
            ("${*}${?}${$}", Some("*?$")),
            ("${unknown}", None),
            ("${unknown, 'x y'}", Some("x y")),
            ("${aws:username, 'x'}", Some("a*b")),
            ("${unknown, x}", None),
            ("${aws:username", Some("${aws:username")),
            ("}${", Some("}${")),
        ] {
            assert_eq!(text(template).as_deref(), expected, "{template}");
        }
        let old = Template::read("${aws:username}", false).text(&|_| Some("x".to_owned()));
        assert_eq!(old.as_deref(), Some("${aws:username}"), "2008 has no variables");
    }

    #[test]
    fn a_value_is_no_pattern() {
        let lookup = |_: &str| Some("*".to_owned());
        let template = Template::read("*${x}", true);
        assert_eq!(template.pattern(&lookup, 9), Some(vec![Token::Run, Token::Char('*')]));
        let template = Template::read("${x}${x}", true);
        assert_eq!(template.pattern(&lookup, 1), None, "no text is that long");
    }
}
