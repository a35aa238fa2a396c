//! Calls that a reviewer approves: how fast they go on, and how many there can be.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use approval_runtime::{ApprovalGate, ApprovalRequest, Decision, Reviewer};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use crate::figures::{Row, Runs, quantile};
use crate::floor::{Asked, Email, Floor};
use crate::{Bench, RUNS, outside_email, send_email};

const WAKES: usize = 20_000;
const TIME: Duration = Duration::from_secs(2);

/// The gate, or the floor: calls that wait, and the one reviewer who approves them all.
pub(crate) trait System: Clone + Send + Sync + 'static {
    /// What the reviewer hears of a call.
    type Asked: Send;

    /// What the reviewer hears it through.
    type Inbox: Send + 'static;

    /// Calls, and says when the body's first line ran.
    fn call(&self, email: Email) -> impl Future<Output = Instant> + Send;

    /// Waits until at least one call has been made.
    fn asked(&self, inbox: &mut Self::Inbox) -> impl Future<Output = Vec<Self::Asked>> + Send;

    /// Approves.
    fn approve(&self, asked: Self::Asked) -> impl Future<Output = ()> + Send;
}

impl System for Floor {
    type Asked = Asked;
    type Inbox = mpsc::UnboundedReceiver<Asked>;

    async fn call(&self, email: Email) -> Instant {
        let started = self.call(email, |email| {
            let started = Instant::now();
            std::hint::black_box(email);
            started
        });
        started.await.expect("it is approved")
    }

    async fn asked(&self, inbox: &mut Self::Inbox) -> Vec<Asked> {
        let mut asked = Vec::new();
        inbox.recv_many(&mut asked, 1_024).await;
        asked
    }

    async fn approve(&self, asked: Asked) {
        assert!(self.approve(asked), "nobody else decides");
    }
}

impl System for ApprovalGate {
    type Asked = ApprovalRequest;
    type Inbox = ();

    async fn call(&self, email: Email) -> Instant {
        send_email(email.to, email.subject, email.body).await.expect("it is approved")
    }

    /// Reads the list, as the reviewers' page does.
    async fn asked(&self, (): &mut ()) -> Vec<ApprovalRequest> {
        loop {
            let pending = self.get_pending().await.expect("the store is in memory");
            if !pending.is_empty() {
                return pending;
            }
            yield_now().await;
        }
    }

    async fn approve(&self, asked: ApprovalRequest) {
        let decision = Decision::approve(Reviewer::new("alice"), asked.digest());
        self.decide(asked.id(), decision).await.expect("nobody else decides");
    }
}

/// The microseconds from each decision to the body.
async fn wakes<S: System>(system: S, mut inbox: S::Inbox) -> Result<Vec<f64>, Box<dyn Error>> {
    let reviewer = system.clone();
    let reviewing = tokio::spawn(async move {
        let mut decided = Vec::with_capacity(WAKES);
        while decided.len() < WAKES {
            for asked in reviewer.asked(&mut inbox).await {
                // The caller is by now waiting, and not on its way there.
                for _ in 0..16 {
                    yield_now().await;
                }
                decided.push(Instant::now());
                reviewer.approve(asked).await;
            }
        }
        decided
    });
    let calling = tokio::spawn(async move {
        let mut started = Vec::with_capacity(WAKES);
        for _ in 0..WAKES {
            started.push(system.call(outside_email()).await);
        }
        started
    });
    let (decided, started) = (reviewing.await?, calling.await?);
    Ok(started.iter().zip(decided).map(|(started, decided)| (*started - decided).as_secs_f64() * 1e6).collect())
}

/// Full cycles a second: a call, its approval, its body, its outcome.
async fn cycles<S: System>(system: S, mut inbox: S::Inbox, callers: usize) -> Result<f64, Box<dyn Error>> {
    let reviewer = system.clone();
    let reviewing = tokio::spawn(async move {
        loop {
            for asked in reviewer.asked(&mut inbox).await {
                reviewer.approve(asked).await;
            }
        }
    });
    let start = Instant::now();
    let calling = (0..callers).map(|_| {
        let (system, email) = (system.clone(), outside_email());
        tokio::spawn(async move {
            let mut cycles = 0;
            while start.elapsed() < TIME {
                system.call(email.clone()).await;
                cycles += 1;
            }
            cycles
        })
    });
    let mut cycles = 0;
    for caller in calling.collect::<Vec<_>>() {
        cycles += caller.await?;
    }
    let elapsed = start.elapsed();
    reviewing.abort();
    Ok(f64::from(cycles) / elapsed.as_secs_f64())
}

impl Bench {
    /// One caller, from `decide` to the body.
    pub(crate) fn wake(&self) -> Result<[Row; 2], Box<dyn Error>> {
        let mut runs = [(0.5, "p50"), (0.99, "p99")].map(|share| (share, Runs::new(), Runs::new()));
        for _ in 0..RUNS {
            let (floor, inbox) = Floor::new();
            let mut against_seen = self.runtime.block_on(wakes(floor, inbox))?;
            let mut own_seen = self.runtime.block_on(wakes(self.gate.clone(), ()))?;
            for ((share, _), own, against) in &mut runs {
                own.push(quantile(&mut own_seen, *share));
                against.push(quantile(&mut against_seen, *share));
            }
        }
        Ok(runs.map(|((_, name), own, against)| Row {
            name: format!("wake, {name}"),
            own: own.show(2, " µs"),
            against: against.show(2, " µs"),
            comparison: own.against(&against, |own, against| own - against).show(2, " µs more"),
        }))
    }

    pub(crate) fn cycles(&self, callers: usize) -> Result<Row, Box<dyn Error>> {
        let (mut own, mut against) = (Runs::new(), Runs::new());
        for _ in 0..RUNS {
            let (floor, inbox) = Floor::new();
            against.push(self.runtime.block_on(cycles(floor, inbox, callers))?);
            own.push(self.runtime.block_on(cycles(self.gate.clone(), (), callers))?);
        }
        Ok(Row {
            name: format!("full cycles a second, {callers} callers"),
            own: own.show(0, ""),
            against: against.show(0, ""),
            comparison: own.against(&against, |own, against| own / against).show(2, "×"),
        })
    }
}
