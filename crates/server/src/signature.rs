//! [`Verifier`]: who signed a request, in two steps with the body read in between.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use formiga_auth::credentials::SecretKey;
use formiga_auth::sigv4::{Claim, RequestHead, Rules, SignatureError};
use formiga_auth::time::Timestamp;
use formiga_wire::service::Service;
use hyper::http::request::Parts;

use crate::error::{self, ApiError};
use crate::failures::Failures;
use crate::identities::{Identities, Principal};
use crate::random::Random;
use crate::signing_keys::SigningKeys;

/// Checks signatures. A request without any has an anonymous caller.
pub(crate) struct Verifier {
    identities: Arc<Identities>,
    /// Belongs to no access key: what requests with unknown ones are compared with.
    nobodys_secret: SecretKey,
    anonymous: Arc<Principal>,
    signing_keys: Mutex<SigningKeys>,
    failures: Failures,
}

/// A request whose head was read, and whose body is still to come.
pub(crate) struct Arrived<'a> {
    verifier: &'a Verifier,
    head: SentHead<'a>,
    claim: Option<Claim>,
    /// Where it comes from, if that is known.
    address: Option<IpAddr>,
    /// The one time that counts for all that is decided about the caller.
    pub(crate) now: Timestamp,
}

/// The head as the client sent it.
struct SentHead<'a> {
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    other_hosts: Vec<Vec<u8>>,
}

impl Verifier {
    pub(crate) fn new(identities: Arc<Identities>, random: &Random) -> Verifier {
        Verifier {
            identities,
            nobodys_secret: SecretKey::from_random(&random.bytes()),
            anonymous: Arc::new(Principal::anonymous()),
            signing_keys: Mutex::default(),
            failures: Failures::new(),
        }
    }

    /// Who there is.
    pub(crate) fn identities(&self) -> &Arc<Identities> {
        &self.identities
    }

    /// Refuses what can be refused without the body. `other_hosts` are names under which a trusted
    /// proxy was reached, and `services` those that the request may be signed for, in any region.
    pub(crate) fn arrived<'a>(
        &'a self,
        head: &'a Parts,
        address: Option<IpAddr>,
        other_hosts: Vec<Vec<u8>>,
        services: &[&str],
        now: Timestamp,
    ) -> Result<Arrived<'a>, ApiError> {
        self.read_head(head, address, other_hosts, services, now).map_err(|refusal| {
            self.failures.note(address, now);
            error::signature(&refusal)
        })
    }

    fn read_head<'a>(
        &'a self,
        head: &'a Parts,
        address: Option<IpAddr>,
        other_hosts: Vec<Vec<u8>>,
        services: &[&str],
        now: Timestamp,
    ) -> Result<Arrived<'a>, SignatureError> {
        let rules = Rules { services, region: None, unsigned_payload: false };
        let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = SentHead {
            method: head.method.as_str(),
            target: head.uri.path_and_query().map_or("/", |target| target.as_str()),
            headers: headers.collect(),
            other_hosts,
        };
        let claim = match head.with(|head| Claim::parse(head, &rules, now)) {
            Ok(claim) => Some(claim),
            Err(SignatureError::MissingAuthenticationToken) => None,
            Err(refusal) => return Err(refusal),
        };
        if let Some(claim) = &claim
            && self.failures.are_many(address, now)
        {
            head.with(|head| self.verify_early(claim, head, now))?;
        }
        Ok(Arrived { verifier: self, head, claim, address, now })
    }

    /// Refuses what cannot be right whatever the body is: a key that nobody has, or a signature that
    /// does not fit the digest that it is said to be for. That an unknown key is told sooner than a wrong
    /// signature gives nothing away, since the answers tell the two apart.
    fn verify_early(
        &self,
        claim: &Claim,
        head: &RequestHead<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        match claim.payload_sha256() {
            Some(said) => self.verify(claim, head, &said, now).map(drop),
            None => match self.identities.signer(claim.access_key_id(), claim.security_token()) {
                Some(_) => Ok(()),
                None => Err(SignatureError::InvalidClientTokenId),
            },
        }
    }

    /// Who made `claim`. The key it is signed with is remembered only after it was seen to fit: who
    /// does not know a secret takes no room.
    fn verify(
        &self,
        claim: &Claim,
        head: &RequestHead<'_>,
        body: &[u8; 32],
        now: Timestamp,
    ) -> Result<Arc<Principal>, SignatureError> {
        let signer = self.identities.signer(claim.access_key_id(), claim.security_token());
        let Some(signer) = signer else {
            let signing_key = claim.signing_key(self.nobodys_secret.reveal());
            let _ = claim.verify(&signing_key, head, body);
            return Err(SignatureError::InvalidClientTokenId);
        };
        let remembered = || self.signing_keys.lock().expect("no one panics with the lock");
        let found = remembered().get(claim);
        let is_new = found.is_none();
        let signing_key = found.unwrap_or_else(|| claim.signing_key(signer.secret.reveal()));
        claim.verify(&signing_key, head, body)?;
        if is_new {
            remembered().remember(claim, signing_key);
        }
        self.identities.principal(signer, now)
    }
}

impl Arrived<'_> {
    /// The region that the request says it is signed for.
    pub(crate) fn region(&self) -> Option<&str> {
        self.claim.as_ref().map(Claim::region)
    }

    /// The service that the request says it is signed for.
    pub(crate) fn service(&self) -> Option<Service> {
        self.claim.as_ref().and_then(|claim| Service::of_scope(claim.service()))
    }

    /// The access key that the request says it is signed with.
    pub(crate) fn access_key_id(&self) -> Option<&str> {
        self.claim.as_ref().map(Claim::access_key_id)
    }

    /// Whether the body's digest is needed to tell who sends the request.
    pub(crate) fn needs_digest(&self) -> bool {
        self.claim.is_some()
    }

    /// Who sends the request with a body of this digest.
    pub(crate) fn verify(&self, digest: Option<&[u8; 32]>) -> Result<Arc<Principal>, ApiError> {
        let Some(claim) = &self.claim else { return Ok(self.verifier.anonymous.clone()) };
        let digest = digest.expect("what is signed is hashed");
        let now = self.now;
        let verified = self.head.with(|head| self.verifier.verify(claim, head, digest, now));
        verified.map_err(|refusal| {
            self.verifier.failures.note(self.address, now);
            error::signature(&refusal)
        })
    }
}

impl SentHead<'_> {
    fn with<T>(&self, read: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let other_hosts: Vec<&[u8]> = self.other_hosts.iter().map(Vec::as_slice).collect();
        read(&RequestHead {
            method: self.method,
            target: self.target,
            headers: &self.headers,
            other_hosts: &other_hosts,
        })
    }
}
