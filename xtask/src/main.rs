//! Every command a developer of Formiga runs: `cargo xtask <command>`.
//!
//! Nothing but Rust, and the tools of a language whose SDK is to be tested, needs
//! to be installed; a command fetches what it misses into the target directory.

mod bench;
mod browser;
mod check;
mod chromium;
mod console;
mod deny;
mod edges;
mod faults;
mod fuzz;
mod go;
mod java;
mod javascript;
mod node;
mod passed;
mod python;
mod run;
mod sim;
mod steps;
mod suites;
mod test;
mod translations;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

type Outcome = Result<(), Box<dyn Error>>;

struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: [Command; 9] = [
    Command {
        name: "run",
        about: "build the server and start it; arguments go to `formiga serve`",
        run: run::run,
    },
    Command {
        name: "console",
        about: "build the web console, which the next build of the server carries",
        run: console::run,
    },
    Command {
        name: "test",
        about: "set up what is missing and run every test (--rust or --sdk: only these)",
        run: test::run,
    },
    Command {
        name: "check",
        about: "format, lints, documentation, edge cases, licenses and advisories",
        run: check::run,
    },
    Command {
        name: "bench",
        about: "measure the server; prints the machine and the figures",
        run: bench::run,
    },
    Command {
        name: "faults",
        about: "kill, cut the power, fill the disk ... (--long: 300 kills, 1,000 power cuts)",
        run: faults::run,
    },
    Command {
        name: "fuzz",
        about: "fuzz every decoder, or those named (--seconds N: so long each)",
        run: fuzz::run,
    },
    Command {
        name: "sim",
        about: "run the server under many seeds (--minutes N, --seeds N, --seed N)",
        run: sim::run,
    },
    Command { name: "help", about: "list these commands", run: help },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = args.collect();

    let outcome = match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(&rest),
        None => Err(format!("there is no command `{name}`; `cargo xtask help` lists them").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn help(_: &[String]) -> Outcome {
    println!("Usage: cargo xtask <command> [arguments]\n");
    for command in &COMMANDS {
        println!("  {:<7} {}", command.name, command.about);
    }
    Ok(())
}
