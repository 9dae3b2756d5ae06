//! The edge cases of SQS: each has a number, and a test with that number in its name.
//!
//! `tests/edges/cases.txt` tells them, a line for each number. A test names the
//! numbers it holds after the word `edge` or `edges`: `..._edge_31`,
//! `..._edges_141_and_142`, or `edge_104` as the id of a parameter.
//! `tests/edges/exceptions.txt` lists the numbers without a test, with reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;

use crate::Outcome;
use crate::passed::{self, Half};
use crate::steps::Steps;
use crate::workspace;

/// Every edge case is held by a test that passed, or is an exception.
///
/// In CI, only tests that passed in this very tree count. Elsewhere a half
/// without such a record is judged by the tests that exist, and that is said.
pub(crate) fn check(steps: &mut Steps) {
    let mut tests = Vec::new();
    for half in Half::ALL {
        match passed::read(half) {
            Ok(names) => tests.extend(names),
            Err(missing) if workspace::in_ci() => {
                steps.step::<()>(&ran(half), || Err(missing.into()));
                return;
            }
            Err(missing) => {
                let reason =
                    format!("NOT CHECKED, {missing}; tests count because they exist, run or not");
                steps.skip(&ran(half), &reason);
                match passed::existing(half) {
                    Ok(names) => tests.extend(names),
                    Err(error) => {
                        steps.step::<()>("the names of the tests", || Err(error));
                        return;
                    }
                }
            }
        }
    }
    steps.step("every edge case has a test", || judge(&tests));
}

fn ran(half: Half) -> String {
    format!("edge cases: {half} passed in this tree")
}

fn judge(tests: &[String]) -> Outcome {
    let folder = workspace::root().join("tests").join("edges");
    let cases = parse_cases(&fs::read_to_string(folder.join("cases.txt"))?)?;
    let exceptions = parse_exceptions(&fs::read_to_string(folder.join("exceptions.txt"))?)?;
    let faults = faults(&cases, &exceptions, tests);
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => {
            let held = cases.len() - exceptions.len();
            eprintln!("{held} of {} edge cases are held by tests", cases.len());
            Ok(())
        }
        count => Err(format!("{count} faults, see tests/edges").into()),
    }
}

/// What is wrong, a sentence each: a case that nothing holds, a number that
/// does not exist, an exception that a test has made untrue.
fn faults(
    cases: &BTreeMap<u32, String>,
    exceptions: &BTreeSet<u32>,
    tests: &[String],
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut held = BTreeSet::new();
    for test in tests {
        for number in numbers(test) {
            if cases.contains_key(&number) {
                held.insert(number);
            } else {
                faults.push(format!("edge {number} does not exist, but `{test}` names it"));
            }
        }
    }
    for number in exceptions.difference(&cases.keys().copied().collect()) {
        faults.push(format!("edge {number} does not exist, but is an exception"));
    }
    for number in exceptions.intersection(&held) {
        faults.push(format!("edge {number} has a test; it is no exception any more"));
    }
    for (number, case) in cases {
        if !held.contains(number) && !exceptions.contains(number) {
            faults.push(format!("edge {number} has neither a test nor a reason: {case}"));
        }
    }
    faults
}

/// The numbers in a test's name: those that follow the word `edge` or `edges`,
/// joined by `_` or `_and_`.
///
/// Words end at any other character, so that in `..._edge_158[-1]` the value of
/// a parameter is no number of a case.
pub(crate) fn numbers(test: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for name in test.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let mut listing = false;
        for word in name.split('_') {
            match word.parse() {
                _ if matches!(word, "edge" | "edges") => listing = true,
                Ok(number) if listing => numbers.push(number),
                _ => listing &= word == "and",
            }
        }
    }
    numbers
}

/// `cases.txt`: `<number>. <case>` on each line, from 1 without a gap.
fn parse_cases(text: &str) -> Result<BTreeMap<u32, String>, Box<dyn Error>> {
    let mut cases = BTreeMap::new();
    for line in lines(text) {
        let (number, case) = line.split_once(". ").ok_or_else(|| format!("no number: {line}"))?;
        if number.parse() != Ok(cases.len() + 1) {
            return Err(format!("case {} should come here: {line}", cases.len() + 1).into());
        }
        cases.insert(number.parse()?, case.to_owned());
    }
    Ok(cases)
}

