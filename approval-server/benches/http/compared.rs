//! Servers that are loaded in turn, and what was seen of each.

use std::time::Duration;
use std::vec;

use crate::Outcome;
use crate::figures::{Row, Runs};
use crate::load::{CONNECTIONS, Client};
use crate::serving::Target;

/// The slices of a run. The servers are loaded in turn, a slice each, so that what slows one of them slows all.
const SLICES: usize = 20;

/// Requests before those that count, eight on each connection.
const WARM_UP: usize = 8 * CONNECTIONS;

/// How many requests a run takes with so many in a slice.
pub(crate) const fn requests(slice: usize) -> usize {
    WARM_UP + SLICES * slice
}

/// One of the servers, in one run.
pub(crate) struct Side<'a> {
    seen: &'a mut Seen,
    target: &'a Target,
    client: Client,
    slices: vec::IntoIter<Vec<Vec<u8>>>,
    answers: usize,
    bytes: usize,
    elapsed: Duration,
    processor: Option<Duration>,
}

impl<'a> Side<'a> {
    /// Connects, and warms up with the first of the requests.
    pub(crate) fn new(seen: &'a mut Seen, target: &'a Target, mut requests: Vec<Vec<u8>>, slice: usize) -> Outcome<Self> {
        let slices: Vec<_> = requests.split_off(WARM_UP).chunks(slice).map(<[_]>::to_vec).collect();
        let mut client = Client::connect(target)?;
        client.load(requests)?;
        let (elapsed, processor) = (Duration::ZERO, Some(Duration::ZERO));
        Ok(Self { seen, target, client, slices: slices.into_iter(), answers: 0, bytes: 0, elapsed, processor })
    }

    fn slice(&mut self, requests: Vec<Vec<u8>>) -> Outcome<()> {
        self.answers += requests.len();
        let before = self.target.processor_time();
        let round = self.client.load(requests)?;
        let used = self.target.processor_time().zip(before).map(|(after, before)| after - before);
        self.processor = self.processor.zip(used).map(|(sum, used)| sum + used);
        self.elapsed += round.elapsed;
        self.bytes += round.bytes;
        Ok(())
    }

    fn end(self) {
        #[allow(clippy::cast_precision_loss, reason = "thousands")]
        let answers = self.answers as f64;
        self.seen.rate.push(answers / self.elapsed.as_secs_f64());
        self.seen.bytes = self.bytes / self.answers;
        if let Some(processor) = self.processor {
            self.seen.processor.push(processor.as_secs_f64() * 1e6 / answers);
        }
    }
}

/// Loads all of them, a slice of each in turn.
pub(crate) fn in_turn(mut sides: Vec<Side<'_>>) -> Outcome<()> {
    for _ in 0..SLICES {
        for side in &mut sides {
            if let Some(requests) = side.slices.next() {
                side.slice(requests)?;
            }
        }
    }
    sides.into_iter().for_each(Side::end);
    Ok(())
}

/// What was seen of one server, a value a run.
pub(crate) struct Seen {
    /// Answers a second.
    rate: Runs,
    /// Microseconds of the serving thread for an answer; empty where the system does not say.
    processor: Runs,
    /// The length of an answer's body.
    bytes: usize,
}

impl Seen {
    pub(crate) const fn new() -> Self {
        Self { rate: Runs::new(), processor: Runs::new(), bytes: 0 }
    }

    /// Refuses to compare answers that are not the same.
    pub(crate) fn is_as_long_as(&self, floor: &Self) -> Outcome<()> {
        let (own, floor) = (self.bytes, floor.bytes);
        // A time that ends in zeroes is shorter.
        if own.abs_diff(floor) <= floor / 100 {
            return Ok(());
        }
        Err(format!("answers of {own} and of {floor} bytes are no comparison").into())
    }

    /// Prints how many answers a second there were, and what each of them cost the thread that gave it.
    pub(crate) fn print_beside(&self, other: &Self, what: &str, than: &str) {
        let rate = Row {
            name: format!("{what}, a second"),
            own: self.rate.show(0, ""),
            against: other.rate.show(0, &format!(" {than}")),
            comparison: self.rate.against(&other.rate, |own, other| own / other).show(2, "×"),
        };
        let processor = Row {
            name: format!("{what}, time of the serving thread"),
            own: self.processor.show(1, " µs"),
            against: other.processor.show(1, &format!(" µs {than}")),
            comparison: self.processor.against(&other.processor, |own, other| own / other).show(2, "×"),
        };
        rate.print();
        processor.print();
    }
}
