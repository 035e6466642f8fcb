"""Programs of a build with something changed in them: one source file replaced, or one added. The build itself stays as it is.
And what lists of bugs do with that, which put one at a time into a program and run the test that must see it."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from .verdict import CAUGHT, ESCAPED, NO_END, Tally

PATIENCE_S = 600 # for the tests of one bug: the longest takes two minutes

# A test that goes wrong by itself says nothing about the bug.
OWN_FAULTS = ("TypeError", "AttributeError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError")

# These look for each other beside themselves, and a symbolic link is not where the kernel says that a program is.
BESIDE = ("cell", "cell-datapath", "cell-guard", "cell-nucleus")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def put(source, target):
    """The build's file or directory as the variant's."""
    if os.path.basename(source) not in BESIDE:
        os.symlink(source, target)
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError: # of another file system
        shutil.copy(source, target)


class Variant:
    """A build directory at `place` that is the given one but for what `make` and `add` put there."""

    def __init__(self, build, place):
        self.build, self.place = os.path.realpath(build), place
        for name in os.listdir(self.build):
            put(os.path.join(self.build, name), os.path.join(place, name))
        with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as commands:
            self.commands = json.load(commands)
        # Of a variant of a variant: what that one has goes into this one, too.
        self.notes, self.changes = os.path.join(place, "variant.json"), {}
        if os.path.lexists(self.notes):
            with open(self.notes, encoding="utf-8") as notes:
                self.changes = json.load(notes)

    def run(self, command):
        subprocess.run(command, cwd=self.build, check=True, capture_output=True)

    def own(self, program):
        """Where the changed program goes: directories on the way there become the variant's, their files stay the build's."""
        at, path = self.place, self.build
        for part in program.split("/")[:-1]:
            at, path = os.path.join(at, part), os.path.join(path, part)
            if os.path.islink(at):
                os.unlink(at)
                os.mkdir(at)
                for name in os.listdir(path):
                    os.symlink(os.path.join(path, name), os.path.join(at, name))
        target = os.path.join(self.place, program)
        if os.path.lexists(target):
            os.unlink(target)
        return target

    def link(self, program, planted, instead_of=None):
        """`program` with one object more, before the libraries that may have it too, or in the place of another."""
        told = subprocess.run(["ninja", "-t", "commands", program], cwd=self.build, check=True, capture_output=True, text=True)
        words = shlex.split(told.stdout.strip().splitlines()[-1])
        out = words.index("-o") + 1
        words[out] = self.own(program)
        self.changes.setdefault(program, []).append([planted, instead_of])
        for one, other in self.changes[program]:
            if other in words:
                words[words.index(other)] = one
            else:
                words.insert(out + 1, one)
        self.run(words)
        if os.path.lexists(self.notes):
            os.unlink(self.notes)
        with open(self.notes, "w", encoding="utf-8") as notes:
            json.dump(self.changes, notes)

    def make(self, file, source, program="cell-raft"):
        """`program` with `source` in the place of the tree's `file`."""
        of_file = [c for c in self.commands if c["file"].endswith("/" + file)]
        one = next((c for c in of_file if f"{os.path.basename(program)}.p/" in c["output"]), None) or \
            next(c for c in of_file if ".a.p/" in c["output"])
        planted = os.path.join(self.place, os.path.basename(file) + ".o")
        words = [source if w == one["file"] else planted if w == one["output"] else w for w in shlex.split(one["command"])]
        self.run([w for w in words if w != "-Werror"] + ["-w"])
        self.link(program, planted, one["output"])

    def make_bpf(self, file, source, program):
        """`program` with an object for the kernel made of `source` in the place of the tree's `file`, X.bpf.c, which X.c has in it."""
        told = subprocess.run(["ninja", "-t", "commands", program], cwd=self.build, check=True, capture_output=True, text=True)
        lines = [shlex.split(line) for line in told.stdout.splitlines()]
        name = os.path.basename(file)
        compile_, generate, skeleton = (next(l for l in lines if has(l)) for has in (
            lambda l: l[-3:-2] and l[-3].endswith("/" + name), lambda l: "object" in l and "gen" in l, lambda l: "skeleton" in l))
        made = {"raw": os.path.join(self.place, name + ".raw"), "object": os.path.join(self.place, name + ".object")}
        header = os.path.join(self.place, "planted", next(w for w in skeleton if w.endswith(".skel.h")))
        os.makedirs(os.path.dirname(header))
        self.run([*(w for w in compile_[:-3] if w not in ("-Werror", "-MD", "-MF") and not w.endswith(".d")), "-w", source, "-o", made["raw"]])
        self.run([*generate[:-2], made["object"], made["raw"]])
        shown = skeleton[skeleton.index("--") + 1:]
        with open(header, "w", encoding="utf-8") as out:
            subprocess.run([made["object"] if w.endswith(".bpf.o") else w for w in shown], cwd=self.build, check=True, stdout=out)
        around = file.removesuffix(".bpf.c") + ".c"
        one = next(c for c in self.commands if c["file"].endswith("/" + around) and f"{os.path.basename(program)}.p/" in c["output"])
        planted = os.path.join(self.place, os.path.basename(around) + ".o")
        words = [planted if w == one["output"] else w for w in shlex.split(one["command"])]
        first = next(i for i, w in enumerate(words) if w.startswith("-I"))
        self.run([*words[:first], "-I" + os.path.join(self.place, "planted"), *words[first:]])
        self.link(program, planted, one["output"])

    def add(self, file, program="cell-raft"):
        """`program` with one source file of the tree more, which puts itself before what libraries have."""
        compiler = shlex.split(self.commands[0]["command"])
        compiler = compiler[:next(i for i, w in enumerate(compiler) if w.startswith("-"))]
        added = os.path.join(self.place, os.path.basename(file) + ".o")
        self.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror", "-I", ROOT, "-c", os.path.join(ROOT, file), "-o", added])
        self.link(program, added)


