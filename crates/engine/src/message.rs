//! [`MessageContent`]: what a message carries, its [`MessageAttributes`] and their MD5 digests.

use std::fmt;

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::limits::{
    ATTRIBUTE_NAME_BYTES_MAX, MESSAGE_ATTRIBUTES_MAX, NUMBER_DIGITS_MAX, NUMBER_POWERS,
};

/// What a sender handed in and a receiver gets back, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageContent {
    /// The message id, a UUID; stable for the message's life.
    pub message_id: [u8; 16],
    /// The body. Never empty.
    pub body: String,
    /// MD5 of the body's UTF-8 bytes.
    pub body_md5: [u8; 16],
    /// The sender's attributes.
    pub attributes: MessageAttributes,
    /// The `AWSTraceHeader` system attribute.
    pub trace_header: Option<String>,
    /// The message group id, which on a standard queue only names a tenant.
    pub group_id: Option<String>,
    /// The deduplication id, given or made from the body; only on FIFO queues.
    pub deduplication_id: Option<String>,
    /// Who sent the message.
    pub sender_id: String,
}

impl MessageContent {
    /// The size SQS limits: body plus names, types and values of the message attributes, in
    /// bytes. System attributes and group ids are not counted.
    pub fn size(&self) -> u64 {
        self.body.len() as u64 + self.attributes.size()
    }
}

/// A message group, by a digest of its id: groups are told apart by 16 bytes, however long their
/// ids are. Nobody finds two ids with the same digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub u128);

impl Group {
    /// The group called `id`.
    pub fn of(id: &str) -> Group {
        Group(digest(&[id]))
    }
}

/// The first 128 bits of the SHA-256 of `parts`, which are told apart from their concatenation.
pub(crate) fn digest(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let whole = hash.finalize();
    u128::from_be_bytes(whole[..16].try_into().expect("a SHA-256 has 32 bytes"))
}

/// The deduplication id that content-based deduplication makes of a body: its SHA-256 in hex.
pub fn content_based_deduplication_id(body: &str) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The MD5 of `bytes`.
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// The first character of `text` that SQS does not take in bodies, attribute values and types.
/// "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to
/// #x10FFFF."
pub fn illegal_character(text: &str) -> Option<char> {
    // Bytes first: nearly every message is free of control characters, and U+FFFE and U+FFFF
    // start with 0xEF.
    let suspicious = |byte: u8| byte < 0x20 || byte == 0xEF;
    if !text.bytes().any(suspicious) {
        return None;
    }
    text.chars().find(|&c| {
        !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
    })
}

/// A message attribute's value, by its logical type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// `String` and `Number` values, as sent: SQS digests and returns numbers unchanged.
    Text(String),
    /// `Binary` values, decoded.
    Binary(Vec<u8>),
}

impl AttributeValue {
    fn bytes(&self) -> &[u8] {
        match self {
            AttributeValue::Text(text) => text.as_bytes(),
            AttributeValue::Binary(bytes) => bytes,
        }
    }
}

/// One message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAttribute {
    /// Its name, unique within the message.
    pub name: String,
    /// Its type with any custom label, such as `Number.int`.
    pub data_type: String,
    /// Its value.
    pub value: AttributeValue,
}

/// A message attribute as a request carries it, before it is checked.
#[derive(Clone, Debug, Default)]
pub struct UncheckedAttribute {
    /// `DataType`
    pub data_type: Option<String>,
    /// `StringValue`
    pub string_value: Option<String>,
    /// `BinaryValue`, decoded
    pub binary_value: Option<Vec<u8>>,
    /// Whether the request carries list values, which SQS reserves.
    pub has_list_values: bool,
}

/// Why a message attribute was not accepted. Displays as the sentence SQS answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeRefusal {
    /// More than ten attributes.
    TooMany(usize),
    /// An attribute without a name.
    EmptyName,
    /// A name that starts with `AWS.` or `Amazon.`, or starts or ends with a dot.
    ReservedName,
    /// A name with a character SQS does not take.
    IllegalName,
    /// A name longer than 256 bytes.
    NameTooLong,
    /// A type longer than 256 bytes.
    TypeTooLong,
    /// No type, or no value of the type's kind.
    NoValue(String),
    /// An empty value; carries name and type.
    EmptyValue(String, String),
    /// A type that is not `String`, `Number` or `Binary`.
    UnknownType(String),
    /// A `Number` that is none.
    NotANumber(String),
    /// A character that SQS does not take in a value or type.
    IllegalCharacter,
    /// List values, which SQS reserves. Answered as an unsupported operation.
    ListValues,
}

