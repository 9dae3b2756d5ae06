//! Signatures of known requests, and refusals that begin with one of them.

use formiga_auth::sigv4::{Claim, RequestHead, Rules, SignatureError, SigningKey};
use formiga_auth::time::Timestamp;
use sha2::{Digest, Sha256};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "sqs.us-east-1.amazonaws.com";
const DATE: &str = "20260115T120000Z";
const TOKEN: &str = "FwoGZXIvYXdzEXAMPLE/token+with=chars==";
const JSON: &str = "application/x-amz-json-1.0";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn noon() -> Timestamp {
    Timestamp::parse_basic(DATE).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request that owns its parts, so that tests can change one.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    other_hosts: Vec<String>,
    rules: Rules<'static>,
    now: Timestamp,
}

impl Request {
    fn new(method: &'static str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Request {
            method,
            target: target.to_owned(),
            headers: headers.iter().map(owned).collect(),
            body: body.to_owned(),
            other_hosts: Vec::new(),
            rules: Rules { services: &["sqs", "sts"], ..Rules::default() },
            now: noon(),
        }
    }

    fn signed(mut self, service: &str, signed_headers: &str, signature: &str) -> Request {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/us-east-1/{service}/aws4_request, SignedHeaders={signed_headers}, Signature={signature}"
        );
        self.headers.push(("Authorization".to_owned(), value));
        self
    }

    fn with(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Request {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self
    }

    fn replacing(mut self, name: &str, old: &str, new: &str) -> Request {
        let header = self.headers.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name));
        let value = &mut header.expect("the header is there").1;
        assert!(value.contains(old), "{value} has no {old}");
        *value = value.replace(old, new);
        self
    }

    fn target(mut self, old: &str, new: &str) -> Request {
        assert!(self.target.contains(old), "{} has no {old}", self.target);
        self.target = self.target.replace(old, new);
        self
    }

    fn at(mut self, now: &str) -> Request {
        self.now = Timestamp::parse_basic(now).unwrap();
        self
    }

    fn check<T>(
        &self,
        and: impl FnOnce(&Claim, &RequestHead<'_>, &[u8; 32]) -> Result<T, SignatureError>,
    ) -> Result<T, SignatureError> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let hosts: Vec<&[u8]> = self.other_hosts.iter().map(String::as_bytes).collect();
        let head = RequestHead {
            method: self.method,
            target: &self.target,
            headers: &headers,
            other_hosts: &hosts,
        };
        let claim = Claim::parse(&head, &self.rules, self.now)?;
        and(&claim, &head, &Sha256::digest(&self.body).into())
    }

    fn verify(&self) -> Result<(), SignatureError> {
        self.check(|claim, head, body| claim.verify(&claim.signing_key(SECRET), head, body))
    }

    fn canonical(&self) -> String {
        let write = |claim: &Claim, head: &RequestHead<'_>, body: &[u8; 32]| {
            Ok(claim.canonical_request(head, body).expect("the signed headers are there"))
        };
        String::from_utf8(self.check(write).unwrap()).unwrap()
    }

    fn refusal(&self) -> String {
        let error = self.verify().expect_err("a refusal");
        format!("{} {}: {error}", error.status(), error.code())
    }

    #[track_caller]
    fn is_mismatch(&self) {
        assert_eq!(self.verify(), Err(SignatureError::SignatureDoesNotMatch));
    }
}

fn v1() -> Request {
    let headers = [
        ("Host", HOST),
        ("Content-Type", JSON),
        ("X-Amz-Date", DATE),
        ("X-Amz-Target", "AmazonSQS.SendMessage"),
        ("x-amzn-query-mode", "true"),
        ("User-Agent", "aws-sdk"),
    ];
    let body = "{\"QueueUrl\":\"https://sqs.us-east-1.amazonaws.com/123456789012/q1\",\"MessageBody\":\"h\u{e9}llo \u{1F41C}\"}";
    Request::new("POST", "/", &headers, body).signed(
        "sqs",
        "content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode",
        "23c1edd8076ec128131b2da95aab0f432992eaf80530bce02c1d2f133cc14eb7",
    )
}

