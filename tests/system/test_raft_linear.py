"""What clients saw of several instances while these were killed and stopped is what one store could have shown: requests are
judged by tests/linear, watches, sessions and leases by what they promise (support/stories.py). CELL_TEST_SECONDS and
CELL_TEST_SEED make it longer and another one."""
import os
import random
import signal
import time

import pytest

from support import history, pb, stories

SECONDS = float(os.environ.get("CELL_TEST_SECONDS", "5"))
SEED = int(os.environ.get("CELL_TEST_SEED", "1"))
STATUS = 314


def manifest(members):
    return [{"name": "raft", "instances": members, "serves": ["raft.*"], "may_call": ["raft.*"], "sandbox": {"write": ["state"]},
             "limits": {"memory": "512M", "message": "4M"}, "restart": {"first": "50ms", "max": "1s", "give_up": "16 in 1s"},
             "config": {"peers": [f"raft.{i}" for i in range(members)], "log_mib": 1, "tail": 100, "segment_mib": 4}}]


def trouble(node, drawn, until):
    """Kill or stop one instance after the other, now and then most of them at once."""
    while time.monotonic() < until:
        time.sleep(drawn.uniform(0.3, 1.0))
        pids = [row["pid"] for row in node.status() if row["cell"] == "raft" and row["pid"]]
        chosen = drawn.sample(pids, min(len(pids), drawn.choice((1, 1, 1, 2, len(pids)))))
        number = signal.SIGKILL if drawn.random() < 0.6 else signal.SIGSTOP
        try:
            for pid in chosen:
                os.kill(pid, number)
        except ProcessLookupError:
            pass # it ended between the look and the signal
        if number == signal.SIGSTOP:
            time.sleep(drawn.uniform(0.2, 0.8))
        for pid in chosen if number == signal.SIGSTOP else ():
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


class Tellers:
    """The stories of one cluster, and what comes of them."""

    def __init__(self, sockets, prefix, until):
        self.prefix = prefix.encode()
        asker = stories.Watcher(sockets, 0, until, self.prefix, 0)
        self.since = pb.first(asker.insist(STATUS, [])[1], 13) + 1
        asker.close()
        self.sockets, self.until = sockets, until
        self.watchers = [stories.Watcher(sockets, i, until, self.prefix, self.since) for i in range(3)]
        self.all = self.watchers + [stories.Session(sockets, 3 + i, until, b"session/%d" % i) for i in range(2)] + \
            [stories.Lease(sockets, 5 + i, until, b"lease/%d/" % i) for i in range(3)]
        for story in self.all:
            story.start()

    def end(self, puts):
        """What contradicts what."""
        for story in self.all:
            story.join(2 * stories.CALM_S)
        faults = [f"{type(story).__name__} {story.number} does not end" for story in self.all if story.is_alive()]
        faults += [fault for story in self.all for fault in story.faults]
        for watcher in self.watchers:
            watcher.until = time.monotonic() # the time that stories took is not theirs
        truth = stories.Watcher(self.sockets, 0, time.monotonic(), self.prefix, self.since)
        truth.insist(history.PUT, [(1, self.prefix + b"last"), (2, b"last")])
        revision = pb.first(truth.insist(STATUS, [])[1], 13)
        stories.follow_to(truth, revision)
        puts[self.prefix + b"last", b"last"] = None
        for watcher in self.watchers:
            stories.follow_to(watcher, revision)
            faults += stories.check_watch(watcher.events, truth.events, puts)
            watcher.close()
        truth.close()
        print({type(s).__name__ + str(s.number): s.steps for s in self.all}, f"{len(truth.events)} events")
        return faults


@pytest.mark.parametrize("members", [3, 5])
def test_clients_see_one_store_while_instances_are_killed_and_stopped(make_node, build, short_dir, members):
    node = make_node(manifest(members))
    node.up()
    sockets = [node.socket_path("raft", i) for i in range(members)]
    path = os.path.join(short_dir, "history.jsonl")
    until = time.monotonic() + SECONDS
    tellers = Tellers(sockets, "h/", until)
    outcomes = history.record(sockets, path, SECONDS, seed=SEED, prefix="h/",
                              during=lambda: trouble(node, random.Random(SEED), until - 1))
    faults = tellers.end(history.puts_of(path))
    print(f"seed {SEED}: {outcomes}")
    status, said = history.judge(build, path)
    assert status == 0 and not faults, "\n".join([said, *faults[:20]])
    assert outcomes["ok"] > 10 * SECONDS, f"somebody led most of the time: {outcomes}"
