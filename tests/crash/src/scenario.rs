//! One store, and the children that come and go on it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::child::Orders;
use crate::dice::Dice;
use crate::files;
use crate::left::Left;
use crate::points::{ALL_AT_ONCE, AT_RANDOM, POINTS, Part, Point, Tally};

/// How many children a store has at a time.
const CHILDREN: usize = 3;

/// How often a scenario tries to come to a place before it leaves it to others.
const TRIES: u32 = 3;

/// How long whoever finishes may take.
const FINISHES: Duration = Duration::from_secs(40);

/// What a child says.
enum Said {
    Line(String),
    /// Its output ended: it is gone.
    End,
}

/// When a child is to be killed.
#[derive(Clone, Copy)]
enum Plan {
    /// So long after it started, or after it was ready.
    Moment(Duration, bool),
    /// There; the number says how often it was tried before.
    Point(&'static Point, u32),
}

struct Running {
    process: Child,
    plan: Plan,
    /// At this time at the latest.
    by: Instant,
    may_end: bool,
}

/// Runs a scenario with so many kills, and says what is wrong with what they left.
pub(crate) fn run(folder: &Path, seed: u64, kills: u64, tally: &Tally) -> Result<(), String> {
    let (say, said) = mpsc::channel();
    let mut scenario = Scenario {
        folder,
        seed,
        dice: Dice::new(seed),
        tally,
        left: Left::new(folder),
        running: HashMap::new(),
        children: 0,
        number: 0,
        planned: 0,
        again: VecDeque::new(),
        say,
        killed: 0,
    };
    let result = scenario.kill_many(&said, kills).and_then(|()| scenario.finish(&said));
    for (_, mut running) in scenario.running.drain() {
        let _ = running.process.kill();
        let _ = running.process.wait();
    }
    let (requests, rows, starts, answers) = scenario.left.compared();
    tally.compared(requests, rows, starts, answers);
    result.map_err(|error| format!("seed {seed}, after {} kills: {error}", scenario.killed))
}

struct Scenario<'a> {
    folder: &'a Path,
    seed: u64,
    dice: Dice,
    tally: &'a Tally,
    left: Left,
    running: HashMap<u64, Running>,
    children: u64,
    /// The first number that the next child calls.
    number: u64,
    planned: u64,
    /// Places that were not come to.
    again: VecDeque<(&'static Point, u32)>,
    say: Sender<(u64, Said)>,
    killed: u64,
}

impl Scenario<'_> {
    fn kill_many(&mut self, said: &Receiver<(u64, Said)>, kills: u64) -> Result<(), String> {
        while self.killed < kills {
            // The last ones still come to where they are to be killed.
            while self.running.len() < CHILDREN.min(usize::try_from(kills - self.killed).unwrap_or(CHILDREN)) {
                let plan = self.plan();
                self.start(plan)?;
            }
            let next = self.running.values().map(|running| running.by).min().unwrap_or_else(Instant::now);
            match said.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok((child, said)) => self.heard(child, &said)?,
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let due: Vec<_> =
                        self.running.iter().filter(|(_, running)| running.by <= now).map(|(nth, _)| *nth).collect();
                    for child in due {
                        self.kill_late(child)?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err("nobody says anything any more".into()),
            }
            if self.dice.below(100) == 0 {
                self.kill_all()?;
            }
        }
        Ok(())
    }

    /// What comes next: places in turn, so that scenarios with successive seeds come to all of them, and moments in between.
    fn plan(&mut self) -> Plan {
        if self.dice.chance(20) {
            return Plan::Moment(Duration::from_micros(self.dice.below(50_000)), self.dice.chance(50));
        }
        if let Some((point, tries)) = self.again.pop_front() {
            return Plan::Point(point, tries);
        }
        let place = (self.seed.wrapping_mul(20).wrapping_add(self.planned)).wrapping_mul(29) % POINTS.len() as u64;
        self.planned += 1;
        Plan::Point(&POINTS[usize::try_from(place).unwrap_or(0)], 0)
    }

    fn start(&mut self, plan: Plan) -> Result<(), String> {
        let (part, point, by) = match plan {
            Plan::Point(point, tries) => {
                let passes = self.dice.below(point.passes) >> tries;
                (point.part, Some((point.name.to_owned(), passes)), Duration::from_millis(point.millis))
            }
            Plan::Moment(after, from_ready) => {
                let parts = [Part::Both, Part::Both, Part::Asks, Part::Decides, Part::Recovers];
                let part = self.dice.pick(&parts).copied().unwrap_or(Part::Both);
                (part, None, if from_ready { Duration::from_secs(10) } else { after })
            }
        };
        self.start_as(part, plan, point, by).map(drop)
    }

