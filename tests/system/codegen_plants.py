#!/usr/bin/env python3
"""Faults in what generated clients bring along (codegen/runtime): each is put into a copy, and a test of test_codegen.py or test_codegen_go.py must
fail with it. A
fault whose place is no longer there, or that no test sees, fails.

Usage: codegen_plants.py --build DIR [NAME ...]
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

# name: (file, the tests that may see it (-k), what goes wrong, text that is there once, what the fault makes of it)
PLANTS = {
    "zigzag": ("python_messages.py", "googles", "zigzag of negative numbers is one off", "~(value << 1)\n", "-(value << 1)\n"),
    "negative": ("python_messages.py", "googles", "negative numbers have the field's bits", "return _varint(value & 0xFFFFFFFFFFFFFFFF)\n", "return _varint(value & 0xFFFFFFFF)\n"),
    "minus-zero": ("python_messages.py", "googles", "a negative zero is a default", ' and str(value) != "-0.0":', ":"),
    "range": ("python_messages.py", "does_not_fit", "numbers are cut", "or not low <= value <= high:", "or not low <= value:"),
    "nul": ("python_messages.py", "malformed", "text may hold a NUL", '        if "\\0" in text:', '        if "\\0" in text and len(text) > 100:'),
    "utf8": ("python_messages.py", "malformed", "bytes that are no text are taken for it", 'text = str(data[at:end], "utf-8")', 'text = str(data[at:end], "utf-8", "replace")'),
    "deep-read": ("python_messages.py", "depth", "messages may be any depth", "        if depth > DEPTH_MAX:\n            raise Malformed", "        if depth > DEPTH_MAX + 1:\n            raise Malformed"),
    "deep-write": ("python_messages.py", "depth", "and are written so", "        if depth > DEPTH_MAX:\n            raise Limit", "        if depth > DEPTH_MAX + 1:\n            raise Limit"),
    "oneof-last": ("python_messages.py", "oneof", "a oneof keeps what came before", "                        setattr(self, other.name, None)\n", "                        pass\n"),
    "merge": ("python_messages.py", "oneof", "a message that comes twice is the second one", "        if before is not None: #", "        if before is not None and depth > 50: #"),
    "packed": ("python_messages.py", "both_ways", "only what is packed is read", 'elif wire == 2 and field.label in ("repeated", "packed")', 'elif wire == 2 and field.label in ("packed",)'),
    "map-cut": ("python_messages.py", "malformed", "an entry reads past its end", "                        if stop > end:\n", "                        if stop > len(data) + 100:\n"),
    "size": ("python_messages.py", "sixteen", "a message may have any size", "        if len(data) > BYTES_MAX:", "        if len(data) > 2 * BYTES_MAX:"),
    "ids": ("python_wire.py", "64_callers or own_answers", "all requests have one number", "self.next_id = (self.next_id + 1) & 0x7FFFFFFF\n            number = self.next_id\n            self.calls", "number = self.next_id\n            self.calls"),
    "nobody-reads": ("python_wire.py", "one_caller", "whoever gives up leaves nobody who reads", "        elif not self.is_read:\n", "        elif not self.is_read and not self.calls:\n"),
    "outstanding": ("python_wire.py", "under_way", "any number of requests at a time", "threading.BoundedSemaphore(_OUTSTANDING)", "threading.BoundedSemaphore(10 * _OUTSTANDING)"),
    "twice": ("python_wire.py", "cut_is_not", "what may not be repeated is", "or not (operation.is_idempotent or error.is_unread):", "or False:"),
    "never-again": ("python_wire.py", "starts_again", "nothing is repeated", "_RETRIES = 3", "_RETRIES = 0"),
    "deadline": ("python_wire.py", "deadline_is_kept", "the cell does not hear of the deadline", '_varint(min(max(int(left * 1000), 1), 0xFFFFFFFF))', '_varint(60000)'),
    "schema": ("python_wire.py", "another_schema", "the fingerprint is not sent", 'struct.pack("<Q", operation.schema)', 'struct.pack("<Q", 0)'),
    "greeting": ("python_wire.py", "no_cell", "anybody is a cell", "if self.data[:8] != _ANSWER[:len(self.data)]:", "if False:"),
    "cut-message": ("python_wire.py", "short_reads", "a message is what has come of it", "            if len(self.data) < head + size:\n                break\n", "            if len(self.data) < head + 4:\n                break\n"),
    "stray": ("python_wire.py", "passed_over", "an answer to nobody is this one's", "other = self.calls.get(at) #", "other = self.calls.get(at) or next(iter(self.calls.values()), None) #"),
    "cancel": ("python_wire.py", "asyncio", "a cancelled task's request goes on", "            if self.error is None:\n                self.writer.write(_cancel(", "            if self.error is not None:\n                self.writer.write(_cancel("),
    "go-zigzag": ("go_client.go", "bytes_are or every_kind", "zigzag of negative numbers is one off", "uint64(value<<1) ^ uint64(value>>63)", "uint64(value<<1) ^ uint64(value>>62)"),
    "go-nul": ("go_client.go", "bytes_are", "text may hold a NUL", "if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {", "if !utf8.Valid(value) {"),
    "go-deep": ("go_client.go", "does_not_fit or bytes_are", "messages may be one deeper", "	if inner.depth > depthMax {\n\t\te.fail(", "	if inner.depth > depthMax+1 {\n\t\te.fail("),
    "go-wide": ("go_client.go", "bytes_are", "a number of more than 64 bits is none", "if size == 0 || size < -10 {", "if size <= 0 {"),
    "go-entries": ("go_client.go", "bytes_are", "a map is written in any order", "bytes.Compare(all[i], all[j]) < 0", "bytes.Compare(all[i], all[j]) > 0"),
    "go-ids": ("go_client.go", "64_callers", "all requests have one number", "	l.nextID++\n", ""),
    "go-outstanding": ("go_client.go", "under_way", "any number of requests at a time", "make(chan struct{}, outstandingMax)", "make(chan struct{}, 10*outstandingMax)"),
    "go-twice": ("go_client.go", "cut_is_not", "what may not be repeated is", "!(o.isIdempotent || err.Unread)", "!(o.number > 0 || err.Unread)"),
    "go-never": ("go_client.go", "starts_again", "nothing is repeated", "retriesMax     = 3", "retriesMax     = 0"),
    "go-cancel": ("go_client.go", "cancellation", "a request that is given up goes on", "\t\t\trequests.blob(4, note.data)\n", ""),
    "go-deadline": ("go_client.go", "cancellation", "the cell does not hear of the deadline", "request.varint(3, uint64(left)&math.MaxUint32)", "request.varint(3, 60000)"),
    "go-greeting": ("go_client.go", "no_cell", "anybody is a cell", "if !bytes.Equal(head[:8], helloBack) {", "if len(head) == 0 {"),
    "go-claimed": ("go_client.go", "no_cell", "a message may have any size", "size < 4 || size > frameMax", "size < 4"),
    "go-status": ("go_client.go", "each_error", "two errors are one", 'ErrExists          = &Error{Status: StatusExists}', 'ErrExists          = &Error{Status: StatusRange}'),
    "status": ("python_wire.py", "each_error", "two errors are one", 'status, name = 14, "EXISTS"', 'status, name = 15, "EXISTS"'),
}


def try_one(build, name):
    """What became of it, in a line; None: a test has seen it."""
    file, tests, what, old, new = PLANTS[name]
    test = "tests/system/test_codegen_go.py" if file.endswith(".go") else "tests/system/test_codegen.py"
    with tempfile.TemporaryDirectory() as scratch:
        runtime = shutil.copytree(os.path.join(ROOT, "codegen/runtime"), os.path.join(scratch, "runtime"))
        with open(os.path.join(runtime, file), encoding="utf-8") as f:
            text = f.read()
        if text.count(old) != 1:
            return "its place is gone"
        with open(os.path.join(runtime, file), "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
        run = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", "-k", tests, test], cwd=ROOT,
                             env={**os.environ, "CELL_TEST_BUILD": build, "CELL_TEST_RUNTIME": runtime, "CELL_TEST_CLIENTS": "1"}, capture_output=True, text=True, check=False,
                             timeout=300)
    return None if run.returncode == 1 and " failed" in run.stdout else f"escaped {tests}: {what}: {run.stdout.strip().splitlines()[-1:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    names = arguments.names or list(PLANTS)
    escaped = 0
    for name in names:
        fault = try_one(os.path.realpath(arguments.build), name)
        escaped += fault is not None
        print(f"{'caught ' if fault is None else 'ESCAPED'} {name}: {fault or PLANTS[name][2]}", flush=True)
    print(f"{len(names) - escaped} of {len(names)} caught")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
