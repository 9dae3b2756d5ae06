//! [`heavy`]: work on large requests, beside which small ones are served.

use tokio::runtime::{Handle, RuntimeFlavor};

/// What is read in less time than it takes to hand others over.
const LIGHT_BYTES_MAX: usize = 128 * 1024;

/// Does work that takes as long as `bytes` are many. While it is long, another thread serves whoever
/// waits for this one: to read 8 MiB of JSON takes a hundred times as long as an ordinary request.
pub(crate) fn heavy<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let has_others = || {
        let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        matches!(runtime, Ok(RuntimeFlavor::MultiThread))
    };
    if bytes > LIGHT_BYTES_MAX && has_others() { tokio::task::block_in_place(work) } else { work() }
}
