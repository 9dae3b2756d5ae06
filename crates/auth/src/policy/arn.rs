//! Amazon Resource Names, as conditions compare them.

use super::glob::{self, Token};

/// The partitions of AWS. Formiga's own is `aws`.
pub(super) fn is_partition(text: &str) -> bool {
    matches!(text, "aws" | "aws-cn" | "aws-us-gov")
}

/// An ARN has six parts, of which only the last may contain colons.
const PARTS: usize = 6;

/// Whether the six parts of `arn` are those of the pattern, each for itself. A lone `*` matches
/// every ARN, and what is not an ARN matches nothing.
pub(super) fn matches(pattern: &[Token], arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(PARTS, ':').collect();
    if parts.len() != PARTS || parts[0] != "arn" {
        return false;
    }
    if pattern == [Token::Run] {
        return true;
    }
    let patterns: Vec<&[Token]> =
        pattern.splitn(PARTS, |token| *token == Token::Char(':')).collect();
    patterns.len() == PARTS
        && patterns.iter().zip(parts).all(|(pattern, part)| glob::matches(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stay_between_colons() {
        let topic = "arn:aws:sns:us-east-1:111111111111:t";
        for (pattern, arn, expected) in [
            (topic, topic, true),
            ("arn:aws:sns:us-east-1:111111111111:*", topic, true),
            ("arn:aws:sns:*:t", topic, false),
            ("arn:aws:sns:*:*:t", topic, true),
            ("arn:aws:sns:us-east-1:111111111111:T", topic, false),
            ("arn:aws:s3:::bkt", "arn:aws:s3:::bkt", true),
            ("arn:aws:s3:*:*:bkt", "arn:aws:s3:::bkt", true),
            (
                "arn:aws:iam::111111111111:role/team/*",
                "arn:aws:iam::111111111111:role/team/a/b",
                true,
            ),
            (
                "arn:aws:lambda:*:*:function:f",
                "arn:aws:lambda:us-east-1:111111111111:function:f",
                true,
            ),
            ("arn:aws:lambda:*:*:*", "arn:aws:lambda:us-east-1:111111111111:function:f", true),
            ("*", topic, true),
            ("*", "topic", false),
            ("arn:*", topic, false),
            ("*:*:*:*:*:*", topic, true),
            ("*:*:*:*:*:*", "a:b:c:d:e:f", false),
        ] {
            let tokens: Vec<Token> = pattern.chars().map(Token::of_pattern).collect();
            assert_eq!(matches(&tokens, arn), expected, "{pattern} {arn}");
        }
    }
}