fn v2() -> Request {
    let headers = [("Host", HOST), ("Content-Type", FORM), ("X-Amz-Date", DATE)];
    let body = "Action=SendMessage&Version=2012-11-05&MessageBody=a+b%26c";
    Request::new("POST", "/123456789012/q1", &headers, body).signed(
        "sqs",
        "content-type;host;x-amz-date",
        "73c50d33353d99c702f9b874c958abe23352999024239d9af5a633a9c1de1979",
    )
}

fn v3() -> Request {
    let target = "/123456789012/q1?Action=SendMessage&MessageBody=hi%20there&Version=2012-11-05&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260115%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20260115T120000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=501c59e26d22d50431b72657479916f18ae6b701ccc5e77ed9e80d7a58d9d285";
    Request::new("GET", target, &[("host", HOST)], "")
}

fn v4() -> Request {
    let headers =
        "content-type;host;x-amz-date;x-amz-security-token;x-amz-target;x-amzn-query-mode";
    let signature = "1717a330b65c1c0f8c58e7b2e22e91dfdda058f949e856842991485d4063f966";
    v1().without("authorization")
        .with("X-Amz-Security-Token", TOKEN)
        .signed("sqs", headers, signature)
}

fn v5() -> Request {
    let target = "/123456789012/q1?Version=2012-11-05&MessageBody=%C3%A9%20~%2F%2B%2A&Empty=&Action=SendMessage&b=2&b=10&B=1&%C3%A9=x";
    Request::new("GET", target, &[("Host", HOST), ("X-Amz-Date", DATE)], "").signed(
        "sqs",
        "host;x-amz-date",
        "ede407419ac6bd5550617be03d554fbe0f0b1ce56ab98b0a5818d281e69fcb58",
    )
}

fn list_queues(host: &str) -> Request {
    let headers = [
        ("Content-Type", JSON),
        ("Host", host),
        ("X-Amz-Date", DATE),
        ("X-Amz-Target", "AmazonSQS.ListQueues"),
    ];
    Request::new("POST", "/", &headers, "{}")
}

fn v6() -> Request {
    let signature = "62fe9fd247871f9a2a631620e8a8c13c4db760dcc6454fc42f24b8ee3186b62c";
    list_queues("127.0.0.1:9324").signed(
        "sqs",
        "content-type;host;x-amz-date;x-amz-target",
        signature,
    )
}

fn v7() -> Request {
    let target = "/000000000000/q.fifo?Action=ReceiveMessage&MaxNumberOfMessages=10&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260115%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20260115T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2Ftoken%2Bwith%3Dchars%3D%3D&X-Amz-Signature=f438c57b8abe53bfcb481f48cee5de4a127d11cde58be6cb01c7b87ceb3a4fc1";
    Request::new("GET", target, &[("host", "localhost:9324")], "")
}

fn v8() -> Request {
    let target = "//123456789012/./x/../my%20q/?Action=GetQueueAttributes&AttributeName.1=All";
    Request::new("GET", target, &[("Host", HOST), ("X-Amz-Date", DATE)], "").signed(
        "sqs",
        "host;x-amz-date",
        "f5314aad703dc92e2a8268c3569c9113cfc893f7631dde80d5923eb3dc4dcb2b",
    )
}

fn v9(values: &[&str], signature: &str) -> Request {
    let request =
        values.iter().fold(list_queues(HOST), |request, value| request.with("X-Amz-Meta", value));
    request.signed("sqs", "content-type;host;x-amz-date;x-amz-meta;x-amz-target", signature)
}

fn v9_one() -> Request {
    let signature = "724a5fc7f7629fd0b3b62f055d2b0cece8427083506e76c3d71f21be6c5b52d9";
    v9(&["   a   b  "], signature)
}

