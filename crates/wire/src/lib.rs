//! Bytes <-> typed requests, for AWS JSON 1.0.
//!
//! This crate promises to be the only place that knows a protocol, and to be pure: no I/O, no
//! clock, no queue semantics. Any bytes decode to a value or to an error in SQS's words; encoding
//! never fails. Each action has one input and one output struct, whatever the protocol.

pub mod error;
pub mod formiga;
pub mod json;
pub mod protocol;
mod scalar;
pub mod sqs;
