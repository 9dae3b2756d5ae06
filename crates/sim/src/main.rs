//! `formiga-sim`: runs histories until one breaks a promise, or for a while.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use clap::Parser;
use formiga_sim::{Figures, Mutation, run};

/// Runs the server under many seeds and checks what its clients were told.
#[derive(Clone, Parser)]
struct Args {
    /// Run this seed alone and print what happens.
    #[arg(long)]
    seed: Option<u64>,
    /// The first of many seeds.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How many seeds to run.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// Run as many seeds as this takes instead.
    #[arg(long)]
    minutes: Option<u64>,
    /// Switch a bug on, and run until it is found.
    #[arg(long)]
    mutation: Option<Mutation>,
    /// Switch every bug on, one after the other.
    #[arg(long)]
    mutations: bool,
    /// Run every seed twice and compare.
    #[arg(long)]
    twice: bool,
    /// How many threads to run seeds in; as many as there are processors unless told.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(seed) = args.seed {
        return one(seed, args.mutation);
    }
    if args.mutations {
        let every = Mutation::ALL.map(|it| many(&Args { mutation: Some(it), ..args.clone() }));
        let all_found = every.iter().all(|found| *found == ExitCode::SUCCESS);
        return if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    many(&args)
}

fn many(args: &Args) -> ExitCode {
    let many = Many {
        next: AtomicU64::new(args.first),
        end: if args.minutes.is_some() { u64::MAX } else { args.first + args.seeds },
        until: args.minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60)),
        mutation: args.mutation,
        twice: args.twice,
        stop: AtomicBool::new(false),
        sum: Mutex::default(),
    };
    let began = Instant::now();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..args.threads.unwrap_or(processors) {
            scope.spawn(|| many.run());
        }
    });
    let sum = many.sum();
    let Figures { answered, unanswered, sent, received, deleted, .. } = sum.figures;
    let Figures { dead_letters, crashes, takeovers, seconds, .. } = sum.figures;
    println!(
        "{} seeds in {} s: {answered} requests answered and {unanswered} not, {sent} messages sent, received {received} times, \
         {deleted} deletes, {dead_letters} dead letters received; {crashes} crashes, {takeovers} takeovers, {} hours of \
         simulated time",
        sum.seeds,
        began.elapsed().as_secs(),
        seconds / 3600,
    );
    for (seed, broken) in &sum.broken {
        println!("seed {seed}: {broken}");
    }
    match (args.mutation, sum.broken.is_empty()) {
        (None, true) => ExitCode::SUCCESS,
        (Some(mutation), false) => {
            println!("{mutation:?} was found");
            ExitCode::SUCCESS
        }
        (Some(mutation), true) => {
            println!("{mutation:?} was not found");
            ExitCode::FAILURE
        }
        (None, false) => ExitCode::FAILURE,
    }
}

fn one(seed: u64, mutation: Option<Mutation>) -> ExitCode {
    let outcome = run(seed, mutation, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("digest {:016x}, {:?}", outcome.digest, outcome.figures);
    for broken in &outcome.violations {
        println!("{broken}");
    }
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Many {
    next: AtomicU64,
    end: u64,
    until: Option<Instant>,
    mutation: Option<Mutation>,
    twice: bool,
    stop: AtomicBool,
    sum: Mutex<Sum>,
}

#[derive(Default)]
struct Sum {
    seeds: u64,
    figures: Figures,
    /// The seeds of broken promises, and the first of each.
    broken: Vec<(u64, String)>,
}

/// After so many seeds that broke promises, more tell little.
const BROKEN_MAX: usize = 10;

impl Many {
    fn sum(&self) -> MutexGuard<'_, Sum> {
        self.sum.lock().expect("no one panics with the lock")
    }

    fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let is_over = self.until.is_some_and(|until| until <= Instant::now());
            if seed >= self.end || is_over {
                break;
            }
            let mut outcome = run(seed, self.mutation, false);
            if self.twice && run(seed, self.mutation, false).digest != outcome.digest {
                outcome.violations.push("the same seed made another history".to_owned());
            }
            let mut sum = self.sum();
            sum.seeds += 1;
            sum.figures.add(&outcome.figures);
            if let Some(first) = outcome.violations.into_iter().next() {
                sum.broken.push((seed, first));
                let is_enough = self.mutation.is_some() || sum.broken.len() >= BROKEN_MAX;
                self.stop.fetch_or(is_enough, Ordering::Relaxed);
            }
        }
    }
}
