//! [`Tags`]: what a queue is labelled with, for cost allocation.

use std::collections::BTreeMap;

use crate::limits::{TAG_KEY_CHARACTERS_MAX, TAG_VALUE_CHARACTERS_MAX, TAGS_MAX};
use crate::message::illegal_character;

/// A queue's tags by key. Case matters.
pub type Tags = BTreeMap<String, String>;

/// Why tags were not accepted, in the words of SQS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagRefusal {
    /// There would be more tags than a queue may have.
    #[error("Too many tags added for queue {0}.")]
    TooMany(String),
    /// A key is empty or too long.
    #[error("Tag keys must be between 1 and 128 characters in length.")]
    KeyLength,
    /// A value is too long.
    #[error("Tag values must be between 0 and 256 characters in length.")]
    ValueLength,
    /// A key has other characters than tags may have.
    #[error(
        "Tag keys may only contain unicode letters, digits, whitespace, or one of these symbols: _ . : / = + - @"
    )]
    KeyCharacters,
    /// A value has other characters than tags may have.
    #[error(
        "Tag values may only contain unicode letters, digits, whitespace, or one of these symbols: _ . : / = + - @"
    )]
    ValueCharacters,
    /// A key begins with `aws:`, which is reserved.
    #[error("Tag keys beginning with aws: are reserved for system use.")]
    Reserved,
}

/// `current` with `added`, which replaces what has the same key. `queue` is the queue's name.
pub fn with(current: &Tags, added: &Tags, queue: &str) -> Result<Tags, TagRefusal> {
    added.iter().try_for_each(|(key, value)| check(key, value))?;
    let mut tags = current.clone();
    tags.extend(added.iter().map(|(key, value)| (key.clone(), value.clone())));
    if tags.len() > TAGS_MAX { Err(TagRefusal::TooMany(queue.to_owned())) } else { Ok(tags) }
}

/// Checks a key that is to be removed.
pub fn check_key(key: &str) -> Result<(), TagRefusal> {
    let fits = (1..=TAG_KEY_CHARACTERS_MAX).contains(&key.chars().count());
    if fits { Ok(()) } else { Err(TagRefusal::KeyLength) }
}

fn check(key: &str, value: &str) -> Result<(), TagRefusal> {
    check_key(key)?;
    if !has_allowed_characters(key) {
        return Err(TagRefusal::KeyCharacters);
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(TagRefusal::Reserved);
    }
    if value.chars().count() > TAG_VALUE_CHARACTERS_MAX {
        return Err(TagRefusal::ValueLength);
    }
    if has_allowed_characters(value) { Ok(()) } else { Err(TagRefusal::ValueCharacters) }
}

/// Unicode counts line tabulations and form feeds as whitespace, but XML cannot carry them.
fn has_allowed_characters(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    text.chars().all(allowed) && illegal_character(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(key: &str, value: &str) -> Result<Tags, TagRefusal> {
        with(&Tags::new(), &Tags::from([(key.to_owned(), value.to_owned())]), "q")
    }

    #[test]
    fn keys_are_case_sensitive_and_the_same_key_replaces_edge_237() {
        let one = add("MyTag", "1").unwrap();
        let two = with(&one, &add("mytag", "2").unwrap(), "q").unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(with(&two, &add("MyTag", "3").unwrap(), "q").unwrap()["MyTag"], "3");
    }

    #[test]
    fn keys_and_values_have_bounds() {
        for (key, value) in
            [("k", ""), (&"k".repeat(128), &"v".repeat(256)), ("ação + 1", "é_.:/=+-@")]
        {
            assert!(add(key, value).is_ok(), "{key}");
        }
        for (key, value, refusal) in [
            ("", "v", TagRefusal::KeyLength),
            (&"k".repeat(129), "v", TagRefusal::KeyLength),
            ("k!", "v", TagRefusal::KeyCharacters),
            ("aws:k", "v", TagRefusal::Reserved),
            ("AWS:k", "v", TagRefusal::Reserved),
            ("k", &"v".repeat(257), TagRefusal::ValueLength),
            ("k", "<v>", TagRefusal::ValueCharacters),
            ("k", "a\u{B}b", TagRefusal::ValueCharacters),
            ("a\u{C}b", "v", TagRefusal::KeyCharacters),
        ] {
            assert_eq!(add(key, value), Err(refusal), "{key}");
        }
    }

    #[test]
    fn a_queue_has_at_most_50_tags() {
        let many = |n: usize| (0..n).map(|i| (i.to_string(), String::new())).collect::<Tags>();
        assert!(with(&many(50), &many(50), "q").is_ok());
        assert_eq!(
            with(&many(50), &add("k", "").unwrap(), "q"),
            Err(TagRefusal::TooMany("q".into()))
        );
    }
}
