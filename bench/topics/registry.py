"""The registry's cores: versions of a thousand packages, signatures, proofs, and a search from the start of a process to its end."""
import os
import shutil
import subprocess

from bench.kit import rows, world

STARTS = 60
PACKAGES, LEAVES, RECORDS, ANSWERS = 10000, 100000, 2000, 20


def numbers(w, *arguments):
    done = subprocess.run([w.binary("registry_cores"), *map(str, arguments)], capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{arguments[0]}: {done.stderr.decode().strip() or done.returncode}")
    return [float(line) for line in done.stdout.split()]


def resolve(w):
    ms = rows.Sample("resolve")
    for _ in range(w.runs):
        ms.add([us / 1000 for us in numbers(w, "resolve", ANSWERS)])
    yield rows.row("registry.resolve", ms, "ms", goal="<= 50 ms", met=ms.median <= 50, note="a thousand packages of twenty versions, five needs each")


def records(w):
    us, floor = rows.Sample("record"), rows.Sample("Ed25519 of libsodium, as recorded")
    floor.add([52.1])
    for _ in range(w.runs):
        us.add(numbers(w, "records", RECORDS))
    yield rows.row("registry.records", us, "us", peer=floor, goal="<= 150 us (10,000 of a history in 1.5 s)", met=us.median <= 150,
                   note="a record read and its signature verified")


def proofs(w):
    us, size = rows.Sample("proof"), rows.Sample("bytes")
    for _ in range(w.runs):
        took, most = numbers(w, "proofs", LEAVES)
        us.add([took])
        size.add([most])
    yield rows.row("registry.proof", us, "us", goal="<= 1000 us", met=us.median <= 1000, note=f"that a record is in a log of {LEAVES}")
    yield rows.row("registry.proof.size", size, "bytes", goal="< 1000 bytes", met=size.median < 1000)


def times_ms(w, *argv):
    done = subprocess.run([w.binary("start_time"), str(STARTS), *argv], capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise world.Unmeasured(f"{' '.join(argv)}: {done.stderr.decode().strip()}")
    return [int(line) / 1e6 for line in done.stdout.split()]


def search(w):
    index = os.path.join(w.directory, "index")
    numbers(w, "index", PACKAGES, index)
    subjects = {"search": [w.binary("registry_cores"), "search", index, "mail"], "nothing": [w.binary("nothing_dynamic")],
                "grep -i": [shutil.which("grep"), "-i", "mail", index]}
    samples = {k: rows.Sample(k) for k in subjects}
    for _ in range(w.runs):
        for name, argv in subjects.items():
            samples[name].add(times_ms(w, *argv))
    yield rows.row("registry.search", samples["search"], "ms", samples["nothing"], samples["grep -i"], "<= 5 ms with the start of its process",
                   samples["search"].median <= 5, f"{PACKAGES} packages, 20 of those with a word told by how near they are")


PARTS = {"resolve": resolve, "records": records, "proofs": proofs, "search": search}
