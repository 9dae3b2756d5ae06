//! Who calls, and what they may do.
//!
//! This crate promises to be pure: it performs no I/O, reads no clock, draws no randomness and
//! knows nothing of async. Time and secrets arrive as arguments. It takes any bytes without a panic
//! and in time linear in their number, since all it reads was written by a stranger.
//!
//! [`sigv4::Claim`] tells who a request says it is from, and whether that is so. A
//! [`policy::Policy`] says what somebody may do, and [`evaluate::evaluate`] decides from all that bear on
//! a request what its [`caller::Caller`] may.
#![forbid(unsafe_code)]

pub mod caller;
pub mod evaluate;
mod json;
pub mod policy;
pub mod sigv4;
pub mod time;
