//! [`Claim`]: who a request says it is from, and whether the signature bears it out.
//!
//! Signature Version 4, as the guide *Signature Version 4 signing process* describes it for every
//! service but S3. A request is checked in two steps, with its body read in between:
//!
//! ```
//! use formiga_auth::sigv4::{Claim, RequestHead, Rules, SignatureError};
//! use formiga_auth::time::Timestamp;
//!
//! fn check(
//!     head: &RequestHead<'_>,
//!     now: Timestamp,
//!     secret_of: impl Fn(&str) -> String,
//!     read_and_hash_the_body: impl FnOnce() -> [u8; 32],
//! ) -> Result<String, SignatureError> {
//!     let claim = Claim::parse(head, &Rules::default(), now)?;
//!     let key = claim.signing_key(&secret_of(claim.access_key_id()));
//!     claim.verify(&key, head, &read_and_hash_the_body())?;
//!     Ok(claim.access_key_id().to_owned())
//! }
//! ```
//!
//! Who meets an unknown access key id should go through the second step all the same, with a secret
//! drawn at random, and then answer [`SignatureError::InvalidClientTokenId`]: so unknown keys
//! cannot be told from known ones by how long the answer takes.

mod authorization;
mod canonical;
mod error;
mod head;
mod hex;
mod key;
mod presigned;
mod query;
mod scope;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;
use canonical::CanonicalRequest;
pub use error::SignatureError;
use head::Headers;
pub use head::RequestHead;
pub use key::SigningKey;
use query::Query;
use scope::Scope;

/// How many seconds a signature may be old or ahead of its time. Exactly as many are still fine.
pub const WINDOW_SECONDS: i64 = 15 * 60;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What this server accepts beyond what every signature must be.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The services that requests may be signed for; a refusal names the first.
    pub services: &'a [&'a str],
    /// The region that requests must be signed for, if only one is served.
    pub region: Option<&'a str>,
    /// Whether a request may leave its body out of the signature (`UNSIGNED-PAYLOAD`). To be set
    /// for connections that nobody can change on the way, if at all.
    pub unsigned_payload: bool,
}

/// SQS in any region, and every body signed.
impl Default for Rules<'_> {
    fn default() -> Self {
        Rules { services: &["sqs"], region: None, unsigned_payload: false }
    }
}

/// What a request says about who signed it. It is in order, in time and for this service; whether it
/// is true, only [`Claim::verify`] tells.
#[derive(Clone)]
pub struct Claim {
    scope: Scope,
    time: Timestamp,
    /// Separated by semicolons, as it is signed.
    signed_headers: String,
    signature: [u8; 32],
    presigned: bool,
    payload: Payload,
    security_token: Option<String>,
}

/// What the signer says about the body, in `x-amz-content-sha256`.
#[derive(Clone, Debug)]
enum Payload {
    Unsaid,
    Hash([u8; 32]),
    Unsigned,
}

/// The parts of a signature, wherever the request has them.
struct Parts {
    credential: String,
    signed_headers: String,
    signature: String,
    date: Date,
    /// For how many seconds the signature is good.
    lifetime: i64,
    presigned: bool,
    security_token: Option<String>,
}

/// When a request was signed: a header's value, or a parameter's.
struct Date {
    text: String,
    time: Timestamp,
    /// The header that says so, which has to be signed.
    header: Option<&'static str>,
}

impl Claim {
    /// Reads the claim of `head`, at the time `now`. All that can be refused without knowing the
    /// key or the body is refused here: what is missing, doubled or too old, a scope for others,
    /// and headers that are left out of the signature although they decide what the request does.
    ///
    /// A request without any part of a signature is [`SignatureError::MissingAuthenticationToken`]:
    /// its caller is anonymous.
    pub fn parse(
        head: &RequestHead<'_>,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> Result<Claim, SignatureError> {
        let headers = Headers::of(head);
        let query = Query::parse(head.query());
        let parts = match (headers.has("authorization"), query.is_presigned()) {
            (false, false) => return Err(SignatureError::MissingAuthenticationToken),
            (true, true) => return Err(error::signed_twice()),
            (true, false) => authorization::parse(&headers)?,
            (false, true) => presigned::parse(&headers, &query)?,
        };
        if !query.is_well_formed() {
            return Err(SignatureError::SignatureDoesNotMatch);
        }
        let scope = Scope::parse(&parts.credential)?;
        scope.check(rules, &parts.date)?;
        check_time(&parts.date, parts.lifetime, now)?;
        check_signed_headers(&parts, &headers)?;
        Ok(Claim {
            payload: Payload::of(&headers, rules)?,
            signature: hex::decode(&parts.signature)
                .ok_or(SignatureError::SignatureDoesNotMatch)?,
            scope,
            time: parts.date.time,
            signed_headers: parts.signed_headers,
            presigned: parts.presigned,
            security_token: parts.security_token,
        })
    }

    /// The access key id that the request says it is signed with: at most 128 visible ASCII
    /// characters.
    pub fn access_key_id(&self) -> &str {
        &self.scope.access_key_id
    }

    /// When the request was signed, by the signer's clock.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The day for which the signing key is good: eight digits.
    pub fn date(&self) -> &str {
        &self.scope.date
    }

    /// The region that the request is signed for: lower-case letters, digits and `-`.
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// The service that the request is signed for; one of those in the rules.
    pub fn service(&self) -> &str {
        &self.scope.service
    }

