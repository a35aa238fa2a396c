//! The worlds that there are: a breadth-first search, and the store in each.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stands {
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
pub(super) struct Process {
    pub(super) stands: Stands,
    pub(super) writes: Option<Writes>,
    pub(super) back: bool,
    /// Its heart did not beat since the clock moved. It may be paused.
    pub(super) silent: bool,
    pub(super) gave_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Person {
    Idle,
    Acting(Writes),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) record: Option<Place>,
    /// Rows of the history, and how many are still to be written where that is done apart.
    pub(super) rows: u8,
    pub(super) owed: u8,
    pub(super) wall: u8,
    pub(super) seen: u8,
    pub(super) stepped_back: bool,
    pub(super) life: u8,
    pub(super) backup: Option<(Place, u8)>,
    pub(super) crashes: u8,
    pub(super) processes: [Process; 2],
    /// Who approves, who rejects, who cancels.
    pub(super) people: [Person; 3],
    /// What nobody in the world knows: how many bodies started, whose claims were written, whether it has ended for starts.
    pub(super) starts: u8,
    pub(super) claimed: u8,
    pub(super) over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
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

/// A breadth-first search of all worlds that there are.
pub(super) struct Search {
    pub(super) wrong: Wrong,
    pub(super) scope: Scope,
    pub(super) records: Records,
    /// Each world once, with the step that led to it first and from where.
    pub(super) worlds: Vec<(World, usize, Step)>,
    pub(super) known: FxHashMap<World, ()>,
    pub(super) found: BTreeMap<Property, usize>,
    pub(super) reached: BTreeMap<Reached, usize>,
    /// The place of the world whose steps are being taken.
    pub(super) here: usize,
}

impl Search {
    pub(super) fn of(wrong: Wrong, scope: Scope) -> Self {
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
    pub(super) fn run(&mut self, until: Option<Property>) {
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
    pub(super) fn check_end(&self, world: World) {
        if self.wrong != Wrong::Nothing {
            return;
        }
        if let Some(request) = self.request(world) {
            let open = request.next_deadline().is_some() || request.execution().state == ExecutionState::Executing;
            assert!(!open, "stuck: {}", self.trace(self.here));
        }
    }

    pub(super) fn trace(&self, mut place: usize) -> String {
        let mut steps = Vec::new();
        while place != 0 {
            let (_, from, step) = self.worlds[place];
            steps.push(format!("{step:?}"));
            place = from;
        }
        steps.reverse();
        steps.join(", ")
    }

    pub(super) fn enter(&mut self, step: Step, world: World) {
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
    pub(super) fn settled(&mut self, mut world: World) -> World {
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

    pub(super) fn breaks(&mut self, property: Property) {
        let here = self.here;
        self.found.entry(property).or_insert(here);
    }

    pub(super) fn reaches(&mut self, reached: Reached) {
        let here = self.here;
        self.reached.entry(reached).or_insert(here);
    }

    pub(super) fn request(&self, world: World) -> Option<&ApprovalRequest> {
        world.record.map(|place| &self.records.all[usize::from(place)])
    }

    pub(super) fn status_now(&self, world: World) -> Option<ApprovalStatus> {
        self.request(world).map(|request| request.status_at(self.now(world)))
    }

    pub(super) fn tick(&self, world: World) -> u8 {
        if self.wrong == Wrong::ClockThatGoesBack { world.wall } else { world.seen }
    }

    pub(super) fn life(&self, world: World) -> u8 {
        if self.wrong == Wrong::NoIncarnationCheck { 0 } else { world.life }
    }

    pub(super) fn now(&self, world: World) -> Moment {
        moment(self.tick(world), self.life(world))
    }

    /// Says what a write would be, from what the store has now.
    pub(super) fn prepare(&mut self, world: World, does: Does) -> Result<Writes, Conflict> {
        let from = world.record.unwrap_or(NOTHING);
        let writes = Writes { does, from, at: self.tick(world), life: self.life(world) };
        self.records.change(writes).map(|_| writes)
    }

    /// Says whether the store takes a write.
    pub(super) fn holds(&mut self, world: World, writes: Writes) -> bool {
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
    pub(super) fn commit(&mut self, mut world: World, writes: Writes) -> Option<World> {
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
}

fn has_ended_for_starts(request: &ApprovalRequest, now: Moment) -> bool {
    !matches!(request.status_at(now), ApprovalStatus::Pending | ApprovalStatus::Approved)
        || request.execution().state != ExecutionState::NotStarted
}
