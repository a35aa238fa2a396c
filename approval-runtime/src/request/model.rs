//! A model of the lifecycle: two processes that call, reviewers, an operator, a clock that steps, crashes and a restored backup,
//! in every order that there is.
//!
//! What changes a record are the real [`open`] and [`apply`], and the real [`Guard::holds`] says whether it is written. Store and
//! processes are modelled: a process decides what to write in one step, and the store takes it in another, so that anything can
//! come between the two. [`Wrong`] is what can be done wrong around the rules; each is caught by the property that names it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use super::*;
use crate::decision::{Answer, Reviewer};
use crate::tool::{Tool, ToolRef};

/// What the store, the rules or a process may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    OverwrittenDecision,
    DeadlineNotInCondition,
    WaitersOwnTimeOut,
    BodyBeforeClaim,
    RequeueAfterCrash,
    RequeueOnLapsedHeartbeat,
    CancelWhileExecuting,
    NoGrantExpiry,
    AuditOutsideTransaction,
    NoIncarnationCheck,
    ClaimWithoutCompareAndSet,
    GiveUpThatDenies,
    ClockThatGoesBack,
}

/// What has to hold, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Property {
    I01BodyAfterDurableClaim,
    I02OneStart,
    I03FirstDecisionIsFinal,
    I04OneOutcomeForAll,
    I06NothingOutOfTime,
    I12NoStartAfterTheEnd,
    I13LostStartIsUnknown,
    I14OnlyTheHolderSays,
    I15UnusedGrantExpires,
    I21OneRowAVersion,
    I30ClockDoesNotGoBack,
    I31NothingOfAnEarlierLifeStarts,
    CancelLeavesWhatStarted,
    GivingUpDeniesNothing,
}

/// What the search has to come across, or it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Executed,
    Failed,
    Rejected,
    TimedOut,
    Cancelled,
    GrantExpired,
    LifeEnded,
    Unknown,
    HolderSpokeAfterAll,
    Settled,
    StartedByAnother,
    GivenUpAndExecuted,
    LateWriteRefused,
}

impl Reached {
    const ALL: usize = Self::LateWriteRefused as usize + 1;
}

/// Seconds. A grant holds for one of these, people have two.
const TICK: i64 = 900;
const LAST: u8 = 2;

/// How many processes may crash; each comes back once.
const CRASHES: u8 = 2;

/// What there is in a world. All of it in one would be more worlds than a test has time for.
#[derive(Clone, Copy, Debug)]
struct Scope {
    processes: usize,
    /// Who acts beside Alice, who approves: Bob, who rejects, and the operator, who cancels.
    rejects: bool,
    cancels: bool,
    /// A backup is put back; and the clock steps back.
    restores: bool,
    steps_back: bool,
}

/// Two processes make the same call, reviewers disagree, and it is revoked.
const CALLS: Scope = Scope { processes: 2, rejects: true, cancels: true, restores: false, steps_back: false };

/// One process and everything that may happen to its store.
const STORE: Scope = Scope { processes: 1, rejects: true, cancels: true, restores: true, steps_back: true };

/// A life of a process: twice its number, and one more once it came back.
type Gate = u8;

/// A record's place in [`Records`].
type Place = u16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Does {
    Insert(Gate),
    Attach(Gate),
    GiveUp(Gate),
    Leave(Gate),
    Withdraw(Gate),
    TimeOut,
    Claim(Gate),
    Finish(Gate, bool),
    Approve,
    Reject,
    Cancel,
    Orphan(Gate),
    Requeue(Gate),
    Due,
    Settle,
}

