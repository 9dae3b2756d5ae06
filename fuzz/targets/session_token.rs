//! Any text as a session token, and any token with a byte changed.

#![no_main]

use formiga_auth::session_token::{SessionGrant, SessionOf, TokenKey};
use formiga_fuzz::fuzz_target;

const ID: &str = "ASIAEXAMPLE234567ABC";

fuzz_target!(|data: &[u8]| {
    let keys = [TokenKey::new(1, [7; 32]), TokenKey::new(2, [8; 32])];
    if let Ok(text) = str::from_utf8(data) {
        assert!(TokenKey::open(&keys, text, ID).is_err(), "nobody can make a token");
    }
    let [at, xor, session_name @ ..] = data else { return };
    let grant = SessionGrant {
        access_key_id: ID.to_owned(),
        account: "111111111111".to_owned(),
        of: SessionOf::Role {
            unique_id: "AROAEXAMPLE2345672345Q".to_owned(),
            session_name: String::from_utf8_lossy(session_name).into_owned(),
        },
        issued_at: 1,
        expires_at: 2,
        policy: None,
        tags: Default::default(),
    };
    let Ok((token, secret)) = keys[1].issue(&grant, &[9; 16]) else { return };
    let (read, derived) = TokenKey::open(&keys, &token, ID).expect("it was issued");
    assert!(read == grant && derived.reveal() == secret.reveal());
    let mut changed = token.clone().into_bytes();
    let at = usize::from(*at) % changed.len();
    changed[at] ^= xor & 0x7F;
    let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
    assert!(changed == token || TokenKey::open(&keys, &changed, ID).is_err());
});
