use clap::{Args, Subcommand};
use serde_json::json;

use super::call::Caller;
use super::user::POLICY;
use super::{read_policy, tell_list};
use crate::confirm::confirm;
use crate::connect::ConnectionArgs;
use crate::error::CliError;
use crate::output::Output;

/// What `formiga role` is asked to do.
#[derive(Args, Debug)]
pub struct RoleArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Subcommand, Debug)]
enum RoleCommand {
    /// List the roles of the account.
    Ls,
    /// Make a role.
    Create {
        /// 1 to 64 letters, digits and `_+=,.@-`.
        name: String,
        /// Who may assume it: a trust policy, or the file that has it.
        #[arg(long, value_name = "FILE")]
        trust: String,
        /// Such as /team/.
        #[arg(long, default_value = "/")]
        path: String,
        /// What its sessions may do: a policy, or the file that has it.
        #[arg(long, value_name = "FILE")]
        policy: Option<String>,
    },
    /// Set what sessions of a role may do.
    Policy {
        /// The role.
        name: String,
        /// A policy, or the file that has it.
        #[arg(value_name = "FILE")]
        policy: String,
        /// What the policy is called.
        #[arg(long, default_value = POLICY)]
        policy_name: String,
    },
    /// Set who may assume a role.
    Trust {
        /// The role.
        name: String,
        /// A trust policy, or the file that has it.
        #[arg(value_name = "FILE")]
        policy: String,
    },
    /// Delete a role with all policies.
    Rm {
        /// The role.
        name: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

pub(super) async fn run(caller: &Caller, args: &RoleArgs, output: Output) -> Result<(), CliError> {
    match &args.command {
        RoleCommand::Ls => {
            let roles = caller.list("ListRoles", "Roles", &[]).await?;
            let members = [("NAME", "RoleName"), ("CREATED", "CreateDate"), ("ARN", "Arn")];
            tell_list("Roles", &roles, &members, output)
        }
        RoleCommand::Create { name, trust, path, policy } => {
            let trust = read_policy(trust)?;
            let policy = policy.as_deref().map(read_policy).transpose()?;
            let parameters =
                [("RoleName", name.as_str()), ("Path", path), ("AssumeRolePolicyDocument", &trust)];
            let made = caller.iam("CreateRole", &parameters).await?;
            if let Some(policy) = policy {
                put_policy(caller, name, POLICY, &policy).await?;
            }
            let arn = made["Role"]["Arn"].as_str().unwrap_or_default();
            output.result(&made, &format!("Made {arn}."))
        }
        RoleCommand::Policy { name, policy, policy_name } => {
            put_policy(caller, name, policy_name, &read_policy(policy)?).await?;
            let text = format!("Set the policy {policy_name} of {name}.");
            output.result(&json!({ "set": policy_name }), &text)
        }
        RoleCommand::Trust { name, policy } => {
            let policy = read_policy(policy)?;
            let parameters = [("RoleName", name.as_str()), ("PolicyDocument", &policy)];
            caller.iam("UpdateAssumeRolePolicy", &parameters).await?;
            output.result(&json!({ "set": name }), &format!("Set who may assume {name}."))
        }
        RoleCommand::Rm { name, yes } => {
            confirm(&format!("Delete the role {name}?"), *yes)?;
            let of = ("RoleName", name.as_str());
            for policy in caller.list("ListRolePolicies", "PolicyNames", &[of]).await? {
                let policy = policy.as_str().unwrap_or_default();
                caller.iam("DeleteRolePolicy", &[of, ("PolicyName", policy)]).await?;
            }
            caller.iam("DeleteRole", &[of]).await?;
            output.result(&json!({ "deleted": name }), &format!("Deleted {name}."))
        }
    }
}

async fn put_policy(caller: &Caller, role: &str, name: &str, policy: &str) -> Result<(), CliError> {
    let parameters = [("RoleName", role), ("PolicyName", name), ("PolicyDocument", policy)];
    caller.iam("PutRolePolicy", &parameters).await.map(|_| ())
}
