//! What has to hold whenever something is written.

use super::*;

impl Search {
    pub(super) fn check_commit(&mut self, world: World, before: &ApprovalRequest, after: &ApprovalRequest, does: Does) {
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
}