/// `exceptions.txt`: `<numbers>: <reason>` on each line; the numbers are
/// separated by commas and may be ranges, such as `9, 20-22`.
fn parse_exceptions(text: &str) -> Result<BTreeSet<u32>, Box<dyn Error>> {
    let mut exceptions = BTreeSet::new();
    for line in lines(text) {
        let (listed, reason) = line.split_once(": ").ok_or_else(|| format!("no reason: {line}"))?;
        if reason.trim().is_empty() {
            return Err(format!("no reason: {line}").into());
        }
        for part in listed.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (first.parse()?, last.parse()?);
            if first > last {
                return Err(format!("an empty range: {part}").into());
            }
            for number in first..=last {
                if !exceptions.insert(number) {
                    return Err(format!("edge {number} is listed twice").into());
                }
            }
        }
    }
    Ok(exceptions)
}

/// The lines that say something: neither empty nor a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_word_edge() {
        for (name, expected) in [
            ("a_deleted_queue_has_no_url_edge_29", &[29][..]),
            ("test_queues.py::test_gone_edges_141_and_142", &[141, 142]),
            ("bodies_come_back_edges_76_78_260", &[76, 78, 260]),
            ("edge_7_of_the_table", &[7]),
            ("test_batches.py::test_an_id[send-edge_104]", &[104]),
            ("test_a[edge_75_u0000]", &[75]),
            ("test_twice_edge_1[edge_2]", &[1, 2]),
            ("queue::tests::at_the_edge_of_3_things", &[]),
            ("test_out_of_range_edge_158[-1]", &[158]),
            ("test_out_of_range_edge_91[901]", &[91]),
            ("what_was_acknowledge_9", &[]),
            ("the_knowledge_edge", &[]),
            ("round_2_edges_3_and_then_4", &[3]),
            ("edge_265_and_266", &[265, 266]),
        ] {
            assert_eq!(numbers(name), expected, "{name}");
        }
    }

    fn cases() -> BTreeMap<u32, String> {
        parse_cases("# three\n1. one\n\n2. two\n3. three\n").expect("these are cases")
    }

    #[test]
    fn a_case_needs_a_test_or_a_reason() {
        let tests = ["a_edge_1".to_owned()];
        assert_eq!(
            faults(&cases(), &BTreeSet::from([3]), &tests),
            ["edge 2 has neither a test nor a reason: two"]
        );
        assert_eq!(faults(&cases(), &BTreeSet::from([2, 3]), &tests), [""; 0]);
    }

    #[test]
    fn a_case_with_a_test_is_no_exception() {
        let tests = ["a_edges_1_2_3".to_owned()];
        assert_eq!(
            faults(&cases(), &BTreeSet::from([3]), &tests),
            ["edge 3 has a test; it is no exception any more"]
        );
    }

    #[test]
    fn a_number_beyond_the_last_case_is_a_fault() {
        let tests = ["a_edges_1_2_3_4".to_owned()];
        assert_eq!(
            faults(&cases(), &BTreeSet::from([5]), &tests),
            [
                "edge 4 does not exist, but `a_edges_1_2_3_4` names it",
                "edge 5 does not exist, but is an exception"
            ]
        );
    }

    #[test]
    fn exceptions_are_numbers_and_ranges_with_a_reason() {
        let parsed = parse_exceptions("# why\n9, 20-22: not yet\n50: later\n");
        assert_eq!(parsed.expect("it is well formed"), BTreeSet::from([9, 20, 21, 22, 50]));
        for bad in ["9", "9: ", "x: y", "3-1: backwards", "1, 1: twice", "1-2: a\n2: b"] {
            assert!(parse_exceptions(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cases_are_numbered_from_1_without_a_gap() {
        for bad in ["2. two", "1. one\n3. three", "1. one\n1. one", "one"] {
            assert!(parse_cases(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_files_of_this_tree_are_well_formed() {
        let folder = workspace::root().join("tests").join("edges");
        let read = |name| fs::read_to_string(folder.join(name)).expect("the file is there");
        assert_eq!(parse_cases(&read("cases.txt")).expect("cases").len(), 265);
        parse_exceptions(&read("exceptions.txt")).expect("exceptions");
    }
}
