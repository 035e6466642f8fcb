#!/usr/bin/env python3
"""Drawn commands to the cache's commands (redis_talk) and to redis itself, which must answer the same bytes; what depends on when it was
asked may differ by a second. DBSIZE is left out: redis counts keys that are over until it meets them. Skipped (77) where there is no redis-server.

Usage: redis_beside.py TALK [SEED [COMMANDS]]"""
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
KEYS = [b"a", b"b", b"c", b"number", b"missing"]
VALUES = [b"", b"1", b"-5", b"10", b"007", b" 1", b"text", b"9223372036854775807", b"-9223372036854775808", b"x" * 300]
# No life ends while the two are asked one after the other.
NUMBERS = [b"0", b"-1", b"100000", b"250000", b"500000", b"x", b"", b"9223372036854775807", b"9223372036854775", b"-9223372036854775808", b"1.5", b"99999999999999999999"]
ENDS = [b"EX", b"PX", b"EXAT", b"PXAT", b"ex"]
FAR_MS = 200000000000000  # ours end in the year 10889 at the latest
SOON = {b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"}


class Stream:
    """One side: what it is asked, and its answers as they stand on the wire."""

    def __init__(self, send, receive):
        self.send, self.receive, self.bytes = send, receive, b""

    def line(self):
        while b"\r\n" not in self.bytes:
            self.more()
        line, self.bytes = self.bytes.split(b"\r\n", 1)
        return line

    def more(self):
        data = self.receive()
        if not data:
            raise EOFError(self.bytes)
        self.bytes += data

    def answer(self):
        head = self.line()
        kind, rest = head[:1], head[1:]
        if kind == b"$" and rest != b"-1":
            while len(self.bytes) < int(rest) + 2:
                self.more()
            value, self.bytes = self.bytes[:int(rest)], self.bytes[int(rest) + 2:]
            return head, value
        if kind in b"*~>%" and rest != b"-1":
            return head, [self.answer() for _ in range(int(rest) * (2 if kind == b"%" else 1))]
        return head, None

    def ask(self, words):
        self.send(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.answer()


def draw(r):
    key, value, number = r.choice(KEYS), r.choice(VALUES), r.choice(NUMBERS)
    now = int(time.time())
    end = [r.choice(ENDS)]
    end.append(r.choice([number, b"%d" % (now + 1000), b"%d" % (now - 5), b"%d" % ((now + 50) * 1000), b"%d" % (now * 1000 - 1)]))
    options = []
    for option in ([b"NX"], [b"XX"], [b"GET"], [b"KEEPTTL"], end, [b"what"]):
        if r.random() < (.05 if option == [b"what"] else .25):
            options += option
    conditions = r.sample([b"NX", b"XX", b"GT", b"LT", b"zz"], r.choice([0, 0, 1, 1, 2]))
    if b"GT" in conditions or b"LT" in conditions: # the far end of all lives is another one here
        number = min(number, b"500000", key=len)
    pairs = [w for _ in range(r.randint(1, 3)) for w in (r.choice(KEYS), r.choice(VALUES))]
    words = r.choice([
        [b"GET", key], [b"SET", key, value] + options, [b"SET", key, value] + options, [b"SETNX", key, value], [b"GETSET", key, value],
        [b"SETEX", key, number, value], [b"PSETEX", key, number, value], [b"GETDEL", key], [b"GETEX", key],
        [b"GETEX", key] + r.choice([end, [b"PERSIST"], end + [b"PERSIST"], [b"zz"], [b"EX"]]), [b"MGET"] + r.choices(KEYS, k=3),
        [b"MSET"] + pairs, [b"MSETNX"] + pairs, [b"MSET"] + pairs + [b"odd"], [b"APPEND", key, value], [b"STRLEN", key], [b"INCR", key],
        [b"DECR", key], [b"INCRBY", key, number], [b"DECRBY", key, number], [b"DEL"] + r.choices(KEYS, k=2), [b"UNLINK", key],
        [b"EXISTS", key, key, r.choice(KEYS)], [b"TOUCH", key], [b"TYPE", key], [b"EXPIRE", key, number] + conditions,
        [b"PEXPIRE", key, number] + conditions, [b"EXPIRE", key, b"%d" % r.randint(50, 5000)] + conditions,
        [b"EXPIREAT", key, b"%d" % (now + r.choice([-3, 100, 1000]))] + conditions, [b"PEXPIREAT", key, b"%d" % (now * 1000 + r.choice([-3000, 100000, 1000000]))] + conditions,
        [b"TTL", key], [b"PTTL", key], [b"EXPIRETIME", key], [b"PEXPIRETIME", key], [b"PERSIST", key], [b"ECHO", value], [b"PING"], [b"PING", value],
        [b"PING", value, value], [b"SELECT", r.choice([b"0", b"99", b"x"])], [b"nothing", key, value], [b"get"], [b"Set", key], [b"FLUSHALL", b"zz"],
        [b"SCAN", b"x"], [b"SCAN", b"0", b"COUNT", b"0"], [b"SCAN", b"0", b"COUNT", b"x"], [b"SCAN", b"0", b"zz"], [b"SCAN", b"0", b"zz", b"1"],
        [b"HELLO", r.choice([b"2", b"3", b"4", b"x"])], [b"HELLO", b"3", b"zz"], [b"CLIENT", b"SETNAME", r.choice([b"me", b"m e", b""])], [b"CLIENT", b"GETNAME"],
        [b"CONFIG", b"GET", b"save"], [b"CONFIG", b"GET", b"appendonl*"], [b"AUTH", b"x"], [b"AUTH", b"default", b"x"], [b"RESET"],
    ])
    return words


def same(words, ours, theirs):
    if words[0] == b"HELLO" and ours[1] is not None and theirs[1] is not None:
        return ours[0] == theirs[0] and [a for i, a in enumerate(ours[1]) if i not in (3, 7)] == [a for i, a in enumerate(theirs[1]) if i not in (3, 7)]
    if words[0] in SOON and ours[0][:1] == theirs[0][:1] == b":":
        a, b = int(ours[0][1:]), int(theirs[0][1:])
        far = FAR_MS if words[0][:1] == b"P" else FAR_MS // 1000
        return a == b or (min(a, b) >= 0 and abs(a - b) <= 1000) or min(a, b) > far
    return ours == theirs


def scanned(side, pattern):
    cursor, keys = b"0", set()
    while True:
        _, (at, found) = side.ask([b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"7"])
        keys |= {k[1] for k in found[1]}
        cursor = at[1]
        if cursor == b"0":
            return keys


def compare(ours, theirs, seed, commands):
    r = random.Random(seed)
    for i in range(commands):
        words = draw(r)
        a, b = ours.ask(words), theirs.ask(words)
        if not same(words, a, b):
            print(f"seed {seed}, command {i}: {words}: {a}, and redis says {b}", file=sys.stderr)
            return 1
        if i % 500 == 499:
            for pattern in (b"*", b"[a-b]", b"n*r", b"?", b"[^a]", b"\\a", b"missin[g"):
                if scanned(ours, pattern) != scanned(theirs, pattern):
                    print(f"seed {seed}: SCAN MATCH {pattern} finds {scanned(ours, pattern)}, redis {scanned(theirs, pattern)}", file=sys.stderr)
                    return 1
    print(f"{commands} commands answered alike")
    return 0


SERVER = "redis-server" # Debian's; of nobody's list


def main():
    if shutil.which(SERVER) is None:
        print("skipped: there is no redis-server here")
        return SKIPPED
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    commands = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "redis.sock")
        redis = subprocess.Popen([SERVER, "--port", "0", "--unixsocket", path, "--save", "", "--dir", scratch], stdout=subprocess.DEVNULL)
        talk = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        try:
            s = socket.socket(socket.AF_UNIX)
            deadline = time.monotonic() + 20
            while s.connect_ex(path) != 0:
                if time.monotonic() > deadline:
                    raise TimeoutError("redis does not listen")
                time.sleep(.02)
            return compare(Stream(talk.stdin.write, lambda: talk.stdout.read(65536)), Stream(s.sendall, lambda: s.recv(65536)), seed, commands)
        finally:
            talk.stdin.close()
            talk.wait(10)
            redis.terminate()
            redis.wait(10)


if __name__ == "__main__":
    sys.exit(main())