    /// The session token, if the request has one. It is covered by the signature, but whether it
    /// belongs to the access key is for others to say.
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_deref()
    }

    /// The digest of the body, if the request says it: a signature that does not fit this one fits no
    /// body.
    pub fn payload_sha256(&self) -> Option<[u8; 32]> {
        match self.payload {
            Payload::Hash(said) => Some(said),
            Payload::Unsaid | Payload::Unsigned => None,
        }
    }

    /// Whether the signature is part of the URL.
    pub fn is_presigned(&self) -> bool {
        self.presigned
    }

    /// The key that this request should have been signed with, if `secret_key` is the secret of
    /// [`Claim::access_key_id`]. It may be kept for other requests with the same access key id, date,
    /// region and service, as long as the secret stays.
    pub fn signing_key(&self, secret_key: &str) -> SigningKey {
        SigningKey::derive(secret_key, self.date(), self.region(), self.service())
    }

    /// Whether `key` signed exactly this request: the head that the claim was read from, and a body
    /// with this SHA-256 digest, as it came over the wire. Signatures are compared in constant time.
    pub fn verify(
        &self,
        key: &SigningKey,
        head: &RequestHead<'_>,
        payload_sha256: &[u8; 32],
    ) -> Result<(), SignatureError> {
        let hosts = std::iter::once(None).chain(head.other_hosts.iter().map(|host| Some(*host)));
        let is_signed = hosts.take(HOSTS_MAX).any(|host| {
            let canonical = self.canonical(head, payload_sha256, host);
            canonical.is_some_and(|canonical| self.is_signature_of(&canonical, key))
        });
        let is_payload = match &self.payload {
            Payload::Hash(said) => said == payload_sha256,
            Payload::Unsaid | Payload::Unsigned => true,
        };
        (is_signed && is_payload).then_some(()).ok_or(SignatureError::SignatureDoesNotMatch)
    }

    /// The text that should have been signed, for a log: clients should not see it. `None` when a
    /// header that is said to be signed is not there.
    pub fn canonical_request(
        &self,
        head: &RequestHead<'_>,
        payload_sha256: &[u8; 32],
    ) -> Option<Vec<u8>> {
        self.canonical(head, payload_sha256, None)
    }

    fn canonical(
        &self,
        head: &RequestHead<'_>,
        payload_sha256: &[u8; 32],
        host: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let payload = match &self.payload {
            Payload::Unsaid => hex::encode(payload_sha256),
            Payload::Hash(said) => hex::encode(said),
            Payload::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
        };
        CanonicalRequest { head, host, signed_headers: &self.signed_headers, payload: &payload }
            .write()
    }

    fn is_signature_of(&self, canonical: &[u8], key: &SigningKey) -> bool {
        let (time, scope) = (self.time.to_basic(), self.scope.text());
        let digest = hex::encode(&Sha256::digest(canonical).into());
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
        let mac = mac.expect("HMAC takes keys of any length").chain_update(to_sign);
        mac.verify_slice(&self.signature).is_ok()
    }
}

/// Without the session token and the signature, which do not belong into a log.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Claim");
        debug.field("scope", &self.scope).field("time", &self.time).finish_non_exhaustive()
    }
}

/// The received host and three others: what a chain of proxies makes of one name.
const HOSTS_MAX: usize = 4;

const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

impl Payload {
    fn of(headers: &Headers<'_>, rules: &Rules<'_>) -> Result<Payload, SignatureError> {
        match headers.only("x-amz-content-sha256")? {
            None => Ok(Payload::Unsaid),
            Some(UNSIGNED_PAYLOAD) if rules.unsigned_payload => Ok(Payload::Unsigned),
            Some(said) => {
                hex::decode(said).map(Payload::Hash).ok_or(SignatureError::SignatureDoesNotMatch)
            }
        }
    }
}

fn check_time(date: &Date, lifetime: i64, now: Timestamp) -> Result<(), SignatureError> {
    let (date, now) = (date.time.plus_secs(0), now.plus_secs(0));
    if now.as_secs() - date.as_secs() > lifetime {
        Err(SignatureError::Expired { date, now, lifetime })
    } else if date.as_secs() - now.as_secs() > WINDOW_SECONDS {
        Err(SignatureError::NotYetCurrent { date, now })
    } else {
        Ok(())
    }
}

/// Headers that say what a request does, or who sends it: whoever could add or change one could turn
/// a signed request into another.
const SIGNED_WHEN_PRESENT: [&str; 4] =
    ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target"];

fn check_signed_headers(parts: &Parts, headers: &Headers<'_>) -> Result<(), SignatureError> {
    let names: Vec<&str> = parts.signed_headers.split(';').collect();
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
    };
    let is_list = names.iter().all(is_name) && names.is_sorted_by(|one, next| one < next);
    let is_signed = |name: &str| names.binary_search(&name).is_ok();
    let present = SIGNED_WHEN_PRESENT.into_iter().filter(|name| headers.has(name));
    let mut needed = present.chain(["host"]).chain(parts.date.header);
    // Whoever reads one of several lines must not read another one than was meant.
    for name in SIGNED_WHEN_PRESENT.into_iter().chain(["host"]) {
        headers.only_line(name)?;
    }
    if is_list && needed.all(is_signed) {
        Ok(())
    } else {
        Err(SignatureError::SignatureDoesNotMatch)
    }
}
