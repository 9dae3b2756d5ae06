//! The Python environment of `tests/sdk/python`.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::run_to_success;
use crate::workspace;

/// The system's Python 3, if it has one.
pub(crate) fn interpreter() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|name| version(name).is_some())
}

/// What the tests use: today's SDK, and one from the days of the Query protocol.
pub(crate) const REQUIREMENTS: &str = "requirements.txt";
pub(crate) const QUERY_REQUIREMENTS: &str = "requirements-query.txt";

/// A virtual environment with what the file `requirements` names, and its Python.
///
/// It is made once and kept under the target directory; other requirements or
/// another Python get an environment of their own.
pub(crate) fn environment(
    interpreter: &str,
    requirements: &str,
) -> Result<PathBuf, Box<dyn Error>> {
    let requirements = tests().join(requirements);
    let mut hasher = DefaultHasher::new();
    fs::read(&requirements)?.hash(&mut hasher);
    version(interpreter).hash(&mut hasher);

    let home = workspace::target().join("python-venv").join(format!("{:016x}", hasher.finish()));
    let python = if cfg!(windows) {
        home.join("Scripts").join("python.exe")
    } else {
        home.join("bin").join("python")
    };

    let complete = home.join("complete");
    if !complete.exists() {
        eprintln!("making {}", home.display());
        run_to_success(Command::new(interpreter).args(["-m", "venv", "--clear"]).arg(&home))
            .map_err(|error| format!("{error} (on Debian and Ubuntu it needs python3-venv)"))?;
        run_to_success(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg("--requirement")
                .arg(&requirements),
        )?;
        fs::write(complete, "")?;
    }
    Ok(python)
}

/// `pytest` over the SDK tests.
pub(crate) fn pytest(python: PathBuf) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pytest"]).current_dir(tests()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn tests() -> PathBuf {
    workspace::root().join("tests").join("sdk").join("python")
}

/// What `<name> --version` answers, if that is a Python 3.
fn version(name: &str) -> Option<String> {
    let output = Command::new(name).arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && text.starts_with("Python 3")).then_some(text)
}
