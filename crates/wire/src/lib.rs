//! Bytes <-> typed requests, for AWS JSON 1.0 and the Query protocol.
//!
//! This crate promises to be the only place that knows a protocol, and to be pure: no I/O, no
//! clock, no queue semantics. Any bytes decode to a value or to an error in SQS's words; encoding
//! never fails. Each action has one input and one output struct, whatever the protocol.
//!
//! [`protocol::Head`] tells the protocol of a request, and [`protocol::Call`] its operation, input and
//! answer. Behind them are the codecs [`json`], [`query`], [`xml`] and [`query_json`]; [`form::QueryForm`] is the
//! table beside each struct, and [`error::ErrorKind`] knows what every error is called.

mod binary;
pub mod error;
pub mod form;
pub mod formiga;
pub mod iam;
pub mod json;
pub mod protocol;
pub mod query;
pub mod query_json;
pub mod service;
pub mod sqs;
pub mod sts;
pub mod xml;
