//! Bytes <-> typed requests, for AWS JSON 1.0.
//!
//! This crate promises to be the only place that knows a protocol, and to be pure: no I/O, no
//! clock, no queue semantics. Any bytes decode to a value or to an error in SQS's words; encoding
//! never fails. Each action has one input and one output struct, whatever the protocol.
//!
//! [`protocol::detect`] names the operation of a request, [`json::decode`] reads its input,
//! [`json::encode`] writes its output, and [`error::ErrorKind`] knows what every error is called.

mod binary;
pub mod error;
pub mod formiga;
pub mod json;
pub mod protocol;
pub mod sqs;
