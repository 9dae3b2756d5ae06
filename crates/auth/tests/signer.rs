//! What the official signer signs is accepted, and nothing else: one byte changed anywhere is
//! refused, unless the request still means the same.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use formiga_auth::sigv4::{Claim, RequestHead, Rules, SignatureError};
use formiga_auth::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_768_478_400;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Clone, Debug)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// What a signer may be told to do.
#[derive(Clone, Debug)]
struct Manner {
    token: Option<String>,
    presigned: bool,
    digest_in_header: bool,
}

impl Request {
    /// The request as the official signer sends it.
    fn sign(mut self, manner: &Manner) -> Request {
        let token = manner.token.clone();
        let identity = Credentials::new("AKIDEXAMPLE", SECRET, token, None, "test").into();
        let mut settings = SigningSettings::default();
        if manner.presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(600));
        }
        if manner.digest_in_header {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("sqs")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
            .collect();
        let uri = format!("http://localhost:9324{}", self.target);
        let body = SignableBody::Bytes(&self.body);
        let request = SignableRequest::new(&self.method, uri, headers.into_iter(), body).unwrap();
        let (signed, _) = sign(request, &parameters).unwrap().into_parts();
        let (lines, query) = signed.into_parts();
        for line in lines {
            self.headers.push((line.name().to_owned(), line.value().as_bytes().to_vec()));
        }
        for (name, value) in query {
            let separator = if self.target.contains('?') { '&' } else { '?' };
            self.target += &format!("{separator}{name}={}", escape(&value));
        }
        self
    }

    /// Whether the signature is right, and the text that it should be of.
    fn check(&self) -> (Result<(), SignatureError>, Option<Vec<u8>>) {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let head = RequestHead {
            method: &self.method,
            target: &self.target,
            headers: &headers,
            other_hosts: &[],
        };
        let body = Sha256::digest(&self.body).into();
        match Claim::parse(&head, &Rules::default(), Timestamp::from_millis(NOW * 1000)) {
            Ok(claim) => {
                let key = claim.signing_key(SECRET);
                (claim.verify(&key, &head, &body), claim.canonical_request(&head, &body))
            }
            Err(error) => (Err(error), None),
        }
    }
}

fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

prop_compose! {
    fn request()(
        method in "GET|POST|PUT",
        path in prop::collection::vec("[a-zA-Z0-9._~-]{0,6}|%20|%C3%A9|\\.\\.", 0..5),
        query in prop::collection::vec(("[a-zA-Z0-9._~-]{1,6}", "([a-zA-Z0-9._~-]|%2B|%20|%C3%A9|%25|%3D){0,6}"), 0..5),
        target in prop::option::of("AmazonSQS\\.[A-Za-z]{1,12}"),
        other in prop::collection::vec("[ a-z\",]{0,12}", 0..3),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Request {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let mut headers = vec![
            ("host".to_owned(), b"localhost:9324".to_vec()),
            ("content-type".to_owned(), b"application/x-amz-json-1.0".to_vec()),
        ];
        headers.extend(target.map(|target| ("x-amz-target".to_owned(), target.into_bytes())));
        headers.extend(other.into_iter().map(|other| ("x-other".to_owned(), other.into_bytes())));
        Request {
            method,
            target: format!("/{}{separator}{}", path.join("/"), query.join("&")),
            headers,
            body,
        }
    }
}

prop_compose! {
    fn manner()(
        token in prop::option::of("[A-Za-z0-9+/=]{1,30}"),
        presigned: bool,
        digest_in_header: bool,
    ) -> Manner {
        // The signer does not sign the bodies of URLs that it hands out with a digest's header.
        Manner { token, presigned, digest_in_header: digest_in_header && !presigned }
    }
}

/// Changes one byte of one part, chosen by `part` and `byte`, to `to`.
fn change(request: &mut Request, part: Index, byte: Index, to: u8) {
    let mut parts: Vec<&mut [u8]> = Vec::new();
    let mut method = std::mem::take(&mut request.method).into_bytes();
    let mut target = std::mem::take(&mut request.target).into_bytes();
    parts.push(&mut method);
    parts.push(&mut target);
    parts.push(&mut request.body);
    parts.extend(request.headers.iter_mut().map(|(_, value)| value.as_mut_slice()));
    let part = part.index(parts.len());
    if !parts[part].is_empty() {
        let byte = byte.index(parts[part].len());
        // Method and target are text; the others may become any bytes.
        parts[part][byte] = if part < 2 { to & 0x7F } else { to };
    }
    request.method = String::from_utf8(method).unwrap();
    request.target = String::from_utf8(target).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_official_signer_signs_is_accepted(request in request(), manner in manner()) {
        let signed = request.sign(&manner);
        prop_assert_eq!(signed.check().0, Ok(()), "{:?}", signed);
    }

    #[test]
    fn one_byte_changed_is_refused(
        request in request(),
        manner in manner(),
        part: Index,
        byte: Index,
        to: u8,
    ) {
        let signed = request.sign(&manner);
        let mut changed = signed.clone();
        change(&mut changed, part, byte, to);
        let (verdict, canonical) = changed.check();
        // A text that is the same is what was signed: blanks that do not count, `+` for `%20`.
        let same = canonical.is_some() && canonical == signed.check().1;
        prop_assert!(verdict.is_err() || same, "{changed:?}");
    }

    #[test]
    fn no_head_makes_it_panic(
        method in "[ -~]{0,4}",
        target in "(/|\\?|&|=|%|X-Amz-(Algorithm|Credential|Date|Expires|Signature|SignedHeaders)|AWS4-HMAC-SHA256|20260115T120000Z|host|[0-9a-f]{64}|\\PC){0,24}",
        headers in prop::collection::vec(("authorization|x-amz-date|date|host|x-amz-content-sha256|\\PC{0,4}", "(AWS4-HMAC-SHA256|Credential|SignedHeaders|Signature|20260115T120000Z|[ =,;/]|host|\\PC){0,16}"), 0..6),
    ) {
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes()));
        let request = Request { method, target, headers: headers.collect(), body: Vec::new() };
        prop_assert!(request.check().0.is_err());
    }
}

/// One signature changed in each of its places, rather than in one chosen by chance.
#[test]
fn no_byte_of_the_authorization_is_free() {
    let request = Request {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: vec![("host".to_owned(), b"localhost:9324".to_vec())],
        body: b"{}".to_vec(),
    };
    let manner =
        Manner { token: Some("token".to_owned()), presigned: false, digest_in_header: true };
    let signed = request.sign(&manner);
    assert_eq!(signed.check().0, Ok(()));
    for line in 0..signed.headers.len() {
        let (name, value) = &signed.headers[line];
        for byte in 0..value.len() {
            let mut changed = signed.clone();
            changed.headers[line].1[byte] ^= 1;
            // The access key id finds the secret, so here it does not matter; with a key it does.
            let in_key_id = name == "authorization" && {
                let start = value.windows(4).position(|window| window == b"AKID").unwrap();
                (start..start + "AKIDEXAMPLE".len()).contains(&byte)
            };
            let text = String::from_utf8_lossy(&changed.headers[line].1).into_owned();
            assert_eq!(changed.check().0.is_err(), !in_key_id, "{name}: {text}");
        }
    }
}