impl fmt::Display for AttributeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeRefusal::TooMany(count) => write!(
                f,
                "Number of message attributes [{count}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}]."
            ),
            AttributeRefusal::EmptyName => {
                f.write_str("The request must contain non-empty message (user) attribute names.")
            }
            AttributeRefusal::ReservedName => f.write_str(
                "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.",
            ),
            AttributeRefusal::IllegalName => f.write_str(
                "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
            ),
            AttributeRefusal::NameTooLong => {
                f.write_str("Message (user) attribute name must be shorter than 256 bytes.")
            }
            AttributeRefusal::TypeTooLong => {
                f.write_str("Message (user) attribute type must be shorter than 256 bytes.")
            }
            AttributeRefusal::NoValue(name) => write!(
                f,
                "The message (user) attribute '{name}' must contain a non-empty message attribute value."
            ),
            AttributeRefusal::EmptyValue(name, data_type) => write!(
                f,
                "Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'."
            ),
            AttributeRefusal::UnknownType(name) => write!(
                f,
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
            ),
            AttributeRefusal::NotANumber(name) => write!(
                f,
                "Can't cast the value of message (user) attribute '{name}' to a number."
            ),
            AttributeRefusal::IllegalCharacter => f.write_str(ILLEGAL_CHARACTERS),
            AttributeRefusal::ListValues => f.write_str(
                "Message attribute list values in SendMessage operation are not supported.",
            ),
        }
    }
}

/// The sentence SQS answers to characters it does not take.
pub const ILLEGAL_CHARACTERS: &str = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";

/// The attributes of a message, in the order of their names' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageAttributes(Vec<MessageAttribute>);

impl MessageAttributes {
    /// Checks the attributes of a request. Names must be distinct, as in a map.
    pub fn parse(
        unchecked: impl IntoIterator<Item = (String, UncheckedAttribute)>,
    ) -> Result<MessageAttributes, AttributeRefusal> {
        let unchecked: Vec<_> = unchecked.into_iter().collect();
        if unchecked.len() > MESSAGE_ATTRIBUTES_MAX {
            return Err(AttributeRefusal::TooMany(unchecked.len()));
        }
        let checked: Result<Vec<_>, _> =
            unchecked.into_iter().map(|(name, value)| check(name, value)).collect();
        Ok(MessageAttributes::from_checked(checked?))
    }

