//! [`Permission`]: what AddPermission adds to a queue's access policy.

use crate::attributes::{AttributeError, AttributeErrorKind};
use crate::limits::{PERMISSION_ACTIONS_MAX, PERMISSION_LABEL_CHARACTERS_MAX};
use crate::names::AccountId;

/// Allows accounts to use actions on a queue. Neither the accounts nor the actions are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Names the permission, to remove it: the `Sid` of its statement.
    pub label: String,
    /// Who is allowed something, in the order given and without repetitions. Whether there are
    /// such accounts is not asked.
    pub accounts: Vec<AccountId>,
    /// What they are allowed, likewise: names of actions, or `*`.
    pub actions: Vec<&'static str>,
}

/// "To specify all actions, use `*`"; the batch actions go with their single ones.
const GRANTED: [&str; 9] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

/// "Cross-account permissions don't apply to the following actions."
const OWNERS: [&str; 12] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

impl Permission {
    /// Reads the parameters of AddPermission, of which `actions` is not empty. The sentences are
    /// those of SQS.
    pub fn parse(
        label: &str,
        accounts: &[String],
        actions: &[String],
    ) -> Result<Permission, AttributeError> {
        check_label(label)?;
        if accounts.is_empty() {
            return Err(unknown_principal(""));
        }
        if actions.len() > PERMISSION_ACTIONS_MAX {
            let message = format!(
                "{} Actions were found, maximum allowed is {PERMISSION_ACTIONS_MAX}.",
                actions.len()
            );
            return Err(AttributeError { kind: AttributeErrorKind::OverLimit, message });
        }
        let account = |id: &String| AccountId::parse(id).map_err(|_| unknown_principal(id));
        let accounts = accounts.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let actions = actions.iter().map(|name| action(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Permission {
            label: label.to_owned(),
            accounts: without_repetitions(accounts),
            actions: without_repetitions(actions),
        })
    }
}

/// "Constraints: Maximum 80 characters. Valid characters include A-Z, a-z, 0-9, -, and _."
fn check_label(label: &str) -> Result<(), AttributeError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=PERMISSION_LABEL_CHARACTERS_MAX).contains(&label.len());
    if fits && label.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(
        "Label",
        label,
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

fn action(name: &str) -> Result<&'static str, AttributeError> {
    if let Some(granted) = GRANTED.into_iter().find(|granted| *granted == name) {
        return Ok(granted);
    }
    let reason = if OWNERS.contains(&name) {
        "Only the queue owner is allowed to invoke this action."
    } else {
        "Please refer to the appropriate WSDL for a list of valid actions. "
    };
    Err(invalid("ActionName", &format!("SQS:{name}"), reason))
}

fn unknown_principal(id: &str) -> AttributeError {
    invalid("PrincipalId", &format!("[{id}]"), "Unable to verify.")
}

/// A parameter has a value that SQS does not take.
pub(crate) fn invalid(parameter: &str, value: &str, reason: &str) -> AttributeError {
    AttributeError::invalid_parameter(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

fn without_repetitions<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    values.into_iter().fold(Vec::new(), |mut kept, value| {
        if !kept.contains(&value) {
            kept.push(value);
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(label: &str, accounts: &[&str], actions: &[&str]) -> Result<Permission, String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (accounts, actions): (Vec<_>, Vec<_>) = (owned(accounts), owned(actions));
        Permission::parse(label, &accounts, &actions)
            .map_err(|error| format!("{:?}: {}", error.kind, error.message))
    }

    const ACCOUNT: &str = "111111111111";

    #[test]
    fn accounts_and_actions_keep_their_order_and_are_named_once() {
        let accounts = ["222222222222", ACCOUNT, "222222222222"];
        let permission = parse("L", &accounts, &["SendMessage", "*", "SendMessage"]).unwrap();
        assert_eq!(
            permission.accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(),
            accounts[..2]
        );
        assert_eq!(permission.actions, ["SendMessage", "*"]);
    }

    #[test]
    fn only_an_account_can_be_a_principal() {
        let refusal = |id: &str| {
            Err(format!(
                "InvalidParameter: Value [{id}] for parameter PrincipalId is invalid. Reason: Unable to verify."
            ))
        };
        assert_eq!(parse("L", &[], &["SendMessage"]), refusal(""));
        for id in ["", "1", "*", "arn:aws:iam::111111111111:root"] {
            assert_eq!(parse("L", &[ACCOUNT, id], &["SendMessage"]), refusal(id));
        }
    }

    #[test]
    fn some_actions_are_the_owners_edge_236() {
        for name in OWNERS {
            let refusal = format!(
                "InvalidParameter: Value SQS:{name} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."
            );
            assert_eq!(parse("L", &[ACCOUNT], &["SendMessage", name]), Err(refusal));
        }
    }

    #[test]
    fn a_batch_is_no_action_of_its_own() {
        for name in ["SendMessageBatch", "DeleteMessageBatch", "sendMessage", "SQS:SendMessage", ""]
        {
            let refusal = format!(
                "InvalidParameter: Value SQS:{name} for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions. "
            );
            assert_eq!(parse("L", &[ACCOUNT], &[name]), Err(refusal));
        }
    }

    #[test]
    fn a_permission_is_for_7_actions_at_most_edge_235() {
        assert!(parse("L", &[ACCOUNT], &["SendMessage"; 7]).is_ok());
        let refusal = "OverLimit: 8 Actions were found, maximum allowed is 7.";
        assert_eq!(parse("L", &[ACCOUNT], &["SendMessage"; 8]), Err(refusal.to_owned()));
    }

    #[test]
    fn a_label_has_1_to_80_letters_digits_hyphens_and_underscores() {
        for label in ["L", "a-1_B", &"l".repeat(80)] {
            assert!(parse(label, &[ACCOUNT], &["*"]).is_ok(), "{label}");
        }
        for label in ["", "a b", "ä", "a.b", &"l".repeat(81)] {
            let refusal = format!(
                "InvalidParameter: Value {label} for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            );
            assert_eq!(parse(label, &[ACCOUNT], &["*"]), Err(refusal));
        }
    }
}
