//! `cargo xtask bench`: what the server does in a second, told against the ceiling.
//!
//! The ceiling is a bare hyper server that answers without a queue behind it. All
//! servers are measured in one run, in turns, so that a machine that is busy for a
//! while slows each of them; the table shows medians. The server has core 0 for
//! itself and the load core 1.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::steps::run_to_success;
use crate::workspace;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str =
    "usage: cargo xtask bench [--rounds N] [--duration 5s] [--connections N] [--backlog [N]]";
const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
const BACKLOG_DEFAULT: u64 = 1_000_000;
const BACKLOG_SMALL: u64 = 10;
const START_PATIENCE: Duration = Duration::from_secs(300);
const STOP_PATIENCE: Duration = Duration::from_secs(60);
const IDLE_TIME: Duration = Duration::from_secs(3);

/// Measures every scenario, or with `--backlog` what a deep queue costs.
pub(crate) fn run(args: &[String]) -> Outcome {
    let settings = Settings::parse(args)?;
    build()?;
    let bench = Bench { pinned: can_pin(), data: DataDirectory::create()?, settings };
    println!("{}", machine());
    match bench.settings.backlog {
        None => bench.scenarios(),
        Some(depth) => bench.backlog(depth),
    }
}

fn build() -> Outcome {
    run_to_success(workspace::cargo().args([
        "build",
        "--release",
        "--package=formiga-server",
        "--package=formiga-bench",
        "--bins",
        "--examples",
    ]))
}

/// The path of one of `formiga-bench`'s examples.
fn example(name: &str) -> PathBuf {
    let folder = workspace::target().join("release").join("examples");
    folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

struct Settings {
    rounds: usize,
    duration: String,
    connections: String,
    backlog: Option<u64>,
}

impl Settings {
    fn parse(args: &[String]) -> Result<Settings> {
        let mut settings = Settings {
            rounds: 3,
            duration: "5s".to_owned(),
            connections: "64".to_owned(),
            backlog: None,
        };
        let mut args = args.iter().peekable();
        while let Some(arg) = args.next() {
            let value = args.next_if(|value| !value.starts_with("--")).cloned();
            match (arg.as_str(), value) {
                ("--rounds", Some(value)) => settings.rounds = value.parse()?,
                ("--duration", Some(value)) => settings.duration = value,
                ("--connections", Some(value)) => settings.connections = value,
                ("--backlog", None) => settings.backlog = Some(BACKLOG_DEFAULT),
                ("--backlog", Some(value)) => settings.backlog = Some(value.parse()?),
                _ => return Err(USAGE.into()),
            }
        }
        if settings.rounds == 0 {
            return Err(USAGE.into());
        }
        Ok(settings)
    }
}

/// Whether server and load can each have a core; says so loudly if not.
fn can_pin() -> bool {
    let works = [SERVER_CORE, LOAD_CORE].iter().all(|core| {
        let tried = Command::new("taskset").args(["-c", core, "true"]).status();
        tried.is_ok_and(|status| status.success())
    });
    if !works {
        eprintln!(
            "!!! NOT PINNED: taskset is missing or there is one core alone, so server and load"
        );
        eprintln!("!!! take each other's time. These figures compare with no others.");
    }
    works
}

/// The processor and what else was running, since a figure means nothing without them.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{model}, {cores} cores, load average {load} before the run\n")
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    BareHyper,
    Memory,
    /// A store that only writes and syncs.
    WriteOnly,
    /// Messages are kept as they are.
    Plain,
    /// Messages are encrypted, as by default.
    Sqlite,
    /// Callers are checked, too.
    Signed,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::BareHyper, Kind::Memory, Kind::WriteOnly, Kind::Plain, Kind::Sqlite, Kind::Signed];

    fn name(self) -> &'static str {
        match self {
            Kind::BareHyper => "bare hyper",
            Kind::Memory => "formiga, memory",
            Kind::WriteOnly => "formiga, write and sync only",
            Kind::Plain => "formiga, sqlite, not encrypted",
            Kind::Sqlite => "formiga, sqlite",
            Kind::Signed => "formiga, sqlite, signed",
        }
    }

    fn scenarios(self) -> &'static [&'static str] {
        match self {
            Kind::BareHyper | Kind::WriteOnly => &["send"],
            _ => &["send", "send-batch", "lifecycle"],
        }
    }

    /// What the load has to say to it.
    fn load(self) -> &'static [&'static str] {
        match self {
            Kind::Memory | Kind::WriteOnly | Kind::Plain => {
                &["--attribute", "SqsManagedSseEnabled=false"]
            }
            Kind::BareHyper | Kind::Sqlite => &[],
            Kind::Signed => &["--sign"],
        }
    }
}

