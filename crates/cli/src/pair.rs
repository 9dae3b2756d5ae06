//! `KEY=VALUE`, as attributes and tags are given.

/// A key and its value. The value may hold further `=`, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Pair {
    pub(crate) fn parse(text: &str) -> Result<Pair, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Pair { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("{text:?} is not KEY=VALUE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_ends_the_key() {
        let pair = Pair::parse("a=b=c").unwrap();
        assert_eq!((pair.key.as_str(), pair.value.as_str()), ("a", "b=c"));
        assert_eq!(Pair::parse("team=").unwrap().value, "");
    }

    #[test]
    fn a_pair_has_a_key() {
        assert!(Pair::parse("=b").is_err());
        assert!(Pair::parse("team").is_err());
        assert!(Pair::parse("").is_err());
    }
}
