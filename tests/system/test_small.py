"""How much memory a cell has for itself while nothing happens. Of a build without sanitizers, which is made here: with one
everything is linked, and all memory is watched."""
import os
import shutil
import struct
import subprocess
import sys
import time

import pytest

from support import build as build_module, ports, wait

PAGE_KB = 4
NODES = 4
JOINED_S = 4 # two seconds more than until a cell has given back what starting and joining took
# What there is (KiB, glibc 2.36, two processors), and more: less than there was before (docs/decisions/0026). Relocated: pages with pointers, of
# the program alone.
RELOCATED = {"cell-dht": 48, "cell-greeter": 32}
ANONYMOUS = {"cell-dht": 470, "cell-greeter": 510}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Directory of the build."""
    directory = str(tmp_path_factory.mktemp("plain"))
    meson = shutil.which("meson") or "/usr/bin/meson"
    for command in ([meson, "setup", directory, build_module.ROOT, "-Dbench=false", "--buildtype=debug", "-Dc_args=-g0"],
                    ["ninja", "-C", directory, "-j2", *RELOCATED, "tests/system/probe/test-keys"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return directory


def relocated_kb(path):
    """Pages of PT_GNU_RELRO: what the loader writes in them makes them this process's own."""
    with open(path, "rb") as f:
        elf = f.read()
    at, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, _, _, address, _, _, memory, _ = struct.unpack_from("<IIQQQQQQ", elf, at + i * size)
        if kind == 0x6474e552:
            return (-(-(address + memory) // (PAGE_KB * 1024)) - address // (PAGE_KB * 1024)) * PAGE_KB
    raise AssertionError(f"{path} has nothing that is written by the loader alone")


def anonymous_kb(process):
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Anonymous:"))


class Group:
    """Standalone cells, in their inner sandbox."""

    def __init__(self, plain, place):
        self.plain, self.place, self.cells = plain, place, []

    def start(self, name, number, *arguments):
        place = os.path.join(self.place, f"{name}{number}")
        os.makedirs(place, exist_ok=True)
        self.cells.append(subprocess.Popen([os.path.join(self.plain, name), "--standalone", "--run", place, *arguments], # pylint: disable=consider-using-with
                                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place))
        door = os.path.join(place, "default", name.removeprefix("cell-") + ".0.sock")
        wait.until(lambda: os.path.exists(door), 10, f"{name} {number} listens")

    def nodes(self, count):
        at = [f"127.0.0.1:{ports.free_port()}" for _ in range(count)]
        for i in range(count):
            place = os.path.join(self.place, f"cell-dht{i}")
            os.makedirs(place)
            keys, config = os.path.join(place, "keys"), os.path.join(place, "config.yaml")
            subprocess.run([os.path.join(self.plain, "tests/system/probe/test-keys"), f"n{i}", "small", keys], check=True)
            with open(config, "w", encoding="utf-8") as f:
                f.write(f"keys: {keys}\nmembers: false\nlisten: {at[i]}\nbootstrap: [{at[i - 1]}, {at[0 if i > 0 else 1]}]\n")
            self.start("cell-dht", i, "--config", config, "--read", keys)

    def stop(self):
        for cell in self.cells:
            cell.kill()
            cell.wait()


def test_what_a_program_does_not_use_is_not_in_it(plain):
    has = {name: relocated_kb(os.path.join(plain, name)) for name in RELOCATED}
    assert all(has[name] <= most for name, most in RELOCATED.items()), has


def test_an_idle_cell_is_small(plain, short_dir):
    group = Group(plain, short_dir)
    try:
        group.nodes(NODES)
        group.start("cell-greeter", 0)
        time.sleep(JOINED_S) # nothing tells of memory that is given back
        has = {"cell-dht": max(map(anonymous_kb, group.cells[:NODES])), "cell-greeter": anonymous_kb(group.cells[NODES])}
    finally:
        group.stop()
    print(has, file=sys.stderr)
    assert all(has[name] <= most for name, most in ANONYMOUS.items()), has