struct Bench {
    settings: Settings,
    pinned: bool,
    data: DataDirectory,
}

impl Bench {
    fn scenarios(&self) -> Outcome {
        let mut rows: Vec<(Kind, &str, Vec<Figures>)> = Vec::new();
        for kind in Kind::ALL {
            for &scenario in kind.scenarios() {
                rows.push((kind, scenario, Vec::new()));
            }
        }
        for round in 1..=self.settings.rounds {
            for (kind, scenario, figures) in &mut rows {
                eprintln!("round {round} of {}: {}, {scenario}", self.settings.rounds, kind.name());
                let data = self.data.fresh()?;
                let server = self.start(*kind, &data)?;
                let line = [&["--scenario", *scenario], kind.load()].concat();
                figures.push(self.load(&server, &line)?);
                server.stop()?;
                fs::remove_dir_all(&data)?;
            }
        }
        let medians: Vec<Figures> =
            rows.iter().map(|(_, _, figures)| Figures::median(figures)).collect();
        let ceiling = &medians[0];
        let of = |kind: Kind, scenario: &str| {
            let row = rows.iter().position(|row| row.0 == kind && row.1 == scenario);
            row.map_or(f64::NAN, |row| medians[row].per_second)
        };
        let mut table = vec![Figures::heading(&["server", "scenario", "req/s : bare"])];
        for ((kind, scenario, _), median) in rows.iter().zip(&medians) {
            let requests = median.per_second * requests_per_operation(scenario);
            let ratio = format!("{:.2}", requests / ceiling.per_second);
            table.push(median.row(&[kind.name(), scenario, &ratio]));
        }
        print_table(&table);
        println!(
            "\nAn operation is one send, one batch of ten, or one lifecycle of three requests."
        );
        println!("\nsend, of each other:");
        for (one, other, target) in [
            (Kind::Plain, Kind::BareHyper, "0.40"),
            (Kind::Plain, Kind::WriteOnly, "0.65"),
            (Kind::Memory, Kind::BareHyper, "0.70"),
            (Kind::Signed, Kind::Plain, "0.85"),
        ] {
            let ratio = of(one, "send") / of(other, "send");
            println!("{ratio:.2} (target {target}): {} to {}", one.name(), other.name());
        }
        let batch = 10.0 * of(Kind::Plain, "send-batch") / of(Kind::Plain, "send");
        println!(
            "{batch:.1} (target 4): messages in batches to single ones, {}",
            Kind::Plain.name()
        );
        println!("Where neither CPU is near 100 %, the disk or a busy machine was the limit.");
        Ok(())
    }

    /// Both queues are filled once, and then measured in turns.
    fn backlog(&self, depth: u64) -> Outcome {
        let (small_data, deep_data) = (self.data.fresh()?, self.data.fresh()?);
        let small = self.start(Kind::Sqlite, &small_data)?;
        let deep = self.start(Kind::Sqlite, &deep_data)?;
        let (mut small_figures, mut deep_figures) = (Vec::new(), Vec::new());
        for round in 1..=self.settings.rounds {
            for (server, figures, depth) in
                [(&small, &mut small_figures, BACKLOG_SMALL), (&deep, &mut deep_figures, depth)]
            {
                eprintln!("round {round} of {}: depth {depth}", self.settings.rounds);
                let fill = if round == 1 { depth.to_string() } else { "0".to_owned() };
                let lifecycle = ["--scenario", "lifecycle", "--queue", "backlog", "--depth", &fill];
                figures.push(self.load(server, &lifecycle)?);
            }
        }
        small.stop()?;
        let stopping = Instant::now();
        deep.stop()?;
        let stopping = stopping.elapsed();

        let (small, deep) = (Figures::median(&small_figures), Figures::median(&deep_figures));
        print_table(&[
            Figures::heading(&["formiga, sqlite", "scenario"]),
            small.row(&[&format!("depth {BACKLOG_SMALL}"), "lifecycle"]),
            deep.row(&[&format!("depth {depth}"), "lifecycle"]),
        ]);
        println!(
            "\nat depth {depth}, times depth {BACKLOG_SMALL}: CPU per lifecycle {:.2}, p50 {:.2}",
            deep.server_cpu_us / small.server_cpu_us,
            deep.p50 / small.p50
        );
        self.restart(&deep_data, stopping)
    }

