use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::call::Caller;
use super::{tell_key, tell_list};
use crate::confirm::confirm;
use crate::connect::ConnectionArgs;
use crate::error::CliError;
use crate::output::Output;

/// What `formiga account` is asked to do.
#[derive(Args, Debug)]
pub struct AccountArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Subcommand, Debug)]
enum AccountCommand {
    /// List the accounts.
    Ls,
    /// Make an account, and print the access key of its root.
    Create {
        /// 12 digits.
        account: String,
    },
    /// Make another access key for the root of an account, in place of those it has.
    Reset {
        /// 12 digits.
        account: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Delete an account that has no users, roles and queues.
    Rm {
        /// 12 digits.
        account: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

pub(super) async fn run(
    caller: &Caller,
    args: &AccountArgs,
    output: Output,
) -> Result<(), CliError> {
    let input = |account: &str| json!({ "AccountId": account });
    match &args.command {
        AccountCommand::Ls => {
            let mut answer = caller.own("ListAccounts", json!({})).await?;
            let Value::Array(accounts) = answer["Accounts"].take() else {
                return Err(CliError::new("InvalidResponse", "the answer lists no accounts"));
            };
            let members = [
                ("ACCOUNT", "AccountId"),
                ("USERS", "Users"),
                ("ROLES", "Roles"),
                ("DECLARED", "IsDeclared"),
            ];
            tell_list("Accounts", &accounts, &members, output)
        }
        AccountCommand::Create { account } => {
            let made = caller.own("CreateAccount", input(account)).await?;
            tell_key(&made, &format!("the root of {account}"), output)
        }
        AccountCommand::Reset { account, yes } => {
            confirm(&format!("Replace the access keys of the root of {account}?"), *yes)?;
            let made = caller.own("ResetAccountKey", input(account)).await?;
            tell_key(&made, &format!("the root of {account}"), output)
        }
        AccountCommand::Rm { account, yes } => {
            confirm(&format!("Delete the account {account}?"), *yes)?;
            caller.own("DeleteAccount", input(account)).await?;
            output.result(&json!({ "deleted": account }), &format!("Deleted {account}."))
        }
    }
}
