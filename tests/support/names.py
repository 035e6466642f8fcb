"""Names for nodes of a test: a server of ours, so that what it says and when is ours too."""
import json
import os
import subprocess
import sys

SRV, A = 33, 1


def serve(node, records, *options):
    """Start a DNS server on `node` that knows `records` ({(name, type): [data]}); `options` as dnsd.py has them."""
    path = os.path.join(node.directory, "records.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump([[name, kind, data] for (name, kind), data in records.items()], f)
    server = node.program(sys.executable, "-u", os.path.join(os.path.dirname(__file__), "dnsd.py"), path, *options, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    return server
