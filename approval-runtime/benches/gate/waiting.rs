//! Calls that wait for a reviewer who does not come: what the process spends on them.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use approval_runtime::ApprovalGate;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::figures::{Row, Runs};
use crate::floor::Floor;
use crate::reviewed::System;
use crate::{Bench, RUNS, counting, outside_email};

const TIME: Duration = Duration::from_secs(10);

/// What waiting cost in one run.
struct Cost {
    bytes_a_call: f64,
    /// Of one core, in per cent; where the operating system says it.
    processor: Option<f64>,
}

/// Lets `calls` wait, each in a task of its own, then drops them.
fn wait<S: System>(runtime: &Runtime, calls: u32, system: &S, waiting: impl Fn() -> usize) -> Result<Cost, Box<dyn Error>> {
    let mut tasks: Vec<JoinHandle<Instant>> = Vec::with_capacity(calls as usize);
    counting::count_bytes();
    for _ in 0..calls {
        let system = system.clone();
        let email = outside_email();
        tasks.push(runtime.spawn(async move { system.call(email).await }));
    }
    until(|| waiting() == calls as usize)?;
    let bytes = counting::stop_counting_bytes();
    let before = processor_time();
    thread::sleep(TIME);
    let used = processor_time().zip(before).map(|(after, before)| after - before);
    for task in &tasks {
        task.abort();
    }
    until(|| tasks.iter().all(JoinHandle::is_finished))?;
    #[allow(clippy::cast_precision_loss, reason = "far fewer bytes than 2^52")]
    let bytes = bytes as f64;
    Ok(Cost {
        bytes_a_call: bytes / f64::from(calls),
        processor: used.map(|used| used.as_secs_f64() / TIME.as_secs_f64() * 100.0),
    })
}

fn until(done: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > Duration::from_secs(120) {
            return Err("the calls did not come to wait, or to an end, within two minutes".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// The time this process's threads have spent on a processor, to the nanosecond: Linux only.
fn processor_time() -> Option<Duration> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let times = threads.map(|thread| {
        let spent = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        Some(Duration::from_nanos(spent.split(' ').next()?.parse().ok()?))
    });
    times.sum()
}

fn pending(runtime: &Runtime, gate: &ApprovalGate) -> usize {
    runtime.block_on(gate.get_pending()).map_or(usize::MAX, |pending| pending.len())
}

impl Bench {
    pub(crate) fn waiting(&self, calls: u32) -> Result<[Row; 2], Box<dyn Error>> {
        let [mut own_bytes, mut bytes, mut own_processor, mut processor] = [const { Runs::new() }; 4];
        for _ in 0..RUNS {
            let (floor, mut inbox) = Floor::new();
            let asked = Arc::new(AtomicUsize::new(0));
            let reading = Arc::clone(&asked);
            self.runtime.spawn(async move {
                while inbox.recv().await.is_some() {
                    reading.fetch_add(1, Ordering::Relaxed);
                }
            });
            let cost = wait(&self.runtime, calls, &floor, || asked.load(Ordering::Relaxed))?;
            bytes.push(cost.bytes_a_call);
            cost.processor.into_iter().for_each(|share| processor.push(share));

            let cost = wait(&self.runtime, calls, &self.gate, || pending(&self.runtime, &self.gate))?;
            own_bytes.push(cost.bytes_a_call);
            cost.processor.into_iter().for_each(|share| own_processor.push(share));
        }
        Ok([
            Row {
                name: format!("{calls} calls waiting, bytes a call"),
                own: own_bytes.show(0, ""),
                against: bytes.show(0, ""),
                comparison: own_bytes.against(&bytes, |own, against| own / against).show(2, "×"),
            },
            Row {
                name: format!("{calls} calls waiting 10 s, of one core"),
                own: own_processor.show(3, " %"),
                against: processor.show(3, " %"),
                comparison: String::new(),
            },
        ])
    }
}
