"""The command line against a real node: what only processes, terminals and clocks can show. Its texts
and refusals are tested against a fake node in tests/unit/cli."""
import glob
import json
import os
import pty
import re
import signal
import statistics
import subprocess
import termios
import time

import pytest

from support import procs

GREETER = {"name": "greeter", "serves": ["greeter.Greet"]}
# A program that ends at once. It does not speak on fd 3 either, but must, so that it is never ready, not
# even for a moment.
CRASHER = {"name": "crasher", "exec": "/bin/false",
           "restart": {"first": "1ms", "max": "1ms", "give_up": "2 in 60s"}}
LABS = "/tmp/cell-lab-*"


def processes_with(word):
    """Living processes whose command line has this word."""
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [p for p in pids if p != os.getpid() and procs.is_alive(p) and word in procs.name(p)]


def configure(build, folder):
    """A cell that links an instrumented library must be instrumented itself."""
    if build.sanitizers != "none":
        subprocess.run(["meson", "setup", os.path.join(folder, "build"), folder,
                        f"-Db_sanitize={build.sanitizers}", "-Db_lundef=false"],
                       check=True, stdout=subprocess.DEVNULL)


def test_detached_start_names_what_is_not_ready(make_node):
    # It waits for the greeter, so that whoever is slow to start on a busy host is not named beside it.
    node = make_node([GREETER, {**CRASHER, "requires": ["greeter"]}])
    result = node.command("up", node.manifest_path, "--detach")
    assert result.status == 1, result
    assert re.match(r"cell: not ready: crasher\.0 is crash-loop: .+; the node keeps running; see ", result.err)
    assert "node" in node.cli("status"), "the node keeps running, to be looked at"
    assert node.instance("greeter")["state"] == "ready"


def test_second_start_names_the_holder(node):
    guard = node.cli("status", json=True)["guard_pid"]
    result = node.command("up", node.manifest_path, "--detach")
    assert result.status == 1 and f"guard pid {guard}" in result.err, result
    assert result.err.count("\n") == 1


BROKEN = "cells:\n  - name: greeter\n    instances: many\n"


def test_broken_manifest_says_where(make_node):
    node = make_node(BROKEN)
    node.damaged("what a refused start leaves behind is the next test's claim")
    result = node.command("up", node.manifest_path, "--detach")
    assert result.status == 1 and "node.yaml:3" in result.err, result


@pytest.mark.parametrize("words, said", [
    ("overlay up x", "usage: cell overlay up"), ("overlay down x", "usage: cell overlay down"),
    ("overlay status x", "usage: cell overlay status"), ("overlay ping", "ping ADDRESS|NAME"),
    ("overlay status --count 3", "--count means nothing to `cell overlay status`; see"),
    ("overlay ping b --endpoint 192.0.2.1:1", "--endpoint means nothing to `cell overlay ping`, which takes --count; see"),
    ("overlay rm k --keepalive 3", "--keepalive means nothing to `cell overlay rm`"),
    ("overlay bogus", '"bogus" is none of up, down, status, peers, add, rm, ping, stats, capture; see `cell overlay --help`'),
    ("overlay stast", "did you mean `cell overlay stats`?"),
    ("dht get k --keep", "--keep means nothing to `cell dht get`, which takes --owner, --reads, --raw;"),
    ("dht find c --name n", "--name means nothing to `cell dht find`"), ("dht put", "usage: cell dht put"),
    ("raft get k --prefix --raw", "--raw means nothing to `cell raft get`"),
    ("vivaldi coord --most 3", "--most means nothing to `cell vivaldi coord`"),
    ("vivaldi rtt n --hasty", "--hasty means nothing to `cell vivaldi rtt`, which takes --from;"),
    ("vivaldi stats --from n", "--from means nothing to `cell vivaldi stats`"), ("vivaldi rtt", "usage: cell vivaldi rtt"),
    ("discover c --hasty", "--hasty means nothing without --nearest"),
    ("token create 10", "usage: cell token create [--uses N]"), ("token list 3f", "usage: cell token list"),
    ("token list --uses 3", "--uses means nothing to `cell token list`"), ("token revoke", "`cell token list` shows"),
    ("member list db-7", "usage: cell member list"), ("member remove", "`cell member list` shows"),
    ("rotate certificate --grace 5m", "--grace means nothing to `cell rotate certificate`"),
    ("rotate cluster-key --grace 5m", "--grace means nothing where no issuer runs"),
])
def test_what_a_part_does_not_look_at_it_does_not_take(make_node, words, said):
    """Wrong usage, not left aside; also where no node runs, and as an object for a program."""
    node = make_node([])
    result = node.command(*words.split())
    assert (result.status, result.out) == (2, "") and said in result.err and result.err.count("\n") == 1, result
    as_json = node.command("--json", *words.split())
    assert (as_json.status, json.loads(as_json.err)["error"]["code"]) == (2, "USAGE"), as_json


