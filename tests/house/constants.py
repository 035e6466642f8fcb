#!/usr/bin/env python3
"""A number in the documents is the number in the code.

Two forms are checked in every .md file: `NAME = value` in backticks, and the rows of a table whose
first column is headed "constant" (| NAME | value | …). A value is an integer with an optional unit
K, M, G, KiB, MiB, GiB or bytes. The code's value is what the compiler says of the header.
"""
import os
import re
import subprocess
import tempfile

import house

NAME = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
VALUE = r"(0x[0-9a-fA-F]+|[0-9][0-9,]*)\s*(K|M|G|KiB|MiB|GiB|bytes)?"
INLINE = re.compile(rf"`({NAME}) = {VALUE}`")
ROW = re.compile(rf"^\|\s*`?({NAME})`?\s*\|\s*`?{VALUE}`?\s*\|")
UNIT = {"": 1, "bytes": 1, "K": 2**10, "M": 2**20, "G": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def number(digits, unit):
    digits = digits.replace(",", "")
    return int(digits, 16 if digits.startswith("0x") else 10) * UNIT[unit or ""]


def claims(tree):
    """[(path, line, name, value)] of all documents; a row that is no claim under a constants' heading
    is a fault."""
    found = []
    for path in tree.files(".md"):
        in_table = False
        for line, text in enumerate(tree.read(path).split("\n"), 1):
            found += [(path, line, m[1], number(m[2], m[3])) for m in INLINE.finditer(text)]
            if not text.startswith("|"):
                in_table = False
            elif re.match(r"\|\s*constant\s*\|", text, re.I):
                in_table = True
            elif in_table and not re.match(r"\|[\s:|-]+$", text):
                match = ROW.match(text)
                if match:
                    found.append((path, line, match[1], number(match[2], match[3])))
                else:
                    tree.fault(path, line, "a row of a constants' table is | NAME | value |")
    return found


def headers_by_name(tree):
    """{name: the first header it stands in}."""
    found = {}
    for path in tree.files(".h"):
        if not path.startswith("tests/"):
            for name in re.findall(rf"\b{NAME}\b", house.without_comments(tree.read(path))):
                found.setdefault(name, path)
    return found


def compiled(tree, by_header, flags):
    """{name: value} as one program with these headers says; None when it does not compile."""
    with tempfile.TemporaryDirectory() as scratch:
        source, program = os.path.join(scratch, "a.c"), os.path.join(scratch, "a")
        with open(source, "w", encoding="utf-8") as f:
            f.write("#include <stdio.h>\n" + "".join(f'#include "{h}"\n' for h in by_header)
                    + "int main(void)\n{\n")
            f.writelines(f'    printf("{n} %lld\\n", (long long)({n}));\n'
                         for names in by_header.values() for n in names)
            f.write("    return 0;\n}\n")
        done = subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", *flags, "-o", program, source],
                              stderr=subprocess.DEVNULL if len(by_header) > 1 else None, check=False)
        if done.returncode != 0:
            return None
        out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {n: int(v) for n, v in (line.split() for line in out.splitlines())}


def values(tree, names):
    """{name: value} of the code: in one program where the headers go together, else one a header."""
    by_header = {}
    headers = headers_by_name(tree)
    for name in names:
        if name in headers:
            by_header.setdefault(headers[name], []).append(name)
    flags = ["-I", tree.root, *(["-I", tree.build] if tree.build else []), *house.package_flags()]
    found = compiled(tree, by_header, flags)
    if found is None:
        found = {}
        for header, members in by_header.items():
            one = compiled(tree, {header: members}, flags)
            if one is None:
                tree.fault(header, 0, "does not compile alone")
            found.update(one or {})
    return found


def main():
    tree = house.House("documented constants are the code's")
    stated = claims(tree)
    real = values(tree, sorted({name for _, _, name, _ in stated}))
    for path, line, name, value in stated:
        tree.saw()
        if name not in real:
            tree.fault(path, line, f"{name} is in no header")
        elif real[name] != value:
            tree.fault(path, line, f"{name} = {value} here, {real[name]} in the code")
    tree.finish("documented constants")


if __name__ == "__main__":
    main()
