//! [`SigningKeys`]: the keys that requests of late were signed with, so that not each costs four HMACs.

use std::collections::HashMap;
use std::mem;

use formiga_auth::sigv4::{Claim, SigningKey};

/// Signing keys by the access key that they come from, in two generations: those that were asked for
/// lately, and those before, which are forgotten next unless they are asked for again. Whoever has
/// a key and signs for ever other regions pushes out keys of their own only.
#[derive(Default)]
pub(crate) struct SigningKeys {
    young: HashMap<String, OfAccessKey>,
    old: HashMap<String, OfAccessKey>,
}

/// The oldest first.
type OfAccessKey = Vec<(Scope, SigningKey)>;

/// What a signing key is good for.
struct Scope {
    date: String,
    region: String,
    service: String,
}

/// How many access keys each of the two generations has.
const ACCESS_KEYS_MAX: usize = 1024;

/// How many signing keys an access key has: some regions and services, today and yesterday.
const SCOPES_MAX: usize = 16;

impl Scope {
    fn of(claim: &Claim) -> Scope {
        Scope {
            date: claim.date().to_owned(),
            region: claim.region().to_owned(),
            service: claim.service().to_owned(),
        }
    }

    fn is_of(&self, claim: &Claim) -> bool {
        self.date == claim.date()
            && self.region == claim.region()
            && self.service == claim.service()
    }
}

impl SigningKeys {
    /// The key that `claim` has to be signed with, if it is remembered.
    pub(crate) fn get(&mut self, claim: &Claim) -> Option<SigningKey> {
        let id = claim.access_key_id();
        if !self.young.contains_key(id) {
            let (id, keys) = self.old.remove_entry(id)?;
            self.put(id, keys);
        }
        let (_, key) = self.young.get(id)?.iter().find(|(scope, _)| scope.is_of(claim))?;
        Some(key.clone())
    }

    /// Remembers the key that `claim` was seen to be signed with.
    pub(crate) fn remember(&mut self, claim: &Claim, key: SigningKey) {
        let id = claim.access_key_id();
        let mut keys = self.young.remove(id).unwrap_or_default();
        keys.retain(|(scope, _)| !scope.is_of(claim));
        if keys.len() >= SCOPES_MAX {
            keys.remove(0);
        }
        keys.push((Scope::of(claim), key));
        self.put(id.to_owned(), keys);
    }

    fn put(&mut self, id: String, keys: OfAccessKey) {
        if self.young.len() >= ACCESS_KEYS_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id, keys);
    }
}

#[cfg(test)]
mod tests {
    use formiga_auth::sigv4::{RequestHead, Rules};
    use formiga_auth::time::Timestamp;

    use super::*;

    fn claim(access_key_id: &str, region: &str) -> Claim {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key_id}/20260115/{region}/sqs/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={}",
            "0".repeat(64)
        );
        let headers: [(&str, &[u8]); 3] = [
            ("host", b"localhost"),
            ("x-amz-date", b"20260115T120000Z"),
            ("authorization", authorization.as_bytes()),
        ];
        let head = RequestHead { method: "POST", target: "/", headers: &headers, other_hosts: &[] };
        let now = Timestamp::parse_basic("20260115T120000Z").expect("a time");
        Claim::parse(&head, &Rules::default(), now).expect("a claim")
    }

    fn remember(keys: &mut SigningKeys, claim: &Claim) {
        keys.remember(claim, claim.signing_key("secret"));
    }

    #[test]
    fn one_access_key_with_made_up_regions_pushes_out_no_other() {
        let mut keys = SigningKeys::default();
        let usual = claim("AKIAUSUAL00000000001", "us-east-1");
        remember(&mut keys, &usual);
        for n in 0..10_000 {
            remember(&mut keys, &claim("AKIAHOSTILE000000001", &format!("made-up-{n}")));
        }
        assert!(keys.get(&usual).is_some());
        assert_eq!(keys.young["AKIAHOSTILE000000001"].len(), SCOPES_MAX);
        assert!(keys.get(&claim("AKIAHOSTILE000000001", "made-up-9999")).is_some());
        assert!(keys.get(&claim("AKIAHOSTILE000000001", "made-up-0")).is_none());
    }

    #[test]
    fn what_is_in_use_outlives_any_number_of_other_access_keys() {
        let mut keys = SigningKeys::default();
        let usual = claim("AKIAUSUAL00000000001", "us-east-1");
        remember(&mut keys, &usual);
        for n in 0..10 * ACCESS_KEYS_MAX {
            remember(&mut keys, &claim(&format!("ASIA{n:016}"), "us-east-1"));
            if n % (ACCESS_KEYS_MAX / 2) == 0 {
                assert!(keys.get(&usual).is_some(), "after {n}");
            }
        }
        assert!(keys.young.len() + keys.old.len() <= 2 * ACCESS_KEYS_MAX);
        assert!(keys.get(&claim("ASIA0000000000000000", "us-east-1")).is_none());
    }

    #[test]
    fn a_key_is_good_for_its_scope_only() {
        let mut keys = SigningKeys::default();
        remember(&mut keys, &claim("AKIAUSUAL00000000001", "us-east-1"));
        assert!(keys.get(&claim("AKIAUSUAL00000000001", "eu-west-1")).is_none());
        assert!(keys.get(&claim("AKIAOTHER00000000001", "us-east-1")).is_none());
    }
}
