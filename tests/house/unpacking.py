#!/usr/bin/env python3
"""Messages from outside become structs by one door, common/run/unpack.c, which looks at their texts first: nobody else
calls protobuf-c's own. Tests, benches and fuzzers read what they made themselves."""
import re

import house

DOOR = "common/run/unpack.c"
OWN = re.compile(r"\b(protobuf_c_message_unpack|\w+__unpack)\s*\(")


def main():
    tree = house.House("messages are unpacked by one door")
    for path in tree.files(*house.C_SUFFIXES):
        if house.room_of(path).split("/")[0] in house.OUTSIDE or path == DOOR:
            continue
        tree.saw()
        text = house.code_only(tree.read(path))
        for match in OWN.finditer(text):
            tree.fault(path, house.line_of(text, match.start()), f"{match[1]} does not look at texts: unpack_message does ({DOOR})")
    tree.finish("files")


if __name__ == "__main__":
    main()
