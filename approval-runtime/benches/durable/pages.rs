//! Pages out of many that wait, and a restart with them.

use std::path::Path;
use std::time::Instant;

use approval_runtime::{ApprovalGate, ApprovalStatus, Cursor, RequestQuery, SqliteStore};
use tokio::runtime::Runtime;

use crate::figures::{Row, Runs, quantile};
use crate::{Dir, Failed, RUNS, gate, request};

const PAGES: usize = 200;

async fn fill(path: &Path, count: usize) -> Result<(), Failed> {
    let gate = gate(SqliteStore::open(path)?)?;
    let makers = (0..1_000).map(|_| {
        let gate = gate.clone();
        tokio::spawn(async move {
            for _ in 0..count / 1_000 {
                gate.create_request(request()).await?;
            }
            Ok::<_, approval_runtime::Refusal>(())
        })
    });
    for maker in makers.collect::<Vec<_>>() {
        maker.await??;
    }
    gate.shutdown().await;
    Ok(())
}

fn query(after: Option<Cursor>) -> RequestQuery {
    let query = RequestQuery::new().status(ApprovalStatus::Pending).limit(100);
    match after {
        Some(after) => query.after(after),
        None => query,
    }
}

/// The microseconds of a page, some way in.
async fn page(gate: &ApprovalGate) -> Result<f64, Failed> {
    let mut seen = Vec::new();
    let mut after = None;
    for _ in 0..PAGES {
        let start = Instant::now();
        let page = gate.get_requests(&query(after)).await?;
        seen.push(start.elapsed().as_secs_f64() * 1e6);
        assert_eq!(page.requests.len(), 100);
        // Around and around: the fewer there are, the sooner it begins anew.
        after = page.next;
    }
    Ok(quantile(&mut seen, 0.5))
}

pub(crate) fn measure(runtime: &Runtime) -> Result<[Row; 2], Failed> {
    let dir = Dir::new()?;
    let (few, many) = (dir.file("few.db"), dir.file("many.db"));
    runtime.block_on(fill(&few, 1_000))?;
    runtime.block_on(fill(&many, 100_000))?;
    let (mut own, mut against, mut restart, mut restart_few) = (Runs::new(), Runs::new(), Runs::new(), Runs::new());
    for _ in 0..RUNS {
        for (path, pages, restart) in [(&few, &mut against, &mut restart_few), (&many, &mut own, &mut restart)] {
            let start = Instant::now();
            let gate = gate(SqliteStore::open(path)?)?;
            runtime.block_on(gate.get_requests(&query(None)))?;
            restart.push(start.elapsed().as_secs_f64() * 1e3);
            pages.push(runtime.block_on(page(&gate))?);
        }
    }
    let ratio = |own: &Runs, against: &Runs| own.against(against, |own, against| own / against).show(2, "×");
    Ok([
        Row {
            name: "a page of 100 out of 100,000 pending, against 1,000".into(),
            own: own.show(0, " µs"),
            against: against.show(0, " µs"),
            comparison: ratio(&own, &against),
        },
        Row {
            name: "opening, and the first page of 100,000 pending, against 1,000".into(),
            own: restart.show(1, " ms"),
            against: restart_few.show(1, " ms"),
            comparison: ratio(&restart, &restart_few),
        },
    ])
}
