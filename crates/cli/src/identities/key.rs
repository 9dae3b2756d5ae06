use clap::{Args, Subcommand};
use serde_json::json;

use super::call::Caller;
use super::{tell_list, user};
use crate::connect::ConnectionArgs;
use crate::error::CliError;
use crate::output::Output;

/// What `formiga key` is asked to do.
#[derive(Args, Debug)]
pub struct KeyArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand, Debug)]
enum KeyCommand {
    /// List a user's access keys.
    Ls {
        /// The user.
        user: String,
    },
    /// Make an access key for a user, who may have two, and print it.
    Create {
        /// The user.
        user: String,
    },
    /// Let an access key sign again.
    Enable(Named),
    /// Let an access key sign no longer.
    Disable(Named),
    /// Delete an access key.
    Rm(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// The user.
    user: String,
    /// The id of the key.
    key: String,
}

pub(super) async fn run(caller: &Caller, args: &KeyArgs, output: Output) -> Result<(), CliError> {
    let (named, done) = match &args.command {
        KeyCommand::Ls { user } => {
            let of = [("UserName", user.as_str())];
            let keys = caller.list("ListAccessKeys", "AccessKeyMetadata", &of).await?;
            let members = [("KEY", "AccessKeyId"), ("STATUS", "Status"), ("CREATED", "CreateDate")];
            return tell_list("Keys", &keys, &members, output);
        }
        KeyCommand::Create { user } => return user::new_key(caller, user, output).await,
        KeyCommand::Enable(named) => (named, "enabled"),
        KeyCommand::Disable(named) => (named, "disabled"),
        KeyCommand::Rm(named) => (named, "deleted"),
    };
    let of = [("UserName", named.user.as_str()), ("AccessKeyId", named.key.as_str())];
    match &args.command {
        KeyCommand::Rm(_) => caller.iam("DeleteAccessKey", &of).await?,
        command => {
            let is_active = matches!(command, KeyCommand::Enable(_));
            let status = ("Status", if is_active { "Active" } else { "Inactive" });
            caller.iam("UpdateAccessKey", &[of[0], of[1], status]).await?
        }
    };
    output.result(&json!({ done: named.key }), &format!("{} is {done}.", named.key))
}
