//! [`Comparison`]: two endpoints under the same load, in turns.

use serde::Serialize;

use crate::report::Report;

/// What was measured of two endpoints. A machine that is busy for a while slows both of them, so
/// the ratios say more than the figures.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The endpoints.
    pub endpoints: [String; 2],
    /// A report of each, for each round.
    pub rounds: Vec<[Report; 2]>,
    /// The median of the first endpoint over that of the second.
    pub ratios: Ratios,
}

/// How the first endpoint compares with the second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratios {
    /// Of operations a second: above 1, the first does more.
    pub operations_per_second: f64,
    /// Of the time that half of the operations took at most: below 1, the first is faster.
    pub p50: f64,
    /// The same of 99 %.
    pub p99: f64,
}

type Figure = fn(&Report) -> f64;

/// The figures that are compared.
const FIGURES: [(&str, Figure); 3] = [
    ("operations/s", |report| report.operations_per_second),
    ("p50 us", |report| report.latency.p50 as f64),
    ("p99 us", |report| report.latency.p99 as f64),
];

impl Comparison {
    pub(crate) fn new(endpoints: [String; 2], rounds: Vec<[Report; 2]>) -> Comparison {
        let [operations_per_second, p50, p99] = FIGURES.map(|(_, figure)| {
            let [first, second] = medians(&rounds, figure);
            first / second
        });
        Comparison { endpoints, rounds, ratios: Ratios { operations_per_second, p50, p99 } }
    }

    /// A table for people.
    pub(crate) fn to_text(&self) -> String {
        let [first, second] = &self.endpoints;
        let width = first.len().max(second.len()).max(12);
        let mut text = format!("{:<14}{first:>width$}  {second:>width$}{:>8}\n", "", "ratio");
        for (name, figure) in FIGURES {
            let [first, second] = medians(&self.rounds, figure);
            let ratio = first / second;
            text += &format!("{name:<14}{first:>width$.0}  {second:>width$.0}{ratio:>8.2}\n");
        }
        text + &format!("medians of {} rounds in turns\n", self.rounds.len())
    }
}

fn medians(rounds: &[[Report; 2]], figure: Figure) -> [f64; 2] {
    [0, 1].map(|which| {
        let mut all: Vec<f64> = rounds.iter().map(|reports| figure(&reports[which])).collect();
        all.sort_by(f64::total_cmp);
        let middle = all.len() / 2;
        if all.len() % 2 == 1 { all[middle] } else { f64::midpoint(all[middle - 1], all[middle]) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_rounds_are_compared() {
        let report = |per_second: f64| {
            let mut report = crate::report::tests::report();
            report.operations_per_second = per_second;
            report
        };
        let rounds = vec![
            [report(100.0), report(10.0)],
            [report(900.0), report(40.0)],
            [report(200.0), report(20.0)],
        ];
        let comparison = Comparison::new(["http://a".to_owned(), "http://b".to_owned()], rounds);
        assert_eq!(comparison.ratios.operations_per_second, 10.0);
        assert_eq!(comparison.ratios.p50, 1.0);
        let text = comparison.to_text();
        assert!(text.contains("http://a") && text.contains("medians of 3 rounds"), "{text}");
        assert!(text.lines().nth(1).unwrap().ends_with("10.00"), "{text}");
    }
}
