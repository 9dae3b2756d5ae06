//! What the batch actions have in common.

use std::collections::BTreeSet;

use formiga_engine::limits::{BATCH_ENTRIES_MAX, BATCH_ENTRY_ID_CHARACTERS_MAX};
use formiga_wire::error::{ErrorKind, Fault};
use formiga_wire::sqs::BatchResultErrorEntry;

use crate::error::{self, ApiError};

/// Checks a batch as a whole, in the order in which AWS does: a batch that fails here has no
/// effect at all. `entry` is the name of the action's entries, `id` reads an entry's id.
pub(super) fn parse<E>(
    entries: Option<Vec<E>>,
    entry: &str,
    id: impl Fn(&E) -> Option<&str>,
) -> Result<Vec<E>, ApiError> {
    let entries = entries.ok_or_else(|| error::missing("Entries"))?;
    if entries.is_empty() {
        let message = format!("There should be at least one {entry} in the request.");
        return Err(ApiError::new(ErrorKind::EmptyBatchRequest, message));
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        let message = format!(
            "Maximum number of entries per request are {BATCH_ENTRIES_MAX}. You have sent {}.",
            entries.len()
        );
        return Err(ApiError::new(ErrorKind::TooManyEntriesInBatchRequest, message));
    }
    if let Some(index) = entries.iter().position(|entry| id(entry).is_none()) {
        return Err(error::missing(format!("{entry}.{}.Id", index + 1)));
    }
    let ids = || entries.iter().filter_map(&id);
    if !ids().all(is_entry_id) {
        return Err(ApiError::new(
            ErrorKind::InvalidBatchEntryId,
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        ));
    }
    let mut seen = BTreeSet::new();
    if let Some(repeated) = ids().find(|id| !seen.insert(*id)) {
        let message = format!("Id {repeated} repeated.");
        return Err(ApiError::new(ErrorKind::BatchEntryIdsNotDistinct, message));
    }
    Ok(entries)
}

fn is_entry_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=BATCH_ENTRY_ID_CHARACTERS_MAX).contains(&id.len()) && id.chars().all(allowed)
}

/// How an entry's refusal is answered.
pub(super) fn failed(id: String, error: ApiError) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: error.kind.fault() == Fault::Sender,
        code: error.kind.entry_code().to_owned(),
        message: Some(error.message),
    }
}
