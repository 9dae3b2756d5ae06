//! [`Resources`]: on what a statement bears.

use super::arn::is_partition;
use super::glob::{self, Token};
use super::read::Fault;
use super::template::{Lookup, Template};

/// `Resource` or `NotResource`.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    negated: bool,
    templates: Vec<Template>,
}

impl Resources {
    pub(super) fn read(texts: &[&str], negated: bool, has_variables: bool) -> Resources {
        let read = |text: &&str| Template::read(text, has_variables);
        Resources { negated, templates: texts.iter().map(read).collect() }
    }

    /// Whether the statement bears on the resource with this ARN.
    pub(crate) fn apply_to(&self, arn: &str, lookup: Lookup<'_>) -> bool {
        let matches = |template: &Template| {
            template.pattern(lookup, arn.len()).is_some_and(|pattern| is_match(pattern, arn))
        };
        self.templates.iter().any(matches) != self.negated
    }
}

/// A `*` before a colon or at the end may run across colons, one inside a segment may not. What is
/// neither an ARN nor `*`, or has a wildcard for its service, matches nothing.
fn is_match(mut pattern: Vec<Token>, arn: &str) -> bool {
    if pattern == [Token::Run] {
        return true;
    }
    let is_arn = pattern.starts_with(&['a', 'r', 'n', ':'].map(Token::Char));
    if !is_arn || !has_literal_service(&pattern) {
        return false;
    }
    let mut ends_segment = true;
    for token in pattern.iter_mut().rev() {
        match token {
            Token::Run if !ends_segment => *token = Token::RunInSegment,
            Token::Run => {}
            token => ends_segment = *token == Token::Char(':'),
        }
    }
    glob::matches(&pattern, arn)
}

fn has_literal_service(pattern: &[Token]) -> bool {
    let service = pattern.split(|token| *token == Token::Char(':')).nth(2);
    let is_char = |token: &Token| matches!(token, Token::Char(_));
    service.is_some_and(|service| service.iter().all(is_char))
}

/// What IAM refuses. Variables may stand anywhere, and have colons of their own.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text == "*" {
        return Ok(());
    }
    let plain = without_variables(text);
    let parts: Vec<&str> = plain.split(':').collect();
    let [arn, partition, service, _, ..] = parts[..] else {
        return Err(Fault::NoArn(text.to_owned()));
    };
    if arn != "arn" {
        return Err(Fault::NoArn(text.to_owned()));
    }
    if service.is_empty() || service.contains(['*', '?']) {
        return Err(Fault::ResourceVendor);
    }
    if !is_partition(partition) && !partition.contains('*') {
        return Err(Fault::Partition(partition.to_owned(), text.to_owned()));
    }
    if parts.len() < 6 && !plain.ends_with('*') { Err(Fault::Syntax) } else { Ok(()) }
}

fn without_variables(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${")
        && let Some((_, behind)) = behind.split_once('}')
    {
        plain += before;
        plain.push('$');
        rest = behind;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:111111111111:q";

    fn matches(pattern: &str, arn: &str) -> bool {
        Resources::read(&[pattern], false, false).apply_to(arn, &|_| None)
    }

    #[test]
    fn a_resource_is_described_by_its_arn() {
        for (pattern, expected) in [
            ("*", true),
            (ARN, true),
            ("arn:aws:sqs:*:*:q", true),
            ("arn:aws:sqs:*", true),
            ("arn:aws:sqs:us-east-1:111111111111:q*", true),
            ("arn:aws:sqs:us-east-1:111111111111:Q", false),
            ("arn:aws:sqs:us-*-1:111111111111:?", true),
            ("arn:aws:sqs:us-east-1::q", false),
            ("arn:aws:sqs:us-east-1:111111111111:q/", false),
            ("arn:*:sqs:*:*:q", true),
            ("arn:aws:s*:*:*:q", false),
            ("arn:aws:s?s:*:*:q", false),
            ("arn:aws:*", false),
            ("arn:*", false),
            ("**", false),
            ("q", false),
            ("https://sqs.us-east-1.amazonaws.com/111111111111/q", false),
            ("arn:aws:sqs:us*q", false),
            ("arn:aws:sqs:u*1:*", true),
            ("arn:aws:sqs:*q", false),
            ("arn:aws:sqs:*:q", true),
        ] {
            assert_eq!(matches(pattern, ARN), expected, "{pattern}");
        }
        for arn in ["q", "q2", "q.fifo"] {
            let arn = format!("arn:aws:sqs:us-east-1:111111111111:{arn}");
            assert!(matches("arn:aws:sqs:us-east-1:111111111111:q*", &arn), "{arn}");
        }
    }

    #[test]
    fn iam_refuses_what_could_never_match() {
        for text in
            [ARN, "*", "arn:aws:sqs:*", "arn:*:sqs:*:*:q", "arn:aws:sqs:*:*:${aws:username}-*"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let no_arn = |text: &str| Fault::NoArn(text.to_owned());
        assert_eq!(check("q"), Err(no_arn("q")));
        assert_eq!(check("arn:aws:sqs"), Err(no_arn("arn:aws:sqs")));
        assert_eq!(check("a:aws:sqs:r:a:q"), Err(no_arn("a:aws:sqs:r:a:q")));
        assert_eq!(check("arn:aws:s*:*:*:q"), Err(Fault::ResourceVendor));
        assert_eq!(check("arn:aws:sqs:us-east-1:q"), Err(Fault::Syntax));
        let partition = Fault::Partition("aw".to_owned(), "arn:aw:sqs:*".to_owned());
        assert_eq!(check("arn:aw:sqs:*"), Err(partition));
    }
}
