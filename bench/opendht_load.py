#!/usr/bin/python3
"""OpenDHT of Debian as bench/topics/dht.py does it to ours: processes of dhtnode, and two nodes more: one puts, one gets.

    opendht_load.py NODES OPS SILENT_OPS IDLE_S      in a network namespace of its own

Prints one JSON object: seconds of each put and get, before and after a fifth of the processes stood still, the time until
the node that asks had its first put done, CPU of all while nothing was asked, private memory of one."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

import opendht

PORT = 4222
START_S = 60
OP_S = 30
VALUE = 64


def cpu_s(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total / 1e9


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def put(runner, key):
    ended, good = threading.Event(), []
    begin = time.monotonic()
    runner.put(key, opendht.Value(os.urandom(VALUE)), lambda ok, nodes: (good.append(ok), ended.set()))
    ended.wait(OP_S)
    return time.monotonic() - begin if good == [True] else None


def get(runner, key):
    ended, first = threading.Event(), []
    begin = time.monotonic()
    runner.get(key, lambda value: first.append(time.monotonic() - begin) or True, lambda ok, nodes: ended.set())
    ended.wait(OP_S)
    return (first[0] if first else None), time.monotonic() - begin


def work(runner, other, ops, result, prefix):
    keys = [opendht.InfoHash.getRandom() for _ in range(ops)]
    result[prefix + "put_s"] = [put(runner, key) for key in keys]
    got = [get(other, key) for key in keys]
    result[prefix + "get_s"] = [first for first, _ in got]
    result[prefix + "end_s"] = [end for _, end in got]


def main():
    nodes, ops, silent_ops, idle_s = map(int, sys.argv[1:5])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    started = [subprocess.Popen(["dhtnode", "-p", str(PORT + i), *(["-b", f"127.0.0.1:{PORT}"] if i else [])],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(nodes - 2)]
    runner, other, result = opendht.DhtRunner(), opendht.DhtRunner(), {}
    try:
        begin = time.monotonic()
        runner.run(port=PORT + nodes)
        other.run(port=PORT + nodes + 1)
        runner.bootstrap("127.0.0.1", str(PORT))
        other.bootstrap("127.0.0.1", str(PORT))
        while runner.getRoutingTablesLog(2).count("[good]") < min(8, nodes - 1) and time.monotonic() - begin < START_S:
            time.sleep(0.01)
        result["join_s"] = time.monotonic() - begin
        time.sleep(2) # the others are still finding each other
        pids = [p.pid for p in started]
        before = cpu_s(pids)
        work(runner, other, ops, result, "")
        result["cpu_s"] = cpu_s(pids) - before
        result["private_kb"] = private_kb(pids[-1])
        time.sleep(2)
        before = cpu_s(pids)
        time.sleep(idle_s)
        result["idle_cpu_s"] = (cpu_s(pids) - before) / (nodes - 2) / idle_s
        for process in started[1::5]:
            process.send_signal(signal.SIGSTOP)
        work(runner, other, silent_ops, result, "silent_")
        print(json.dumps(result))
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()
    os._exit(0) # its threads wait for the silent


if __name__ == "__main__":
    main()
