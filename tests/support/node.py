"""A node under test: its own run and state directories, started and stopped through the `cell`
command, with nothing left behind. See docs/TESTING.md.

    def test_x(make_node):
        node = make_node([{"name": "greeter", "serves": ["greeter.Greet"]}])
        node.up()
        assert node.cli("call", "greeter.Greet", '{"name": "World"}', json=True)["greeting"]
"""
import json as json_module
import os
import re
import selectors
import shutil
import signal
import stat
import subprocess
import tempfile
import time

from . import groups, procs, sp, wait

REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed")
UP_DEADLINE = 60.0
DOWN_DEADLINE = 30.0
# Commands that have been looked through for leaks in this process: that takes as long as the command itself.
leaks_seen = set()


class Result:
    """How a command ended."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def json(self):
        try:
            return json_module.loads(self.out)
        except ValueError as fault:
            raise AssertionError(f"not one JSON document: {fault}\n{self}") from None

    def __repr__(self):
        return f"{' '.join(self.command)}\nstatus {self.status}\nstdout: {self.out}\nstderr: {self.err}"


def read_all(streams, timeout):
    """Read every stream of {file: bytes so far} to its end; False when that takes longer."""
    end = time.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        for stream in streams:
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in waiting.select(left):
                data = os.read(key.fd, 65536)
                streams[key.fileobj] += data
                if not data:
                    waiting.unregister(key.fileobj)
    return True


class Node:
    def __init__(self, build, manifest, name="node-1", user=None, directory=None):
        """user: the uid that runs the commands, and so the node; None: whoever runs the tests.
        directory: made and removed by the node; None: a fresh one."""
        self.build = build
        self.name = name
        self.user = user
        # Unix socket paths end at 107 characters: a short directory of our own, private to this user.
        self.directory = directory if directory is not None else tempfile.mkdtemp(prefix="ct", dir="/tmp")
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self.run = os.path.join(self.directory, "r")
        self.state = os.path.join(self.directory, "s")
        self.manifest_path = os.path.join(self.directory, "node.yaml")
        self.keepers = []
        self.damage = None
        self.expected_reports = [] # words of reports that a test provokes
        self.is_closed = False
        for folder in (self.run, self.state):
            os.mkdir(folder, 0o700)
        for folder in (self.run, self.state, self.directory) if user is not None else ():
            os.chown(folder, user, user)
        self.write_manifest(manifest)

    # ---- manifest -------------------------------------------------------------------------------

    def write_manifest(self, manifest):
        """Text as it is, or a list of entries (dicts); `exec` becomes the built program where the entry
        does not give one."""
        if not isinstance(manifest, str):
            cells = [dict(entry) for entry in manifest]
            for entry in cells:
                if "exec" not in entry:
                    entry["exec"] = self.build.binary("cell-" + entry["name"])
            manifest = json_module.dumps({"node": self.name, "cells": cells}, indent=1) + "\n"
        with open(self.manifest_path, "w", encoding="utf-8") as f:
            f.write(manifest)

    # ---- commands -------------------------------------------------------------------------------

    def environment(self):
        kept = {k: v for k, v in os.environ.items()
                if k in ("PATH", "HOME", "LANG", "LC_ALL", "TERM") or k.endswith("SAN_OPTIONS")}
        return {**kept, "CELL_RUN": self.run, "CELL_STATE": self.state}

    def command(self, *arguments, timeout=30.0, stdin="", env=None):
        """Run `cell ARGUMENTS` and return its Result, whatever its status."""
        words = [str(word) for word in arguments]
        env = dict(env if env is not None else self.environment())
        what = tuple([word for word in words if not word.startswith("-")][:2])
        if what in leaks_seen and what[:1] != ("up",): # what `up` starts inherits this
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        leaks_seen.add(what)
        return self.execute([self.build.binary("cell"), *words], timeout, stdin, env)

    def execute(self, command, timeout=30.0, stdin="", env=None):
        """Run any command in the node's environment and return its Result. What it leaves running is
        found again at close(). command[0] is an absolute path."""
        wait.lag()
        read_end, write_end = os.pipe()
        with tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            identity = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
            keeper = subprocess.Popen(
                [self.build.binary("test-keeper"), str(write_end), *command],
                stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(write_end,),
                env=env if env is not None else self.environment(), cwd=self.directory, **identity)
        self.keepers.append(keeper)
        os.close(write_end)
        streams = {keeper.stdout: b"", keeper.stderr: b"", os.fdopen(read_end, "rb"): b""}
        complete = read_all(streams, timeout)
        out, err, status = (text.decode(errors="replace") for text in streams.values())
        for stream in streams:
            stream.close()
        result = Result(command, int(status) if status.strip() else None, out, err)
        if not complete:
            for pid in procs.descendants(keeper.pid):
                procs.kill_and_wait(pid)
            raise AssertionError(f"no end, or its output is held open, within {timeout} s: {result}")
        return result

    def cli(self, *arguments, json=False, status=0, timeout=30.0, stdin=""):
        """Run `cell` and expect exit status `status`. Returns stdout, or with json=True what `--json`
        printed."""
        result = self.command(*(["--json"] if json else []), *arguments, timeout=timeout, stdin=stdin)
        assert result.status == status, f"expected status {status}: {result}"
        return result.json() if json else result.out

    def up(self, timeout=UP_DEADLINE):
        """`cell up --detach`: returns when every cell is ready."""
        return self.cli("up", self.manifest_path, "--detach", timeout=timeout)

    def guard(self, *options):
        """Start the node by its guard alone, with options that `cell up` does not have."""
        os.makedirs(os.path.join(self.state, "logs"), exist_ok=True)
        script = 'exec setsid "$0" "$@" >>"$CELL_STATE/logs/nucleus.log" 2>&1 </dev/null &'
        self.execute(["/bin/sh", "-c", script, self.build.binary("cell-guard"), "--run", self.run, "--state",
                      self.state, "--manifest", self.manifest_path, "--cells", self.build.directory, *options])

    def down(self, timeout=DOWN_DEADLINE):
        return self.cli("down", timeout=timeout)

    # ---- looking --------------------------------------------------------------------------------

    def status(self):
        """The rows of `cell status --json`."""
        return self.cli("status", json=True)["cells"]

    def instance(self, cell, instance=0, space="default"):
        for row in self.status():
            if (row["cell"], row["instance"], row["namespace"]) == (cell, instance, space):
                return row
        raise AssertionError(f"{space}/{cell}.{instance} is not in the status: {self.status()}")

    def pid(self, cell, instance=0, space="default"):
        pid = self.instance(cell, instance, space)["pid"]
        assert pid > 0, f"{cell}.{instance} does not run: {self.instance(cell, instance, space)}"
        return pid

    def wait_state(self, cell, state, deadline=10.0, instance=0, space="default"):
        """Wait until an instance is in `state`; returns its row."""
        def row_in_state():
            row = self.instance(cell, instance, space)
            return row if row["state"] == state else None
        return self.wait_until(row_in_state, deadline, f"{cell}.{instance} is {state}")

    @staticmethod
    def wait_until(predicate, deadline, why):
        return wait.until(predicate, deadline, why)

    def socket_path(self, cell, instance=0, space="default"):
        return os.path.join(self.run, space, f"{cell}.{instance}.sock")

    def client(self, cell, instance=0, space="default", timeout=5.0):
        """A connection of the independent client to the cell's public socket."""
        return sp.Client(self.socket_path(cell, instance, space), timeout)

    def log_files(self):
        found = []
        for top in (self.run, self.state):
            for folder, _, names in os.walk(top):
                found += [os.path.join(folder, n) for n in names if ".log" in n]
        return sorted(found)

    def log(self, part=""):
        """All log text of files whose path contains `part`."""
        text = ""
        for path in self.log_files():
            if part in path:
                with open(path, encoding="utf-8", errors="replace") as f:
                    text += f.read()
        return text

    def wait_log(self, words, deadline=10.0, part=""):
        """Wait until a line that contains `words` is in the logs; returns it."""
        def line():
            return next((l for l in self.log(part).splitlines() if words in l), None)
        return wait.until(line, deadline, f'"{words}" is in the logs')

    def reports(self):
        """Lines of the logs that no test may pass with: a sanitizer's report, a failed assertion."""
        return [line for line in self.log().splitlines()
                if REPORT.search(line) and not any(words in line for words in self.expected_reports)]

    # ---- doing harm -----------------------------------------------------------------------------

    def kill(self, cell, instance=0, space="default", number=signal.SIGKILL):
        """Signal one instance by its pid; returns the pid."""
        pid = self.pid(cell, instance, space)
        assert procs.kill(pid, number), f"{cell}.{instance} was gone already"
        return pid

    def damaged(self, reason):
        """The test broke what would have cleaned up (killed the guard, say): close() still ends every
        process, but does not ask for an orderly `cell down`."""
        self.damage = reason

    def processes(self):
        """Pids of everything that commands of this node left running."""
        self.keepers = [k for k in self.keepers if k.poll() is None] # an ended one has no children
        return sorted(set(procs.descendants(*(k.pid for k in self.keepers))))

    # ---- the end --------------------------------------------------------------------------------

    def _mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            return [l.split()[4] for l in f if self.directory + "/" in l.split()[4] + "/"]

    def _sockets(self):
        found = []
        for folder, _, names in os.walk(self.directory):
            paths = [os.path.join(folder, n) for n in names]
            found += [p for p in paths if stat.S_ISSOCK(os.lstat(p).st_mode)]
        return found

    def close(self):
        """Stop the node, end what is left by pid and fail if anything was left."""
        if self.is_closed:
            return
        self.is_closed = True
        left = []
        if self.processes() and not self.damage:
            result = None
            try:
                result = self.command("down", timeout=DOWN_DEADLINE)
            except AssertionError as fault:
                left.append(str(fault))
            if result is not None and result.status != 0:
                left.append(f"cell down: {result}")
        if not self.damage and not left:
            try:
                wait.until(lambda: not self.processes(), 5.0, "every process ended after cell down")
            except AssertionError:
                left += [f"process {p}: {procs.name(p)}" for p in self.processes()]
        for _ in range(10): # a supervisor may start another one between look and kill
            alive = self.processes()
            if not alive:
                break
            for pid in alive:
                procs.kill_and_wait(pid)
        left += [f"process {p} does not end: {procs.name(p)}" for p in self.processes()]
        left += [f"report: {line}" for line in self.reports()]
        left += [f"control group {g}" for g in groups.left_of(self.run)] if not self.damage else []
        left += self._clean_files()
        for keeper in self.keepers:
            try:
                keeper.wait(10)
            except subprocess.TimeoutExpired:
                left.append(f"keeper {keeper.pid} still has children")
                procs.kill_and_wait(keeper.pid)
                keeper.wait(10)
        assert not left, "the node left behind or said:\n" + "\n".join(left)

    def _clean_files(self):
        left = [f"mount {m}" for m in self._mounts()]
        for mount in reversed(self._mounts()):
            subprocess.run(["umount", "-l", mount], check=False)
        if not self.damage:
            left += [f"socket {s}" for s in self._sockets()]
        if not self._mounts():
            shutil.rmtree(self.directory)
        return left
