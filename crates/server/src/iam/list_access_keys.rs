//! `ListAccessKeys`

use formiga_wire::iam::{AccessKeyMetadata, ListAccessKeysInput, ListAccessKeysOutput};

use super::answers;
use super::checks::NAME;
use super::pages::{self, Page};
use crate::context::Context;
use crate::error::ApiError;

/// Lists a user's access keys, without their secrets, in the order of their making.
pub(super) fn list_access_keys(
    ctx: &Context,
    input: &ListAccessKeysInput,
) -> Result<ListAccessKeysOutput, ApiError> {
    let account = ctx.manage()?;
    let (marker, max_items) = (input.marker.as_deref(), input.max_items);
    let name = input.user_name.as_deref();
    pages::check(("userName", name, NAME), false, marker, max_items)?;
    let found = account.find_user("ListAccessKeys", name)?;
    let page = Page::parse(marker, max_items)?;
    let state = account.identities().read();
    let keys: Vec<_> = state.keys_of(account.account, Some(&found.record.unique_id)).collect();
    let last = keys.iter().position(|key| key.record.id == page.after);
    let following = keys.into_iter().skip(last.map_or(0, |last| last + 1));
    let (found_keys, marker) = page.cut(following, |key| &key.record.id);
    let keys = found_keys.into_iter().map(|key| AccessKeyMetadata {
        user_name: found.record.name.clone(),
        access_key_id: key.record.id.clone(),
        status: answers::status(key.record.is_active),
        create_date: answers::time(key.record.created_at),
    });
    Ok(ListAccessKeysOutput {
        access_key_metadata: keys.collect(),
        is_truncated: marker.is_some(),
        marker,
    })
}
