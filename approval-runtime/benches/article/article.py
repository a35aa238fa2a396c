"""The article's approval system, ported: a dict as store, a policy, a decorator, and a loop that reads the store.

`ApprovalStore("poll")` is the article: the waiting call reads the store every two seconds. `ApprovalStore("event")` is
the same with an `asyncio.Event` in place of the loop, which is what one would mend first.
"""

import asyncio
import functools
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Awaitable, Callable

POLL_SECONDS = 2.0


class ApprovalStatus(str, Enum):
    PENDING = "pending"
    APPROVED = "approved"
    AUTO_APPROVED = "auto_approved"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"


def now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class ApprovalRequest:
    tool_name: str
    arguments: dict[str, Any]
    agent_name: str
    reason: str
    timeout_seconds: int = 300
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: ApprovalStatus = ApprovalStatus.PENDING
    created_at: datetime = field(default_factory=now)
    decided_at: datetime | None = None
    decided_by: str | None = None


@dataclass
class AutoApproveRule:
    tool_name: str
    condition: Callable[[dict[str, Any]], bool]


class ApprovalPolicy:
    """A call needs approval when its tool is listed and no rule lets it pass."""

    def __init__(self) -> None:
        self.sensitive: set[str] = set()
        self.rules: list[AutoApproveRule] = []

    def mark_sensitive(self, tool_name: str) -> None:
        self.sensitive.add(tool_name)

    def add_auto_approve_rule(self, tool_name: str, condition: Callable[[dict[str, Any]], bool]) -> None:
        self.rules.append(AutoApproveRule(tool_name, condition))

    def needs_approval(self, tool_name: str, arguments: dict[str, Any]) -> bool:
        if tool_name not in self.sensitive:
            return False
        return not any(rule.tool_name == tool_name and rule.condition(arguments) for rule in self.rules)


class ApprovalStore:
    """Requests by id; with `wake="event"` also what wakes the call that waits for each."""

    def __init__(self, wake: str) -> None:
        self.requests: dict[str, ApprovalRequest] = {}
        self.events: dict[str, asyncio.Event] | None = {} if wake == "event" else None

    async def create_request(self, request: ApprovalRequest) -> ApprovalRequest:
        self.requests[request.id] = request
        if self.events is not None:
            self.events[request.id] = asyncio.Event()
        return request

    async def get_request(self, request_id: str) -> ApprovalRequest | None:
        return self.requests.get(request_id)

    async def get_pending(self) -> list[ApprovalRequest]:
        return [request for request in self.requests.values() if request.status is ApprovalStatus.PENDING]

    async def decide(self, request_id: str, approved: bool, reviewer: str) -> ApprovalRequest:
        request = self.requests[request_id]
        request.status = ApprovalStatus.APPROVED if approved else ApprovalStatus.REJECTED
        request.decided_at = now()
        request.decided_by = reviewer
        if self.events is not None and (event := self.events.pop(request_id, None)):
            event.set()
        return request

    async def decided(self, request: ApprovalRequest) -> ApprovalRequest | None:
        """Waits for a decision; None when the time is up."""
        deadline = time.monotonic() + request.timeout_seconds
        if self.events is not None:
            event = self.events.get(request.id)
            try:
                if event is not None:
                    await asyncio.wait_for(event.wait(), request.timeout_seconds)
            except asyncio.TimeoutError:
                return None
            return await self.get_request(request.id)
        while time.monotonic() < deadline:
            current = await self.get_request(request.id)
            if current is not None and current.status is not ApprovalStatus.PENDING:
                return current
            await asyncio.sleep(POLL_SECONDS)
        return None


def requires_approval(
    policy: ApprovalPolicy,
    store: ApprovalStore,
    reason: str = "",
    timeout_seconds: int = 300,
    asked: Callable[[ApprovalRequest], None] = lambda request: None,
    agent_name: str = "agent",
) -> Callable[[Callable[..., Awaitable[str]]], Callable[..., Awaitable[str]]]:
    """Runs the function at once, or once somebody approved; `asked` hears of each request."""

    def decorate(function: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
        name = function.__name__

        @functools.wraps(function)
        async def gated(**arguments: Any) -> str:
            if not policy.needs_approval(name, arguments):
                return await function(**arguments)
            request = await store.create_request(
                ApprovalRequest(name, arguments, agent_name, reason, timeout_seconds)
            )
            asked(request)
            decided = await store.decided(request)
            if decided is None:
                request.status = ApprovalStatus.TIMED_OUT
                return f"Action '{name}' timed out waiting for approval."
            if decided.status is ApprovalStatus.REJECTED:
                return f"Action '{name}' was rejected by {decided.decided_by}."
            return await function(**arguments)

        return gated

    return decorate
