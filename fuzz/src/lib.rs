//! What the fuzz targets share: how their input is cut into pieces, and what every refusal holds.

use formiga_wire::error::WireError;
use formiga_wire::protocol::Protocol;
use formiga_wire::service::Service;

pub use libfuzzer_sys::fuzz_target;

/// The lines of the input.
pub fn lines(data: &[u8]) -> Vec<&[u8]> {
    data.split(|byte| *byte == b'\n').collect()
}

/// A refusal is short whatever was refused, and can be told in every protocol.
///
/// # Panics
/// If it is not.
pub fn check_refusal(error: &WireError) {
    for protocol in [Protocol::Json, Protocol::Query, Protocol::QueryJson] {
        let told =
            protocol.encode_error(Service::Iam, error, "00000000-0000-0000-0000-000000000000");
        assert!(told.len() < 8192, "a refusal of {} bytes", told.len());
        assert!(str::from_utf8(&told).is_ok(), "errors are UTF-8");
    }
}

/// Calls `$with!(Input)` for the input of the action that `$choice` chooses.
#[macro_export]
macro_rules! with_an_input {
    ($choice:expr, $with:ident) => {
        match $choice % 45 {
            0 => $with!(formiga_wire::sqs::AddPermissionInput),
            1 => $with!(formiga_wire::sqs::CancelMessageMoveTaskInput),
            2 => $with!(formiga_wire::sqs::ChangeMessageVisibilityInput),
            3 => $with!(formiga_wire::sqs::ChangeMessageVisibilityBatchInput),
            4 => $with!(formiga_wire::sqs::CreateQueueInput),
            5 => $with!(formiga_wire::sqs::DeleteMessageInput),
            6 => $with!(formiga_wire::sqs::DeleteMessageBatchInput),
            7 => $with!(formiga_wire::sqs::DeleteQueueInput),
            8 => $with!(formiga_wire::sqs::GetQueueAttributesInput),
            9 => $with!(formiga_wire::sqs::GetQueueUrlInput),
            10 => $with!(formiga_wire::sqs::ListDeadLetterSourceQueuesInput),
            11 => $with!(formiga_wire::sqs::ListMessageMoveTasksInput),
            12 => $with!(formiga_wire::sqs::ListQueuesInput),
            13 => $with!(formiga_wire::sqs::ListQueueTagsInput),
            14 => $with!(formiga_wire::sqs::PurgeQueueInput),
            15 => $with!(formiga_wire::sqs::ReceiveMessageInput),
            16 => $with!(formiga_wire::sqs::RemovePermissionInput),
            17 => $with!(formiga_wire::sqs::SendMessageInput),
            18 => $with!(formiga_wire::sqs::SendMessageBatchInput),
            19 => $with!(formiga_wire::sqs::SetQueueAttributesInput),
            20 => $with!(formiga_wire::sqs::StartMessageMoveTaskInput),
            21 => $with!(formiga_wire::sqs::TagQueueInput),
            22 => $with!(formiga_wire::sqs::UntagQueueInput),
            23 => $with!(formiga_wire::sts::GetCallerIdentityInput),
            24 => $with!(formiga_wire::sts::GetSessionTokenInput),
            25 => $with!(formiga_wire::sts::AssumeRoleInput),
            26 => $with!(formiga_wire::iam::CreateUserInput),
            27 => $with!(formiga_wire::iam::UserNameInput),
            28 => $with!(formiga_wire::iam::PathPrefixInput),
            29 => $with!(formiga_wire::iam::UserPageInput),
            30 => $with!(formiga_wire::iam::RolePageInput),
            31 => $with!(formiga_wire::iam::UpdateAccessKeyInput),
            32 => $with!(formiga_wire::iam::DeleteAccessKeyInput),
            33 => $with!(formiga_wire::iam::PutUserPolicyInput),
            34 => $with!(formiga_wire::iam::UserPolicyInput),
            35 => $with!(formiga_wire::iam::CreateRoleInput),
            36 => $with!(formiga_wire::iam::RoleNameInput),
            37 => $with!(formiga_wire::iam::UpdateAssumeRolePolicyInput),
            38 => $with!(formiga_wire::iam::PutRolePolicyInput),
            39 => $with!(formiga_wire::iam::RolePolicyInput),
            40 => $with!(formiga_wire::formiga::AdvanceClockInput),
            41 => $with!(formiga_wire::formiga::CreateAccountInput),
            42 => $with!(formiga_wire::formiga::ListAccountsInput),
            43 => $with!(formiga_wire::formiga::DeleteAccountInput),
            44 => $with!(formiga_wire::formiga::ExplainAccessInput),
            _ => unreachable!("there are 45 actions"),
        }
    };
}
