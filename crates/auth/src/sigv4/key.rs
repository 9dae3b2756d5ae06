//! [`SigningKey`]: what a secret key becomes for one day, region and service.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// A key that signs all requests of one day to one service in one region. It takes four digests to
/// derive and can be kept; the secret key cannot be computed from it. Its memory is cleared when it
/// is dropped, and it is never printed.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key from a secret key, a day such as `20260115`, a region and a service.
    pub fn derive(secret_key: &str, date: &str, region: &str, service: &str) -> SigningKey {
        let mut secret = format!("AWS4{secret_key}");
        let mut key = [0; 32];
        sign_into(&mut key, secret.as_bytes(), date);
        secret.zeroize();
        for part in [region, service, "aws4_request"] {
            let mut signer = key;
            sign_into(&mut key, &signer, part);
            signer.zeroize();
        }
        SigningKey(key)
    }

    /// The 32 bytes of the key, for who signs.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn sign_into(signed: &mut [u8; 32], key: &[u8], text: &str) {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    *signed = mac.chain_update(text).finalize().into_bytes().into();
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
