//! Who calls, and what they may do.
//!
//! This crate promises to be pure: it performs no I/O, reads no clock, draws no randomness and
//! knows nothing of async. Time and secrets arrive as arguments. All it reads was written by a
//! stranger, so any bytes are taken without a panic, and no pattern or list takes long.
//!
//! [`sigv4::Claim`] tells who a request says it is from, and whether that is so. A
//! [`policy::Policy`] says what somebody may do, and [`evaluate::evaluate`] decides from all that bear on
//! a request what its [`caller::Caller`] may. [`credentials`] are what requests are signed with, and a
//! [`session_token::TokenKey`] makes temporary ones.
#![forbid(unsafe_code)]

pub mod caller;
pub mod credentials;
pub mod evaluate;
mod json;
pub mod policy;
pub mod session_token;
pub mod sigv4;
pub mod time;
