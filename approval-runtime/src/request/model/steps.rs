//! The steps from one world to others: of the clock, the store, people and processes.

use super::*;

/// Says what a process is about to write, and where it stands then; nothing where the rules say no.
type Prepares<'a> = dyn Fn(&mut Search, Does, Stands) -> Option<(Step, World)> + 'a;

impl Search {
    /// Takes all steps from a world, and says whether there was one.
    pub(super) fn steps(&mut self, world: World) -> bool {
        let mut any = false;
        let mut go = |search: &mut Self, step, world| {
            any = true;
            search.enter(step, world);
        };
        if world.wall < LAST {
            let wall = world.wall + 1;
            let mut next = World { wall, seen: world.seen.max(wall), ..world };
            next.processes.iter_mut().for_each(|process| process.silent = true);
            go(self, Step::Tick, next);
        }
        if self.scope.steps_back && !world.stepped_back && world.wall > 0 {
            go(self, Step::ClockBack, World { wall: world.wall - 1, stepped_back: true, ..world });
        }
        if world.owed > 0 {
            go(self, Step::AppendRow, World { owed: world.owed - 1, rows: world.rows + 1, ..world });
        }
        if let (Some(place), None, true) = (world.record, world.backup, self.scope.restores) {
            go(self, Step::Backup, World { backup: Some((place, world.rows)), ..world });
        }
        if let (Some((place, rows)), 0) = (world.backup, world.life) {
            go(self, Step::Restore, World { record: Some(place), rows, owed: 0, life: 1, ..world });
        }
        for number in 0..world.processes.len() {
            for (step, next) in self.process(world, number) {
                go(self, step, next);
            }
        }
        for (number, does) in [Does::Approve, Does::Reject, Does::Cancel].into_iter().enumerate() {
            let mut next = world;
            match world.people[number] {
                Person::Idle if world.record.is_some() => {
                    if let Ok(writes) = self.prepare(world, does) {
                        next.people[number] = Person::Acting(writes);
                        go(self, Step::Prepare(does), next);
                    }
                }
                Person::Acting(writes) => match self.commit(world, writes) {
                    Some(mut next) => {
                        next.people[number] = Person::Done;
                        go(self, Step::Commit(does), next);
                    }
                    None => {
                        next.people[number] = Person::Idle;
                        go(self, Step::Refused(does), next);
                    }
                },
                _ => {}
            }
        }
        for does in self.upkeep(world) {
            if let Ok(writes) = self.prepare(world, does)
                && let Some(next) = self.commit(world, writes)
            {
                go(self, Step::Commit(does), next);
            }
        }
        any
    }

    /// What others do when they look: what has ended by itself, whose heart stopped, what nobody knows.
    fn upkeep(&self, world: World) -> Vec<Does> {
        let Some(request) = self.request(world) else { return Vec::new() };
        let mut does = vec![Does::Due];
        if request.is_indeterminate() {
            does.push(Does::Settle);
        }
        let held = (0..4).find(|gate| request.held_by() == Some(id(*gate)) && is_lapsed(world, *gate));
        if let Some(gate) = held {
            does.push(match request.execution().state {
                ExecutionState::Executing if self.wrong == Wrong::RequeueOnLapsedHeartbeat => Does::Requeue(gate),
                ExecutionState::Executing => Does::Orphan(gate),
                _ => Does::Leave(gate),
            });
        }
        does
    }

    fn process(&mut self, world: World, number: usize) -> Vec<(Step, World)> {
        let process = world.processes[number];
        let gate = gate_of(number, process.back);
        let mut steps = Vec::new();
        let with = |world: World, change: &dyn Fn(&mut Process)| {
            let mut next = world;
            change(&mut next.processes[number]);
            next
        };
        if process.stands == Stands::Gone {
            if !process.back {
                let mut next = with(world, &|process| {
                    *process = Process { stands: Stands::Idle, writes: None, back: true, silent: false, gave_up: false };
                });
                let held = self.request(world).filter(|request| request.execution().state == ExecutionState::Executing);
                if self.wrong == Wrong::RequeueAfterCrash
                    && held.is_some_and(|request| request.held_by() == Some(id(gate)))
                    && let Ok(writes) = self.prepare(world, Does::Requeue(gate))
                {
                    next = self.commit(next, writes).unwrap_or(next);
                }
                steps.push((Step::Restart(number), next));
            }
            return steps;
        }
        if process.stands == Stands::Over && world.life > 0 {
            // A backup may know it as the holder of what it has long finished: that is settled when it ends.
            let next = with(world, &|process| (process.stands, process.back) = (Stands::Gone, true));
            steps.push((Step::End(number), next));
        }
        if process.silent {
            steps.push((Step::Beat(number), with(world, &|process| process.silent = false)));
        }
        let busy = !matches!(process.stands, Stands::Idle | Stands::Over);
        if world.crashes < CRASHES && busy {
            let next = with(world, &|process| (process.stands, process.writes) = (Stands::Gone, None));
            steps.push((Step::Crash(number), World { crashes: world.crashes + 1, owed: 0, ..next }));
        }
        if let Some(writes) = process.writes {
            steps.push(self.written(with(world, &|process| process.writes = None), number, writes));
            return steps;
        }
        let prepares = |search: &mut Self, does, stands| {
            let writes = search.prepare(world, does).ok()?;
            let next = with(world, &|process| (process.stands, process.writes) = (stands, Some(writes)));
            Some((Step::Prepare(does), next))
        };
        let status = self.request(world).map(ApprovalRequest::status);
        match (process.stands, status) {
            (Stands::Idle, None) if world.seen == 0 => steps.extend(prepares(self, Does::Insert(gate), Stands::Inserting)),
            (Stands::Idle, Some(status)) => {
                let waited_for = self.request(world).is_some_and(ApprovalRequest::is_waited_for);
                if status == ApprovalStatus::Approved && !waited_for {
                    steps.extend(prepares(self, Does::Claim(gate), Stands::Claiming));
                }
                let next = with(world, &|process| process.stands = Stands::Attaching);
                steps.push((Step::Refused(Does::Insert(gate)), next));
            }
            (Stands::Attaching, Some(status)) => match self.prepare(world, Does::Attach(gate)) {
                Err(Conflict::Repeated) => {
                    steps.push((Step::Refused(Does::Attach(gate)), with(world, &|process| process.stands = Stands::Waiting)));
                }
                // What the caller learns is as the store's clock has it.
                Err(_) => steps.push(self.told(world, number, self.status_now(world).unwrap_or(status))),
                Ok(_) => steps.extend(prepares(self, Does::Attach(gate), Stands::Attaching)),
            },
            (Stands::Waiting, Some(status)) => self.waits(world, number, gate, status, &mut steps, &prepares),
            (Stands::Claiming, _) => {
                steps.push((Step::Refused(Does::Claim(gate)), with(world, &|process| process.stands = Stands::Waiting)));
            }
            (Stands::Starting, _) => steps.push(self.starts(world, number, gate)),
            (Stands::Running, Some(status)) => {
                let finishes = [true, false].map(|executed| prepares(self, Does::Finish(gate, executed), Stands::Running));
                if finishes.iter().all(Option::is_none) {
                    // Somebody else said how it ended, or it is of a life that is over.
                    let next = with(world, &|process| process.stands = Stands::Over);
                    steps.push((Step::Told(number, status), next));
                }
                steps.extend(finishes.into_iter().flatten());
            }
            _ => {}
        }
        steps
    }

