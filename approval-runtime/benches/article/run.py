#!/usr/bin/env python3
"""The article's figures beside the gate's: `python3 approval-runtime/benches/article/run.py`, standard library only.

Five runs of each, the variants in turn, in one process; medians with minimum and maximum. Takes about two minutes,
nearly all of it the article's own polling.
"""

import asyncio
import platform
import statistics
import sys
import time
from typing import Awaitable, Callable

sys.dont_write_bytecode = True  # leaves nothing in the work tree

from article import ApprovalPolicy, ApprovalRequest, ApprovalStore, requires_approval

RUNS = 5
BODY = "x" * 1024


def spread(values: list[float], digits: int = 0) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


async def send_email(to: str, subject: str, body: str) -> str:
    return "sent"


def gated(wake: str, sensitive: bool, asked: Callable[[ApprovalRequest], None] = lambda request: None):
    """The store and `send_email` behind it, asking unless the mail is internal or the tool not listed."""
    policy = ApprovalPolicy()
    policy.mark_sensitive("delete_record")
    if sensitive:
        policy.mark_sensitive("send_email")
    policy.add_auto_approve_rule("send_email", lambda arguments: arguments["to"].endswith("@company.com"))
    policy.add_auto_approve_rule("process_payment", lambda arguments: float(arguments["amount"]) < 10.0)
    store = ApprovalStore(wake)
    decorate = requires_approval(policy, store, reason="External mail", timeout_seconds=120, asked=asked)
    return store, decorate(send_email)


async def nanoseconds(call: Callable[..., Awaitable[str]], calls: int = 200_000) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        await call(to="bob@company.com", subject="Hello", body=BODY)
    return (time.perf_counter_ns() - start) / calls


async def overheads() -> tuple[float, float]:
    """What an unlisted tool's call and an auto-approved one cost more than the bare function."""
    _, passes = gated("poll", sensitive=False)
    _, auto = gated("poll", sensitive=True)
    bare = await nanoseconds(send_email)
    return await nanoseconds(passes) - bare, await nanoseconds(auto) - bare


async def cycles(wake: str, callers: int, seconds: float) -> tuple[float, list[float]]:
    """Full cycles a second, and the seconds from each decision to the end of the call, whose body does nothing."""
    asked: asyncio.Queue[ApprovalRequest] = asyncio.Queue()
    store, call = gated(wake, sensitive=True, asked=asked.put_nowait)
    decided_at: dict[str, float] = {}

    async def reviewer() -> None:
        while True:
            request = await asked.get()
            decided_at[request.arguments["subject"]] = time.perf_counter()
            await store.decide(request.id, True, "alice")
            # The article keeps every request for ever; so does this, and its memory is not among the figures.

    async def caller(name: int) -> list[float]:
        wakes = []
        while time.perf_counter() < end:
            subject = f"{name}/{len(wakes)}"
            await call(to="bob@example.com", subject=subject, body=BODY)
            wakes.append(time.perf_counter() - decided_at.pop(subject))
        return wakes

    reviewing = asyncio.create_task(reviewer())
    start = time.perf_counter()
    end = start + seconds
    wakes = [wake for each in await asyncio.gather(*map(caller, range(callers))) for wake in each]
    elapsed = time.perf_counter() - start
    reviewing.cancel()
    return len(wakes) / elapsed, sorted(wakes)


async def main() -> None:
    passes, auto = zip(*[await overheads() for _ in range(RUNS)])
    rows = {
        ("wake, 1 caller, p50, µs", 1): {},
        ("full cycles a second, 64 callers", 64): {},
        ("full cycles a second, 1,024 callers", 1024): {},
    }
    for _ in range(RUNS):
        for (_, callers), found in rows.items():
            for wake, seconds in (("poll", 3.9), ("event", 1.5)):
                rate, wakes = await cycles(wake, callers, seconds)
                value = wakes[len(wakes) // 2] * 1e6 if callers == 1 else rate
                found.setdefault(wake, []).append(value)

    print(f"Python {platform.python_version()}, {RUNS} runs, median (minimum–maximum)\n")
    print("| | the article: reads the store every 2 s | the same with an event |")
    print("|---|---:|---:|")
    print(f"| unlisted tool, more than the bare function, ns | {spread(passes)} | the same code |")
    print(f"| auto-approved, more than the bare function, ns | {spread(auto)} | the same code |")
    for (name, _), found in rows.items():
        print(f"| {name} | {spread(found['poll'])} | {spread(found['event'])} |")


if __name__ == "__main__":
    asyncio.run(main())
