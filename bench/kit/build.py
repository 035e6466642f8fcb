"""The build that is measured: optimised, without sanitizers."""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def options(directory):
    meson = shutil.which("meson") or "/usr/bin/meson"
    out = subprocess.run([meson, "introspect", "--buildoptions", directory], capture_output=True,
                         check=True)
    return {o["name"]: o["value"] for o in json.loads(out.stdout)}


def find(directory=None):
    """A build directory that is fit for measuring; the default one is made and brought up to date."""
    directory = directory or os.environ.get("CELL_BUILD")
    if directory is None:
        directory = os.path.join(ROOT, "build-bench")
        if not os.path.exists(os.path.join(directory, "build.ninja")):
            subprocess.run(["meson", "setup", directory, ROOT], stdout=sys.stderr, check=True)
        subprocess.run(["ninja", "-C", directory], stdout=sys.stderr, check=True)
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        sys.exit(f"bench/run: {directory} is no build directory: meson setup {directory} && ninja -C {directory}")
    found = options(directory)
    if found["b_sanitize"] != "none" or found["buildtype"] == "debug":
        sys.exit(f"bench/run: {directory} is built with b_sanitize={found['b_sanitize']} and "
                 f"buildtype={found['buildtype']}: its times would mean nothing")
    return os.path.realpath(directory)