    /// Starts a server over a filled directory and tells how it wakes up.
    fn restart(&self, data: &Path, stopping: Duration) -> Outcome {
        let bytes = directory_bytes(data)?;
        let starting = Instant::now();
        let server = self.start(Kind::Sqlite, data)?;
        let starting = starting.elapsed();
        thread::sleep(IDLE_TIME);
        let idle = resident_bytes(server.child.id())?;
        let line = ["--scenario", "lifecycle", "--queue", "backlog", "--operations", "1"];
        let first =
            self.load(&server, &[&line[..], &["--connections", "1", "--warm-up", "0s"]].concat())?;
        server.stop()?;
        println!(
            "stopped in {:.2} s, leaving {:.0} MiB in its directory",
            stopping.as_secs_f64(),
            mib(bytes)
        );
        println!(
            "started over it in {:.2} s, {:.1} MiB resident when idle",
            starting.as_secs_f64(),
            mib(idle)
        );
        println!("its first lifecycle took {:.1} ms", first.p50 / 1000.0);
        Ok(())
    }

    fn start(&self, kind: Kind, data: &Path) -> Result<Server> {
        let program = match kind {
            Kind::BareHyper => example("bare_hyper"),
            Kind::WriteOnly => example("write_only"),
            _ => workspace::formiga("release"),
        };
        let mut command = self.pinned(&program, SERVER_CORE);
        if !matches!(kind, Kind::BareHyper | Kind::WriteOnly) {
            command.arg("serve");
        }
        command.args(["--listen", "127.0.0.1:0"]);
        if kind != Kind::BareHyper {
            let directory = data.join("data");
            command.arg("--data-dir").arg(directory);
        }
        match kind {
            Kind::Memory => _ = command.args(["--store", "memory"]),
            Kind::Signed => _ = command.args(["--auth", "required"]),
            _ => {}
        }
        Server::start(kind.name(), data, &mut command)
    }

    /// Runs the load tool; later arguments take the place of the common ones.
    fn load(&self, server: &Server, args: &[&str]) -> Result<Figures> {
        let mut command = self.pinned(&example("load"), LOAD_CORE);
        command.args([
            "--json",
            "--endpoint",
            &server.url,
            "--server-pid",
            &server.child.id().to_string(),
        ]);
        for (name, value) in
            [("--connections", &self.settings.connections), ("--duration", &self.settings.duration)]
        {
            if !args.contains(&name) {
                command.args([name, value]);
            }
        }
        // The key that the server has made, where it checks callers.
        command.env("AWS_SHARED_CREDENTIALS_FILE", server.data.join("data").join("admin-key"));
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"] {
            command.env_remove(name);
        }
        let output = command.args(args).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("the load on {} failed: {}", server.name, output.status).into());
        }
        Figures::parse(&String::from_utf8(output.stdout)?)
    }

    /// `program` on one core. taskset becomes the program, so its child's ID is the program's.
    fn pinned(&self, program: &Path, core: &str) -> Command {
        if !self.pinned {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program);
        command
    }
}

fn requests_per_operation(scenario: &str) -> f64 {
    if scenario == "lifecycle" { 3.0 } else { 1.0 }
}

/// A server that this run started and will stop, also when the run fails.
struct Server {
    name: &'static str,
    data: PathBuf,
    child: Child,
    url: String,
}

