"""What the .proto files say: package, operations with numbers, services with methods."""
import re

import house


class Proto:
    def __init__(self, path, text):
        self.path = path
        text = house.without_comments(text)
        package = re.search(r"^\s*package\s+([\w.]+)\s*;", text, re.M)
        self.package = package[1] if package else ""
        self.cell = self.package.split(".")[-1]
        self.operations = {} # OP_NAME -> (number, line)
        for block in re.finditer(r"\benum\s+Op\s*\{(.*?)\}", text, re.S):
            for entry in re.finditer(r"(\w+)\s*=\s*(\d+)\s*;", block[1]):
                line = house.line_of(text, block.start(1) + entry.start())
                self.operations[entry[1]] = (int(entry[2]), line)
        self.methods = {} # Name -> (request, reply, line)
        for rpc in re.finditer(r"\brpc\s+(\w+)\s*\(\s*([\w.]+)\s*\)\s*returns\s*\(\s*([\w.]+)\s*\)", text):
            self.methods[rpc[1]] = (rpc[2], rpc[3], house.line_of(text, rpc.start()))
        self.messages = set(re.findall(r"\bmessage\s+(\w+)\s*\{", text))


def constant_of(method):
    """"FindNode" -> "OP_FIND_NODE"."""
    return "OP_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", method).upper()


def load(tree):
    return [Proto(p, tree.read(p)) for p in tree.files(".proto")
            if not p.startswith(("tests/", "fuzz/", "bench/"))]
