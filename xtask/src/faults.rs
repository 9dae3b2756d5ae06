//! `cargo xtask faults`: what goes wrong on real machines, done to the real binary.
//!
//! The tests are those of `cargo xtask test`; here each kind of fault runs by itself, `--long` many times
//! over, and the figures that it prints end in one table.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use crate::Outcome;
use crate::workspace;

const USAGE: &str = "usage: cargo xtask faults [--long]";

/// One kind of fault.
struct Fault {
    name: &'static str,
    package: &'static str,
    program: &'static str,
    /// What the names of its tests begin with; all of the program's, if empty.
    tests: &'static [&'static str],
    /// Settings of a long run.
    long: &'static [(&'static str, &'static str)],
}

const FAULTS: [Fault; 12] = [
    Fault {
        name: "SIGKILL under a mixed load",
        package: "formiga-server",
        program: "crash",
        tests: &["what_was_acknowledged", "what_a_fifo_queue_acknowledged"],
        long: &[("FORMIGA_CRASH_KILLS", "300")],
    },
    Fault {
        name: "power cuts",
        package: "formiga-server",
        program: "power_cut",
        tests: &["what_was_acknowledged", "what_a_fifo_queue_acknowledged", "a_backup"],
        long: &[("FORMIGA_POWER_CUTS", "1000")],
    },
    Fault {
        name: "a sync that fails",
        package: "formiga-server",
        program: "power_cut",
        tests: &["after_a_sync_that_failed"],
        long: &[("FORMIGA_FAILED_SYNCS", "50")],
    },
    Fault {
        name: "slow syncs",
        package: "formiga-server",
        program: "power_cut",
        tests: &["a_disk_that_syncs_slowly"],
        long: &[("FORMIGA_POWER_CUTS", "1000")],
    },
    Fault {
        name: "SIGSTOP",
        package: "formiga-server",
        program: "crash",
        tests: &["a_server_that_stands_still"],
        long: &[("FORMIGA_PAUSE_SECONDS", "60")],
    },
    Fault {
        name: "clock steps",
        package: "formiga-server",
        program: "clock_steps",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "damaged and torn logs",
        package: "formiga-store",
        program: "damaged_log",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "damaged database files",
        package: "formiga-store",
        program: "check",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "a full disk",
        package: "formiga-server",
        program: "disk_full",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "a read-only directory",
        package: "formiga-server",
        program: "read_only",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "slow and vanishing clients, no descriptors left",
        package: "formiga-server",
        program: "connections",
        tests: &[],
        long: &[],
    },
    Fault {
        name: "hostile clients",
        package: "formiga-server",
        program: "hostile",
        tests: &[],
        long: &[],
    },
];

/// Runs every kind of fault, and prints the table at the end.
pub(crate) fn run(args: &[String]) -> Outcome {
    let is_long = match args {
        [] => false,
        [long] if long == "--long" => true,
        _ => return Err(USAGE.into()),
    };
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for fault in &FAULTS {
        eprintln!("\n==> {}", fault.name);
        let started = Instant::now();
        let (passed, figures) = fault.run(is_long)?;
        let seconds = started.elapsed().as_secs();
        let verdict = if passed { "held" } else { "BROKEN" };
        rows.push(format!(
            "| {} | {verdict} | {seconds} s | {} |",
            fault.name,
            figures.join("<br>")
        ));
        if !passed {
            failed.push(fault.name);
        }
    }
    println!(
        "\n| Fault | Promises | Took | What was done, acknowledged and lost |\n|---|---|---|---|"
    );
    println!("{}", rows.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(format!("broken: {}", failed.join(", ")).into()) }
}

impl Fault {
    /// Whether its tests passed, and what they printed.
    fn run(&self, is_long: bool) -> Result<(bool, Vec<String>), Box<dyn std::error::Error>> {
        let mut command = workspace::cargo();
        command.args(["test", "--package", self.package, "--test", self.program, "--"]);
        command.args(["--nocapture", "--test-threads=1"]).args(self.tests);
        if is_long {
            command.envs(self.long.iter().copied());
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is piped")?;
        let (mut figures, mut passed_count) = (Vec::new(), 0);
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            let is_figure = line.contains(char::is_numeric)
                && line.contains(' ')
                && !["test ", "running ", "FORMIGA_"].iter().any(|start| line.starts_with(start));
            // What a test prints follows its name, where it runs alone.
            let text = line.split_once(" ... ").filter(|_| line.starts_with("test "));
            let text = text.map(|(_, text)| text).filter(|text| text.contains(' '));
            figures.extend(text.map(str::to_owned));
            if is_figure {
                figures.push(line.clone());
            }
            if let Some(rest) = line.strip_prefix("test result: ok. ") {
                let count = rest.split(' ').next().and_then(|count| count.parse::<u32>().ok());
                passed_count += count.unwrap_or_default();
            }
        }
        let passed = child.wait()?.success() && passed_count > 0;
        figures.push(format!("{passed_count} tests passed"));
        Ok((passed, figures))
    }
}