impl Server {
    fn start(name: &'static str, data: &Path, command: &mut Command) -> Result<Server> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} did not start: {error}"))?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let data = data.to_owned();
        let mut server = Server { name, data, child, url: String::new() };
        server.url = match first_url(stdout).recv_timeout(START_PATIENCE) {
            Ok(url) => url,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("{name} printed no address for {START_PATIENCE:?}").into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = server.child.wait()?;
                return Err(format!("{name} printed no address and ended: {status}").into());
            }
        };
        Ok(server)
    }

    /// Ends the server as an operator would, and waits for it.
    fn stop(mut self) -> Outcome {
        let (name, status) = (self.name, self.terminate()?);
        // A server without a handler for SIGTERM has no exit code.
        match status.code() {
            Some(0) | None => Ok(()),
            Some(code) => Err(format!("{name} ended with exit code {code}").into()),
        }
    }

    fn terminate(&mut self) -> Result<process::ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let patience =
            if asked.is_ok_and(|status| status.success()) { STOP_PATIENCE } else { Duration::ZERO };
        let since = Instant::now();
        while since.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        Err(format!("{} did not end on SIGTERM within {STOP_PATIENCE:?}", self.name).into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.terminate() {
            eprintln!("xtask: {error}");
        }
    }
}

/// The first address among the lines of `stdout`, which is read to its end.
fn first_url(stdout: ChildStdout) -> Receiver<String> {
    let (found, url) = mpsc::channel();
    thread::spawn(move || {
        let mut found = Some(found);
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if let Some(url) = url_in(&line)
                && let Some(found) = found.take()
            {
                // Whoever waited may have given up.
                let _ = found.send(url.to_owned());
            }
        }
    });
    url
}

fn url_in(line: &str) -> Option<&str> {
    let url = &line[line.find("http://")?..];
    let part_of_it = |c: char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(c);
    let end = url.find(|c| !part_of_it(c)).unwrap_or(url.len());
    Some(url[..end].trim_end_matches(['.', '/']))
}

/// The figures of one load, or the median of several.
struct Figures {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// CPU microseconds for each operation.
    server_cpu_us: f64,
    /// How much of one core the server and the load tool used.
    server_cores: f64,
    load_cores: f64,
    resident_bytes: f64,
}

impl Figures {
    fn parse(json: &str) -> Result<Figures> {
        let number = |path: &[&str]| {
            let missing = || format!("the load tool's report has no {}: {json}", path.join("."));
            number_at(json, path).ok_or_else(missing)
        };
        if number(&["errors"])? > 0.0 {
            return Err(format!("operations were given up: {json}").into());
        }
        let seconds = number(&["seconds"])?;
        Ok(Figures {
            per_second: number(&["operations_per_second"])?,
            p50: number(&["latency", "p50"])?,
            p99: number(&["latency", "p99"])?,
            server_cpu_us: number(&["server", "cpu_microseconds_per_operation"])?,
            server_cores: number(&["server", "cpu_seconds"])? / seconds,
            load_cores: number(&["tool_cpu_seconds"])? / seconds,
            resident_bytes: number(&["server", "resident_bytes"])?,
        })
    }

    /// The median of each figure by itself.
    fn median(all: &[Figures]) -> Figures {
        let of = |figure: fn(&Figures) -> f64| median(all.iter().map(figure).collect());
        Figures {
            per_second: of(|figures| figures.per_second),
            p50: of(|figures| figures.p50),
            p99: of(|figures| figures.p99),
            server_cpu_us: of(|figures| figures.server_cpu_us),
            server_cores: of(|figures| figures.server_cores),
            load_cores: of(|figures| figures.load_cores),
            resident_bytes: of(|figures| figures.resident_bytes),
        }
    }

    fn heading(first: &[&str]) -> Vec<String> {
        let figures =
            ["op/s", "p50 us", "p99 us", "CPU us/op", "server CPU", "load CPU", "RSS MiB"];
        first.iter().chain(&figures).map(|&cell| cell.to_owned()).collect()
    }

