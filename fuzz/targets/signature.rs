//! Any method, target, headers and body, as a request that may be signed.

#![no_main]

use formiga_auth::sigv4::{Claim, RequestHead, Rules};
use formiga_auth::time::Timestamp;
use formiga_fuzz::{fuzz_target, lines};

// Lines: the method, the target, headers, an empty line, and the hash of the body in its first bytes.
fuzz_target!(|data: &[u8]| {
    let lines = lines(data);
    let [method, target, rest @ ..] = lines.as_slice() else { return };
    let (Ok(method), Ok(target)) = (str::from_utf8(method), str::from_utf8(target)) else { return };
    let lines = rest.iter().take_while(|line| !line.is_empty());
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .collect();
    let other: &[&[u8]] = &[b"queues.example"];
    let head = RequestHead { method, target, headers: &headers, other_hosts: other };
    let now = Timestamp::parse_basic("20150830T123600Z").expect("it is one");
    let Ok(claim) = Claim::parse(&head, &Rules::default(), now) else { return };
    let key = claim.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let body = [7; 32];
    let _ = claim.canonical_request(&head, &body);
    let _ = claim.verify(&key, &head, &body);
});
