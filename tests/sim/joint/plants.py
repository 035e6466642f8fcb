#!/usr/bin/env python3
"""Planted bugs of several cores, one at a time: worlds in which all of them live together must find each as well. The bugs
are those of the cores' own lists; a bug that escapes, or whose place is no longer in the source, fails the test.

Usage: plants.py --root DIR --cc COMPILER [--worlds N] [--jobs N] [NAME ...]
"""
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../.."))

from support import plants # pylint: disable=wrong-import-position

# What shows whatever else is in the world.
CHOSEN = {
    "raft": ("unstored-counted", "vote-unstored", "asks-unstored", "votes-twice", "half-is-enough", "older-vote-counts",
             "clock-of-its-own", "watch-over-a-gap"),
    "nodosum": ("no-refutation", "refuted-the-same", "back-in-silence", "out-of-order", "place-lost", "never-wanders"),
    "vivaldi": ("wrong-way", "no-begin", "height-cut-off", "nobody-restored"),
    "dht": ("no-substitutes",),
}


def of_core(core):
    """The list of a core's own simulation."""
    spec = importlib.util.spec_from_file_location(f"{core}_plants", os.path.join(HERE, "..", core, "plants.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CORES = {core: of_core(core) for core in CHOSEN}
PLANTS = {}
for name, bugs in CHOSEN.items():
    for bug in bugs:
        file, *rest = CORES[name].PLANTS[bug]
        PLANTS[f"{name}-{bug}"] = (f"{name}/{file}", "worlds", *rest[-2:])


def belongs(source):
    base = os.path.basename(source)
    return not source.startswith("tests/unit") and (not base.startswith("test_") or base == "test_sim_joint.c") and \
        base != "scene.c"


SOURCES = sorted({*CORES["raft"].SOURCES, *CORES["nodosum"].SOURCES, "tests/sim/joint/*.c",
                  *(s for core in ("vivaldi", "dht") for s in CORES[core].SOURCES if not s.startswith("tests/")),
                  "tests/sim/dht/check.c", "tests/sim/dht/tenant.c"})

if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "", SOURCES, lambda _finder, _file, args: (belongs, ["--worlds", str(args.worlds)]),
                           worlds=80, patience=120, libraries=("-lm", "-ljansson", "-lsodium")).main())
