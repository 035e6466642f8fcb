#!/usr/bin/env python3
"""Facts about the authority that all manifests together hand out (deploy/ and examples/)."""
import os

import house
import miniyaml
import protos

# Who may have the host's network, with the reason.
NETWORK = {
    "datapath": "carries the overlay",
    "gateway": "the node's door to other nodes",
    "nodosum": "membership over UDP",
    "dht": "lookups over UDP",
    "raft": "replication between nodes",
    "mycel": "replicas on other nodes",
    "console": "HTTP and DNS for people and scrapers",
    "issuer": "answers nodes that join",
}
# Who may change what runs; the operator's own door needs no entry.
ADMINISTER = {
    "autoscaler": {"Scale", "Start", "Stop"},
    "console": set(),
}
ADMINISTRATIVE = {"Apply", "Start", "Stop", "Restart", "Scale", "Down", "Swap", "Prune"}
EVERYWHERE = {"inspect"} # answered by every cell
# Seeing these would show a cell what belongs to others.
PRIVATE = ("/", "/root", "/home", "/etc", "/var", "/run", "/proc", "/sys", "/dev", "/tmp", "/boot")


class Manifest:
    def __init__(self, tree, path):
        self.path = path
        document = miniyaml.parse(tree.read(path)) or {}
        self.cells = document.get("cells") or [] if isinstance(document, dict) else []
        self.is_manifest = isinstance(document, dict) and "cells" in document

    def names(self):
        return {c.get("name") for c in self.cells}


def as_list(value):
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def check_sandbox(tree, manifest, cell):
    line, name = cell[miniyaml.LINE], cell.get("name")
    sandbox = cell.get("sandbox", {})
    if not isinstance(sandbox, dict):
        tree.fault(manifest.path, line, f"{name}: sandbox: {sandbox}; every cell here is sandboxed")
        return
    if sandbox.get("network") not in (None, "false") and name not in NETWORK:
        tree.fault(manifest.path, line, f"{name}: has the network; only {', '.join(sorted(NETWORK))} may")
    for path in as_list(sandbox.get("write")):
        if path != "state":
            tree.fault(manifest.path, line, f"{name}: may write {path}; a cell writes its own state only")
    for path in as_list(sandbox.get("read")):
        if path != "state" and (os.path.normpath(path) in PRIVATE or not path.startswith("/")
                                or ".." in path.split("/")):
            tree.fault(manifest.path, line, f"{name}: may read {path}, which shows what belongs to others")


def check_calls(tree, manifest, cell, known, served):
    line, name = cell[miniyaml.LINE], cell.get("name")
    for grant in as_list(cell.get("may_call")):
        target, _, operation = grant.partition(".")
        if target == "*":
            if operation not in known["inspect"]:
                tree.fault(manifest.path, line, f"{name}: may_call {grant}: only what every cell answers "
                                                "may be called everywhere")
            continue
        allowed = known.get(target, set()) if target in EVERYWHERE | {"nucleus"} else served.get(target)
        if allowed is None:
            tree.fault(manifest.path, line, f"{name}: may_call {grant}: no cell {target} in this manifest")
        elif operation != "*" and operation not in (known.get(target, set()) if "*" in allowed else allowed) | known["inspect"]:
            tree.fault(manifest.path, line, f"{name}: may_call {grant}: {target} does not serve it")
        if target == "nucleus":
            granted = ADMINISTRATIVE if operation == "*" else {operation} & ADMINISTRATIVE
            for excess in sorted(granted - ADMINISTER.get(name, set())):
                tree.fault(manifest.path, line, f"{name}: may not be given nucleus.{excess}")


def check_serves(tree, manifest, cell, known):
    line, name = cell[miniyaml.LINE], cell.get("name")
    serves = as_list(cell.get("serves"))
    for entry in serves:
        target, _, operation = entry.partition(".")
        if target != name:
            tree.fault(manifest.path, line, f"{name}: serves {entry}, which is not its own")
        elif operation not in known.get(name, set()) and operation != "*":
            tree.fault(manifest.path, line, f"{name}: serves {entry}, which its .proto does not have")
    for operation in sorted(known.get(name, set())):
        if f"{name}.{operation}" not in serves and f"{name}.*" not in serves:
            tree.fault(manifest.path, line, f"{name}: does not list {name}.{operation} although it answers it")


def check_limits(tree, manifest, cell):
    limits = cell.get("limits", {})
    if not isinstance(limits, dict) or "memory" not in limits:
        tree.fault(manifest.path, cell[miniyaml.LINE], f"{cell.get('name')}: has no memory limit")


def main():
    tree = house.House("facts about the manifests' authority")
    known = {}
    for proto in protos.load(tree):
        known.setdefault(proto.cell, set()).update(proto.methods)
    for path in tree.files(".yaml", ".yml"):
        if not path.startswith(("deploy/", "examples/")):
            continue
        try:
            manifest = Manifest(tree, path)
        except miniyaml.Fault as fault:
            tree.fault(path, 0, str(fault))
            continue
        served = {c.get("name"): {e.partition(".")[2] for e in as_list(c.get("serves"))}
                  for c in manifest.cells}
        for cell in manifest.cells:
            tree.saw()
            check_sandbox(tree, manifest, cell)
            check_serves(tree, manifest, cell, known)
            check_calls(tree, manifest, cell, known, served)
            check_limits(tree, manifest, cell)
            for need in as_list(cell.get("requires")):
                if need.split("/")[-1] not in manifest.names():
                    tree.fault(path, cell[miniyaml.LINE], f"{cell['name']}: requires {need}, "
                                                          "which is not in this manifest")
    tree.finish("manifest entries")


if __name__ == "__main__":
    main()
