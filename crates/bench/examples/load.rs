//! The load tool on its own, as `formiga bench` has it.

use std::process::ExitCode;

use clap::Parser;
use formiga_bench::BenchArgs;

/// Measures a server that speaks the Amazon SQS protocol.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    bench: BenchArgs,
}

fn main() -> ExitCode {
    let Args { bench } = Args::parse();
    match formiga_bench::run(&bench) {
        Ok(findings) => {
            formiga_bench::print(&findings, bench.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
