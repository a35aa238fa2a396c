#!/usr/bin/env python3
"""The article's two routes, on the store of `article.py`: `python3 serve.py plain|fast PENDING` prints port and ids."""

import asyncio
import socket
import sys

sys.dont_write_bytecode = True  # leaves nothing in the work tree

import uvicorn
from fastapi import FastAPI

from article import ApprovalRequest, ApprovalStore

store = ApprovalStore("poll")
app = FastAPI()


@app.get("/approvals/pending")
async def pending() -> list[ApprovalRequest]:
    return await store.get_pending()


@app.post("/approvals/{request_id}/decide")
async def decide(request_id: str, approved: bool, reviewer: str) -> ApprovalRequest:
    return await store.decide(request_id, approved, reviewer)


async def fill(pending: int) -> None:
    for _ in range(pending):
        arguments = {"to": "bob@example.com", "subject": "Quarterly report", "body": "x" * 1024}
        await store.create_request(ApprovalRequest("send_email", arguments, "assistant", "External mail"))


def main() -> None:
    asyncio.run(fill(int(sys.argv[2])))
    # Named as TCP, or asyncio leaves Nagle's delay on, which uvicorn's own sockets do not have.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(listener.getsockname()[1], *store.requests, sep="\n", flush=True)
    loop, http = ("uvloop", "httptools") if sys.argv[1] == "fast" else ("asyncio", "h11")
    # A line for each request, as uvicorn writes by default, would be one more thing that the others do not do.
    uvicorn.Server(uvicorn.Config(app, loop=loop, http=http, access_log=False, log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