/// What somebody is about to write: made from a record, at a time, in a life of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Writes {
    does: Does,
    from: Place,
    at: u8,
    life: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stands {
    Idle,
    Inserting,
    Attaching,
    Waiting,
    Claiming,
    /// The claim is written, the body has not started.
    Starting,
    Running,
    Over,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Process {
    stands: Stands,
    writes: Option<Writes>,
    back: bool,
    /// Its heart did not beat since the clock moved. It may be paused.
    silent: bool,
    gave_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Person {
    Idle,
    Acting(Writes),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    record: Option<Place>,
    /// Rows of the history, and how many are still to be written where that is done apart.
    rows: u8,
    owed: u8,
    wall: u8,
    seen: u8,
    stepped_back: bool,
    life: u8,
    backup: Option<(Place, u8)>,
    crashes: u8,
    processes: [Process; 2],
    /// Who approves, who rejects, who cancels.
    people: [Person; 3],
    /// What nobody in the world knows: how many bodies started, whose claims were written, whether it has ended for starts.
    starts: u8,
    claimed: u8,
    over: bool,
}

/// Makes the step that gets a write ready.
type Prepares<'a, S> = dyn Fn(&mut S, Does, Stands) -> Option<(Step, World)> + 'a;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begin,
    Tick,
    ClockBack,
    Beat(usize),
    Crash(usize),
    Restart(usize),
    End(usize),
    Prepare(Does),
    Commit(Does),
    Refused(Does),
    Start(usize),
    Told(usize, ApprovalStatus),
    AppendRow,
    Backup,
    Restore,
}

fn time(tick: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(TICK * i64::from(tick))
}

fn moment(tick: u8, life: u8) -> Moment {
    Moment::at(time(tick)).of_incarnation(life.into())
}

fn id(gate: Gate) -> Uuid {
    Uuid::from_u128(gate.into())
}

fn gate_of(number: usize, back: bool) -> Gate {
    u8::try_from(number).expect("two processes") * 2 + u8::from(back)
}

fn claim(gate: Gate) -> Uuid {
    Uuid::from_u128(16 + u128::from(gate))
}

fn ask(tick: u8) -> Arc<Ask> {
    let tool = Tool::named("pay").timeout(Duration::from_secs(TICK.unsigned_abs() * 2));
    Arc::new(Ask {
        id: RequestId::from(Uuid::from_u128(99)),
        namespace: "default".into(),
        tool: ToolRef::Shared(Arc::new(tool)),
        arguments: Arguments::from_canonical("{}").unwrap(),
        agent: None,
        call_id: None,
        reason: None,
        created_at: time(tick),
        policy_version: 1,
        incarnation: 0,
        key: None,
    })
}

/// The records that were ever made, and what comes of each. One place for all that differ only in their histories.
struct Records {
    wrong: Wrong,
    all: Vec<ApprovalRequest>,
    places: FxHashMap<String, Place>,
    changes: FxHashMap<Writes, Result<(Place, Guard), Conflict>>,
}

/// Where a request comes from.
const NOTHING: Place = Place::MAX;

impl Records {
    fn place(&mut self, request: ApprovalRequest) -> Place {
        let row = request.audit_row().expect("it was made here");
        assert_eq!(row.version, request.version());
        let state = request.state();
        let State { version, decided, execution, ended_because, waiter, withdrawn, .. } = state;
        let key = format!("{version} {} {decided:?} {execution:?} {ended_because:?} {waiter:?} {withdrawn}", state.status);
        *self.places.entry(key).or_insert_with(|| {
            self.all.push(request);
            Place::try_from(self.all.len() - 1).expect("few records")
        })
    }

    /// Returns what a write makes, and its guard: it is decided when it is prepared, and is the same when it is committed.
    fn change(&mut self, writes: Writes) -> Result<(Place, Guard), Conflict> {
        if let Some(known) = self.changes.get(&writes) {
            return *known;
        }
        let change = self.apply(writes).map(|(request, guard)| (self.place(request), guard));
        self.changes.insert(writes, change);
        change
    }

    fn apply(&self, Writes { does, from, at, life }: Writes) -> Result<(ApprovalRequest, Guard), Conflict> {
        let mut moment = moment(at, life);
        if let Does::Insert(gate) = does {
            let ask = ask(at);
            let change = open(&ask, Verdict::Ask { waiter: Some(id(gate)) }, moment);
            return Ok((ApprovalRequest::new(ask, change.state), change.guard));
        }
        let mut request = self.all[usize::from(from)].clone();
        let event = match does {
            Does::Due => request.due_event(moment).ok_or(Conflict::NotDue)?,
            _ => self.event(does, &request),
        };
        let started = request.execution().claim_id.is_some();
        match (self.wrong, does) {
            (Wrong::OverwrittenDecision, Does::Approve | Does::Reject) if !started => {
                let state = State::clone(request.state());
                let votes = Arc::default();
                request = request.with(State { status: ApprovalStatus::Pending, decided: None, votes, ..state });
            }
            (Wrong::CancelWhileExecuting, Does::Cancel) | (_, Does::Requeue(_)) if started => {
                let mut state = State::clone(request.state());
                let end = state.execution().grant_expires_at;
                *state.execution_mut() = ExecutionRecord { grant_expires_at: end, ..ExecutionRecord::default() };
                request = request.with(state);
            }
            (Wrong::NoGrantExpiry, Does::Due) if request.status() == ApprovalStatus::Approved => return Err(Conflict::NotDue),
            (Wrong::NoGrantExpiry, Does::Claim(_)) => moment.time = request.decided_at().unwrap_or(moment.time),
            _ => {}
        }
        apply(&request, &event, moment).map(|change| (request.with(change.state), change.guard))
    }

    fn event(&self, does: Does, request: &ApprovalRequest) -> Event {
        let vote = |name, answer| Event::Vote {
            reviewer: Reviewer::new(name),
            answer,
            digest: Some(request.digest()),
            edited: None,
            comment: None,
            door: "test",
        };
        match does {
            Does::Approve => vote("alice", Answer::Approve),
            Does::Reject => vote("bob", Answer::Reject),
            Does::Cancel => Event::Cancel { by: "operator".into() },
            Does::GiveUp(gate) if self.wrong == Wrong::GiveUpThatDenies => Event::Withdraw { waiter: id(gate) },
            Does::GiveUp(gate) | Does::Leave(gate) => Event::Leave { waiter: id(gate) },
            Does::Withdraw(gate) => Event::Withdraw { waiter: id(gate) },
            Does::Insert(gate) | Does::Attach(gate) | Does::Requeue(gate) => Event::Attach { waiter: id(gate) },
            Does::TimeOut | Does::Due => Event::TimeOut,
            Does::Claim(gate) => Event::Claim {
                claim_id: claim(gate),
                holder: id(gate),
                digest: request.digest(),
                fingerprint: request.tool().fingerprint(),
                denied: None,
            },
            Does::Finish(gate, executed) => {
                let outcome = if executed { Outcome::Executed } else { Outcome::Failed };
                Event::Finish { claim_id: claim(gate), outcome, result: None }
            }
            Does::Orphan(gate) => Event::Orphan { holder: id(gate) },
            Does::Settle => Event::Settle { by: Reviewer::new("alice"), outcome: Settlement::Executed, door: "test" },
        }
    }
}

/// A breadth-first search of all worlds that there are.
struct Search {
    wrong: Wrong,
    scope: Scope,
    records: Records,
    /// Each world once, with the step that led to it first and from where.
    worlds: Vec<(World, usize, Step)>,
    known: FxHashMap<World, ()>,
    found: BTreeMap<Property, usize>,
    reached: BTreeMap<Reached, usize>,
    /// The place of the world whose steps are being taken.
    here: usize,
}

impl Search {
    fn of(wrong: Wrong, scope: Scope) -> Self {
        let records = Records { wrong, all: Vec::new(), places: FxHashMap::default(), changes: FxHashMap::default() };
        let process = Process { stands: Stands::Idle, writes: None, back: false, silent: false, gave_up: false };
        let mut processes = [process; 2];
        processes[scope.processes..].iter_mut().for_each(|process| process.stands = Stands::Over);
        let person = |acts| if acts { Person::Idle } else { Person::Done };
        let world = World {
            record: None,
            rows: 0,
            owed: 0,
            wall: 0,
            seen: 0,
            stepped_back: false,
            life: 0,
            backup: None,
            crashes: 0,
            processes,
            people: [Person::Idle, person(scope.rejects), person(scope.cancels)],
            starts: 0,
            claimed: 0,
            over: false,
        };
        let mut search = Self {
            wrong,
            scope,
            records,
            worlds: Vec::new(),
            known: FxHashMap::default(),
            found: BTreeMap::new(),
            reached: BTreeMap::new(),
            here: 0,
        };
        search.enter(Step::Begin, world);
        search
    }

    /// Takes every step from every world, until none is new or the property is found broken; without one, any.
    fn run(&mut self, until: Option<Property>) {
        let broken = |found: &BTreeMap<_, _>| until.map_or(!found.is_empty(), |property| found.contains_key(&property));
        while self.here < self.worlds.len() && !broken(&self.found) {
            let world = self.worlds[self.here].0;
            if !self.steps(world) {
                self.check_end(world);
            }
            self.here += 1;
        }
    }

    /// Nothing more can happen: then nothing may be open.
    fn check_end(&self, world: World) {
        if self.wrong != Wrong::Nothing {
            return;
        }
        if let Some(request) = self.request(world) {
            let open = request.next_deadline().is_some() || request.execution().state == ExecutionState::Executing;
            assert!(!open, "stuck: {}", self.trace(self.here));
        }
    }

    fn trace(&self, mut place: usize) -> String {
        let mut steps = Vec::new();
        while place != 0 {
            let (_, from, step) = self.worlds[place];
            steps.push(format!("{step:?}"));
            place = from;
        }
        steps.reverse();
        steps.join(", ")
    }

    fn enter(&mut self, step: Step, world: World) {
        let mut world = self.settled(world);
        world.over = world.over || self.request(world).is_some_and(|request| has_ended_for_starts(request, self.now(world)));
        if self.known.insert(world, ()).is_some() {
            return;
        }
        self.worlds.push((world, self.here, step));
        let version = self.request(world).map_or(0, ApprovalRequest::version);
        if u32::from(world.rows) != version {
            self.breaks(Property::I21OneRowAVersion);
        }
        if let Some(before) = self.worlds.get(self.here)
            && world.life == before.0.life
            && self.now(world).time < self.now(before.0).time
        {
            self.breaks(Property::I30ClockDoesNotGoBack);
        }
    }

    /// Returns the one world that stands for all that go on in the same way.
    fn settled(&mut self, mut world: World) -> World {
        // A write whose condition no longer holds will never be taken: it may as well be refused now.
        for number in 0..world.people.len() {
            if let Person::Acting(writes) = world.people[number]
                && !self.holds(world, writes)
            {
                world.people[number] = Person::Idle;
            }
        }
        for number in 0..world.processes.len() {
            if let Some(writes) = world.processes[number].writes
                && !self.holds(world, writes)
            {
                world.processes[number].writes = None;
                world = self.refused(world, number, writes.does);
            }
        }
        let Some(request) = self.request(world) else { return world };
        let (held_by, has_ended) = (request.held_by(), request.has_ended());
        for (number, process) in world.processes.iter_mut().enumerate() {
            // Nobody asks after the heart of a process that holds nothing.
            process.silent &= held_by == Some(id(gate_of(number, process.back)));
        }
        if has_ended && self.wrong != Wrong::OverwrittenDecision {
            world.people = [Person::Done; 3];
        }
        world
    }

    fn breaks(&mut self, property: Property) {
        let here = self.here;
        self.found.entry(property).or_insert(here);
    }

    fn reaches(&mut self, reached: Reached) {
        let here = self.here;
        self.reached.entry(reached).or_insert(here);
    }

    fn request(&self, world: World) -> Option<&ApprovalRequest> {
        world.record.map(|place| &self.records.all[usize::from(place)])
    }

    fn status_now(&self, world: World) -> Option<ApprovalStatus> {
        self.request(world).map(|request| request.status_at(self.now(world)))
    }

    fn tick(&self, world: World) -> u8 {
        if self.wrong == Wrong::ClockThatGoesBack { world.wall } else { world.seen }
    }

    fn life(&self, world: World) -> u8 {
        if self.wrong == Wrong::NoIncarnationCheck { 0 } else { world.life }
    }

    fn now(&self, world: World) -> Moment {
        moment(self.tick(world), self.life(world))
    }

    /// Says what a write would be, from what the store has now.
    fn prepare(&mut self, world: World, does: Does) -> Result<Writes, Conflict> {
        let from = world.record.unwrap_or(NOTHING);
        let writes = Writes { does, from, at: self.tick(world), life: self.life(world) };
        self.records.change(writes).map(|_| writes)
    }

    /// Says whether the store takes a write.
    fn holds(&mut self, world: World, writes: Writes) -> bool {
        let (_, mut guard) = self.records.change(writes).expect("it was prepared");
        let now = self.now(world);
        let stored = self.request(world).map_or(0, ApprovalRequest::version);
        match (self.wrong, writes.does) {
            (Wrong::DeadlineNotInCondition, _) => (guard.not_before, guard.not_after) = (None, None),
            (Wrong::NoGrantExpiry, Does::Claim(_)) => guard.not_after = None,
            (Wrong::ClaimWithoutCompareAndSet, Does::Claim(_)) => guard.version = stored,
            _ => {}
        }
        let holds = guard.holds(stored, now);
        if !holds && guard.version == stored {
            self.reaches(Reached::LateWriteRefused);
        }
        holds
    }

    /// Takes a write, if what has to hold does.
    fn commit(&mut self, mut world: World, writes: Writes) -> Option<World> {
        if !self.holds(world, writes) {
            return None;
        }
        let (to, _) = self.records.change(writes).expect("it was prepared");
        let before = world.record.map(|place| self.records.all[usize::from(place)].clone());
        let after = self.records.all[usize::from(to)].clone();
        if let Some(before) = before {
            self.check_commit(world, &before, &after, writes.does);
        }
        world.record = Some(to);
        match self.wrong {
            Wrong::AuditOutsideTransaction => world.owed += 1,
            _ => world.rows += 1,
        }
        if let (Does::Claim(gate), Some(holder)) = (writes.does, after.execution().claim_id)
            && holder == claim(gate)
        {
            world.claimed |= 1 << gate;
        }
        Some(world)
    }

    fn check_commit(&mut self, world: World, before: &ApprovalRequest, after: &ApprovalRequest, does: Does) {
        let now = moment(self.tick(world), world.life);
        let (old, new) = (before.execution(), after.execution());
        let (from, to) = (before.status(), after.status());
        if before.decided_by().is_some() && before.decided_by() != after.decided_by() {
            self.breaks(Property::I03FirstDecisionIsFinal);
        }
        let approves = from == ApprovalStatus::Pending && to == ApprovalStatus::Approved;
        let times_out = from == ApprovalStatus::Pending && to == ApprovalStatus::TimedOut;
        if approves && now.time >= before.expires_at() || times_out && now.time < before.expires_at() {
            self.breaks(Property::I06NothingOutOfTime);
        }
        let starts = old.claim_id != new.claim_id && new.claim_id.is_some();
        if starts && world.over {
            self.breaks(Property::I12NoStartAfterTheEnd);
        }
        if starts && old.grant_expires_at.is_none_or(|end| now.time >= end) {
            self.breaks(Property::I15UnusedGrantExpires);
        }
        if (starts || approves) && before.incarnation() != now.incarnation {
            self.breaks(Property::I31NothingOfAnEarlierLifeStarts);
        }
        if old.claim_id.is_some() && new.state == ExecutionState::NotStarted && does != Does::Cancel {
            self.breaks(Property::I13LostStartIsUnknown);
        }
        let ends = matches!(new.state, ExecutionState::Executed | ExecutionState::Failed) && old.state != new.state;
        match does {
            Does::Finish(gate, _) if ends && old.claim_id == Some(claim(gate)) => {}
            Does::Settle if ends && old.state == ExecutionState::Indeterminate => {}
            _ if ends => self.breaks(Property::I14OnlyTheHolderSays),
            _ => {}
        }
        if does == Does::Cancel && old.claim_id.is_some() {
            self.breaks(Property::CancelLeavesWhatStarted);
        }
        if matches!(does, Does::GiveUp(_)) && from != to {
            self.breaks(Property::GivingUpDeniesNothing);
        }
        let reached = match (to, new.state) {
            (_, ExecutionState::Executed | ExecutionState::Failed) if does == Does::Settle => Some(Reached::Settled),
            (_, ExecutionState::Executed) if old.state == ExecutionState::Indeterminate => Some(Reached::HolderSpokeAfterAll),
            (_, ExecutionState::Executed) => Some(Reached::Executed),
            (_, ExecutionState::Failed) => Some(Reached::Failed),
            (_, ExecutionState::Indeterminate) => Some(Reached::Unknown),
            (ApprovalStatus::Rejected, _) => Some(Reached::Rejected),
            (ApprovalStatus::TimedOut, _) => Some(Reached::TimedOut),
            (ApprovalStatus::Cancelled, _) => Some(Reached::Cancelled),
            (ApprovalStatus::Expired, _) => Some(match after.ended_because() {
                Some(EndedBecause::Incarnation) => Reached::LifeEnded,
                _ => Reached::GrantExpired,
            }),
            _ => None,
        };
        reached.into_iter().for_each(|reached| self.reaches(reached));
        if matches!(reached, Some(Reached::Executed)) && world.processes[0].gave_up {
            self.reaches(Reached::GivenUpAndExecuted);
        }
        if starts && matches!(does, Does::Claim(gate) if gate >= 2) {
            self.reaches(Reached::StartedByAnother);
        }
    }

    /// Takes all steps from a world, and says whether there was one.
    fn steps(&mut self, world: World) -> bool {
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
        prepares: &Prepares<'_, Self>,
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
    fn refused(&self, mut world: World, number: usize, does: Does) -> World {
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

fn has_ended_for_starts(request: &ApprovalRequest, now: Moment) -> bool {
    !matches!(request.status_at(now), ApprovalStatus::Pending | ApprovalStatus::Approved)
        || request.execution().state != ExecutionState::NotStarted
}

const SCOPES: [Scope; 2] = [CALLS, STORE];

/// I1, I2, I3, I4, I6, I12, I13, I14, I15, I21, I30, I31 in every world that there is, and in none of them is anything stuck.
#[test]
fn right_lifecycle_breaks_no_property() {
    let mut reached = BTreeSet::new();
    for scope in SCOPES {
        let mut search = Search::of(Wrong::Nothing, scope);
        search.run(None);
        let traces: Vec<_> =
            search.found.iter().map(|(property, place)| format!("{property:?}: {}", search.trace(*place))).collect();
        assert!(traces.is_empty(), "{traces:#?}");
        println!("{} worlds, {} records: {scope:?}", search.worlds.len(), search.records.all.len());
        assert!(search.worlds.len() > 20_000, "{} worlds are too few", search.worlds.len());
        reached.extend(search.reached.into_keys());
    }
    assert_eq!(reached.len(), Reached::ALL, "{reached:?}");
}

/// Each is caught by the property that is about it.
#[test]
fn each_wrong_lifecycle_breaks_its_property() {
    let wrongs = [
        (Wrong::OverwrittenDecision, Property::I03FirstDecisionIsFinal),
        (Wrong::DeadlineNotInCondition, Property::I06NothingOutOfTime),
        (Wrong::WaitersOwnTimeOut, Property::I04OneOutcomeForAll),
        (Wrong::BodyBeforeClaim, Property::I01BodyAfterDurableClaim),
        (Wrong::RequeueAfterCrash, Property::I02OneStart),
        (Wrong::RequeueOnLapsedHeartbeat, Property::I13LostStartIsUnknown),
        (Wrong::CancelWhileExecuting, Property::CancelLeavesWhatStarted),
        (Wrong::NoGrantExpiry, Property::I15UnusedGrantExpires),
        (Wrong::AuditOutsideTransaction, Property::I21OneRowAVersion),
        (Wrong::NoIncarnationCheck, Property::I31NothingOfAnEarlierLifeStarts),
        (Wrong::ClaimWithoutCompareAndSet, Property::I02OneStart),
        (Wrong::GiveUpThatDenies, Property::GivingUpDeniesNothing),
        (Wrong::ClockThatGoesBack, Property::I30ClockDoesNotGoBack),
    ];
    for (wrong, property) in wrongs {
        let broken = SCOPES.into_iter().find_map(|scope| {
            let mut search = Search::of(wrong, scope);
            search.run(Some(property));
            search.found.get(&property).map(|place| (search.worlds.len(), search.trace(*place)))
        });
        let (worlds, trace) = broken.unwrap_or_else(|| panic!("{wrong:?} keeps {property:?}"));
        println!("{wrong:?} breaks {property:?} ({worlds} worlds): {trace}");
    }
}
