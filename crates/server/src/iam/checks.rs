//! [`Checks`]: the constraints of parameters, and what is said about those that are not satisfied.

use std::collections::{BTreeMap, HashSet};

use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::iam::Tag;

use crate::error::ApiError;
use crate::keys::{is_name_byte, is_path};

/// Collects faults, all of which are told at once.
#[derive(Default)]
pub(crate) struct Checks(Vec<String>);

/// What a text has to be.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// The pattern as it is told, and whether a text has it.
    pub(crate) pattern: Option<Pattern>,
}

pub(crate) type Pattern = (&'static str, fn(&str) -> bool);

const NAME_PATTERN: Pattern =
    (r"[\w+=,.@-]+", |text| !text.is_empty() && text.bytes().all(is_name_byte));
/// A name that is given.
pub(crate) const NEW_NAME: Rule = Rule { min: 1, max: 64, pattern: Some(NAME_PATTERN) };
/// A name that is looked for, and that of a policy.
pub(crate) const NAME: Rule = Rule { min: 1, max: 128, pattern: Some(NAME_PATTERN) };
pub(crate) const ROLE_NAME: Rule = NEW_NAME;
pub(crate) const PATH: Rule =
    Rule { min: 1, max: 512, pattern: Some((r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", is_path)) };
pub(crate) const PATH_PREFIX: Rule = Rule {
    min: 1,
    max: 512,
    pattern: Some((r"\u002F[\u0021-\u007F]*", |text| {
        text.starts_with('/') && text.bytes().all(|byte| (0x21..=0x7F).contains(&byte))
    })),
};
pub(crate) const ACCESS_KEY_ID: Rule = Rule {
    min: 16,
    max: 128,
    pattern: Some((r"[\w]+", |text| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })),
};
pub(crate) const DOCUMENT: Rule = Rule { min: 1, max: 131_072, pattern: None };
pub(crate) const DESCRIPTION: Rule = Rule { min: 0, max: 1000, pattern: None };
const MARKER: Rule = Rule { min: 1, max: 1024, pattern: None };
const TAG_KEY: Rule = Rule { min: 1, max: 128, pattern: None };
const TAG_VALUE: Rule = Rule { min: 0, max: 256, pattern: None };
const TAGS_MAX: usize = 50;

impl Checks {
    /// A parameter that has to be there. What is returned for one that is not is never used.
    pub(crate) fn required<'a>(
        &mut self,
        member: &str,
        value: Option<&'a str>,
        rule: Rule,
    ) -> &'a str {
        if value.is_none() {
            let sentence = "failed to satisfy constraint: Member must not be null";
            self.0.push(format!("Value null at '{member}' {sentence}"));
        }
        self.optional(member, value, rule).unwrap_or_default()
    }

    pub(crate) fn optional<'a>(
        &mut self,
        member: &str,
        value: Option<&'a str>,
        rule: Rule,
    ) -> Option<&'a str> {
        let text = value?;
        if let Some((pattern, is_like)) = rule.pattern
            && !is_like(text)
        {
            let what = format!("Member must satisfy regular expression pattern: {pattern}");
            self.fault(member, text, &what);
        }
        self.length(member, text, text.chars().count(), rule);
        value
    }

    fn length(&mut self, member: &str, value: &str, length: usize, Rule { min, max, .. }: Rule) {
        if length < min {
            let what = format!("Member must have length greater than or equal to {min}");
            self.fault(member, value, &what);
        }
        if length > max {
            let what = format!("Member must have length less than or equal to {max}");
            self.fault(member, value, &what);
        }
    }

    pub(crate) fn range(&mut self, member: &str, value: Option<i64>, min: i64, max: i64) {
        let Some(value) = value else { return };
        let number = value.to_string();
        if value < min {
            let what = format!("Member must have value greater than or equal to {min}");
            self.fault(member, &number, &what);
        }
        if value > max {
            let what = format!("Member must have value less than or equal to {max}");
            self.fault(member, &number, &what);
        }
    }

    /// `Active` or `Inactive`.
    pub(crate) fn status(&mut self, value: Option<&str>) -> bool {
        let rule = Rule { min: 0, max: usize::MAX, pattern: None };
        let status = self.required("status", value, rule);
        if value.is_some() && !["Active", "Inactive"].contains(&status) {
            let what = "Member must satisfy enum value set: [Active, Inactive]";
            self.fault("status", status, what);
        }
        status == "Active"
    }

    /// The parameters of lists.
    pub(crate) fn page(&mut self, marker: Option<&str>, max_items: Option<i64>) {
        self.optional("marker", marker, MARKER);
        self.range("maxItems", max_items, 1, 1000);
    }

    pub(crate) fn tags(&mut self, tags: &[Tag]) {
        if tags.len() > TAGS_MAX {
            let what =
                "failed to satisfy constraint: Member must have length less than or equal to 50";
            self.0.push(format!("Value at 'tags' {what}"));
        }
        for (number, tag) in (1..).zip(tags.iter().take(TAGS_MAX)) {
            self.optional(&format!("tags.{number}.member.key"), Some(&tag.key), TAG_KEY);
            self.optional(&format!("tags.{number}.member.value"), Some(&tag.value), TAG_VALUE);
        }
    }

    /// A parameter that would change what is allowed, were it supported: it is not overlooked.
    pub(crate) fn unsupported(&mut self, member: &str, is_given: bool) {
        if is_given {
            let what = "failed to satisfy constraint: Member is not supported by this server";
            self.0.push(format!("Value at '{member}' {what}"));
        }
    }

    fn fault(&mut self, member: &str, value: &str, what: &str) {
        let value = quoted(value);
        self.0.push(format!("Value '{value}' at '{member}' failed to satisfy constraint: {what}"));
    }

    pub(crate) fn done(self) -> Result<(), ApiError> {
        let detected = match self.0.len() {
            0 => return Ok(()),
            1 => "1 validation error detected".to_owned(),
            count => format!("{count} validation errors detected"),
        };
        let message = format!("{detected}: {}", self.0.join("; "));
        Err(ApiError::new(ErrorKind::ValidationError, message))
    }
}

