#!/usr/bin/env python3
"""Operation numbers: unique across all cells, inside the range proto/RANGES.md gives the cell, and
every method of a service has its OP_ constant and messages of its own, and the other way round."""
import re

import house
import protos

OPEN_RANGE = 10000 # users' cells: from here up


def ranges(tree):
    """{cell: (first, last)} of proto/RANGES.md."""
    found = {}
    for row in re.finditer(r"^\|\s*(\d+)\s*[–-]\s*(\d+)\s*\|\s*(\w+)", tree.read("proto/RANGES.md"), re.M):
        found[row[3]] = (int(row[1]), int(row[2]))
    return found


def check_numbers(tree, proto, given, taken):
    first, last = given.get(proto.cell, (OPEN_RANGE, 2**32 - 1))
    for name, (number, line) in proto.operations.items():
        if name == "OP_NONE":
            if number != 0:
                tree.fault(proto.path, line, "OP_NONE is 0")
            continue
        tree.saw()
        if not first <= number <= last:
            tree.fault(proto.path, line, f"{name} = {number} is outside {first} to {last}, the range of "
                                         f"{proto.cell} in proto/RANGES.md")
        if number in taken:
            tree.fault(proto.path, line, f"{name} = {number} is taken by {taken[number]}")
        taken.setdefault(number, f"{proto.package}.{name}")


def check_methods(tree, proto):
    wanted = {protos.constant_of(m): m for m in proto.methods}
    for constant, method in wanted.items():
        request, reply, line = proto.methods[method]
        if constant not in proto.operations:
            tree.fault(proto.path, line, f"{method} has no number: {constant} is missing from enum Op")
        if request != method + "Request" or reply != method + "Reply":
            tree.fault(proto.path, line, f"{method} takes {method}Request and returns {method}Reply, "
                                         f"not {request} and {reply}")
        elif not {request, reply} <= proto.messages:
            tree.fault(proto.path, line, f"{request} or {reply} is not defined beside {method}")
    for constant, (_, line) in proto.operations.items():
        if constant != "OP_NONE" and constant not in wanted:
            tree.fault(proto.path, line, f"{constant} names no method")


def main():
    tree = house.House("operation numbers")
    given, taken = ranges(tree), {}
    for proto in protos.load(tree):
        if proto.operations or proto.methods:
            check_numbers(tree, proto, given, taken)
            check_methods(tree, proto)
    tree.finish("operations")


if __name__ == "__main__":
    main()
