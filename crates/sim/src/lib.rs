//! The whole server under one seed: its actions, tasks, catalog and outbox over a store that fails,
//! with clients that hang up, crashes, takeovers, and simulated time. A checker holds what clients
//! were told against what Formiga promises.
//!
//! [`run`] makes one history. The same seed makes the same one again, if tokio's own choices can
//! be seeded too, which takes `--cfg tokio_unstable`; `cargo xtask sim` says that.

mod checker;
mod clock;
mod faults;
mod mutation;
mod setting;
mod workload;
mod world;

pub use checker::{Figures, Outcome};
pub use mutation::Mutation;
pub use world::run;
