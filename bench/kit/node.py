"""Ours under the interface of kit/peers.py: cell-guard and cell-nucleus with a manifest of trivial cells."""
import json
import os
import signal
import subprocess
import time

from bench.kit import peers, world
from tests.support import pb, procs, sp

STATUS, EVENTS, APPLY = 100, 108, 101
UP_DEADLINE_S = 30
# Nothing here is to be held back: instances are killed on purpose, again and again.
NO_BACKOFF = {"first": "0s", "max": "1ms", "give_up": "16 in 10ms", "stable": "1ms"}
# Trivial programs do not beat: the longest patience a manifest can ask for.
NO_BEATS = {"every": "60s", "dead_after": 100}


class Instance:
    """One row of the status, decoded by field number of proto/nucleus.proto."""

    def __init__(self, data):
        f = pb.decode(data)
        self.cell = pb.first(f, 1, b"").decode()
        self.index = pb.first(f, 3)
        self.state = pb.first(f, 4, b"").decode()
        self.pid = pb.first(f, 5)
        self.restarts = pb.first(f, 7)
        self.ready_us = pb.first(f, 16)
        self.sandbox_us = pb.first(f, 17)
        self.generation = pb.first(f, 22)


class Node(peers.Supervisor):
    """A node of its own. `entries`: cells of the manifest, as dictionaries."""
    name = "cell"
    prefix = "t"

    def __init__(self, w, tag=""):
        super().__init__(w, tag)
        self.run = os.path.join(self.dir, "r")
        self.state = os.path.join(self.dir, "s")
        self.manifest = os.path.join(self.dir, "node.yaml")
        self.by_cell = {}
        self.client = None

    def cell(self, name, program, **more):
        entry = {"name": name, "exec": self.world.binary(program), "restart": NO_BACKOFF,
                 "deadlines": {"ready": "30s"}}
        entry.update(more)
        return entry

    def begin(self, entries):
        """Start guard and nucleus, without waiting."""
        with open(self.manifest, "w", encoding="utf-8") as f:
            json.dump({"node": "bench", "cells": entries}, f)
        argv = [self.world.binary("cell-guard"), "--run", self.run, "--state", self.state,
                "--manifest", self.manifest, "--cells", self.world.build, "--log-level", "info"]
        self.begun_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.top = self.world.start(argv, self.out, cwd=self.dir)

    def up(self, entries):
        self.begin(entries)
        count = sum(e.get("instances", 1) for e in entries)
        self.wait_ready(count)

    def wait_ready(self, count, deadline_s=UP_DEADLINE_S, poll_s=0.005):
        def all_ready():
            if self.top.poll() is not None:
                raise world.Unmeasured(f"cell-guard ended: {self.tail()}")
            rows = self.try_status()
            return rows if rows and sum(r.state == "ready" for r in rows) == count else None
        return world.until(all_ready, deadline_s, f"{count} cells are ready: {self.tail()}", poll_s)

    def tail(self):
        with open(self.out, encoding="utf-8", errors="replace") as f:
            return " | ".join(f.read().splitlines()[-3:])

    # ---- asking ---------------------------------------------------------------------------------

    def ask(self, operation, fields=(), timeout=10.0):
        """Fields of the reply, over a connection that is kept."""
        if self.client is None:
            self.client = sp.Client(os.path.join(self.run, "nucleus.sock"), timeout)
        try:
            reply = self.client.call(operation, pb.encode(list(fields)), timeout=timeout)
        except Exception:
            self.client.close()
            self.client = None
            raise
        if reply.status != sp.OK:
            raise world.Unmeasured(f"the nucleus answered {reply}")
        return pb.decode(reply.body)

    def status_fields(self, timeout=10.0):
        return self.ask(STATUS, timeout=timeout)

    def status(self, timeout=10.0):
        return [Instance(d) for d in self.status_fields(timeout).get(2, [])]

    def try_status(self, timeout=1.0):
        try:
            return self.status(timeout)
        except (OSError, ValueError, AssertionError, world.Unmeasured):
            return None

    def events(self, after=0):
        """[(sequence, cell, instance, kind, detail, wall clock in ms)]"""
        found = []
        for data in self.ask(EVENTS, [(1, after), (2, 0)]).get(1, []):
            f = pb.decode(data)
            found.append((pb.first(f, 1), pb.first(f, 3, b"").decode(), pb.first(f, 5),
                          pb.first(f, 6, b"").decode(), pb.first(f, 7, b"").decode(),
                          pb.first(f, 2)))
        return found

    def nucleus_pid(self):
        return pb.first(self.status_fields(), 5)

    def cli(self, *arguments):
        """`cell` as a person would run it; its output."""
        env = dict(os.environ, CELL_RUN=self.run, CELL_STATE=self.state)
        done = subprocess.run([self.world.binary("cell"), *arguments], env=env, capture_output=True,
                              check=False, timeout=60)
        if done.returncode != 0:
            raise world.Unmeasured(f"cell {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    # ---- as a supervisor ------------------------------------------------------------------------

    def log_path(self, cell, index):
        return os.path.join(self.state, "logs", f"default.{cell}.{index}.log")

    def started(self, cell, index):
        """Starts of one instance, read from its log."""
        key = (cell, index)
        if key not in self.by_cell:
            self.by_cell[key] = peers.Starts(self.log_path(cell, index))
        return self.by_cell[key].read()

    def newest(self, index):
        """An instance's only writer is itself: its newest start is the last line of its log."""
        seen = list(self.started("t", index).last.values())
        return max(seen) if seen else None

    def pid(self, index):
        """Of the host: inside its jail the process sees another number."""
        return next(r.pid for r in self.status() if r.cell == "t" and r.index == index)

    def supervised(self):
        """Processes below the guard that are cells (or spares)."""
        nucleus = self.nucleus_pid()
        return [p for p in procs.descendants(self.top.pid) if p != nucleus]

    def pids(self):
        return [self.top.pid, self.nucleus_pid()]

    def stop(self):
        """Down as a person would take it, then whatever is left."""
        if self.client is not None:
            self.client.close()
            self.client = None
        if self.top.poll() is None:
            procs.kill(self.top.pid, signal.SIGTERM)
            try:
                self.top.wait(15)
            except subprocess.TimeoutExpired:
                pass
        for _ in range(50):
            alive = procs.descendants(self.top.pid)
            for pid in [self.top.pid, *alive]:
                procs.kill(pid)
            if not alive:
                break
        self.top.wait()
        for starts in self.by_cell.values():
            starts.close()
        self.by_cell = {}


class Trivials(Node):
    """`count` instances of one trivial cell: comparable with the peers' services."""

    def __init__(self, w, tag="", sandbox="none", spare=False, gap=False):
        super().__init__(w, tag)
        self.extra = {"sandbox": "none"} if sandbox == "none" else {}
        if spare:
            self.extra["spare"] = True
        if not gap:
            self.extra["protocol"] = "none"
        else:
            self.extra["heartbeat"] = NO_BEATS
        self.program = "trivial_gap" if gap else "trivial"

    def launch(self, count):
        self.up([self.cell("t", self.program, instances=count, **self.extra)])

    def newest(self, index):
        """A twin does not know yet who it will be: what it writes goes to the log of instance 0."""
        own = super().newest(index)
        if "spare" not in self.extra:
            return own
        first = super().newest(0)
        return max(filter(None, (own, first)), key=lambda seen: seen[1], default=None)
