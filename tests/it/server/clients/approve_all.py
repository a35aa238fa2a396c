"""A reviewer's loop over a server without authentication: it prints what waits and approves it.

    python3 approve_all.py http://127.0.0.1:7878 alice 2

ends after two decisions. It needs nothing but Python's own library.
"""

import json
import sys
import time
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def pending(server):
    with urlopen(f"{server}/approvals/pending") as answer:
        return json.load(answer)


def decide(server, request, approved, reviewer):
    # `True` goes out as "True", which the server takes for what it means.
    query = urlencode({"approved": approved, "reviewer": reviewer})
    post = Request(f"{server}/approvals/{request['id']}/decide?{query}", method="POST")
    with urlopen(post) as answer:
        return json.load(answer)


def main(server, reviewer, count):
    left = int(count)
    while left:
        for request in pending(server):
            print("waiting:", request["tool_name"], json.dumps(request["arguments"], sort_keys=True))
            decided = decide(server, request, True, reviewer)
            print("decided:", decided["status"], "by", decided["decided_by"], flush=True)
            left -= 1
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
