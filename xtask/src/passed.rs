//! The names of the tests that passed, kept from `cargo xtask test` for `check`.
//!
//! Each half has a file under the target directory. Its first line is the stamp
//! of the tree the tests ran on: a record of other sources counts as none. A run
//! of one half leaves the other's record alone, and a run with arguments of its
//! own, which may leave tests out, leaves both.

use std::error::Error;
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::workspace;

/// The tests come in two halves, which `cargo xtask test` can run apart.
#[derive(Clone, Copy)]
pub(crate) enum Half {
    Rust,
    Sdk,
}

impl Half {
    pub(crate) const ALL: [Half; 2] = [Half::Rust, Half::Sdk];

    fn record(self) -> PathBuf {
        let name = match self {
            Half::Rust => "rust",
            Half::Sdk => "sdk",
        };
        workspace::target().join("passed-tests").join(name)
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Half::Rust => "Rust tests",
            Half::Sdk => "SDK tests",
        })
    }
}

/// A new record of one half, stamped before its tests start.
///
/// The record before it is gone from now on, whatever becomes of this run.
pub(crate) struct Record {
    file: fs::File,
    path: PathBuf,
}

impl Record {
    pub(crate) fn start(half: Half) -> Result<Record, Box<dyn Error>> {
        let path = half.record();
        fs::create_dir_all(path.parent().expect("a record lies in a folder"))?;
        let mut file = fs::File::create(&path)?;
        writeln!(file, "{}", stamp()?)?;
        Ok(Record { file, path })
    }

    /// Where a test runner of its own appends its names, one a line.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `cargo test`, showing what it prints, and notes what passed.
    pub(crate) fn cargo_test(&mut self, command: &mut Command) -> Outcome {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().expect("standard output is piped");
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            if let Some(name) = passed(&line) {
                writeln!(self.file, "{name}")?;
            }
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("cargo test: {status}").into()) }
    }
}

/// The test that passed, if this line of libtest says that one did.
fn passed(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("test ")?.strip_suffix(" ... ok")?;
    Some(name.strip_suffix(" - should panic").unwrap_or(name))
}

/// The tests of one half that passed on this tree, or why that is not known.
pub(crate) fn read(half: Half) -> Result<Vec<String>, String> {
    let run = "run `cargo xtask test` first";
    let text = fs::read_to_string(half.record())
        .map_err(|_| format!("there is no record of {half} that passed: {run}"))?;
    let now = stamp().map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    if lines.next() != Some(&*now) {
        return Err(format!("the record of {half} that passed is of other sources: {run}"));
    }
    Ok(lines.map(str::to_owned).collect())
}

/// The tests of one half that stand in the sources, whether they pass or not.
pub(crate) fn existing(half: Half) -> Result<Vec<String>, Box<dyn Error>> {
    let (folder, extension, marks) = match half {
        Half::Rust => ("crates", "rs", &["fn "][..]),
        Half::Sdk => ("tests", "py", &["def ", "id='"][..]),
    };
    let mut files = Vec::new();
    collect(&workspace::root().join(folder), &mut files)?;

    let mut names = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == extension)) {
        let text = fs::read_to_string(file)?;
        for mark in marks {
            names.extend(words_after(&text, mark).map(str::to_owned));
        }
    }
    Ok(names)
}

/// The identifier behind each `mark` in `text`.
fn words_after<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(mark).skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// A number that changes with every file a test could depend on.
fn stamp() -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    for name in ["Cargo.toml", "Cargo.lock", "README.md", "crates", "docs", "examples", "tests"] {
        collect(&workspace::root().join(name), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        file.hash(&mut hasher);
        fs::read(file)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// The files at and under `path`, except what Python compiles.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() != "__pycache__" {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_ends_in_ok_names_a_test_that_passed() {
        for (line, name) in [
            ("test tests::one_edge_1 ... ok", Some("tests::one_edge_1")),
            ("test two_edge_2 - should panic ... ok", Some("two_edge_2")),
            ("test three_edge_3 ... ok\r", Some("three_edge_3")),
            ("test four_edge_4 ... FAILED", None),
            ("test five_edge_5 ... ignored", None),
            ("test six_edge_6 has been running for over 60 seconds", None),
            ("test result: ok. 3 passed; 0 failed", None),
            ("running 3 tests", None),
        ] {
            assert_eq!(passed(line), name, "{line}");
        }
    }

    #[test]
    fn names_are_found_in_sources() {
        let found = |text, mark| words_after(text, mark).collect::<Vec<_>>();
        assert_eq!(found("async fn one_edge_1() {}\nfn two()", "fn "), ["one_edge_1", "two"]);
        assert_eq!(found("param(1, id='edge_10'), id='x y'", "id='"), ["edge_10", "x"]);
        assert_eq!(found("nothing", "fn "), [""; 0]);
    }

    #[test]
    fn the_stamp_of_unchanged_sources_stays() {
        assert_eq!(stamp().expect("sources are readable"), stamp().expect("they are"));
    }
}