    fn waits(
        &mut self,
        world: World,
        number: usize,
        gate: Gate,
        status: ApprovalStatus,
        steps: &mut Vec<(Step, World)>,
        prepares: &Prepares<'_>,
    ) {
        let due = self.request(world).is_some_and(|request| self.now(world).time >= request.expires_at());
        if self.wrong == Wrong::WaitersOwnTimeOut && due {
            steps.push(self.told(world, number, ApprovalStatus::TimedOut));
            return;
        }
        match status {
            ApprovalStatus::Pending => {
                if due {
                    steps.extend(prepares(self, Does::TimeOut, Stands::Waiting));
                } else {
                    let gives_up = prepares(self, Does::GiveUp(gate), Stands::Waiting);
                    // Where another gate's call waits, there is nothing to write.
                    steps.push(gives_up.unwrap_or_else(|| (Step::Told(number, status), over(world, number, true))));
                    steps.extend(prepares(self, Does::Withdraw(gate), Stands::Waiting));
                }
            }
            ApprovalStatus::Approved => {
                if self.wrong == Wrong::BodyBeforeClaim {
                    steps.push(self.starts(world, number, gate));
                }
                match prepares(self, Does::Claim(gate), Stands::Claiming) {
                    Some(step) => steps.push(step),
                    None => steps.push(self.told(world, number, self.status_now(world).unwrap_or(status))),
                }
            }
            _ => steps.push(self.told(world, number, status)),
        }
    }

    fn starts(&mut self, mut world: World, number: usize, gate: Gate) -> (Step, World) {
        if world.claimed & 1 << gate == 0 {
            self.breaks(Property::I01BodyAfterDurableClaim);
        }
        if world.starts > 0 {
            self.breaks(Property::I02OneStart);
        }
        world.starts = 2.min(world.starts + 1);
        world.processes[number].stands = Stands::Running;
        (Step::Start(number), world)
    }

    /// The caller learns where the request stands; that has to be where it stands for everybody.
    fn told(&mut self, world: World, number: usize, status: ApprovalStatus) -> (Step, World) {
        if self.status_now(world) != Some(status) {
            self.breaks(Property::I04OneOutcomeForAll);
        }
        (Step::Told(number, status), over(world, number, false))
    }

    /// The store did not take a process's write: it looks again.
    pub(super) fn refused(&self, mut world: World, number: usize, does: Does) -> World {
        let process = &mut world.processes[number];
        process.stands = match (process.stands, does) {
            (Stands::Inserting, _) => Stands::Attaching,
            (Stands::Claiming, _) => Stands::Waiting,
            (stands, _) => stands,
        };
        world
    }

    /// The store took a process's write, or did not.
    fn written(&mut self, world: World, number: usize, writes: Writes) -> (Step, World) {
        let does = writes.does;
        let Some(mut next) = self.commit(world, writes) else {
            return (Step::Refused(does), self.refused(world, number, does));
        };
        let claimed = self.request(next).and_then(|request| request.execution().claim_id);
        let process = &mut next.processes[number];
        process.stands = match does {
            Does::Insert(_) | Does::Attach(_) | Does::TimeOut => Stands::Waiting,
            Does::Claim(gate) if claimed == Some(claim(gate)) => Stands::Starting,
            _ => Stands::Over,
        };
        process.gave_up |= matches!(does, Does::GiveUp(_));
        (Step::Commit(does), next)
    }
}

fn over(mut world: World, number: usize, gave_up: bool) -> World {
    world.processes[number].stands = Stands::Over;
    world.processes[number].gave_up |= gave_up;
    world
}

fn is_lapsed(world: World, gate: Gate) -> bool {
    let process = world.processes[usize::from(gate / 2)];
    process.back != (gate % 2 == 1) || process.stands == Stands::Gone || process.silent
}
