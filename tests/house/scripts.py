#!/usr/bin/env python3
"""Scripts can be run: a file with a shebang has its run bit and the other way round, shell scripts
parse and stop at the first error; every folder with a main.c has a README.md of at most a page."""
import os
import re
import subprocess

import house

README_LINES = 100


def check_script(tree, path):
    full = os.path.join(tree.root, path)
    with open(full, "rb") as f:
        begin = f.read(2)
    can_run = bool(os.stat(full).st_mode & 0o111)
    if begin != b"#!":
        if can_run:
            tree.fault(path, 1, "has a run bit but no #! line")
        return
    tree.saw()
    text = tree.read(path)
    if not can_run:
        tree.fault(path, 1, "has a #! line but no run bit")
    shell = re.match(r"#!.*\b(bash|sh)\b", text)
    if shell:
        if subprocess.run([shell[1], "-n", full], capture_output=True, check=False).returncode != 0:
            tree.fault(path, 1, f"does not parse as {shell[1]}")
        strict = r"^set -euo pipefail$" if shell[1] == "bash" else r"^set -eu$"
        if not re.search(strict, text, re.M):
            tree.fault(path, 1, "does not stop at the first error (set -eu, bash: set -euo pipefail)")


def main():
    tree = house.House("scripts can be run and folders are explained")
    for path in tree.files():
        check_script(tree, path)
        if os.path.basename(path) == "main.c" and not path.startswith(("tests/", "fuzz/", "bench/")):
            tree.saw()
            readme = os.path.join(os.path.dirname(path), "README.md")
            if readme not in tree.files("README.md"):
                tree.fault(readme, 0, "is missing: every folder with a main.c has one")
            elif tree.read(readme).count("\n") > README_LINES:
                tree.fault(readme, 0, f"is longer than a page ({README_LINES} lines)")
    tree.finish("scripts and folders")


if __name__ == "__main__":
    main()
