//! `formiga check` and `formiga backup`: what an operator does with a data directory.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use formiga_cli::ResetArgs;
use formiga_store::{BackupProgress, CheckProgress};
use serde_json::json;

use crate::ADMIN_KEY;
use crate::keys;
use crate::random::Random;
use zeroize::Zeroizing;

use crate::config::MasterKeyTexts;
use crate::master_key::{self, MASTER_KEY_FILE};
use crate::private_file::{Unread, read_private, write_private};

/// Verify a data directory that no server is using: that the database is sound, that every message
/// has its place, its content and that content its MD5, that what is on its way between queues fits
/// together, and that the counters add up. Nothing is changed.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The data directory.
    #[arg(long, env = "FORMIGA_DATA_DIR", default_value = "./formiga-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// The file with the master key, if it is neither in the data directory nor beside it. Without
    /// the key, which FORMIGA_MASTER_KEY may also hold, sealed messages are not read.
    #[arg(long, env = "FORMIGA_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// Copy a data directory, also while a server is using it. The copy is consistent: it holds
/// everything that was acknowledged before the command began, and is a data directory itself.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The data directory.
    #[arg(long, env = "FORMIGA_DATA_DIR", default_value = "./formiga-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Where the copy goes: a directory that does not exist yet, or is empty.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,

    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// Checks, and prints what was found. An error, in a sentence, if the directory could not be
/// checked or is not sound.
pub fn check(arguments: &CheckArgs) -> Result<(), String> {
    let mut line = ProgressLine::new();
    let texts = MasterKeyTexts::from_environment().map_err(|error| error.to_string())?;
    let file = arguments.master_key_file.as_deref();
    let master = master_key::to_read(&arguments.data_dir, file, &texts);
    let master = master.map_err(|error| error.to_string())?;
    let report = formiga_store::check(&arguments.data_dir, master.as_ref(), |progress| {
        let CheckProgress { step, done, all } = progress;
        line.show(|| match all {
            Some(all) if all > 0 => format!("checking {step}: {} %", 100 * done / all),
            _ => format!("checking {step}"),
        });
    });
    line.clear();
    let report = report.map_err(|error| error.to_string())?;
    if arguments.json {
        let document = json!({
            "sound": report.problem_count == 0,
            "queues": report.queues,
            "messages": report.messages,
            "leftBehind": report.left_behind,
            "sealed": report.sealed,
            "problemCount": report.problem_count,
            "problems": report.problems,
        });
        print(&document.to_string());
    } else {
        for problem in &report.problems {
            print(problem);
        }
        let hidden = report.problem_count - report.problems.len() as u64;
        if hidden > 0 {
            print(&format!("... and {hidden} more"));
        }
        let queues = counted(report.queues, "queue");
        let messages = counted(report.messages, "message");
        print(&format!("{queues} and {messages} were read"));
        if report.sealed > 0 {
            let sealed = counted(report.sealed, "message");
            print(&format!("the contents of {sealed} are sealed under keys that are not at hand"));
        }
        if report.left_behind > 0 {
            print(&format!(
                "{} messages of purged or deleted queues are still to be removed",
                report.left_behind
            ));
        }
    }
    let directory = arguments.data_dir.display();
    match report.problem_count {
        0 if arguments.json => Ok(()),
        0 => {
            print(&format!("{directory} is sound"));
            Ok(())
        }
        count => Err(format!("{directory} is not sound: {count} problems")),
    }
}

/// Copies, and prints what was done.
pub fn backup(arguments: &BackupArgs) -> Result<(), String> {
    let mut line = ProgressLine::new();
    let done = formiga_store::backup(&arguments.data_dir, &arguments.to, {
        move |BackupProgress { written, all }| {
            line.show(|| format!("copied {} of about {} MiB", written >> 20, all >> 20));
        }
    });
    ProgressLine::new().clear();
    let done = done.map_err(|error| error.to_string())?;
    let to = arguments.to.display();
    let has_key = copy_master_key(&arguments.data_dir, &arguments.to)
        .map_err(|error| format!("the master key could not be copied to {to}: {error}"))?;
    if arguments.json {
        let document = json!({ "to": arguments.to, "bytes": done.written, "masterKey": has_key });
        print(&document.to_string());
    } else {
        print(&format!("{} bytes were copied to {to}", done.written));
        if !has_key {
            print(
                "the master key was not, and the copy cannot be used without it: keep that apart",
            );
        }
    }
    Ok(())
}

/// A copy is a data directory like the one it was made of: a key that lies with the data goes along,
/// one that is kept apart does not.
fn copy_master_key(from: &Path, to: &Path) -> std::io::Result<bool> {
    match read_private(&from.join(MASTER_KEY_FILE)) {
        Ok(key) => write_private(&to.join(MASTER_KEY_FILE), &Zeroizing::new(key)).map(|()| true),
        Err(Unread::Missing) => Ok(false),
        Err(Unread::Because(why)) => Err(std::io::Error::other(why)),
    }
}

/// Makes another access key for the administrator, and tells where it is, never what it is.
pub fn reset_user(arguments: &ResetArgs) -> Result<(), String> {
    // A server that runs has read the old key, and would go on with it.
    let _held = formiga_store::hold(&arguments.data_dir).map_err(|error| error.to_string())?;
    let path = arguments.admin_key_file.clone();
    let path = path.unwrap_or_else(|| arguments.data_dir.join(ADMIN_KEY));
    keys::reset_admin(&path, &Random::new()).map_err(|error| error.to_string())?;
    print(&format!("The administrator's new access key is in {}.", path.display()));
    Ok(())
}

/// A line on the terminal that tells how far a long work is. Where nobody watches it says nothing.
struct ProgressLine {
    watched: bool,
    shown: Option<Instant>,
}

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

impl ProgressLine {
    fn new() -> ProgressLine {
        ProgressLine { watched: std::io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        let recently = self.shown.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL);
        if self.watched && !recently {
            self.shown = Some(Instant::now());
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", text());
        }
    }

    fn clear(&mut self) {
        if self.watched {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Nobody may be reading; that is no reason to fail.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