/// Tags by their keys, which are distinct whatever their case.
pub(super) fn distinct(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut keys = HashSet::new();
    if !tags.iter().all(|tag| keys.insert(tag.key.to_lowercase())) {
        let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(ApiError::new(ErrorKind::InvalidInput, message));
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(check: impl FnOnce(&mut Checks)) -> String {
        let mut checks = Checks::default();
        check(&mut checks);
        checks.done().map_or_else(|error| error.message, |()| String::new())
    }

    #[test]
    fn every_fault_is_told_at_once() {
        assert_eq!(said(|_| ()), "");
        assert_eq!(
            said(|checks| _ = checks.required("userName", None, NAME)),
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
        );
        let both = said(|checks| {
            checks.required("userName", Some("a b"), NAME);
            checks.range("maxItems", Some(1001), 1, 1000);
        });
        assert_eq!(
            both,
            "2 validation errors detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\w+=,.@-]+; Value '1001' at 'maxItems' failed to satisfy constraint: Member \
             must have value less than or equal to 1000"
        );
    }

    #[test]
    fn names_paths_and_ids_have_a_form() {
        let long = "x".repeat(65);
        for (rule, fits, fails) in [
            (NEW_NAME, vec!["a", "A_+=,.@-9"], vec!["", "é", "a/b", &long]),
            (PATH, vec!["/", "/a/", "/a/b!/"], vec!["", "a", "/a", "a/", "//", "/ /"]),
            (PATH_PREFIX, vec!["/", "/a", "/a/"], vec!["", "a", "/ "]),
            (ACCESS_KEY_ID, vec!["AKIAEXAMPLE234567ABC"], vec!["AKIA", "AKIAEXAMPLE234567-BC"]),
        ] {
            for text in fits {
                assert_eq!(said(|checks| _ = checks.required("m", Some(text), rule)), "");
            }
            for text in fails {
                let said = said(|checks| _ = checks.required("m", Some(text), rule));
                assert!(said.contains("at 'm' failed"), "{text}: {said}");
            }
        }
    }

    #[test]
    fn tags_are_few_short_and_distinct() {
        let tag = |key: &str| Tag { key: key.to_owned(), value: String::new() };
        assert_eq!(said(|checks| checks.tags(&vec![tag("a"); 50])), "");
        assert!(said(|checks| checks.tags(&vec![tag("a"); 51])).contains("equal to 50"));
        let long = "x".repeat(129);
        assert!(
            said(|checks| checks.tags(&[tag("a"), tag(&long)])).contains("'tags.2.member.key'")
        );
        assert!(distinct(vec![tag("a"), tag("b")]).is_ok());
        assert!(distinct(vec![tag("a"), tag("A")]).is_err());
    }
}