fn v9_several() -> Request {
    let signature = "bbb64a1692dde3bcad0a824fa69a5fe2f554a67cf7d6f1c1a5bf0e05f8c0bb58";
    v9(&["one", "two", "a   b"], signature)
}

fn v10() -> Request {
    let headers = [("Host", "sts.amazonaws.com"), ("Content-Type", FORM), ("X-Amz-Date", DATE)];
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    Request::new("POST", "/", &headers, body).signed(
        "sts",
        "content-type;host;x-amz-date",
        "05a1f2091ef2f3bb5a70f18641458be35bda21c0e4885c4c2f20e61322a19757",
    )
}

#[test]
fn signing_keys_are_those_of_the_reference() {
    for (service, key) in [
        ("sqs", "4cd0b7cd0abe54a19860da2e8fcfb0987faa2ddcfbe014bc2f12f75fa3349311"),
        ("sts", "65fd8296fd1adb49357b7a40581e30d347755c3f5c27bdb7ca171dfe4f545207"),
    ] {
        let derived = SigningKey::derive(SECRET, "20260115", "us-east-1", service);
        assert_eq!(hex(derived.as_bytes()), key, "{service}");
        assert_eq!(format!("{derived:?}"), "SigningKey(..)");
    }
}

#[test]
fn canonical_requests_have_the_digests_of_the_reference() {
    for (name, request, digest) in [
        ("V1", v1(), "8126f966aeb414773100dab8a2cb59c53a6a6c5787c7ddc3bef037d306a22fba"),
        ("V2", v2(), "b8f51ae8fe5239b8af69fadf6ab585f09d77fc8793169c7c24d052f30c4f872e"),
        ("V3", v3(), "8a7de4d96a9221ae4be15fae1e77ef6f843849cee13647bb22dfa4ccaa374427"),
        ("V4", v4(), "1e5a8a62d27e1f5e541d6ef26fa5c611c372799bd2b14b2e3cf5d5d55cd185f1"),
        ("V5", v5(), "44730d28b622f87634e32a403b28a2817ef5ad58e02f16b2e195d1a1a2d8f0a0"),
        ("V6", v6(), "ce4419fd59aeb97a300de19129b3965b0aa98197cf387432066ad06cb879d526"),
        ("V7", v7(), "98bc7fd542dc8c796989cd290b510efb8e515ecbfa4f1f28bd225e2f477ae7ab"),
        ("V8", v8(), "96007b0ec7a5bf2c29bd220833508c02729b2855bc0c38ffb74aac3fc4609190"),
        ("V9.1", v9_one(), "76df4fc0157628a9f1cf5c9a0207a93015a2224f85e9f75b33c1a7d2eb904038"),
        ("V9.2", v9_several(), "6efae3c8a314e755cc65ad36bfe94c3d965471caf836c1e5f4ebc945a25f69c0"),
        ("V10", v10(), "d78b47634c89eddcad5693ae5937b4d76a093981658a64e1e30b04c17807bad0"),
    ] {
        let canonical = request.canonical();
        assert_eq!(hex(&Sha256::digest(&canonical)), digest, "{name}:\n{canonical}");
        assert_eq!(request.verify(), Ok(()), "{name}");
    }
}

#[test]
fn a_canonical_request_has_an_empty_line_behind_its_headers() {
    let expected = [
        "GET",
        "/123456789012/my%2520q/",
        "Action=GetQueueAttributes&AttributeName.1=All",
        "host:sqs.us-east-1.amazonaws.com",
        "x-amz-date:20260115T120000Z",
        "",
        "host;x-amz-date",
        EMPTY_SHA256,
    ];
    assert_eq!(v8().canonical(), expected.join("\n"));
}