def test_a_missing_command_is_an_object_for_a_program(make_node):
    node = make_node([])
    assert node.command().err.startswith("usage: cell ")
    result = node.command("--json")
    assert (result.status, result.out) == (2, "") and "a command is missing" in json.loads(result.err)["error"]["message"], result


def test_refused_start_leaves_no_socket(make_node):
    node = make_node(BROKEN)
    node.damaged("the claim is made here, not at the end")
    assert node.command("up", node.manifest_path, "--detach").status == 1
    assert not os.path.exists(os.path.join(node.run, "nucleus", "gap.sock"))


def test_status_has_the_documented_members(node):
    answer = node.cli("status", json=True)
    assert list(answer)[:2] == ["node", "cells"]
    assert list(answer["cells"][0])[:14] == [
        "cell", "namespace", "instance", "state", "pid", "uptime_s", "restarts", "rss_bytes", "cpu_percent",
        "heartbeat_age_ms", "endpoint", "version", "outdated", "reason"]
    assert {"operations", "sandbox", "connections", "metrics"} <= set(node.cli("inspect", "greeter", json=True))


def test_stopped_process_is_unhealthy(make_node):
    node = make_node([{**GREETER, "heartbeat": {"every": "20s", "dead_after": 3}}])
    node.up()
    assert node.cli("health", "greeter", json=True)["healthy"] is True
    node.kill("greeter", number=signal.SIGSTOP)
    result = node.command("health")
    assert result.status == 1 and "does not answer: TIMEOUT" in result.out, result
    assert "greeter.0" in result.err
    node.kill("greeter", number=signal.SIGCONT)


def test_a_supervisor_that_hangs_is_said_to(node):
    """CLI-1: after two seconds, with what mends it; what does not need it goes on."""
    pid = node.cli("status", json=True)["nucleus_pid"]
    assert procs.kill(pid, signal.SIGSTOP)
    try:
        result = node.command("status")
        assert result.status == 1 and "gives no answer for 2 s; see `cell logs nucleus`; when it hangs, end its process" in result.err, result

        def takes():
            begun = time.monotonic()
            assert node.cli("inspect", "greeter.0", json=True)["state"] == "ready"
            return time.monotonic() - begun
        assert min(takes() for _ in range(2)) < 3.5, "it is waited for once, not for two seconds each time"
    finally:
        assert procs.kill(pid, signal.SIGKILL)
    node.wait_until(lambda: node.cli("status", json=True)["nucleus_pid"] != pid, 20, "what the text says mends it")
    assert [row["restarts"] for row in node.status()] == [0, 0]


@pytest.mark.parametrize("words", ["events -f", "logs -f", "--json logs -f", "raft watch k"])
def test_who_follows_ends_when_nobody_reads(make_node, build, words):
    """`cell events -f | head -1`: not at the next event, which may never come."""
    node = make_node([GREETER, {"name": "raft", "root": True, "serves": ["raft.*"], "sandbox": {"write": ["state"]}}])
    node.up()
    process = subprocess.Popen([build.binary("cell"), *words.split()], env=node.environment(), stdout=subprocess.PIPE)
    if "watch" in words:
        node.wait_until(lambda: procs.kill(process.pid, 0), 5, "it runs")
    else:
        process.stdout.readline()
    process.stdout.close()
    try:
        process.wait(8)
    finally:
        process.kill()
        process.wait()