    /// Attributes that were checked when they were sent, for example those a store kept.
    pub fn from_checked(mut attributes: Vec<MessageAttribute>) -> MessageAttributes {
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        MessageAttributes(attributes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes, in the order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, MessageAttribute> {
        self.0.iter()
    }

    /// Bytes that count towards the message's size: names, types and values.
    pub fn size(&self) -> u64 {
        let bytes = |a: &MessageAttribute| a.name.len() + a.data_type.len() + a.value.bytes().len();
        self.0.iter().map(|attribute| bytes(attribute) as u64).sum()
    }

    /// `MD5OfMessageAttributes` over the attributes that `selected` names, or nothing when it
    /// names none.
    pub fn md5_of(&self, selected: impl Fn(&str) -> bool) -> Option<[u8; 16]> {
        let mut digest = AttributesDigest::default();
        for attribute in self.0.iter().filter(|attribute| selected(&attribute.name)) {
            digest.add(&attribute.name, &attribute.data_type, &attribute.value);
        }
        digest.finish()
    }

    /// `MD5OfMessageAttributes` over all of them, or nothing when there are none.
    pub fn md5(&self) -> Option<[u8; 16]> {
        self.md5_of(|_| true)
    }
}

/// `MD5OfMessageSystemAttributes` of a message whose only system attribute is `trace_header`.
pub fn system_attributes_md5(trace_header: &str) -> [u8; 16] {
    let mut digest = AttributesDigest::default();
    digest.add("AWSTraceHeader", "String", &AttributeValue::Text(trace_header.to_owned()));
    digest.finish().expect("one attribute was added")
}

/// The digest of "Calculating the MD5 message digest for message attributes": each part of each
/// attribute with its length before it, in the order of the names.
#[derive(Default)]
struct AttributesDigest {
    md5: Md5,
    any: bool,
}

impl AttributesDigest {
    fn add(&mut self, name: &str, data_type: &str, value: &AttributeValue) {
        self.any = true;
        self.add_part(name.as_bytes());
        self.add_part(data_type.as_bytes());
        self.md5.update([match value {
            AttributeValue::Text(_) => 1,
            AttributeValue::Binary(_) => 2,
        }]);
        self.add_part(value.bytes());
    }

    fn add_part(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a message is far smaller than 4 GiB");
        self.md5.update(length.to_be_bytes());
        self.md5.update(bytes);
    }

    fn finish(self) -> Option<[u8; 16]> {
        self.any.then(|| self.md5.finalize().into())
    }
}

fn check(
    name: String,
    unchecked: UncheckedAttribute,
) -> Result<MessageAttribute, AttributeRefusal> {
    check_name(&name)?;
    if unchecked.has_list_values {
        return Err(AttributeRefusal::ListValues);
    }
    let Some(data_type) = unchecked.data_type.filter(|data_type| !data_type.is_empty()) else {
        return Err(AttributeRefusal::NoValue(name));
    };
    if data_type.len() > ATTRIBUTE_NAME_BYTES_MAX {
        return Err(AttributeRefusal::TypeTooLong);
    }
    if illegal_character(&data_type).is_some() {
        return Err(AttributeRefusal::IllegalCharacter);
    }
    let base = data_type.split_once('.').map_or(data_type.as_str(), |(base, _label)| base);
    let empty = |name, base: &str| AttributeRefusal::EmptyValue(name, base.to_owned());
    let value = match (base, unchecked.string_value, unchecked.binary_value) {
        ("String" | "Number", Some(text), None) => {
            if text.is_empty() {
                return Err(empty(name, base));
            }
            if illegal_character(&text).is_some() {
                return Err(AttributeRefusal::IllegalCharacter);
            }
            if base == "Number" && !is_number(&text) {
                return Err(AttributeRefusal::NotANumber(name));
            }
            AttributeValue::Text(text)
        }
        ("Binary", None, Some(bytes)) => {
            if bytes.is_empty() {
                return Err(empty(name, base));
            }
            AttributeValue::Binary(bytes)
        }
        ("String" | "Number" | "Binary", _, _) => return Err(AttributeRefusal::NoValue(name)),
        _ => return Err(AttributeRefusal::UnknownType(name)),
    };
    Ok(MessageAttribute { name, data_type, value })
}

fn check_name(name: &str) -> Result<(), AttributeRefusal> {
    let starts_with = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // AWS also accepts the letters U+00C0 to U+017F, which its documentation does not mention.
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '_' | '-' | '.')
            || ('\u{C0}'..='\u{17F}').contains(&c)
    };
    if name.is_empty() {
        Err(AttributeRefusal::EmptyName)
    } else if name.len() > ATTRIBUTE_NAME_BYTES_MAX {
        Err(AttributeRefusal::NameTooLong)
    } else if starts_with("AWS.")
        || starts_with("Amazon.")
        || name.starts_with('.')
        || name.ends_with('.')
    {
        Err(AttributeRefusal::ReservedName)
    } else if !name.chars().all(allowed) {
        Err(AttributeRefusal::IllegalName)
    } else {
        Ok(())
    }
}

/// Sign, digits with an optional fraction, optional exponent; of a magnitude and a precision that
/// SQS takes.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let Some(exponent) = parse_exponent(exponent) else { return false };
    is_digits(&digits) && is_in_range(&digits, exponent.saturating_add(whole.len() as i64))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The value of an exponent. One that is too large to be kept is too large for any number but zero.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = digits.parse().unwrap_or(i64::MAX);
    is_digits(digits).then_some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Whether `0.{digits}`, times ten to the power of `exponent`, is zero or in the range of numbers,
