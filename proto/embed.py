#!/usr/bin/env python3
"""Turn a file into a C header with one constant byte array: embed.py IN OUT NAME."""
import sys

source, target, name = sys.argv[1:4]
with open(source, "rb") as f:
    data = f.read()
rows = [", ".join(str(b) for b in data[i:i + 16]) for i in range(0, len(data), 16)]
guard = f"CELL_SCHEMA_{name.upper()}_H"
with open(target, "w") as f:
    f.write(f"/* Made by proto/embed.py. */\n#ifndef {guard}\n#define {guard}\n\n")
    f.write(f"static const unsigned char {name}[] = {{\n    " + ",\n    ".join(rows) + "};\n\n#endif\n")