def test_notes_are_objects_for_a_program(make_node, build):
    node = make_node([GREETER])
    node.up()
    process = subprocess.Popen([build.binary("cell"), "--json", "events", "-f"], env=node.environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    json.loads(process.stdout.readline())
    node.down()
    out, err = process.communicate(timeout=20)
    assert all(json.loads(line) for line in out.splitlines())
    assert json.loads(err) == {"note": "the node was taken down"}, err
    assert process.returncode == 0


def test_operations_are_completed_from_the_cell(node):
    out = node.cli("__complete", "call", "greeter.G")
    assert out.splitlines()[0] == "greeter.Greet\toperation"
    node.cli("stop", "greeter.0")
    out = node.cli("__complete", "call", "greeter.G")
    assert out.splitlines()[0] == "greeter.Greet\toperation", "any instance that runs can be asked"


def test_start_is_as_cheap_as_three_processes(node, build):
    """`cell status`, its question to the nucleus included, against a bare process: interleaved, best of
    many, because a shared machine only ever adds; a busy one gets more turns."""
    environment = {**os.environ, "CELL_RUN": node.run, "CELL_STATE": node.state}
    if build.sanitizers != "none":
        pytest.skip("SKIPPED: a sanitizer multiplies the cost of starting a process")

    def took(*command):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begun

    bare, status, ratio = [], [], 99.0
    end = time.monotonic() + 20
    while ratio > 3.0 and time.monotonic() < end:
        for _ in range(60):
            bare.append(took("/bin/true"))
            status.append(took(build.binary("cell"), "status"))
        ratio = min(status) / min(bare)
    print(f"bare {min(bare) * 1e3:.2f} ms, status {min(status) * 1e3:.2f} ms, ratio {ratio:.2f}, "
          f"of medians {statistics.median(status) / statistics.median(bare):.2f}")
    assert ratio <= 3.0


def test_terminal_gets_colours_and_no_escapes_of_others(node, build):
    """On a terminal: colours, unless NO_COLOR or TERM=dumb; a log line cannot move the cursor."""
    path = os.path.join(node.state, "logs", "default.greeter.0.log")
    with open(path, "a", encoding="utf-8") as f:
        f.write("\x1b[2Jevil\n")

    def on_terminal(*words, **variables):
        leader, follower = pty.openpty()
        environment = {"TERM": "xterm", **node.environment(), **variables}
        process = subprocess.Popen([build.binary("cell"), *words], env=environment, stdout=follower,
                                   stdin=subprocess.DEVNULL)
        os.close(follower)
        text = b""
        try:
            while chunk := os.read(leader, 65536):
                text += chunk
        except OSError: # the last writer is gone
            pass
        os.close(leader)
        assert process.wait() == 0
        return text

    assert b"\x1b[32mready\x1b[0m" in on_terminal("status", TERM="xterm")
    assert b"\x1b" not in on_terminal("status", TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in on_terminal("status", TERM="dumb")
    assert b"\\x1b[2Jevil" in on_terminal("logs", "greeter.0", TERM="dumb")
    assert "\x1b[2Jevil" in node.cli("logs", "greeter.0"), "a file gets the bytes as they are"


def test_top_gives_the_terminal_back(node, build):
    """q ends it, and so does Ctrl-C; the terminal is as it was."""
    for key in (b"q", b"\x03"):
        leader, follower = pty.openpty()
        before = termios.tcgetattr(follower)
        process = subprocess.Popen([build.binary("cell"), "top", "--every", "50ms"],
                                   env={**node.environment(), "TERM": "xterm"}, stdin=follower,
                                   stdout=follower, stderr=follower)
        text = b""
        while text.count(b"\x1b[H\x1b[J") < 3: # three looks
            text += os.read(leader, 65536)
        os.write(leader, key)
        assert process.wait(10) == 0
        assert termios.tcgetattr(follower) == before
        os.close(follower)
        try:
            while chunk := os.read(leader, 65536):
                text += chunk
        except OSError: # the last writer is gone
            pass
        os.close(leader)
        assert text.endswith(b"\x1b[?25h\x1b[?1049l"), "the cursor and the first screen are back"


def test_cell_of_the_tree_is_tested_by_name(node):
    out = node.cli("test", "greeter", timeout=60)
    assert re.search(r"^greeter: \d+ passed, 0 failed$", out, re.M), out


# ---- cells of one's own ------------------------------------------------------------------------------


@pytest.fixture
def counter(node, build, short_dir):
    """A new cell that logs what it echoes, built once by its own first test."""
    before = set(glob.glob(LABS)) # of a run that was killed, say
    folder = os.path.join(short_dir, "counter")
    node.cli("new", "counter", folder)
    path = os.path.join(folder, "service.c")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    text = text.replace('#include <string.h>', '#include <string.h>\n\n#include "common/run/log.h"', 1)
    text = text.replace("    reply.text = text;", '    log_info("ECHOED", "len=%zu", len);\n    reply.text = text;')
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    configure(build, folder)
    yield folder
    assert not set(glob.glob(LABS)) - before, "a private node leaves nothing behind"


def test_new_cell_builds_and_passes_its_own_test(node, counter):
    out = node.cli("test", counter, timeout=120)
    assert out.splitlines()[-1] == "counter: 4 passed, 0 failed", out


def test_failing_case_is_reported_with_its_log(node, counter):
    path = os.path.join(counter, "tests", "cases.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("expect: {text: ababab}", "expect: {text: ab}"))
    result = node.command("test", counter, timeout=120)
    assert result.status == 1, result
    failing = [line for line in result.out.splitlines() if line.startswith("FAIL")]
    assert len(failing) == 1 and "repeats it" in failing[0], result
    assert 'text: expected "ab", got "ababab"' in result.out
    assert len(re.findall(r"\| .* ECHOED .* len=2", result.out)) == 1, "its log, and no other case's"
    assert "3 passed, 1 failed" in result.out
    lines = [json.loads(line) for line in node.command("--json", "test", counter, timeout=120).out.splitlines()]
    assert [l["passed"] for l in lines[:-1]] == [True, False, True, True]
    assert lines[-1] == {"cell": "counter", "passed": 3, "failed": 1, "not_run": 0}


def test_broken_source_fails_with_the_compiler_s_words(node, counter):
    with open(os.path.join(counter, "service.c"), "a", encoding="utf-8") as f:
        f.write("int broken(\n")
    result = node.command("test", counter, timeout=120)
    assert result.status == 1 and "ninja failed" in result.err and "error:" in result.err, result


def test_interrupted_test_cleans_up(node, build, counter):
    path = os.path.join(counter, "tests", "cases.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("cases:\n" + "".join(f"  - {{name: case {i}, call: Echo, with: {{text: a}}}}\n"
                                     for i in range(9999)))
    process = subprocess.Popen([build.binary("cell"), "test", counter], env=node.environment(),
                               stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("ok"):
            process.send_signal(signal.SIGINT)
            break
    out = process.stdout.read()
    assert process.wait(60) == 1 and "not run" in out
    assert not processes_with("/cell-lab-")


def test_killed_test_takes_its_node_along(node, build, counter):
    node.cli("test", counter, timeout=120)
    path = os.path.join(counter, "tests", "cases.yaml")
    with open(path, "a", encoding="utf-8") as f:
        f.writelines(f"  - {{name: case {i}, call: Echo, with: {{text: a}}}}\n" for i in range(9990))
    process = subprocess.Popen([build.binary("cell"), "test", counter], env=node.environment(),
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("ok")
    lab = glob.glob(LABS)[0]
    process.kill()
    process.wait()
    process.stdout.close()
    node.wait_until(lambda: not processes_with(lab), 20.0,
                    "the guard ends with the process it was started for")
    subprocess.run(["rm", "-rf", lab], check=True) # nobody was left to do it


def test_new_touches_no_existing_file(node, short_dir):
    folder = os.path.join(short_dir, "mine")
    os.mkdir(folder)
    with open(os.path.join(folder, "main.c"), "w", encoding="utf-8") as f:
        f.write("mine\n")
    result = node.command("new", "mine", folder)
    assert result.status == 1 and "main.c: is there already" in result.err, result
    with open(os.path.join(folder, "main.c"), encoding="utf-8") as f:
        assert f.read() == "mine\n"
    for name in ("../x", "-x", "a b", "1a", "A", "x" * 65, "nucleus", ""):
        assert node.command("new", "--", name, os.path.join(short_dir, "other")).status == 2, name
    assert not os.path.exists(os.path.join(short_dir, "other"))


@pytest.mark.parametrize("name", ["a", "x--y", "z_"])
def test_any_good_name_builds(node, build, short_dir, name):
    """The name becomes C identifiers, protobuf packages and services."""
    folder = os.path.join(short_dir, "folder")
    node.cli("new", name, folder)
    configure(build, folder)
    out = node.cli("test", folder, timeout=120)
    assert "4 passed, 0 failed" in out
