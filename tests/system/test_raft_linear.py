"""What clients saw of three instances while these were killed and stopped is what one store could have shown: judged by
tests/linear. CELL_TEST_SECONDS and CELL_TEST_SEED make it longer and another one."""
import os
import random
import signal
import time

from support import history

RAFT = [{"name": "raft", "instances": 3, "serves": ["raft.*"], "may_call": ["raft.*"], "sandbox": {"write": ["state"]},
         "limits": {"memory": "512M", "message": "4M"}, "config": {"peers": ["raft.0", "raft.1", "raft.2"]}}]
SECONDS = float(os.environ.get("CELL_TEST_SECONDS", "6"))
SEED = int(os.environ.get("CELL_TEST_SEED", "1"))


def trouble(node, drawn, until):
    """Kill or stop one instance after the other."""
    while time.monotonic() < until:
        time.sleep(drawn.uniform(0.3, 1.0))
        pids = [row["pid"] for row in node.status()["cells"] if row["cell"] == "raft" and row["pid"]]
        if not pids:
            continue
        pid, is_kill = drawn.choice(pids), drawn.random() < 0.6
        try:
            os.kill(pid, signal.SIGKILL if is_kill else signal.SIGSTOP)
            if not is_kill:
                time.sleep(drawn.uniform(0.2, 0.8))
                os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue # it ended between the look and the signal


def test_histories_under_kills_and_pauses_are_linearizable(make_node, build, short_dir):
    node = make_node(RAFT)
    node.up()
    sockets = [node.socket_path("raft", i) for i in range(3)]
    path = os.path.join(short_dir, "history.jsonl")
    until = time.monotonic() + SECONDS - 1
    outcomes = history.record(sockets, path, SECONDS, seed=SEED,
                              during=lambda: trouble(node, random.Random(SEED), until))
    print(f"seed {SEED}: {outcomes}")
    status, said = history.judge(build, path)
    assert status == 0, said
    assert outcomes["ok"] > 20 * SECONDS, f"somebody led most of the time: {outcomes}"
