"""What the house tests share: the list of files, C text without comments, meson rooms, a verdict.

Every test is a script of its own: `NAME.py --root DIR [--build DIR]`; exit 0 kept, 1 broken, 77 not
checkable here. selftest.py runs each on a small tree with a planted violation.
"""
import argparse
import json
import os
import re
import subprocess
import sys

SKIPPED = 77
C_SUFFIXES = (".c", ".h")
# Folders whose code is not a cell and may therefore look everywhere.
OUTSIDE = ("tests", "bench", "fuzz", "deploy", "docs")


class House:
    """One run of one checker over one tree."""

    def __init__(self, purpose):
        parser = argparse.ArgumentParser(description=purpose)
        parser.add_argument("--root", required=True, help="the tree to look at")
        parser.add_argument("--build", help="a build directory of it, when the check needs one")
        arguments = parser.parse_args()
        self.root = os.path.realpath(arguments.root)
        self.build = os.path.realpath(arguments.build) if arguments.build else None
        self.faults = []
        self.checked = 0
        self._files = None

    def files(self, *suffixes):
        """Paths relative to the root, sorted; all files or those that end in one of `suffixes`."""
        if self._files is None:
            self._files = list_files(self.root)
        return [f for f in self._files if not suffixes or f.endswith(suffixes)]

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    def fault(self, path, line, text):
        self.faults.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def saw(self, count=1):
        """Count what was checked: a checker that looked at nothing has not shown anything."""
        self.checked += count

    def finish(self, what):
        for fault in self.faults:
            print(fault)
        print(f"{self.checked} {what} checked, {len(self.faults)} faults")
        if self.checked == 0:
            print("nothing to check was found: the checker looks in the wrong place")
            sys.exit(1)
        sys.exit(1 if self.faults else 0)


def list_files(root):
    """Tracked and new files where git knows the tree, every file outside build directories else."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                         capture_output=True, check=False)
    top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"], capture_output=True,
                         text=True, check=False).stdout.strip()
    if git.returncode == 0 and top and os.path.realpath(top) == root:
        names = {n for n in git.stdout.decode().split("\0") if n}
        return sorted(n for n in names if os.path.isfile(os.path.join(root, n)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [d for d in folders
                      if not d.startswith((".", "build", "__pycache__")) or d == ".ci"]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The same text with comments blanked, line numbers kept."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0].startswith(("//", "/*")) else m[0], text)


def without_strings(text):
    """The same text with the contents of strings blanked, comments kept."""
    def swap(match):
        return match[0] if match[0].startswith(("//", "/*")) else match[0][0] + _blank(match[0][1:-1]) + match[0][-1]
    return _TOKEN.sub(swap, text)


def code_only(text):
    """Comments, string contents and preprocessor lines blanked, line numbers kept."""
    def swap(match):
        token = match[0]
        if token.startswith(("//", "/*")):
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]
    text = _TOKEN.sub(swap, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _blank(m[0]), text, flags=re.M)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


_FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\s*\(")


def functions(text):
    """(name, first line, last line) of every function body in C text."""
    code = code_only(text)
    found, depth, start, head = [], 0, 0, 0
    for offset, char in enumerate(code):
        if char == "{":
            if depth == 0:
                head, begin = start, offset
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                signature = code[head:begin].strip()
                match = _FUNCTION.search(signature)
                if signature.endswith(")") and match and "=" not in signature:
                    first = line_of(code, code.index(signature, head))
                    names = _FUNCTION.findall(re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature))
                    found.append((names[0] if names else match[1], first, line_of(code, offset)))
                start = offset + 1
        elif char == ";" and depth == 0:
            start = offset + 1
    return found


def symbols(paths, *arguments):
    """{path: [symbol]} of object files, as nm with `arguments` lists them. One process for many files: starting
    one for each took most of a checker's time."""
    paths, found = sorted(set(paths)), {}
    for first in range(0, len(paths), 200):
        part = paths[first:first + 200]
        out = subprocess.run(["nm", "-A", *arguments, *part], capture_output=True, text=True, check=True).stdout
        found.update((p, []) for p in part)
        for line in out.splitlines():
            path, text = line.rsplit(":", 1)
            found[path].append(text.split()[-1].split("@")[0])
    return found


def room_of(path):
    """The folder that owns a file: "raft", "common/run", "examples/greeter"."""
    parts = path.split("/")
    if parts[0] in ("common", "examples") and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if len(parts) > 1 else ""


def cores(house):
    """{source path: room} of every pure file: the `cores` dictionaries of the rooms' meson.build and
    the whole of common/base."""
    found = {}
    for path in house.files("meson.build"):
        folder = os.path.dirname(path)
        text = re.sub(r"#[^\n]*", "", house.read(path))
        for block in re.finditer(r"cores\s*\+?=\s*\{(.*?)\}\s*\}", text, re.S):
            for name in re.findall(r"'([\w./-]+\.c)'", block[1]):
                found[os.path.normpath(os.path.join(folder, name))] = room_of(path)
    for path in house.files(*C_SUFFIXES):
        if path.startswith("common/base/") and path.endswith(".c"):
            found[path] = "common/base"
    return found


def compile_commands(house):
    """[(source relative to the root, object file, argument text)] of a build directory."""
    with open(os.path.join(house.build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    found = []
    for entry in entries:
        source = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        source = os.path.relpath(source, house.root)
        output = os.path.join(entry["directory"], entry["output"])
        if not source.startswith(".."):
            found.append((source, output, entry["command"]))
    return found


def package_flags():
    """Include paths of the libraries, for compiling a header alone."""
    flags = []
    for package in ("libprotobuf-c", "libuv", "libsodium", "libseccomp", "libcyaml", "jansson",
                    "lmdb", "libgit2", "libbpf", "libxdp"):
        out = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True,
                             check=False)
        flags += out.stdout.split() if out.returncode == 0 else []
    return flags
