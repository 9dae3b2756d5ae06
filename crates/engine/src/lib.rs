//! SQS semantics as plain values: commands in, replies and records out.
//!
//! This crate promises to be pure. It performs no I/O, reads no clock, draws no randomness and
//! knows nothing of async: time, identifiers, limits and keys arrive as arguments. The same
//! commands at the same times always give the same replies and the same records, so a simulator
//! can drive everything, and a queue restored from its store answers like the one that never
//! stopped.
//!
//! [`queue::Queue`] is one queue; [`catalog::Catalog`] knows which queues exist.

pub mod access_policy;
pub mod attributes;
pub mod catalog;
pub mod limits;
pub mod message;
pub mod names;
pub mod permission;
pub mod queue;
pub mod queue_url;
pub mod receipt;
pub mod redrive;
pub mod tags;
pub mod time;
