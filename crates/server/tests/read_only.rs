//! A data directory that cannot be written: the server refuses it in a sentence that names it, and
//! nothing in it changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Mounts the directory read-only in a namespace of its own, which needs no privileges, and runs
/// the server on it.
const SHELL: &str = r#"
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99
exec "$2" serve --listen 127.0.0.1:0 --data-dir "$1"
"#;

#[test]
fn a_directory_that_is_read_only_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["format", "formiga.db", "lock"] {
        fs::write(directory.path().join(name), "1").unwrap();
    }
    let before = contents(directory.path());
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SHELL, "sh"]);
    command.arg(directory.path()).arg(env!("CARGO_BIN_EXE_formiga"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORMIGA_")) {
        command.env_remove(name);
    }
    let ended = command.output().ok().filter(|ended| ended.status.code() != Some(99));
    let Some(ended) = ended else {
        let why = "a directory cannot be mounted read-only here (unshare --user --mount)";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("SKIPPED: {why}");
        return;
    };
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    let path = directory.path().to_str().unwrap();
    assert!(told.starts_with("formiga: ") && told.contains(path), "{told}");
    assert!(told.contains("Read-only file system"), "{told}");
    assert_eq!(contents(directory.path()), before);
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(&path).unwrap())
    };
    fs::read_dir(directory).unwrap().map(read).collect()
}