    fn start_as(&mut self, part: Part, plan: Plan, point: Option<(String, u64)>, by: Duration) -> Result<u64, String> {
        let child = self.children;
        self.children += 1;
        self.number += 2;
        let orders = Orders { folder: self.folder.to_owned(), child, seed: self.dice.next(), first: self.number, part, point };
        self.left.child(child);
        let failed = |error: std::io::Error| format!("a child cannot be started: {error}");
        let errors = fs::File::create(files::errors(self.folder, child)).map_err(failed)?;
        let mut command = Command::new(env::current_exe().map_err(failed)?);
        command.args(orders.args()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut process = command.spawn().map_err(failed)?;
        let (say, out) = (self.say.clone(), process.stdout.take());
        thread::spawn(move || {
            for line in out.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
                let _ = say.send((child, Said::Line(line)));
            }
            let _ = say.send((child, Said::End));
        });
        let may_end = matches!(part, Part::Leaves | Part::Finishes);
        self.running.insert(child, Running { process, plan, by: Instant::now() + by, may_end });
        Ok(child)
    }

    fn heard(&mut self, child: u64, said: &Said) -> Result<(), String> {
        let Some(running) = self.running.get_mut(&child) else { return Ok(()) };
        match (said, running.plan) {
            (Said::Line(line), Plan::Point(point, _)) if line.strip_prefix("at ") == Some(point.name) => {
                // It holds what it holds: others run into that.
                thread::sleep(Duration::from_micros(self.dice.below(2_000)));
                self.kill(child, point.name)
            }
            (Said::Line(line), Plan::Moment(after, true)) if line == "ready" => {
                running.by = Instant::now() + after;
                Ok(())
            }
            (Said::Line(_), _) => Ok(()),
            (Said::End, plan) => {
                let status = running.process.wait().map_err(|error| error.to_string())?;
                let fine = running.may_end && status.success();
                self.running.remove(&child);
                if !fine {
                    let errors = fs::read_to_string(files::errors(self.folder, child)).unwrap_or_default();
                    return Err(format!("child {child} ended by itself: {status}\n{errors}"));
                }
                if let Plan::Point(point, tries) = plan {
                    self.missed(point, tries);
                }
                self.left.check()
            }
        }
    }

    /// The child did not come to its place in time: that is a random moment, too.
    fn kill_late(&mut self, child: u64) -> Result<(), String> {
        if let Some(Plan::Point(point, tries)) = self.running.get(&child).map(|running| running.plan) {
            self.missed(point, tries);
        }
        self.kill(child, AT_RANDOM)
    }

    fn missed(&mut self, point: &'static Point, tries: u32) {
        if tries + 1 < TRIES {
            self.again.push_back((point, tries + 1));
        }
    }

    /// Kills a child, collects it, and compares.
    fn kill(&mut self, child: u64, what: &'static str) -> Result<(), String> {
        self.end(child, what)?;
        self.left.check().map_err(|error| format!("child {child} killed {what}: {error}"))
    }

    fn end(&mut self, child: u64, what: &'static str) -> Result<(), String> {
        let Some(mut running) = self.running.remove(&child) else { return Ok(()) };
        let failed = |error: std::io::Error| format!("a child cannot be killed: {error}");
        running.process.kill().map_err(failed)?;
        running.process.wait().map_err(failed)?;
        self.left.killed(child);
        self.tally.hit(what);
        self.killed += 1;
        Ok(())
    }

    /// As when the machine fails.
    fn kill_all(&mut self) -> Result<(), String> {
        for running in self.running.values_mut() {
            running.process.kill().map_err(|error| format!("a child cannot be killed: {error}"))?;
        }
        let children: Vec<_> = self.running.keys().copied().collect();
        children.into_iter().try_for_each(|child| self.end(child, ALL_AT_ONCE))?;
        self.left.check()
    }

    /// Starts somebody who finishes what is left, and compares everything, before and after.
    fn finish(&mut self, said: &Receiver<(u64, Said)>) -> Result<(), String> {
        self.left.check_all()?;
        let finisher = self.start_as(Part::Finishes, Plan::Moment(FINISHES, false), None, FINISHES)?;
        let end = Instant::now() + FINISHES;
        while self.running.contains_key(&finisher) {
            match said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((child, said)) => self.heard(child, &said)?,
                Err(_) => return Err("what was left could not be finished".into()),
            }
        }
        self.left.check_finished()
    }
}
