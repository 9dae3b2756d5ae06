//! Reads request bodies: bounded in size, in time, and in the memory of all of them together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use formiga_wire::error::ErrorKind;
use http_body_util::BodyExt;
use hyper::body::Body;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// The largest body: 1 MiB of characters that JSON escapes with six bytes each, and room for the
/// rest of the request.
pub(crate) const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The memory that the bodies of all requests under way may take.
#[derive(Clone)]
pub(crate) struct BodyMemory(Arc<Semaphore>);

/// A part of that memory, given back when the last of those who share it is dropped: the request,
/// and what it has handed to a queue, which outlives a caller who hangs up.
#[derive(Clone, Default)]
pub(crate) struct MemoryShare {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

/// A body, whose memory is accounted for as long as it is held.
pub(crate) struct BoundedBody {
    bytes: Bytes,
    /// The SHA-256 digest, if it was asked for.
    pub(crate) digest: Option<[u8; 32]>,
    /// The body's share of the memory.
    pub(crate) memory: MemoryShare,
}

impl std::ops::Deref for BoundedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Memory is accounted for in units of this many bytes.
const UNIT: usize = 1024;

/// A body may take this long, and longer as it is larger: 8 MiB at this rate take nine minutes.
const BODY_RATE_MIN: u32 = 16 * 1024;

/// How much of one body is read before others have their turn.
const TURN_BYTES: usize = 16 * 1024;

impl BodyMemory {
    pub(crate) fn new(bytes: usize) -> BodyMemory {
        BodyMemory(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// What is missing to a share of `bytes` bytes, of which `taken` is there.
    fn take_rest(
        &self,
        bytes: usize,
        taken: Option<&OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        let taken = taken.map_or(0, OwnedSemaphorePermit::num_permits);
        let units = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(taken)).ok()?;
        self.0.clone().try_acquire_many_owned(units).ok()
    }
}

/// Reads a body whole. Memory is taken as its parts arrive, so who only announces a large body takes
/// none. `timeout` bounds the time between two parts, and what a body of its size may take bounds
/// the time of all of them: who sends slower is cut off. What is to be hashed is hashed as it arrives:
/// other requests are served between two parts of a large one.
pub(crate) async fn read<B: Body<Data = Bytes> + Unpin>(
    body: B,
    memory: &BodyMemory,
    timeout: Duration,
    is_hashed: bool,
) -> Result<BoundedBody, ApiError> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    // Who announces no length may send as much as anyone.
    let bytes = announced.map_or(BODY_BYTES_MAX, |bytes| bytes as usize);
    let seconds = bytes as f64 / f64::from(BODY_RATE_MIN);
    let whole = timeout + Duration::from_secs_f64(seconds);
    let collected = tokio::time::timeout(whole, collect(body, memory, timeout, is_hashed)).await;
    collected.map_err(|_| too_slow())?
}

async fn collect<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    memory: &BodyMemory,
    timeout: Duration,
    is_hashed: bool,
) -> Result<BoundedBody, ApiError> {
    let mut hasher = is_hashed.then(Sha256::new);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut taken: Option<OwnedSemaphorePermit> = None;
    loop {
        let frame = tokio::time::timeout(timeout, body.frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| incomplete())?.into_data() else { continue };
        let length = first.len() + rest.len() + data.len();
        if length > BODY_BYTES_MAX {
            return Err(too_large());
        }
        let share = memory.take_rest(length, taken.as_ref()).ok_or_else(too_busy)?;
        match &mut taken {
            Some(taken) => taken.merge(share),
            None => taken = Some(share),
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&data);
        }
        // Who sends as fast as this reads would keep others waiting.
        if length / TURN_BYTES > (length - data.len()) / TURN_BYTES {
            tokio::task::yield_now().await;
        }
        // Most bodies come in one part, which is kept as it is.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    let digest = hasher.map(|hasher| hasher.finalize().into());
    Ok(BoundedBody { bytes, digest, memory: MemoryShare { _permit: taken.map(Arc::new) } })
}

fn too_large() -> ApiError {
    let message = format!("A request can have at most {BODY_BYTES_MAX} bytes.");
    ApiError::new(ErrorKind::RequestEntityTooLarge, message)
}

fn too_busy() -> ApiError {
    let message = "Too many large requests are under way. Nothing was changed; please try again.";
    ApiError::new(ErrorKind::ServiceUnavailable, message)
}

fn too_slow() -> ApiError {
    ApiError::new(ErrorKind::MalformedInput, "The request's body did not arrive in time.")
}

fn incomplete() -> ApiError {
    ApiError::new(ErrorKind::MalformedInput, "The request's body ended early.")
}
