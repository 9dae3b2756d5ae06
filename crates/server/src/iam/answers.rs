//! Users, roles and keys as IAM answers them.

use formiga_auth::time::Timestamp;
use formiga_wire::iam::{Role, Tag, User};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::identities::Entity;

pub(super) fn user(entity: &Entity) -> User {
    let record = &entity.record;
    User {
        path: record.path.clone(),
        user_name: record.name.clone(),
        user_id: record.unique_id.clone(),
        arn: entity.arn(),
        create_date: time(record.created_at),
        tags: Vec::new(),
    }
}

/// A role without what only some answers tell. `None` for a user.
pub(super) fn role(entity: &Entity) -> Option<Role> {
    let (record, role) = (&entity.record, entity.role.as_ref()?);
    Some(Role {
        path: record.path.clone(),
        role_name: record.name.clone(),
        role_id: record.unique_id.clone(),
        arn: entity.arn(),
        create_date: time(record.created_at),
        assume_role_policy_document: encoded(&role.record.trust_policy),
        description: role.record.description.clone(),
        ..Role::default()
    })
}

pub(super) fn tags(entity: &Entity) -> Vec<Tag> {
    let tags = entity.record.tags.iter();
    tags.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// `2026-01-15T12:00:00Z`
pub(super) fn time(at: formiga_engine::time::Timestamp) -> String {
    Timestamp::from_millis(at.as_millis()).to_string()
}

pub(super) fn status(is_active: bool) -> String {
    if is_active { "Active" } else { "Inactive" }.to_owned()
}

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A policy as IAM answers it; clients decode it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_policy_is_percent_encoded() {
        assert_eq!(super::encoded(r#"{"a": "b+%3A~"}"#), "%7B%22a%22%3A%20%22b%2B%253A~%22%7D");
    }
}