#[test]
fn a_claim_says_who_and_for_what() {
    let said = |claim: &Claim, _: &RequestHead<'_>, _: &[u8; 32]| {
        assert_eq!(claim.access_key_id(), "AKIDEXAMPLE");
        assert_eq!((claim.date(), claim.region()), ("20260115", "us-east-1"));
        assert_eq!(claim.time(), noon());
        let token = claim.security_token().map(str::to_owned);
        Ok((claim.service().to_owned(), claim.is_presigned(), token))
    };
    let token = Some(TOKEN.to_owned());
    assert_eq!(v1().check(said), Ok(("sqs".to_owned(), false, None)));
    assert_eq!(v4().check(said), Ok(("sqs".to_owned(), false, token.clone())));
    assert_eq!(v7().check(said), Ok(("sqs".to_owned(), true, token)));
    assert_eq!(v10().check(said), Ok(("sts".to_owned(), false, None)));
}

#[test]
fn a_claim_is_printed_without_its_token() {
    let printed = v4().check(|claim, _, _| Ok(format!("{claim:?}"))).unwrap();
    assert!(printed.contains("AKIDEXAMPLE") && !printed.contains(TOKEN), "{printed}");
}

#[test]
fn another_secret_does_not_verify() {
    let verify = |claim: &Claim, head: &RequestHead<'_>, body: &[u8; 32]| {
        claim.verify(&claim.signing_key("another"), head, body)
    };
    assert_eq!(v1().check(verify), Err(SignatureError::SignatureDoesNotMatch));
    assert_eq!(
        v1().replacing("authorization", "Signature=23", "Signature=24").refusal(),
        "403 SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    );
}

#[test]
fn a_signature_is_good_for_15_minutes_either_way() {
    for now in ["20260115T121500Z", "20260115T114500Z"] {
        assert_eq!(v1().at(now).verify(), Ok(()), "{now}");
        assert_eq!(v7().at(now).verify(), Ok(()), "{now}");
    }
    let expired = "403 SignatureDoesNotMatch: Signature expired: 20260115T120000Z is now earlier than 20260115T120001Z (20260115T121501Z - 15 min.)";
    let early = "403 SignatureDoesNotMatch: Signature not yet current: 20260115T120000Z is still later than 20260115T115959Z (20260115T114459Z + 15 min.)";
    for request in [v1(), v7()] {
        assert_eq!(request.clone().at("20260115T121501Z").refusal(), expired);
        assert_eq!(request.clone().at("20260115T114459Z").refusal(), early);
    }
    let mut late = v1();
    late.now = Timestamp::from_millis(noon().plus_secs(900).as_millis() as u64 + 999);
    assert_eq!(late.verify(), Ok(()), "whole seconds count");
}

#[test]
fn a_url_is_good_for_as_long_as_it_says() {
    assert_eq!(v3().at("20260115T120500Z").verify(), Ok(()));
    assert_eq!(
        v3().at("20260115T120501Z").refusal(),
        "403 SignatureDoesNotMatch: Signature expired: 20260115T120000Z is now earlier than 20260115T120001Z (20260115T120501Z - 5 min.)"
    );
    let week = v3().target("Expires=300", "Expires=604800");
    week.is_mismatch();
    assert!(week.at("20260115T121501Z").refusal().contains("- 15 min.)"));
    for expires in ["604801", "99999999999999999999", "-1", "x", "+5", "1.5", ""] {
        let request = v3().target("Expires=300", &format!("Expires={expires}"));
        assert!(
            request.refusal().starts_with("400 IncompleteSignature: X-Amz-Expires"),
            "{expires}"
        );
    }
}

