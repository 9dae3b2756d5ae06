//! The console is a part of the server: what is built of it anew makes the server be built anew.

use std::fs;

const CONSOLE: &str = "../../console/dist";

fn main() {
    // Cargo takes a folder that is missing for one that changes all the time. Where nothing may be
    // written, the server is built each time and works as well.
    let _ = fs::create_dir_all(CONSOLE);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={CONSOLE}");
}
