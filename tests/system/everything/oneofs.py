#!/usr/bin/env python3
"""Write a .proto without proto3's `optional`, which protobuf-c does not know: oneofs.py IN OUT."""
import re
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    source = f.read()
with open(sys.argv[2], "w", encoding="utf-8") as f:
    f.write(re.sub(r"optional (\w+ (\w+) = \d+;)", r"oneof _\2 { \1 }", source))
