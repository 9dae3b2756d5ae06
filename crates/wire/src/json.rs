//! The AWS JSON 1.0 codec.

mod value;

use std::cell::Cell;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memchr2;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;

use crate::error::{ErrorKind, WireError};
use value::Value;

/// How many values one request may consist of. The fullest batch that SQS accepts has a few
/// hundred; without a bound, a body of a few bytes per value would take many times its size in
/// memory.
const VALUES_MAX: usize = 100_000;

/// How deeply a request may be nested. Inputs are five deep; members that are not known here may be
/// deeper, but nobody is to make a parser walk through millions of brackets.
const DEPTH_MAX: usize = 128;

/// Decodes an action's input.
///
/// As at AWS, unknown members are ignored, `null` means absent, and numbers and booleans are taken
/// where text is expected. An empty body counts as `{}`, and of two members with the same name the
/// last one counts. Everything else that is not the expected JSON is `MalformedInput`.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let malformed = |sentence: String| WireError::new(ErrorKind::MalformedInput, sentence);
    let body = if body.is_empty() { b"{}" } else { body };
    let text = str::from_utf8(body)
        .map_err(|error| malformed(format!("The body is not UTF-8: {error}")))?;
    if is_nested_too_deeply(body) {
        return Err(malformed(format!("The request is nested more than {DEPTH_MAX} levels deep")));
    }
    let values_left = Cell::new(VALUES_MAX);
    let input = Value::document(text, &values_left).and_then(T::deserialize);
    input.map_err(|error| malformed(error.to_string()))
}

/// Whether JSON opens more than [`DEPTH_MAX`] objects and lists in each other. What is not JSON may
/// be found to be so or not.
fn is_nested_too_deeply(json: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(json, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

/// Where the string ends of which `at` is the first byte; large requests are large strings.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1; // What is escaped.
    }
    json.len()
}

/// Encodes an action's output.
pub fn encode<T: Serialize>(output: &T) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut body, AwsJson);
    output.serialize(&mut serializer).expect("outputs have text keys and memory takes any bytes");
    body
}

/// Encodes an error. The rest of it, status and `x-amzn-query-error`, is in its kind.
pub fn encode_error(error: &WireError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        __type: &'a str,
        message: &'a str,
    }
    encode(&Body { __type: error.kind.json_type(), message: &error.message })
}

/// Compact JSON, with binary values in base64.
struct AwsJson;

impl Formatter for AwsJson {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        write!(writer, "\"{}\"", BASE64.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::sqs::{Message, MessageAttributeValue, SendMessageBatchInput};

    /// One member of each type that inputs have.
    #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Input {
        text: Option<String>,
        integer: Option<i64>,
        #[serde(with = "crate::binary")]
        binary: Option<Vec<u8>>,
        list: Option<Vec<String>>,
        map: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, MessageAttributeValue>>,
        entries: Option<Vec<Entry>>,
    }

