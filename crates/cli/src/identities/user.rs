use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::call::Caller;
use super::{read_policy, tell_key, tell_list};
use crate::confirm::confirm;
use crate::connect::ConnectionArgs;
use crate::error::CliError;
use crate::output::Output;

/// What `formiga user` is asked to do.
#[derive(Args, Debug)]
pub struct UserArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// List the users of the account.
    Ls,
    /// Make a user; with --key, an access key too.
    Create {
        /// 1 to 64 letters, digits and `_+=,.@-`.
        name: String,
        /// Such as /team/.
        #[arg(long, default_value = "/")]
        path: String,
        /// What the user may do: a policy, or the file that has it.
        #[arg(long, value_name = "FILE")]
        policy: Option<String>,
        /// Make an access key, and print it.
        #[arg(long)]
        key: bool,
    },
    /// Set what a user may do.
    Policy {
        /// The user.
        name: String,
        /// A policy, or the file that has it.
        #[arg(value_name = "FILE")]
        policy: String,
        /// What the policy is called.
        #[arg(long, default_value = super::user::POLICY)]
        policy_name: String,
    },
    /// Delete a user with all access keys and policies.
    Rm {
        /// The user.
        name: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    Reset(ResetArgs),
}

/// What a policy is called unless told.
pub(super) const POLICY: &str = "policy";

/// Make another access key for the administrator, whose key is lost or known to too many. No server
/// may be using the data directory; the next start knows the new key and no longer the old one.
#[derive(Args, Clone, Debug)]
pub struct ResetArgs {
    /// The data directory.
    #[arg(long, env = "FORMIGA_DATA_DIR", default_value = "./formiga-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// The file with the administrator's access key; by default `admin-key` in the data directory.
    #[arg(long, env = "FORMIGA_ADMIN_KEY_FILE", value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
}

impl UserArgs {
    /// What to do without a server, if that is asked.
    pub fn reset(&self) -> Option<&ResetArgs> {
        match &self.command {
            UserCommand::Reset(args) => Some(args),
            _ => None,
        }
    }
}

pub(super) async fn run(caller: &Caller, args: &UserArgs, output: Output) -> Result<(), CliError> {
    match &args.command {
        UserCommand::Ls => {
            let users = caller.list("ListUsers", "Users", &[]).await?;
            let members = [("NAME", "UserName"), ("CREATED", "CreateDate"), ("ARN", "Arn")];
            tell_list("Users", &users, &members, output)
        }
        UserCommand::Create { name, path, policy, key } => {
            let policy = policy.as_deref().map(read_policy).transpose()?;
            let parameters = [("UserName", name.as_str()), ("Path", path)];
            let made = caller.iam("CreateUser", &parameters).await?;
            if let Some(policy) = policy {
                put_policy(caller, name, POLICY, &policy).await?;
            }
            if *key {
                return new_key(caller, name, output).await;
            }
            let arn = made["User"]["Arn"].as_str().unwrap_or_default();
            output.result(&made, &format!("Made {arn}."))
        }
        UserCommand::Policy { name, policy, policy_name } => {
            put_policy(caller, name, policy_name, &read_policy(policy)?).await?;
            let text = format!("Set the policy {policy_name} of {name}.");
            output.result(&json!({ "set": policy_name }), &text)
        }
        UserCommand::Rm { name, yes } => {
            confirm(&format!("Delete the user {name} with all access keys?"), *yes)?;
            remove(caller, name).await?;
            output.result(&json!({ "deleted": name }), &format!("Deleted {name}."))
        }
        UserCommand::Reset(_) => Err(CliError::usage("that is done without a server")),
    }
}

pub(super) async fn new_key(caller: &Caller, user: &str, output: Output) -> Result<(), CliError> {
    let made = caller.iam("CreateAccessKey", &[("UserName", user)]).await?;
    tell_key(&made["AccessKey"], user, output)
}

async fn put_policy(
    caller: &Caller,
    user: &str,
    name: &str,
    policy: &str,
) -> Result<Value, CliError> {
    let parameters = [("UserName", user), ("PolicyName", name), ("PolicyDocument", policy)];
    caller.iam("PutUserPolicy", &parameters).await
}

async fn remove(caller: &Caller, user: &str) -> Result<(), CliError> {
    let of = ("UserName", user);
    for key in caller.list("ListAccessKeys", "AccessKeyMetadata", &[of]).await? {
        let id = key["AccessKeyId"].as_str().unwrap_or_default();
        caller.iam("DeleteAccessKey", &[of, ("AccessKeyId", id)]).await?;
    }
    for policy in caller.list("ListUserPolicies", "PolicyNames", &[of]).await? {
        let name = policy.as_str().unwrap_or_default();
        caller.iam("DeleteUserPolicy", &[of, ("PolicyName", name)]).await?;
    }
    caller.iam("DeleteUser", &[of]).await?;
    Ok(())
}