    fn row(&self, first: &[&str]) -> Vec<String> {
        let mut row: Vec<String> = first.iter().map(|&cell| cell.to_owned()).collect();
        row.extend([
            format!("{:.0}", self.per_second),
            format!("{:.0}", self.p50),
            format!("{:.0}", self.p99),
            format!("{:.1}", self.server_cpu_us),
            format!("{:.0} %", self.server_cores * 100.0),
            format!("{:.0} %", self.load_cores * 100.0),
            format!("{:.1}", self.resident_bytes / 1_048_576.0),
        ]);
        row
    }
}

/// The number behind the keys of `path`, each looked for after the one before. That
/// is enough of JSON for the load tool's report, where `latency` precedes `actions`.
fn number_at(json: &str, path: &[&str]) -> Option<f64> {
    let mut rest = json;
    for key in path {
        let key = format!("\"{key}\":");
        rest = &rest[rest.find(&key)? + key.len()..];
    }
    let end = rest.find([',', '}'])?;
    rest[..end].trim().parse().ok()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 {
        numbers[middle]
    } else {
        (numbers[middle - 1] + numbers[middle]) / 2.0
    }
}

/// Prints a heading and rows, the first two columns to the left and figures to the right.
fn print_table(rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    println!();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column < 2 {
                print!("{cell:<width$}  ");
            } else {
                print!("{cell:>width$}  ");
            }
        }
        println!();
    }
}

/// Where servers of this run keep their data: in the target directory, as a
/// temporary directory may be memory. Removed at the end.
struct DataDirectory {
    path: PathBuf,
}

impl DataDirectory {
    fn create() -> Result<DataDirectory> {
        let path = workspace::target().join(format!("bench-data-{}", process::id()));
        fs::create_dir_all(&path)?;
        Ok(DataDirectory { path })
    }

    /// A new empty directory in it.
    fn fresh(&self) -> Result<PathBuf> {
        let mut number = 0;
        loop {
            let path = self.path.join(number.to_string());
            if !path.exists() {
                fs::create_dir(&path)?;
                return Ok(path);
            }
            number += 1;
        }
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: {} remains: {error}", self.path.display());
        }
    }
}

fn directory_bytes(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { directory_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or("the server's status has no VmRSS")?.trim().parse::<u64>()? * 1024)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_behind_its_keys() {
        let json = r#"{"seconds":5.0,"latency":{"p50":680,"p99":8911},"actions":{"send":{"p50":1}},"server":{"cpu_seconds":2.18}}"#;
        assert_eq!(number_at(json, &["seconds"]), Some(5.0));
        assert_eq!(number_at(json, &["latency", "p50"]), Some(680.0));
        assert_eq!(number_at(json, &["latency", "p99"]), Some(8911.0));
        assert_eq!(number_at(json, &["server", "cpu_seconds"]), Some(2.18));
        assert_eq!(number_at(json, &["server", "resident_bytes"]), None);
    }

    #[test]
    fn the_address_is_found_in_a_line_of_words() {
        let address = Some("http://127.0.0.1:40123");
        assert_eq!(
            url_in("formiga listens on http://127.0.0.1:40123, press ctrl-C to stop"),
            address
        );
        assert_eq!(url_in("listening on http://127.0.0.1:40123"), address);
        assert_eq!(url_in("endpoint=\"http://127.0.0.1:40123/\""), address);
        assert_eq!(url_in("starting"), None);
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
    }

    #[test]
    fn arguments_have_defaults() {
        let parse = |line: &[&str]| {
            let args: Vec<String> = line.iter().map(|&arg| arg.to_owned()).collect();
            Settings::parse(&args)
        };
        let defaults = parse(&[]).expect("no argument is required");
        assert_eq!((defaults.rounds, defaults.backlog), (3, None));
        let given = parse(&["--backlog", "--rounds", "5"]).expect("a valid line");
        assert_eq!((given.rounds, given.backlog), (5, Some(BACKLOG_DEFAULT)));
        assert_eq!(parse(&["--backlog", "5000"]).expect("a valid line").backlog, Some(5000));
        assert!(parse(&["--rounds"]).is_err());
        assert!(parse(&["--rounds", "0"]).is_err());
        assert!(parse(&["--unknown", "1"]).is_err());
    }
}