#[test]
fn a_signature_is_for_one_day_region_and_service() {
    let scoped = |old, new| v1().replacing("authorization", old, new);
    let mismatch = "403 SignatureDoesNotMatch: ";
    assert_eq!(
        scoped("20260115", "20260114").refusal(),
        format!(
            "{mismatch}Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260114' != '20260115', from '20260115T120000Z'."
        )
    );
    let service = "Credential should be scoped to correct service: 'sqs'. ";
    let region = "Credential should be scoped to a valid region. ";
    assert_eq!(scoped("/sqs/", "/sns/").refusal(), format!("{mismatch}{service}"));
    assert_eq!(scoped("us-east-1", "US-EAST-1").refusal(), format!("{mismatch}{region}"));
    assert_eq!(
        scoped("us-east-1/sqs", "é/s3").refusal(),
        format!(
            "{mismatch}The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    );
    assert_eq!(scoped("us-east-1/sqs", "a_b/s3").refusal(), format!("{mismatch}{region}{service}"));
    assert_eq!(
        scoped("aws4_request", "aws5_request").refusal(),
        format!(
            "{mismatch}Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "
        )
    );
    let mut elsewhere = v1();
    elsewhere.rules.region = Some("eu-west-1");
    assert_eq!(elsewhere.refusal(), format!("{mismatch}{region}"));
    elsewhere.rules.region = Some("us-east-1");
    assert_eq!(elsewhere.verify(), Ok(()));
}

#[test]
fn what_decides_what_a_request_does_has_to_be_signed() {
    v1().with("x-amz-security-token", TOKEN).is_mismatch();
    v2().with("x-amz-target", "AmazonSQS.DeleteQueue").is_mismatch();
    v2().with("x-amz-content-sha256", &hex(&Sha256::digest(v2().body))).is_mismatch();
    v3().with("x-amz-date", DATE).is_mismatch();
    v3().with("x-amz-security-token", TOKEN).is_mismatch();
    assert_eq!(v1().with("x-amz-other", "x").verify(), Ok(()), "proxies add headers");
    let list = "content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode";
    for changed in [
        "content-type;x-amz-date;x-amz-target;x-amzn-query-mode",
        "content-type;host;x-amz-target;x-amzn-query-mode",
        "content-type;host;x-amz-date;x-amzn-query-mode",
        "host;content-type;x-amz-date;x-amz-target;x-amzn-query-mode",
        "content-type;host;host;x-amz-date;x-amz-target;x-amzn-query-mode",
        "Content-Type;host;x-amz-date;x-amz-target;x-amzn-query-mode",
        "content-type;host;x-absent;x-amz-date;x-amz-target;x-amzn-query-mode",
        ";content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode",
        "content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode;",
    ] {
        v1().replacing("authorization", list, changed).is_mismatch();
    }
}

#[test]
fn a_signed_request_that_is_changed_does_not_match() {
    let mut spaced = v1();
    spaced.body.push(' ');
    spaced.is_mismatch();
    v1().replacing("authorization", "Signature=23c1edd8", "Signature=23C1EDD8").is_mismatch();
    v1().replacing("authorization", "4eb7", "4eb").is_mismatch();
    v1().replacing("host", "us-east-1", "us-east-2").is_mismatch();
    v3().target("hi%20there", "hi%20thera").is_mismatch();
    assert_eq!(v3().target("hi%20there", "hi+there").verify(), Ok(()), "two ways to write a blank");
    v3().target("%20there", "%2").is_mismatch();
    let mut body = v3();
    body.body.push('x');
    body.is_mismatch();
}

#[test]
fn a_request_without_a_signature_is_anonymous() {
    for request in [v1().without("authorization"), Request::new("GET", "/?a=%zz", &[], "")] {
        assert_eq!(
            request.refusal(),
            "403 MissingAuthenticationToken: Request is missing Authentication Token"
        );
    }
}

#[test]
fn what_there_may_be_one_of_is_not_repeated() {
    let refused = |request: Request| {
        let refusal = request.refusal();
        assert!(refusal.starts_with("400 IncompleteSignature: Request must "), "{refusal}");
    };
    for name in ["authorization", "host", "x-amz-date", "x-amz-target", "x-amz-security-token"] {
        let twin = v4().headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).cloned();
        refused(v4().with(name, &twin.unwrap().1));
    }
    for name in [
        "Algorithm",
        "Credential",
        "Date",
        "Expires",
        "Security-Token",
        "Signature",
        "SignedHeaders",
    ] {
        refused(
            v7().target("?", &format!("?X%2DAmz-{name}=x&"))
                .target("q.fifo?", "q.fifo?X-Amz-Expires=1&"),
        );
        refused(v1().target("/", &format!("/?X-Amz-{name}=x")));
    }
    refused(v7().with("x-amz-security-token", TOKEN));
    refused(v1().replacing("authorization", "Credential=", "Credential=a/b/c/d/e,Credential="));
}

#[test]
fn a_signature_has_all_of_its_parts() {
    let authorization = |value: &str| {
        let request = v1().without("authorization").with("authorization", value);
        request.refusal().strip_prefix("400 IncompleteSignature: ").unwrap().to_owned()
    };
    let header = |name: &str| format!("Authorization header requires '{name}' parameter. ");
    assert_eq!(
        authorization("AWS4-HMAC-SHA256"),
        [header("Credential"), header("Signature"), header("SignedHeaders")].concat()
            + "Authorization=AWS4-HMAC-SHA256"
    );
    let value = "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=";
    assert_eq!(
        authorization(value),
        [header("Signature"), header("SignedHeaders")].concat() + "Authorization=" + value
    );
    assert_eq!(
        authorization("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0"),
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"
    );
    for value in ["", "AWS", "Bearer x", "AWS AKID:sig", "AWS4-ECDSA-P256-SHA256 Credential=x"] {
        assert!(authorization(value).starts_with("Authorization header requires"), "{value}");
    }
    let undated = v1().without("x-amz-date").refusal();
    assert!(undated.starts_with("400 IncompleteSignature: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4"), "{undated}");
    for name in ["Algorithm", "Credential", "Date", "Signature", "SignedHeaders"] {
        let refusal = v3().target(&format!("X-Amz-{name}="), "x=").refusal();
        let expected = format!(
            "400 IncompleteSignature: AWS query-string parameters must include 'X-Amz-{name}'. Re-examine the query-string parameters."
        );
        assert_eq!(refusal, expected);
    }
    let refusal = v1().replacing("x-amz-date", "T", " ").refusal();
    assert!(refusal.starts_with("400 IncompleteSignature: Date must be in ISO-8601"), "{refusal}");
    let key = "A".repeat(129);
    assert_eq!(
        v1().replacing("authorization", "AKIDEXAMPLE", &key).refusal(),
        "403 InvalidClientTokenId: The security token included in the request is invalid."
    );
}

#[test]
fn a_signature_may_be_spelled_in_other_ways() {
    let value = "AWS4-HMAC-SHA256   Signature=23c1edd8076ec128131b2da95aab0f432992eaf80530bce02c1d2f133cc14eb7,Credential=AKIDEXAMPLE/20260115/us-east-1/sqs/aws4_request ,\tSignedHeaders=content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode";
    assert_eq!(v1().without("authorization").with("AUTHORIZATION", value).verify(), Ok(()));
    let mut absolute = v8();
    absolute.target.insert_str(0, "http://elsewhere:80");
    assert_eq!(absolute.verify(), Ok(()), "a proxy's client sends the whole URL");
}

#[test]
fn behind_a_proxy_another_host_may_be_signed() {
    let mut request = v1().replacing("host", HOST, "10.0.0.1:9324");
    request.is_mismatch();
    request.other_hosts = ["a", "b", HOST].map(str::to_owned).to_vec();
    assert_eq!(request.verify(), Ok(()));
    request.other_hosts.insert(0, "c".to_owned());
    request.is_mismatch();
}

/// A signature that is right, of a request that says `list` is signed: header lines and payload as
/// they stand.
fn sign(request: Request, list: &str, payload: &str) -> Request {
    use hmac::{Hmac, KeyInit, Mac};
    let mut canonical = format!("{}\n", request.method);
    canonical += &request.target.replacen('?', "\n", 1);
    canonical += if request.target.contains('?') { "\n" } else { "\n\n" };
    for name in list.split(';') {
        let found = request.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        canonical += &format!("{name}:{}\n", found.map_or("", |(_, value)| value));
    }
    canonical += &format!("\n{list}\n{payload}");
    let scope = "20260115/us-east-1/sqs/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n{DATE}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = SigningKey::derive(SECRET, "20260115", "us-east-1", "sqs");
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(to_sign);
    let signature = hex(&mac.finalize().into_bytes());
    request.signed("sqs", list, &signature)
}

mod lists {
    use super::*;

    fn request(date: (&str, &str)) -> Request {
        Request::new("GET", "/", &[("host", HOST), date, ("x-a", "1")], "")
    }

    #[test]
    fn a_right_signature_of_a_wrong_list_does_not_match() {
        let signed = |list: &str| sign(request(("x-amz-date", DATE)), list, EMPTY_SHA256);
        assert_eq!(signed("host;x-a;x-amz-date").verify(), Ok(()));
        for list in [
            "x-a;x-amz-date",
            "host;x-a",
            "x-a;host;x-amz-date",
            "host;host;x-a;x-amz-date",
            "Host;x-a;x-amz-date",
            "host;x-a;x-absent;x-amz-date",
            "host;x-a;x-amz-date;",
        ] {
            signed(list).is_mismatch();
        }
    }

    #[test]
    fn a_date_in_the_date_header_is_signed_too() {
        for date in ["Thu, 15 Jan 2026 12:00:00 GMT", DATE] {
            let signed = |list: &str| sign(request(("Date", date)), list, EMPTY_SHA256);
            assert_eq!(signed("date;host;x-a").verify(), Ok(()), "{date}");
            signed("host;x-a").is_mismatch();
        }
        let both = request(("x-amz-date", DATE)).with("Date", "Wed, 14 Jan 2026 12:00:00 GMT");
        assert_eq!(sign(both, "host;x-amz-date", EMPTY_SHA256).verify(), Ok(()), "X-Amz-Date wins");
    }

    #[test]
    fn a_query_that_cannot_be_decoded_is_not_signed() {
        for (query, canonical) in [("a=%zz", "a=%25zz"), ("a=%4", "a=%254"), ("%", "%25=")] {
            let mut request = request(("x-amz-date", DATE));
            request.target = format!("/?{canonical}");
            let mut signed = sign(request, "host;x-amz-date", EMPTY_SHA256);
            assert_eq!(signed.verify(), Ok(()), "{canonical}");
            signed.target = format!("/?{query}");
            signed.is_mismatch();
        }
    }

    #[test]
    fn a_header_that_is_signed_is_there() {
        let mut signed = sign(request(("x-amz-date", DATE)), "host;x-amz-date;x-b", EMPTY_SHA256);
        signed.is_mismatch();
        signed.headers.push(("X-B".to_owned(), String::new()));
        assert_eq!(signed.verify(), Ok(()), "even if it is empty");
    }
}

mod bodies {
    use super::*;

    /// `list_queues` with a digest of its body in the header, signed for what that says.
    fn digested(said: &str) -> Request {
        let list = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target";
        sign(list_queues(HOST).with("x-amz-content-sha256", said), list, said)
    }

    #[test]
    fn the_digest_in_the_header_is_the_bodys() {
        assert_eq!(digested(&hex(&Sha256::digest("{}"))).verify(), Ok(()));
        digested(EMPTY_SHA256).is_mismatch();
        digested(&hex(&Sha256::digest("{}")).to_uppercase()).is_mismatch();
        for said in
            ["", "x", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
        {
            digested(said).is_mismatch();
        }
    }

    #[test]
    fn a_body_is_left_out_where_that_is_allowed() {
        let mut request = digested("UNSIGNED-PAYLOAD");
        request.is_mismatch();
        request.rules.unsigned_payload = true;
        assert_eq!(request.verify(), Ok(()));
        request.body.push(' ');
        assert_eq!(request.verify(), Ok(()));
    }
}
