"""Planted bugs: each is put into a copy of one source file, and a test that is built with the copy must find it. A
bug that escapes, or whose place is no longer in the source, fails, and so does one whose test comes to no end, unless that is
its sign: a slow host hides an escape that way. The shipped sources know nothing of this."""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import tempfile
import time

from .verdict import CAUGHT, ESCAPED, NO_END, Tally

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-w"]
HANGS_S = 15 # of a program that comes to no end: many times what any of them takes


class Garden:
    """What the bugs of one core have in common.

    plants    {name: (file in `folder`, finder, what goes wrong, [(text that is there once, what the bug makes of it)])};
              with three items the finder is "worlds"
    sources   patterns below the root of all that may be linked
    program   program(finder, file, args): (whether a source belongs into it, the arguments it is run with)
    hangs     names of those whose sign is that the program comes to no end
    """

    def __init__(self, plants, folder, sources, program, flags=("-O1",), worlds=0, patience=120,
                 libraries=("-lm",), hangs=()):
        self.plants = {name: p if len(p) == 4 else (p[0], "worlds", *p[1:]) for name, p in plants.items()}
        self.folder, self.sources, self.program = folder, sources, program
        self.flags, self.worlds, self.patience = [*FLAGS, *flags], worlds, patience
        self.libraries, self.hangs = libraries, hangs
        self.args = None

    def compile(self, source, output):
        subprocess.run([*self.args.cc, *self.flags, "-I", self.args.root, "-c", source, "-o", output], check=True)
        return output

    def plant(self, name, scratch):
        """The bug's source, or None when its place is gone."""
        file, _, _, changes = self.plants[name]
        with open(os.path.join(self.args.root, self.folder, file), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes:
            if text.count(old) != 1:
                return None
            text = text.replace(old, new)
        path = os.path.join(scratch, f"{name}.c")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def look(self, name, finder, variant, objects, scratch):
        """(verdict, one line that says how) of one program."""
        file = self.plants[name][0]
        belongs, arguments = self.program(finder, file, self.args)
        planted = os.path.normpath(os.path.join(self.folder, file))
        others = [o for s, o in objects.items() if s != planted and belongs(s)]
        program = os.path.join(scratch, f"{name}.{finder.replace(':', '.')}")
        subprocess.run([*self.args.cc, *self.flags, "-o", program, variant, *others, *self.libraries],
                       check=True)
        patience = min(self.args.patience, HANGS_S) if name in self.hangs else self.args.patience
        try:
            run = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=patience)
        except subprocess.TimeoutExpired:
            return CAUGHT if name in self.hangs else NO_END, f"{finder} did not end within {patience} s"
        said = [l for l in run.stderr.strip().splitlines() if not l.startswith("replay:")] or [""]
        if run.returncode == 0:
            return ESCAPED, f"escaped {finder}"
        # A check that failed (whatever became of the program then), an assertion, a report of a sanitizer; anything
        # else is a fault of the plant.
        is_check = run.returncode == 1 or re.search(r"\.c:\d+: ", said[-1]) or "runtime error" in run.stderr
        if not is_check and "Assertion" not in said[-1]:
            return ESCAPED, f"ended with {run.returncode}: {said[-1]}"
        return CAUGHT, re.sub(r"^\S*/", "", said[-1])[:110]

    def try_one(self, name, objects, scratch):
        """(verdict, one line that says how, seconds); the finders are tried in order."""
        begun = time.monotonic()
        verdict, how = self.find_one(name, objects, scratch)
        return verdict, how, time.monotonic() - begun

    def find_one(self, name, objects, scratch):
        source = self.plant(name, scratch)
        if source is None:
            return ESCAPED, "its place in the source is gone or not the only one"
        try:
            variant = self.compile(source, os.path.join(scratch, f"{name}.o"))
        except subprocess.CalledProcessError:
            return ESCAPED, "does not compile"
        finders = self.plants[name][1]
        worst = ESCAPED, ""
        for finder in [finders] if isinstance(finders, str) else finders:
            verdict, how = self.look(name, finder, variant, objects, scratch)
            if verdict == CAUGHT:
                return verdict, how
            worst = worst if worst[0] == NO_END else (verdict, how)
        return worst

    def main(self):
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--root", required=True)
        parser.add_argument("--cc", required=True, type=str.split, metavar="COMPILER")
        parser.add_argument("--worlds", type=int, default=self.worlds)
        parser.add_argument("--jobs", type=int, default=2)
        parser.add_argument("--patience", type=int, default=self.patience, help="seconds for one bug")
        parser.add_argument("--share", type=int, default=1, metavar="N",
                            help="every Nth bug, others each day (UTC); of the rest only that its place is in the source")
        parser.add_argument("names", nargs="*", metavar="NAME")
        self.args = parser.parse_args()
        names = self.args.names or list(self.plants)
        rest = []
        if self.args.share > 1:
            today = int(time.time() / 86400) % self.args.share
            rest = [n for i, n in enumerate(names) if i % self.args.share != today]
            names = names[today::self.args.share]
        sources = [os.path.relpath(p, self.args.root) for pattern in self.sources
                   for p in sorted(glob.glob(os.path.join(self.args.root, pattern)))]
        tally = Tally()
        with tempfile.TemporaryDirectory() as scratch, \
                concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            objects = dict(pool.map(lambda s: (s, self.compile(os.path.join(self.args.root, s), os.path.join(
                scratch, s.replace("/", "_") + ".o"))), sources))
            for name, (verdict, how, seconds) in zip(names, pool.map(
                    lambda n: self.try_one(n, objects, scratch), names)):
                tally.add(verdict, f"{name}: {self.plants[name][2]}: {how} ({seconds:.1f} s)")
            for name in rest:
                if self.plant(name, scratch) is None:
                    tally.add(ESCAPED, f"{name}: its place in the source is gone or not the only one")
        return tally.end()

