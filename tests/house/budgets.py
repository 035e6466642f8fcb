#!/usr/bin/env python3
"""Budgets: a file at most 800 lines, a header 200, a main.c 60; at most 2 % of the functions longer
than 70 lines. Prints where the tree stands."""
import os

import house

FILE_LINES = 800
HEADER_LINES = 200
MAIN_LINES = 60
FUNCTION_LINES = 70
LONG_SHARE = 0.02
# Tables of data and the kernel's own types are not read from top to bottom.
DATA = ("vmlinux.h",)


def main():
    tree = house.House("budgets of lines")
    lengths, longest = [], []
    comment, total = 0, 0
    for path in tree.files(".c", ".h", ".py", ".sh", ".proto"):
        if os.path.basename(path) in DATA:
            continue
        text = tree.read(path)
        lines = text.count("\n")
        tree.saw()
        limit = FILE_LINES
        if os.path.basename(path) == "main.c" and path.split("/")[0] not in house.OUTSIDE:
            limit = MAIN_LINES
        elif path.endswith(".h"):
            limit = HEADER_LINES
        if lines > limit:
            tree.fault(path, 0, f"{lines} lines, budget {limit}")
        if path.endswith(house.C_SUFFIXES) and house.room_of(path).split("/")[0] not in house.OUTSIDE:
            bare = house.without_comments(text).split("\n")
            full = text.split("\n")
            comment += sum(1 for b, f in zip(bare, full) if b != f)
            total += sum(1 for f in full if f.strip())
            for name, first, last in house.functions(text):
                lengths.append(last - first + 1)
                longest.append((last - first + 1, f"{path}:{first} {name}"))
    if lengths:
        lengths.sort()
        over = [l for l in lengths if l > FUNCTION_LINES]
        print(f"{len(lengths)} functions: median {lengths[len(lengths) // 2]}, "
              f"p90 {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}, {len(over)} over "
              f"{FUNCTION_LINES}; comments {100 * comment / max(total, 1):.0f} % of the lines")
        for length, where in sorted(longest, reverse=True)[:len(over)]:
            print(f"  {length} lines: {where}")
        if len(over) > LONG_SHARE * len(lengths):
            tree.fault("functions", 0, f"{len(over)} of {len(lengths)} are longer than {FUNCTION_LINES} "
                                       f"lines, budget {LONG_SHARE:.0%}")
    tree.finish("files")


if __name__ == "__main__":
    main()
