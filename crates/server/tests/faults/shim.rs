//! Loads `shim.c` into a server, so that its log tells what the server did to its files.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiled shim, and where it writes its log.
pub(crate) struct Shim {
    library: PathBuf,
    watched: PathBuf,
    log: PathBuf,
}

impl Shim {
    /// Compiles the shim into `dir`, to watch the empty directory `watched`.
    pub(crate) fn compile(dir: &Path, watched: &Path) -> Shim {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let library = dir.join("shim.so");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", source, "-o"])
            .arg(&library)
            .args(["-ldl", "-lpthread"])
            .output()
            .expect("the power-cut tests need a C compiler named `cc` on the path");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cc compiles {source}:\n{errors}");
        Shim { library, watched: watched.to_owned(), log: dir.join("operations.log") }
    }

    /// Each sync takes `sync_micros`, so that requests gather behind it.
    pub(crate) fn load_into(&self, command: &mut Command, sync_micros: usize) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("POWERCUT_DIR", &self.watched)
            .env("POWERCUT_LOG", &self.log)
            .env("POWERCUT_SYNC_MICROS", sync_micros.to_string());
    }

    /// The sync after the first `good_syncs` fails, and only that one.
    pub(crate) fn fail_after(&self, command: &mut Command, good_syncs: usize) {
        command.env("POWERCUT_GOOD_SYNCS", good_syncs.to_string());
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}
