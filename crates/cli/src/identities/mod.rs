//! The client behind `formiga user`, `formiga key`, `formiga role`, `formiga account` and
//! `formiga explain`.
//!
//! Users, roles and keys are managed with IAM's API, as every AWS tool does; accounts with the
//! server's own, which also explains who may do what.

mod account;
mod call;
mod explain;
mod key;
mod role;
mod user;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

pub use account::AccountArgs;
pub use explain::ExplainArgs;
pub use key::KeyArgs;
pub use role::RoleArgs;
pub use user::{ResetArgs, UserArgs};

use crate::error::CliError;
use crate::output::{Output, table};
use call::Caller;

/// One of the commands.
#[derive(Clone, Copy, Debug)]
pub enum IdentityArgs<'a> {
    /// `formiga user`
    User(&'a UserArgs),
    /// `formiga key`
    Key(&'a KeyArgs),
    /// `formiga role`
    Role(&'a RoleArgs),
    /// `formiga account`
    Account(&'a AccountArgs),
    /// `formiga explain`
    Explain(&'a ExplainArgs),
}

impl IdentityArgs<'_> {
    fn connection(&self) -> &crate::connect::ConnectionArgs {
        match self {
            IdentityArgs::User(args) => &args.connection,
            IdentityArgs::Key(args) => &args.connection,
            IdentityArgs::Role(args) => &args.connection,
            IdentityArgs::Account(args) => &args.connection,
            IdentityArgs::Explain(args) => &args.connection,
        }
    }
}

/// Runs the command, prints what it tells, and says how it went, like [`crate::run`].
pub fn run_identities(args: IdentityArgs<'_>) -> std::process::ExitCode {
    let connection = args.connection();
    crate::run_with(connection.json, async |output| {
        let caller = Caller::connect(connection).await?;
        match args {
            IdentityArgs::User(args) => user::run(&caller, args, output).await,
            IdentityArgs::Key(args) => key::run(&caller, args, output).await,
            IdentityArgs::Role(args) => role::run(&caller, args, output).await,
            IdentityArgs::Account(args) => account::run(&caller, args, output).await,
            IdentityArgs::Explain(args) => explain::run(&caller, args, output).await,
        }
    })
}

/// A policy: the file that has it, or the policy itself.
fn read_policy(text: &str) -> Result<String, CliError> {
    if text.trim_start().starts_with('{') {
        return Ok(text.to_owned());
    }
    let failed = |error| CliError::usage(format!("{text}: {error}"));
    fs::read_to_string(Path::new(text)).map_err(failed)
}

/// A new access key, whose secret nobody can tell again.
fn tell_key(key: &Value, whose: &str, output: Output) -> Result<(), CliError> {
    let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    let (id, secret) = (text("AccessKeyId"), text("SecretAccessKey"));
    output.remark(&format!("The secret of this key of {whose} is told only now."));
    let lines = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}");
    output.result(key, &lines)
}

/// The rows of a list under their titles; each row has these members.
fn tell_list(
    name: &str,
    list: &[Value],
    members: &[(&str, &str)],
    output: Output,
) -> Result<(), CliError> {
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let titles = members.iter().map(|(title, _)| (*title).to_owned()).collect();
    let row = |element: &Value| members.iter().map(|(_, member)| cell(&element[*member])).collect();
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(list.iter().map(row)).collect();
    output.result(&json!({ name: list }), &table(&rows, &vec![false; members.len()]))
}
