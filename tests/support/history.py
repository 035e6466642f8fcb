"""Clients of the replicated store that write down what they asked and were told, for tests/linear to judge.

Each client is a thread with one request at a time and a connection of its own to whichever instance it believes to lead. A request
that got no answer has an unknown outcome, and its client goes on under another name, as tests/linear/history.h wants it.
"""
import json
import random
import subprocess
import threading
import time

from . import pb, sp

PUT, GET, DELETE, CAS, TXN = 300, 301, 302, 304, 305
NOT_DONE = {3, 5, 6, 8, 13, 14, 15, 17} # statuses that mean: certainly not done
NOT_LEADER = 8
NEVER_SENT = -1
LINEARIZABLE = 0
WAIT_S = 1.0


def now():
    return time.monotonic_ns() // 1000


class Caller:
    """Asks one instance after the other, of those whose sockets these are."""

    def __init__(self, sockets, at=0):
        self.sockets, self.at, self.connection = sockets, at % len(sockets), None

    def ask(self, operation, fields):
        """(status, decoded body or None): a status of 0 is no answer at all, NEVER_SENT says itself."""
        if self.connection is None:
            try:
                self.connection = sp.Client(self.sockets[self.at], timeout=WAIT_S)
            except (OSError, EOFError, AssertionError, IndexError):
                self.leave()
                return NEVER_SENT, None
        try:
            reply = self.connection.call(operation, pb.encode(fields), timeout=WAIT_S, deadline_ms=int(WAIT_S * 1000))
        except (OSError, EOFError, AssertionError, ValueError, IndexError):
            self.leave()
            return 0, None
        if reply.status != sp.OK:
            if reply.status == NOT_LEADER or reply.status == 20:
                self.leave()
            return reply.status, None
        return reply.status, pb.decode(reply.body)

    def leave(self):
        self.close()
        self.at = (self.at + 1) % len(self.sockets)
        time.sleep(0.005) # an instance that is down refuses at once: do not spin on it

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Client(Caller, threading.Thread):
    """`sockets`: paths of the instances. `freshness` of reads: tests of the judge itself read stale ones."""

    def __init__(self, sockets, seed, keys, until, freshness=LINEARIZABLE):
        Caller.__init__(self, sockets, seed)
        threading.Thread.__init__(self, daemon=True)
        self.random, self.keys, self.until = random.Random(seed), keys, until
        self.freshness = freshness
        self.name = f"c{seed}"
        self.lines, self.count = [], 0
        self.seen = {}
        self.reader = Caller(sockets, self.random.randrange(len(sockets))) # reads are asked of followers as well

    def value(self):
        self.count += 1
        return f"{self.name}.{self.count}"

    def run(self):
        while time.monotonic() < self.until:
            line = self.draw()
            operation, fields = line.pop("_")
            by = self.reader if line["op"] == "get" and self.random.random() < 0.6 else self
            line["call"] = now()
            status, body = by.ask(operation, fields)
            line["end"] = now()
            if status == sp.OK:
                line["outcome"] = "ok"
                line["revision"] = pb.first(body, 1)
                self.take(line, body)
            else:
                line["outcome"] = "fail" if status in NOT_DONE or status == NEVER_SENT else "unknown"
            self.lines.append(line)
            if self.random.random() < 0.05:
                self.reader.leave()
        self.close()
        self.reader.close()

    def draw(self):
        key = self.random.choice(self.keys)
        kind = self.random.randrange(10)
        if kind < 4:
            return {"op": "get", "key": key, "_": (GET, [(1, key), (3, self.freshness)])}
        if kind < 7:
            value = self.value()
            return {"op": "put", "key": key, "value": value, "_": (PUT, [(1, key), (2, value)])}
        if kind < 8:
            return {"op": "delete", "key": key, "_": (DELETE, [(1, key)])}
        if kind < 9:
            expected, value = self.seen.get(key), self.value()
            compares = [(3, 1), (4, expected)] if expected else [(2, 0)]
            return {"op": "cas", "key": key, "expected": expected, "value": value,
                    "_": (CAS, [(1, key), *compares, (5, value)])}
        other, value = self.random.choice(self.keys), self.value()
        if other == key:
            return self.draw()
        put = [(1, pb.encode([(1, pb.encode([(1, k), (2, value)]))])) for k in (key, other)]
        return {"op": "txn", "compare": [], "success": [{"put": k, "value": value} for k in (key, other)], "failure": [],
                "succeeded": True, "_": (TXN, [(2, op) for _, op in put])}

    def take(self, line, body):
        def value_of(pair):
            return pb.first(pb.decode(pair), 2, b"").decode()
        if line["op"] == "get":
            pair = pb.first(body, 2, None)
            line["result"] = self.seen[line["key"]] = None if pair is None else value_of(pair)
        elif line["op"] == "cas":
            line["succeeded"] = bool(pb.first(body, 2))
            pair = pb.first(body, 3, None)
            line["result"] = None if pair is None else value_of(pair)


def record(sockets, path, seconds, clients=6, seed=1, keys=("a", "b", "c", "d"), freshness=LINEARIZABLE, during=None, prefix=None):
    """Let clients work for so long, `during()` meanwhile; write the history. Returns how many of each outcome. Keys are new
    in each record, for a history begins with nothing, or begin with `prefix`, under which there is nothing yet."""
    until = time.monotonic() + seconds
    keys = [f"{prefix or f'{now()}/'}{key}" for key in keys]
    threads = [Client(sockets, seed * 100 + i, keys, until, freshness) for i in range(clients)]
    for thread in threads:
        thread.start()
    if during is not None:
        during()
    outcomes = {"ok": 0, "fail": 0, "unknown": 0}
    with open(path, "w", encoding="utf-8") as out:
        for thread in threads:
            thread.join()
            for line in thread.lines:
                outcomes[line["outcome"]] += 1
                out.write(json.dumps(line) + "\n")
    return outcomes


def puts_of(path):
    """{(key, value): revision, or None where that is not known} of what may have been put: values are put once each."""
    puts = {}
    with open(path, encoding="utf-8") as history:
        for line in map(json.loads, history):
            if line["outcome"] == "fail" or (line["outcome"] == "ok" and line.get("succeeded") is False):
                continue
            pairs = [(step["put"], step["value"]) for step in line["success"]] if line["op"] == "txn" else \
                [(line["key"], line["value"])] if line["op"] in ("put", "cas") else []
            for key, value in pairs:
                puts[key.encode(), value.encode()] = line.get("revision") if line["outcome"] == "ok" else None
    return puts


def judge(build, path, timeout=60):
    """(exit status, what the judge says)."""
    said = subprocess.run([build.binary("cell-linear"), path], capture_output=True, text=True, timeout=timeout, check=False)
    return said.returncode, said.stdout + said.stderr
