use std::collections::BTreeMap;

use super::*;
use crate::sqs::*;

fn read<T: DeserializeOwned + QueryForm>(query: &str) -> T {
    let parameters = Parameters::parse(&[query.as_bytes()]).unwrap();
    decode(&parameters).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn refusal<T: DeserializeOwned + QueryForm + std::fmt::Debug>(query: &str) -> String {
    let parameters = Parameters::parse(&[query.as_bytes()]).unwrap();
    decode::<T>(&parameters).expect_err(query).to_string()
}

fn names(query: &str) -> Option<Vec<String>> {
    read::<GetQueueAttributesInput>(query).attribute_names
}

fn attributes(query: &str) -> Option<BTreeMap<String, String>> {
    read::<CreateQueueInput>(query).attributes
}

fn body(query: &str) -> Option<String> {
    read::<SendMessageInput>(query).message_body
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> Option<BTreeMap<String, String>> {
    Some(entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
}

fn texts<const N: usize>(texts: [&str; N]) -> Option<Vec<String>> {
    Some(texts.map(str::to_owned).to_vec())
}

#[test]
fn both_escapes_of_a_space_are_read() {
    assert_eq!(body("MessageBody=a+b%20c%2Bd").as_deref(), Some("a b c+d"));
    assert_eq!(body("Message%42ody=a%3Db=c%26%0D%0A%C3%A9").as_deref(), Some("a=b=c&\r\né"));
    assert_eq!(body("MessageBody=100%+%zz").as_deref(), Some("100% %zz"), "no escapes");
    assert_eq!(body("&&MessageBody&=x").as_deref(), Some(""));
}

#[test]
fn what_is_not_utf8_is_refused() {
    for query in [&b"MessageBody=%FF"[..], b"MessageBody=\xff", b"%ED%A0%80=", b"a=+%C3"] {
        let error = Parameters::parse(&[query]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MalformedInput);
    }
}

#[test]
fn the_last_of_two_parameters_with_the_same_name_counts() {
    assert_eq!(body("MessageBody=a&QueueUrl=q&MessageBody=b").as_deref(), Some("b"));
    assert_eq!(names("AttributeName.1=a&AttributeName.2=c&AttributeName.1=b"), texts(["b", "c"]));
}

#[test]
fn unknown_parameters_are_ignored() {
    let query =
        "Version=2012-11-05&Expires=x&MessageBody.1=a&messagebody=b&..=c&=d&DelaySeconds.x=1";
    assert_eq!(read::<SendMessageInput>(query), SendMessageInput::default());
}

#[test]
fn elements_are_ordered_by_number_and_may_have_gaps() {
    let query = "AttributeName.10=c&AttributeName.9=b&AttributeName.2=a&AttributeName.100=d";
    assert_eq!(names(query), texts(["a", "b", "c", "d"]));
    assert_eq!(names("AttributeName.1=b&AttributeName.0=a&AttributeName.01=c"), texts(["a", "b"]));
    let huge = "AttributeName.99999999999999999999999=b&AttributeName.7=a";
    assert_eq!(names(huge), texts(["a", "b"]));
}

#[test]
fn a_single_element_needs_no_number() {
    assert_eq!(names("AttributeName=All"), texts(["All"]));
    let single = attributes("Attribute.Name=DelaySeconds&Attribute.Value=5");
    assert_eq!(single, map([("DelaySeconds", "5")]));
    let numbered = "AttributeName=All&AttributeName.1=QueueArn";
    assert_eq!(names(numbered), texts(["QueueArn"]), "the numbered one counts");
}

#[test]
fn an_empty_text_is_an_empty_list_and_none_is_absent() {
    assert_eq!(names("QueueUrl=q"), None);
    assert_eq!(names("AttributeName="), Some(vec![]));
    assert_eq!(names("AttributeName.1="), texts([""]));
    assert_eq!(attributes("Attribute="), map([]));
    assert_eq!(read::<CreateQueueInput>("Tag.1.Key=a&Tag.1.Value=").tags, map([("a", "")]));
}

#[test]
fn entries_are_never_absent() {
    assert_eq!(read::<SendMessageBatchInput>("").entries, Some(vec![]));
    assert_eq!(read::<DeleteMessageBatchInput>("Entries=").entries, Some(vec![]));
}

#[test]
fn the_forms_of_generic_clients_are_taken() {
    for query in [
        "AttributeName.member.1=a&AttributeName.member.2=b",
        "AttributeNames.member.2=b&AttributeNames.member.1=a",
        "AttributeNames.1=a&AttributeNames.2=b",
    ] {
        assert_eq!(names(query), texts(["a", "b"]), "{query}");
    }
    for query in [
        "Attributes.entry.1.key=a&Attributes.entry.1.value=b",
        "Attribute.entry.1.Name=a&Attribute.entry.1.Value=b",
        "Attribute.1.key=a&Attribute.1.value=b",
    ] {
        assert_eq!(attributes(query), map([("a", "b")]), "{query}");
    }
    let tags = read::<CreateQueueInput>("tags.entry.1.key=a&tags.entry.1.value=b").tags;
    assert_eq!(tags, map([("a", "b")]));
    let tags = read::<TagQueueInput>("Tags.entry.1.key=a&Tags.entry.1.value=b").tags;
    assert_eq!(tags, map([("a", "b")]));
}

#[test]
fn system_attributes_are_asked_for_under_either_name() {
    let input: ReceiveMessageInput =
        read("AttributeName.1=SenderId&MessageSystemAttributeName.1=All&MessageAttributeName.1=a");
    assert_eq!(input.attribute_names, texts(["SenderId"]));
    assert_eq!(input.message_system_attribute_names, texts(["All"]));
    assert_eq!(input.message_attribute_names, texts(["a"]));
}

#[test]
fn message_attributes_are_read_with_their_binary_values() {
    let query = "SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=hi&\
        SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=blob&\
        SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Binary&\
        SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=%2B%2F8%3D&\
        SendMessageBatchRequestEntry.1.MessageAttribute.2.Name=empty";
    let entries = read::<SendMessageBatchInput>(query).entries.unwrap();
    let blob = MessageAttributeValue {
        data_type: Some("Binary".to_owned()),
        binary_value: Some(vec![251, 255]),
        ..Default::default()
    };
    let attributes = [("blob".to_owned(), blob), ("empty".to_owned(), Default::default())];
    let entry = SendMessageBatchRequestEntry {
        id: Some("a".to_owned()),
        message_body: Some("hi".to_owned()),
        message_attributes: Some(attributes.into()),
        ..Default::default()
    };
    assert_eq!(entries, [entry]);
}

#[test]
fn a_refusal_names_the_parameter() {
    let entry = "SendMessageBatchRequestEntry.3.DelaySeconds";
    for (query, name, value) in [
        ("DelaySeconds=abc", "DelaySeconds", "abc"),
        ("DelaySeconds=", "DelaySeconds", ""),
        ("DelaySeconds=1.5", "DelaySeconds", "1.5"),
        ("DelaySeconds=9223372036854775808", "DelaySeconds", "9223372036854775808"),
    ] {
        let expected = format!(
            "InvalidParameterValue: Value {value} for parameter {name} is invalid. Reason: Must be an integer."
        );
        assert_eq!(refusal::<SendMessageInput>(query), expected);
        let expected = expected.replace("parameter DelaySeconds", &format!("parameter {entry}"));
        let query = format!("{entry}={value}");
        assert_eq!(refusal::<SendMessageBatchInput>(&query), expected);
    }
    assert_eq!(
        refusal::<SendMessageInput>(
            "MessageAttribute.1.Name=a&MessageAttribute.1.Value.BinaryValue=!"
        ),
        "InvalidParameterValue: Value ! for parameter MessageAttribute.1.Value.BinaryValue is invalid. Reason: Must be base64."
    );
    for (query, name) in [
        ("Attribute.2.Name=DelaySeconds", "Attribute.2.Value"),
        ("Attribute.2.Value=5", "Attribute.2.Name"),
        ("Attribute=x", "Attribute.Name"),
        ("Tag.1.Key=a", "Tag.1.Value"),
    ] {
        let expected = format!("MissingParameter: The request must contain the parameter {name}.");
        assert_eq!(refusal::<CreateQueueInput>(query), expected, "{query}");
    }
}

#[test]
fn a_refusal_of_a_long_value_still_tells_the_reason() {
    let refusal = refusal::<SendMessageInput>(&format!("DelaySeconds={}", "9".repeat(1 << 20)));
    assert!(refusal.len() < 2048);
    assert!(
        refusal.ends_with("9… for parameter DelaySeconds is invalid. Reason: Must be an integer.")
    );
}

#[test]
fn a_request_has_no_more_parameters_than_its_memory_is_worth() {
    let query = |count| "AttributeName.1=a&".repeat(count);
    assert_eq!(names(&query(PARAMETERS_MAX)), texts(["a"]));
    let error = Parameters::parse(&[query(PARAMETERS_MAX).as_bytes(), b"x"]).unwrap_err();
    assert_eq!(error.message, "The request has too many parameters");
}

#[test]
fn no_depth_of_paths_overflows_the_stack() {
    let deep = ".1".repeat(1_000_000);
    assert!(Parameters::parse(&[format!("AttributeName{deep}=x").as_bytes()]).is_err());
    let deep = ".1".repeat(SEGMENTS_MAX - 1);
    let query = format!("AttributeName{deep}=x&MessageBody=b&MessageBody{deep}=c");
    assert_eq!(body(&query).as_deref(), Some("b"));
    refusal::<GetQueueAttributesInput>(&query);
}

#[test]
fn a_name_that_no_member_can_have_is_refused_before_it_is_sorted() {
    let refused = |name: &str| Parameters::parse(&[format!("{name}=1").as_bytes()]).is_err();
    for (segment, dot) in [("A", "."), ("A", "%2E"), ("%41", "%2e"), ("", "%2E"), ("+", ".")] {
        let name = |dots: usize| vec![segment; dots + 1].join(dot);
        assert!(!refused(&name(SEGMENTS_MAX - 1)), "{segment}{dot}");
        assert!(refused(&name(SEGMENTS_MAX)), "{segment}{dot}");
        assert!(refused(&name(300)), "{segment}{dot}");
    }
    for byte in ["n", "%6e", "+"] {
        assert!(!refused(&byte.repeat(NAME_BYTES_MAX)), "{byte}");
        assert!(refused(&byte.repeat(NAME_BYTES_MAX + 1)), "{byte}");
    }
}

#[test]
fn the_longest_name_of_the_api_is_read() {
    let name = "SendMessageBatchRequestEntry.member.10.MessageAttributes.entry.10.value.\
        StringListValues.member.10";
    assert!(name.split('.').count() <= SEGMENTS_MAX);
    let query = format!("{name}=x&{}=a", name.replace("value.StringListValues.member.10", "key"));
    let entries = read::<SendMessageBatchInput>(&query).entries.unwrap();
    let attributes = entries[0].message_attributes.as_ref().unwrap();
    assert_eq!(attributes["a"].string_list_values, texts(["x"]));
}