    #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Entry {
        id: Option<String>,
    }

    fn read(body: &str) -> Input {
        decode(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    fn refusal(body: impl AsRef<[u8]>) -> String {
        let error = decode::<Input>(body.as_ref()).expect_err("the body is malformed");
        assert_eq!(error.kind, ErrorKind::MalformedInput);
        error.message
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn no_body_and_no_members_are_the_same() {
        for body in ["", "{}", " {\n} \t\r\n"] {
            assert_eq!(read(body), Input::default());
        }
    }

    #[test]
    fn unknown_members_are_ignored() {
        let body = r#"{"text":1,"Unknown":{"a":[1,{"b":null}]},"Text":"t","TEXT":[]}"#;
        assert_eq!(read(body), Input { text: text("t"), ..Input::default() });
    }

    #[test]
    fn null_means_absent() {
        let body = r#"{"Text":null,"Integer":null,"Binary":null,"List":null,"Map":null,"Values":null,"Entries":null}"#;
        assert_eq!(read(body), Input::default());
        assert_eq!(read(r#"{"Map":{"a":null}}"#).map, Some(BTreeMap::new()));
        assert_eq!(read(r#"{"Values":{"a":null}}"#).values, Some(BTreeMap::new()));
        assert_eq!(read(r#"{"Entries":[{"Id":null}]}"#).entries, Some(vec![Entry::default()]));
    }

    #[test]
    fn an_empty_list_or_map_is_not_absent() {
        let input = read(r#"{"List":[],"Map":{}}"#);
        assert_eq!((input.list, input.map), (Some(vec![]), Some(BTreeMap::new())));
    }

    #[test]
    fn the_last_of_two_members_with_the_same_name_counts() {
        assert_eq!(read(r#"{"Text":"a","Integer":1,"Text":"b"}"#).text, text("b"));
        assert_eq!(read(r#"{"Text":"a","Te\u0078t":"b"}"#).text, text("b"));
        assert_eq!(read(r#"{"Text":"a","Text":null}"#).text, None);
        assert_eq!(read(r#"{"Text":["of the wrong type"],"Text":"b"}"#).text, text("b"));
        let map = read(r#"{"Map":{"k":"a","k":"b"}}"#).map;
        assert_eq!(map, Some(BTreeMap::from([("k".to_owned(), "b".to_owned())])));
    }

    #[test]
    fn scalars_are_taken_where_text_is_expected() {
        for number in ["0", "-0", "1.10", "1E+400", "0.1e-7", "123456789012345678901234567890"] {
            let body = format!(r#"{{"Text": {number} ,"List":[{number}],"Map":{{"k":{number}}}}}"#);
            let input = read(&body);
            assert_eq!(input.text, text(number));
            assert_eq!(input.list, Some(vec![number.to_owned()]));
            assert_eq!(input.map.unwrap()["k"], number);
        }
        assert_eq!(read(r#"{"Text":true}"#).text, text("true"));
        assert_eq!(read(r#"{"Text":false}"#).text, text("false"));
    }

    #[test]
    fn escapes_are_read() {
        let body = r#"{"Text":"\"\\\/\b\f\n\r\t\u0000\u00e9\uD83D\uDE00"}"#;
        assert_eq!(read(body).text, text("\"\\/\u{8}\u{c}\n\r\t\0é😀"));
    }

    #[test]
    fn integers_have_the_range_of_64_bits() {
        for integer in [0, -1, 43_200, i64::MIN, i64::MAX] {
            assert_eq!(read(&format!(r#"{{"Integer":{integer}}}"#)).integer, Some(integer));
        }
        for number in ["1.0", "1.5", "1e3", "9223372036854775808"] {
            let message = refusal(format!(r#"{{"Integer":{number}}}"#));
            assert_eq!(message, "DECIMAL_VALUE can not be converted to an Integer", "{number}");
        }
    }

    #[test]
    fn binary_values_are_base64() {
        assert_eq!(read(r#"{"Binary":"AQID"}"#).binary, Some(vec![1, 2, 3]));
        assert_eq!(read(r#"{"Binary":"\u0041Q=="}"#).binary, Some(vec![1]));
        assert_eq!(read(r#"{"Binary":""}"#).binary, Some(vec![]));
        for invalid in ["AQ", "AQ=", "A", "AR==", "AQ==AQ==", "A-_D", "AQID\\n", "é"] {
            let message = refusal(format!(r#"{{"Binary":"{invalid}"}}"#));
            assert_eq!(message, "A binary value is not base64", "{invalid}");
        }
    }

    /// The sentences of AWS.
    #[test]
    fn members_of_the_wrong_type_are_refused_in_the_words_of_aws() {
        let map = "Start of structure or map found where not expected.";
        let list = "Start of list found where not expected";
        let integer = "STRING_VALUE can not be converted to an Integer";
        let list_in_map = "Unrecognized collection type class java.lang.String";
        for (body, sentence) in [
            (r#"{"Text":{}}"#, map),
            (r#"{"Integer":{"a":1}}"#, map),
            (r#"{"Binary":{}}"#, map),
            (r#"{"List":{}}"#, map),
            (r#"{"List":[{}]}"#, map),
            (r#"{"Map":{"k":{}}}"#, map),
            (r#"{"Entries":{"Id":"a"}}"#, map),
            (r#"{"Text":[]}"#, list),
            (r#"{"Integer":[1]}"#, list),
            (r#"{"Binary":["AQID"]}"#, list),
            (r#"{"List":[[]]}"#, list),
            (r#"{"Map":[]}"#, list),
            (r#"{"Entries":[["a"]]}"#, list),
            (r#"{"Values":{"k":["String","a"]}}"#, list),
            (r#"{"Values":{"k":{"StringValue":["a"]}}}"#, list),
            ("[]", list),
            (r#"[{"Text":"a"}]"#, list),
            (r#"{"Integer":"1"}"#, integer),
            (r#"{"Integer":""}"#, integer),
            (r#"{"Map":{"k":["a"]}}"#, list_in_map),
        ] {
            assert_eq!(refusal(body), sentence, "{body}");
        }
    }

    #[test]
    fn what_has_no_other_reading_is_refused() {
        for body in [
            r#"{"Integer":true}"#,
            r#"{"Integer":false}"#,
            r#"{"List":"a"}"#,
            r#"{"List":[null]}"#,
            r#"{"Entries":[null]}"#,
            r#"{"Entries":["a"]}"#,
            r#"{"Map":"a"}"#,
            r#"{"Map":1}"#,
            r#"{"Values":{"k":"a"}}"#,
        ] {
            refusal(body);
        }
    }

    #[test]
    fn a_body_that_is_no_json_object_is_refused() {
        for body in [
            "null",
            "1",
            "true",
            r#""{}""#,
            " ",
            "{",
            "}",
            "{]",
            "[",
            "nonsense",
            "'{}'",
            "\u{feff}{}",
            "{}{}",
            "{} x",
            r#"{"Text":"a"}]"#,
            r#"{"Text":"a",}"#,
            r#"{"Text"}"#,
            r#"{Text:"a"}"#,
            r#"{"Text":}"#,
            r#"{"Text":'a'}"#,
            r#"{"Text":"a}"#,
            r#"{"Integer":01}"#,
            r#"{"Integer":+1}"#,
            r#"{"Integer":1.}"#,
            r#"{"Integer":NaN}"#,
            r#"{"Text":nul}"#,
            r#"{"Text":"\x"}"#,
            r#"{"Text":"\u12"}"#,
            "{\"Text\":\"a\nb\"}",
            "{\"Text\":\"\0\"}",
            r#"{"Unknown":[1,}"#,
            r#"{"Unknown":"\x"}"#,
            r#"{"Text":"a" "Integer":1}"#,
            "{/* no comments */}",
            "Action=SendMessage&MessageBody=hi",
        ] {
            refusal(body);
        }
    }

    #[test]
    fn text_must_be_unicode() {
        for body in [
            r#"{"Text":"\ud800"}"#,
            r#"{"Text":"\udc00"}"#,
            r#"{"Text":"\ud800\ud800"}"#,
            r#"{"Text":"\ud800a"}"#,
            r#"{"Map":{"\ud800":"a"}}"#,
            r#"{"\udfff":1}"#,
            r#"{"Binary":"\ud800"}"#,
        ] {
            refusal(body);
        }
        for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
        {
            refusal([b"{\"Text\":\"", bytes, b"\"}"].concat());
            refusal([b"{\"Unknown\":\"", bytes, b"\"}"].concat());
        }
    }

    #[test]
    fn refusals_do_not_quote_positions() {
        assert_eq!(refusal(r#"{"Text":"a""#), "The body is not JSON: EOF while parsing an object");
    }

    #[test]
    fn a_request_is_nested_so_deep_and_no_deeper() {
        const TOO_DEEP: &str = "The request is nested more than 128 levels deep";
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let unknown = |depth| format!(r#"{{"Unknown":{},"Text":"t"}}"#, nested(depth));
            assert_eq!(read(&unknown(DEPTH_MAX - 1)).text, text("t"));
            assert_eq!(refusal(unknown(DEPTH_MAX)), TOO_DEEP);
            let depth = 1_000_000;
            assert_eq!(refusal(unknown(depth)), TOO_DEEP);
            assert_eq!(refusal(format!(r#"{{"Text":{}}}"#, nested(depth))), TOO_DEEP);
            assert_eq!(refusal(format!(r#"{{"List":[{}]}}"#, nested(depth))), TOO_DEEP);
            assert_eq!(refusal(open.repeat(depth)), TOO_DEEP);
        }
    }

    #[test]
    fn brackets_in_strings_and_side_by_side_are_no_nesting() {
        let brackets = "[".repeat(1000);
        assert_eq!(read(&format!(r#"{{"Text":"{brackets}"}}"#)).text, text(&brackets));
        let escaped = format!(r#"\"{brackets}\\"#);
        let expected = format!("\"{brackets}\\");
        assert_eq!(read(&format!(r#"{{"Text":"{escaped}"}}"#)).text, text(&expected));
        assert_eq!(read(&format!(r#"{{"{brackets}":1,"Text":"t"}}"#)).text, text("t"));
        let beside = "[],".repeat(1000);
        assert_eq!(read(&format!(r#"{{"Unknown":[{beside}[]],"Text":"t"}}"#)).text, text("t"));
        refusal(format!(r#"{{"Text":"{brackets}"#));
        refusal(r#"{"Text":"\"#);
    }

    #[test]
    fn a_request_has_no_more_values_than_its_memory_is_worth() {
        let list = |length: usize| format!(r#"{{"List":[{}0]}}"#, "0,".repeat(length - 1));
        assert_eq!(read(&list(VALUES_MAX - 1)).list.map(|list| list.len()), Some(VALUES_MAX - 1));
        assert_eq!(refusal(list(VALUES_MAX)), "The request has too many values");
        let entries = format!(r#"{{"Entries":[{}{{}}]}}"#, "{},".repeat(4_000_000));
        assert_eq!(refusal(&entries), "The request has too many values");
        assert!(decode::<SendMessageBatchInput>(entries.as_bytes()).is_err());
    }

    #[test]
    fn the_shape_of_other_types_is_plain_json() {
        let value: serde_json::Value = decode(br#"{"a":[1,true,null]}"#).unwrap();
        assert_eq!(value, serde_json::json!({"a": [1, true, null]}));
    }

    #[test]
    fn answers_are_compact_and_leave_out_what_is_absent() {
        let message = Message { body: "\"\u{7f}é\r\n\u{1}</\\", ..Message::default() };
        let expected = "{\"MessageId\":\"\",\"ReceiptHandle\":\"\",\"MD5OfBody\":\"\",\
                        \"Body\":\"\\\"\u{7f}é\\r\\n\\u0001</\\\\\"}";
        assert_eq!(str::from_utf8(&encode(&message)), Ok(expected));
    }

    #[test]
    fn a_body_is_encoded_from_wherever_it_is_kept() {
        struct Shared(std::sync::Arc<(u64, String)>);
        impl AsRef<str> for Shared {
            fn as_ref(&self) -> &str {
                &self.0.1
            }
        }
        let shared = Shared(std::sync::Arc::new((1, "hello".to_owned())));
        assert_eq!(encode(&message(shared)), encode(&message("hello".to_owned())));
    }

    fn message<B>(body: B) -> Message<B> {
        Message {
            message_id: "id".to_owned(),
            receipt_handle: "handle".to_owned(),
            md5_of_body: "md5".to_owned(),
            body,
            attributes: BTreeMap::new(),
            md5_of_message_attributes: None,
            message_attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn binary_values_are_encoded_in_base64() {
        let value = MessageAttributeValue {
            data_type: text("Binary"),
            binary_value: Some(vec![0, 255, 16]),
            binary_list_values: Some(vec![vec![1], vec![]]),
            ..MessageAttributeValue::default()
        };
        let encoded = encode(&value);
        let expected =
            br#"{"DataType":"Binary","BinaryValue":"AP8Q","BinaryListValues":["AQ==",""]}"#;
        assert_eq!(encoded, expected);
        assert_eq!(decode(&encoded), Ok(value));
    }

    #[test]
    fn an_error_names_its_type_and_its_sentence() {
        let error = WireError::new(ErrorKind::MissingParameter, "It's \"missing\".");
        let expected = br#"{"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"It's \"missing\"."}"#;
        assert_eq!(encode_error(&error), expected);
    }
}
