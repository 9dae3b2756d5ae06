//! Whether a translation of the README says what the README says, as far as a program can tell.

use std::error::Error;
use std::fs;

use crate::workspace;

const ORIGINAL: &str = "README.md";
const TRANSLATIONS: [&str; 1] = ["README.pt-BR.md"];

/// Every block of code, every flag of the table of settings and every heading has to be there.
pub(crate) fn check() -> Result<(), Box<dyn Error>> {
    let read = |name: &str| fs::read_to_string(workspace::root().join(name));
    let original = Skeleton::of(&read(ORIGINAL)?);
    for name in TRANSLATIONS {
        let translation = Skeleton::of(&read(name)?);
        let parts = [
            ("a block of code", &original.code, &translation.code),
            ("a setting", &original.settings, &translation.settings),
            ("a heading", &original.headings, &translation.headings),
        ];
        for (what, expected, found) in parts {
            let differs = |at: &usize| expected.get(*at) != found.get(*at);
            if let Some(at) = (0..expected.len().max(found.len())).find(differs) {
                let (expected, found) = (expected.get(at), found.get(at));
                let told = format!("{name} differs in {what}: {found:?} for {expected:?}");
                return Err(told.into());
            }
        }
    }
    Ok(())
}

/// What is the same in every language.
struct Skeleton {
    code: Vec<String>,
    /// The first two columns: flags and variables.
    settings: Vec<String>,
    /// How deep they are.
    headings: Vec<String>,
}

impl Skeleton {
    fn of(text: &str) -> Skeleton {
        let mut skeleton =
            Skeleton { code: Vec::new(), settings: Vec::new(), headings: Vec::new() };
        for (number, part) in text.split("```").enumerate() {
            if number % 2 == 1 {
                skeleton.code.push(part.to_owned());
                continue;
            }
            for line in part.lines() {
                if line.starts_with("| `--") {
                    let columns: Vec<&str> = line.split(" | ").take(2).collect();
                    skeleton.settings.push(columns.join(" | "));
                } else if line.starts_with('#') {
                    skeleton.headings.push(line.split(' ').take(1).collect());
                }
            }
        }
        skeleton
    }
}