/// whose upper end is 10^126 itself.
fn is_in_range(digits: &str, exponent: i64) -> bool {
    let without_leading = digits.trim_start_matches('0');
    let significant = without_leading.trim_end_matches('0');
    let leading = (digits.len() - without_leading.len()) as i64;
    let power = exponent.saturating_sub(leading + 1);
    let is_above_end = power == *NUMBER_POWERS.end() && significant != "1";
    significant.is_empty()
        || significant.len() <= NUMBER_DIGITS_MAX && NUMBER_POWERS.contains(&power) && !is_above_end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> (String, UncheckedAttribute) {
        let attribute = UncheckedAttribute {
            data_type: Some(data_type.to_owned()),
            string_value: Some(value.to_owned()),
            ..UncheckedAttribute::default()
        };
        (name.to_owned(), attribute)
    }

    fn binary(name: &str, value: &[u8]) -> (String, UncheckedAttribute) {
        let attribute = UncheckedAttribute {
            data_type: Some("Binary".to_owned()),
            binary_value: Some(value.to_vec()),
            ..UncheckedAttribute::default()
        };
        (name.to_owned(), attribute)
    }

    fn hex(digest: [u8; 16]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest_of(attributes: Vec<(String, UncheckedAttribute)>) -> String {
        hex(MessageAttributes::parse(attributes).unwrap().md5().unwrap())
    }

    #[test]
    fn digests_equal_those_recorded_from_aws_edge_264() {
        let worked_example = vec![
            text("color", "String", "blue"),
            text("count", "Number", "3"),
            binary("blob", &[1, 2, 3]),
        ];
        assert_eq!(digest_of(worked_example), "d838729972a4b70e2d2acd9d59ac847c");
        let vectors = [
            (vec![text("color", "String", "blue")], "da1b33cc3cbfe8b1630921e78e6b9880"),
            (
                vec![text("timestamp", "Number", "1493147359900")],
                "235c5c510d26fb653d073faed50ae77c",
            ),
            (vec![text("k", "String", "x")], "a45daa70926828a2f0a1db3418e6feb4"),
            (vec![text("MyAttribute", "String", "foobar")], "adb59cd4678ea5a855436b949cd07ab6"),
            (
                vec![
                    text("Hello", "String", "There"),
                    text("General", "String", "Kenobi"),
                    text("Help.Me", "String", "Me"),
                ],
                "4c360f3fdafd970e05fae2f149d997f5",
            ),
            (
                vec![text("UserId", "Number.bigint", "1234567890123456789012")],
                "797ab158d73dcb5242dedc4412c8e855",
            ),
        ];
        for (attributes, expected) in vectors {
            assert_eq!(digest_of(attributes), expected);
        }
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(hex(system_attributes_md5(header)), "5ae4d5d7636402d80f4eb6d213245a88");
    }

    #[test]
    fn the_digest_covers_only_what_was_selected_and_is_absent_for_nothing() {
        let attributes = MessageAttributes::parse(vec![
            text("color", "String", "blue"),
            text("size", "String", "large"),
        ])
        .unwrap();
        let selected = attributes.md5_of(|name| name == "color").map(hex);
        assert_eq!(selected.as_deref(), Some("da1b33cc3cbfe8b1630921e78e6b9880"));
        assert_eq!(attributes.md5_of(|_| false), None);
        assert_eq!(MessageAttributes::default().md5(), None);
    }

    #[test]
    fn attributes_are_checked_as_aws_checks_them_edges_79_80_83_84_85_86_87() {
        let refused = |name: &str, data_type: &str, value: &str| {
            MessageAttributes::parse(vec![text(name, data_type, value)]).unwrap_err()
        };
        assert_eq!(
            refused("ErrorDetails", "String", "").to_string(),
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
        );
        assert_eq!(refused("a", "String", "\u{8}"), AttributeRefusal::IllegalCharacter);
        assert_eq!(
            refused("Hello", "Number", "world"),
            AttributeRefusal::NotANumber("Hello".into())
        );
        assert_eq!(refused("a", "Invalid", "x"), AttributeRefusal::UnknownType("a".into()));
        assert_eq!(refused("a", "Stringy", "x"), AttributeRefusal::UnknownType("a".into()));
        assert_eq!(refused("", "String", "x"), AttributeRefusal::EmptyName);
        assert_eq!(refused("aws.x", "String", "x"), AttributeRefusal::ReservedName);
        assert_eq!(refused("AMAZON.x", "String", "x"), AttributeRefusal::ReservedName);
        assert_eq!(refused(".x", "String", "x"), AttributeRefusal::ReservedName);
        assert_eq!(refused("x.", "String", "x"), AttributeRefusal::ReservedName);
        assert_eq!(refused("a b", "String", "x"), AttributeRefusal::IllegalName);
        assert_eq!(refused(&"n".repeat(257), "String", "x"), AttributeRefusal::NameTooLong);
        let long_type = format!("String.{}", "t".repeat(250));
        assert_eq!(refused("a", &long_type, "x"), AttributeRefusal::TypeTooLong);
        let eleven = (0..11).map(|n| text(&n.to_string(), "String", "x"));
        assert_eq!(
            MessageAttributes::parse(eleven).unwrap_err().to_string(),
            "Number of message attributes [11] exceeds the allowed maximum [10]."
        );
        let mut list = text("a", "String", "x");
        list.1.has_list_values = true;
        assert_eq!(MessageAttributes::parse(vec![list]), Err(AttributeRefusal::ListValues));
        let accepted =
            [("ø", "String.json", "x"), ("n", "Number.int", "-1.5E+10"), ("a..b", "Number", ".5")];
        for (name, data_type, value) in accepted {
            assert!(MessageAttributes::parse(vec![text(name, data_type, value)]).is_ok(), "{name}");
        }
    }

    #[test]
    fn numbers_have_at_most_38_digits_and_lie_between_10_to_the_minus_128_and_10_to_the_126() {
        let (nines, zeros) = ("9".repeat(38), "0".repeat(300));
        let ten_to = |power: usize| format!("1{}", "0".repeat(power));
        for accepted in [
            "0",
            "-0",
            "+0.000",
            "0e999999999999999999999",
            "1",
            "-1.5E+10",
            ".5",
            "5.",
            "1e126",
            "-1e126",
            "0.1e127",
            "10e125",
            "1e-128",
            "-1e-128",
            "1000e-131",
            "9.99e125",
            &nines,
            &ten_to(126),
            &format!("-{nines}e88"),
            &format!("{zeros}{nines}"),
            &format!("{zeros}1.{zeros}"),
            &format!("1.{}1", "0".repeat(36)),
            &format!("0.{}1", "0".repeat(127)),
            &format!("1{zeros}e-300"),
        ] {
            assert!(is_number(accepted), "{accepted}");
        }
        for refused in [
            "",
            ".",
            "+",
            "-",
            "e5",
            "1e",
            "1e+",
            "1e1.5",
            "1.2.3",
            "--1",
            " 1",
            "1 ",
            "0x10",
            "NaN",
            "inf",
            "1_000",
            "١",
            "1.000001e126",
            "2e126",
            "1e127",
            "-1e127",
            "9.9e-129",
            "1e-129",
            "1e999999999999999999999",
            "1e-999999999999999999999",
            &format!("{nines}1"),
            &format!("{nines}e89"),
            &ten_to(127),
            &format!("1.{}1", "0".repeat(37)),
            &format!("0.{}1", "0".repeat(128)),
        ] {
            assert!(!is_number(refused), "{refused}");
        }
        let value = format!("{nines}1");
        let refusal = MessageAttributes::parse(vec![text("n", "Number.int", &value)]).unwrap_err();
        assert_eq!(refusal, AttributeRefusal::NotANumber("n".into()));
    }

    #[test]
    fn illegal_characters_are_those_outside_the_xml_range_edges_75_76_77() {
        for c in ['\0', '\u{8}', '\u{13}', '\u{FFFE}', '\u{FFFF}', '\u{B}', '\u{1F}'] {
            assert_eq!(illegal_character(&format!("a{c}b")), Some(c));
        }
        let legal = "\t\n\r \u{7F}\u{9F}\u{D7FF}\u{E000}\u{FFFD}\u{10000}\u{10FFFF}";
        assert_eq!(illegal_character(legal), None);
    }

    #[test]
    fn the_size_counts_body_names_types_and_values() {
        let content = MessageContent {
            message_id: [0; 16],
            body: "é".to_owned(),
            body_md5: [0; 16],
            attributes: MessageAttributes::parse(vec![text("k", "String", "x")]).unwrap(),
            trace_header: Some("not counted".to_owned()),
            group_id: Some("not counted".to_owned()),
            deduplication_id: Some("not counted".to_owned()),
            sender_id: "not counted".to_owned(),
        };
        assert_eq!(content.size(), 2 + 1 + 6 + 1);
    }
}
