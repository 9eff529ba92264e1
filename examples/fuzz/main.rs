//! A fuzzer for everything that reads what others wrote: payloads, the service's answers, Codex's configuration
//! documents and registered command lines. It runs on the stable compiler, knows nothing of coverage, and instead
//! starts from real inputs and holds every result against an independent reading of the rules.
//!
//! ```sh
//! cargo run --release --example fuzz                       # 30 seconds, each target in turns
//! cargo run --release --example fuzz -- --inputs 1000000   # so many inputs for each target
//! cargo run --release --example fuzz -- --target body --seed 7 --seconds 60
//! ```
//!
//! An input that panics, hangs or breaks a rule ends the run: it is printed and written to the temporary folder.

#![allow(clippy::restriction)] // a program for developers may panic

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use targets::Target;

/// An input that takes so long, whatever else the machine does, would not be answered before the hook's deadline.
const HANG: Duration = Duration::from_secs(30);
/// So many inputs of one target before the next one's.
const TURN: u64 = 256;
/// Inputs that were accepted are kept to start from, up to so many.
const MOST_SEEDS: usize = 2_000;

const USAGE: &str = "usage: fuzz [--seconds N | --inputs N] [--seed N] [--target NAME]";

struct Options {
    seconds: u64,
    /// For each target; wins over `seconds`.
    inputs: Option<u64>,
    seed: u64,
    target: Option<String>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut targets = targets::all();
    targets.retain(|target| options.target.as_deref().is_none_or(|name| name == target.name));
    if targets.is_empty() {
        eprintln!("no such target\n{USAGE}");
        return ExitCode::from(2);
    }
    println!("seed {}", options.seed);
    std::panic::set_hook(Box::new(|_| {})); // what panicked is shown below, once
    watch();
    let started = Instant::now();
    let mut random = Rng::with_seed(options.seed);
    loop {
        for target in &mut targets {
            for _ in 0..TURN {
                if let Err(problem) = one(target, &mut random) {
                    return failed(target, &problem);
                }
            }
        }
        let done = match options.inputs {
            Some(wanted) => targets.iter().all(|target| target.inputs >= wanted),
            None => started.elapsed() >= Duration::from_secs(options.seconds),
        };
        if done {
            break;
        }
    }
    for Target { name, inputs, accepted, slowest, .. } in &targets {
        println!("{name}: {inputs} inputs, {accepted} accepted, slowest {} ms", slowest.as_millis());
    }
    // An accepted input is what the rules are checked on: without one nothing was tested.
    ExitCode::from(u8::from(targets.iter().any(|target| target.accepted == 0)))
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seconds: 30, inputs: None, seed: fastrand::u64(..), target: None };
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{flag} needs a number"));
        match flag.as_str() {
            "--seconds" => options.seconds = number()?,
            "--inputs" => options.inputs = Some(number()?),
            "--seed" => options.seed = number()?,
            "--target" => options.target = Some(value),
            _ => return Err(format!("{flag} is not an option")),
        }
    }
    Ok(options)
}

/// What is being tried, since when, for the thread that looks for hangs.
static CURRENT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SINCE: AtomicU64 = AtomicU64::new(u64::MAX);

fn now() -> u64 {
    static START: Mutex<Option<Instant>> = Mutex::new(None);
    let start = *START.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert_with(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn watch() {
    now();
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if now().saturating_sub(SINCE.load(Ordering::Relaxed)) > HANG.as_millis() as u64 {
                let input = CURRENT.lock().unwrap_or_else(|e| e.into_inner()).clone();
                report("hang", "no result", &input);
                std::process::exit(1);
            }
        }
    });
}

fn one(target: &mut Target, random: &mut Rng) -> Result<(), String> {
    let seed = random.usize(0..target.seeds.len());
    let input = mutate::mutate(&target.seeds[seed], &target.seeds, random);
    CURRENT.lock().unwrap_or_else(|e| e.into_inner()).clone_from(&input);
    SINCE.store(now(), Ordering::Relaxed);
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.check)(&input)));
    SINCE.store(u64::MAX, Ordering::Relaxed);
    target.slowest = target.slowest.max(begun.elapsed());
    target.inputs += 1;
    match result {
        Ok(Ok(true)) => {
            target.accepted += 1;
            if target.seeds.len() < MOST_SEEDS {
                target.seeds.push(input);
            } else if random.u8(0..32) == 0 {
                target.seeds[seed] = input;
            }
            Ok(())
        }
        Ok(Ok(false)) => Ok(()),
        Ok(Err(rule)) => Err(rule),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?")))
        }
    }
}

fn failed(target: &Target, problem: &str) -> ExitCode {
    report(target.name, problem, &CURRENT.lock().unwrap_or_else(|e| e.into_inner()));
    ExitCode::FAILURE
}

fn report(name: &str, problem: &str, input: &[u8]) {
    let file = std::env::temp_dir().join(format!("f5-guard-fuzz-{name}-{}", std::process::id()));
    println!("FAILED {name}: {problem}\ninput: {}", input.escape_ascii());
    match std::fs::write(&file, input) {
        Ok(()) => println!("written to {}", file.display()),
        Err(error) => println!("could not be written to {}: {error}", file.display()),
    }
}
