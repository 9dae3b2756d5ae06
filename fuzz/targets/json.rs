//! Any bytes as the body of an AWS JSON request for any action.

#![no_main]

use formiga_fuzz::{check_refusal, fuzz_target, with_an_input};
use formiga_wire::json;

fuzz_target!(|data: &[u8]| {
    let Some((action, body)) = data.split_first() else { return };
    macro_rules! decode {
        ($input:ty) => {
            if let Err(error) = json::decode::<$input>(body) {
                check_refusal(&error);
            }
        };
    }
    with_an_input!(action, decode);
});