def run_pytest(words, place, **environment):
    """The chosen system tests on a variant: "FILE OPTIONS". subprocess.TimeoutExpired: they come to no end."""
    file, *rest = shlex.split(words)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", os.path.join(ROOT, "tests/system", file), *rest]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "CELL_TEST_BUILD": place, **environment}) as ran:
        try:
            told = ran.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            ran.send_signal(signal.SIGINT) # it ends the nodes that it began
            try:
                ran.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                ran.kill()
            raise
    return subprocess.CompletedProcess(argv, ran.returncode, *told)


def judge_pytest(ran, words):
    """(verdict, how): a bug is caught by a test that failed, not by one that could not run, or that stumbled itself."""
    if ran.returncode != (1 if " failed" in ran.stdout else 0) or not re.search(r"\d (passed|failed)", ran.stdout):
        return ESCAPED, f"pytest ends with {ran.returncode}: {(ran.stderr.strip() or ran.stdout.strip())[-100:]}"
    said = [line[4:] for line in ran.stdout.splitlines() if re.match(r"E   +\S", line)]
    if ran.returncode == 0:
        return ESCAPED, f"escaped {words}"
    how = (said or [words])[0].strip()[:140]
    return (ESCAPED, f"the test itself goes wrong: {how}") if how.startswith(OWN_FAULTS) else (CAUGHT, how)


def plant(build, file, program, changes, find):
    """(verdict, how): what `find` says of a variant whose `program` has these changes in `file` of the tree, each a pair of a
    text that is there once and of what the bug makes of it."""
    with open(os.path.join(ROOT, file), encoding="utf-8") as source:
        text = source.read()
    for old, new in changes:
        if text.count(old) != 1:
            return ESCAPED, "its place in the source is gone or not the only one"
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ct") as place:
        changed = os.path.join(place, "planted.bpf.c" if file.endswith(".bpf.c") else "planted.c")
        with open(changed, "w", encoding="utf-8") as out:
            out.write(text)
        variant = Variant(build, place)
        (variant.make_bpf if file.endswith(".bpf.c") else variant.make)(file, changed, program)
        try:
            return find(place)
        except subprocess.TimeoutExpired as late:
            return NO_END, f"did not end within {late.timeout:.0f} s"


def try_all(names, tell, try_one):
    """Exit status: 0 when all were caught. tell: name -> what goes wrong; try_one: name -> (verdict, how)."""
    tally = Tally()
    for name in names:
        begun = time.monotonic()
        verdict, how = try_one(name)
        tally.add(verdict, f"{name}: {tell(name)}: {how} ({time.monotonic() - begun:.0f} s)")
    return tally.end()
