#!/usr/bin/env python3
"""Turn a descriptor set into a C header that says which operations may be done twice: ops.py IN OUT.

protobuf-c drops the options of methods, so what `option idempotency_level` says in a .proto would be
lost to a caller. Each method of the last file of the set becomes a constant, for cell_ask:
CELL__NUCLEUS__RESOLVE__IS_IDEMPOTENT = 1 (NO_SIDE_EFFECTS or IDEMPOTENT) or 0 (not marked).
"""
import re
import sys

# google/protobuf/descriptor.proto; see proto/descriptor.proto
SET_FILE, FILE_PACKAGE, FILE_SERVICE, SERVICE_METHOD = 1, 2, 6, 2
NAME, METHOD_OPTIONS, OPTION_IDEMPOTENCY = 1, 4, 34


def fields(data):
    """[(number, value)] of a message: bytes for what has a length, numbers for varints."""
    found, at = [], 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            found.append((tag >> 3, varint()))
        elif tag & 7 == 2:
            size = varint()
            found.append((tag >> 3, data[at:at + size]))
            at += size
        else:
            at += {1: 8, 5: 4}[tag & 7]
    return found


def all_of(message, number):
    return [value for n, value in message if n == number]


def methods(source):
    """[(C prefix, name, is idempotent)] of the services of a file."""
    package = all_of(source, FILE_PACKAGE)[0].decode()
    for service in all_of(source, FILE_SERVICE):
        for method in all_of(fields(service), SERVICE_METHOD):
            method = fields(method)
            options = [f for o in all_of(method, METHOD_OPTIONS) for f in fields(o)]
            yield (package.upper().replace(".", "__"), all_of(method, NAME)[0].decode(),
                   any(all_of(options, OPTION_IDEMPOTENCY)))


def constant(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


def main():
    with open(sys.argv[1], "rb") as f:
        source = fields(all_of(fields(f.read()), SET_FILE)[-1])
    name = all_of(source, NAME)[0].decode()
    guard = "CELL_OPS_" + re.sub(r"\W", "_", name).upper()
    rows = [f"    {prefix}__{constant(method)}__IS_IDEMPOTENT = {int(is_idempotent)},\n"
            for prefix, method, is_idempotent in methods(source)]
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(f"/* Made by proto/ops.py from {name}: which operations may be done twice. */\n"
                f"#ifndef {guard}\n#define {guard}\n\nenum {{\n{''.join(rows)}}};\n\n#endif\n")


if __name__ == "__main__":
    main()
