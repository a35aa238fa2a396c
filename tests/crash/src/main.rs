//! `cargo xtask crash`: programs that ask, decide and run, killed at random moments and at every failpoint, started anew, and
//! compared with what they were told.
//!
//! One program in two parts. The parent starts children of itself, several on one SQLite file, reads how far they came, kills
//! them with SIGKILL and checks what is left ([`scenario`], [`left`]). A child does random work through the gate, and writes
//! down what it was told after it was told it ([`child`]).

#![allow(missing_docs)]

mod child;
mod dice;
mod files;
mod history;
mod left;
mod points;
mod scenario;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use self::points::Tally;

/// How many kills a run makes where no number is given.
const KILLS: u64 = 10_000;

/// How many of them one store sees.
const KILLS_A_SCENARIO: u64 = 25;

/// How many scenarios run at once: they mostly wait for the disk or for a deadline.
const AT_ONCE: u64 = 4;

/// From this many kills on a run has to hit every place. Where it has not, by chance, it goes on.
const HITS_ALL: u64 = 300;

/// How many times longer it becomes at most.
const LONGER: u64 = 5;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "child") {
        return child::main(&args[1..]);
    }
    let (kills, seed) = match read(&args) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("{error}\nUsage: cargo xtask crash [kills] [--seed N]");
            return ExitCode::FAILURE;
        }
    };
    if run(kills, seed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(args: &[String]) -> Result<(u64, u64), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut kills, mut seed) = (KILLS, u64::from(now.subsec_micros()) + 1_000_000 * (now.as_secs() % 1_000));
    let number = |text: &String| text.parse().map_err(|_| format!("`{text}` is no number"));
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seed" => seed = number(args.next().ok_or("`--seed` names no number")?)?,
            _ => kills = number(arg)?,
        }
    }
    Ok((kills, seed))
}

/// Where scenarios keep their files: in the target folder, on a real disk.
fn folder() -> PathBuf {
    let this = env::current_exe().expect("this program has a path");
    this.ancestors().nth(2).expect("it is in a target folder").join("crash")
}

fn run(kills: u64, seed: u64) -> bool {
    println!("{kills} kills, seed {seed}");
    let (tally, start) = (Tally::default(), Instant::now());
    let scenarios = kills.div_ceil(KILLS_A_SCENARIO);
    let (next, begun, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let folder = folder();
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::SeqCst);
            let goes_on = kills >= HITS_ALL && nth < scenarios * LONGER && !tally.unhit().is_empty();
            if nth >= scenarios && !goes_on || tally.failed() > 2 {
                done.fetch_add(1, Ordering::SeqCst);
                return;
            }
            begun.fetch_add(1, Ordering::SeqCst);
            let left = kills.saturating_sub(nth * KILLS_A_SCENARIO);
            let of_it = if left == 0 { KILLS_A_SCENARIO } else { KILLS_A_SCENARIO.min(left) };
            let place = folder.join(format!("{}-{}", std::process::id(), seed + nth));
            fs::create_dir_all(&place).expect("the target folder can be written");
            match scenario::run(&place, seed + nth, of_it, &tally) {
                Ok(()) => drop(fs::remove_dir_all(&place)),
                Err(error) => {
                    tally.fail();
                    eprintln!("\nFAILED  {error}\n  its files: {}", place.display());
                    eprintln!("  again: cargo xtask crash {of_it} --seed {}", seed + nth);
                }
            }
        }
    };
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(work);
        }
        while done.load(Ordering::SeqCst) < AT_ONCE {
            thread::sleep(Duration::from_millis(200));
            tally.progress(kills, start.elapsed());
        }
    });
    println!("{}", tally.table());
    let unhit = tally.unhit();
    if kills >= HITS_ALL && !unhit.is_empty() {
        eprintln!("FAILED  never hit: {}", unhit.join(", "));
    }
    let passed = tally.failed() == 0 && (kills < HITS_ALL || unhit.is_empty());
    let (total, time, stores) = (tally.kills(), start.elapsed().as_secs_f64(), begun.into_inner());
    println!(
        "{total} kills in {time:.0} s, {stores} stores, seeds {seed} to {}: {}",
        seed + stores.saturating_sub(1),
        if passed { "nothing lost, nothing run twice, nothing stuck" } else { "FAILED" }
    );
    passed
}
