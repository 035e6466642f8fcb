"""Clients that never stop asking: every 5 ms each sends its member a put, whatever became of those before, and gives up on
one after 400 ms. They see how long nobody takes anything."""
import base64
import json
import os
import selectors
import socket
import struct
import time

from bench.kit import world
from tests.support import pb, sp

EVERY_S = 0.005
PATIENCE_S = 0.4
FLIGHT = 64
PUT, NOT_LEADER = 300, 8


class Link:
    """A connection with one request under way."""

    def __init__(self, client, where, made):
        self.client, self.where, self.socket = client, where, made
        self.data = b""
        self.sent = 0.0
        self.out = b""
        made.setblocking(False)

    def fileno(self):
        return self.socket.fileno()


class Client:
    """One that asks a member. Successes: (when it was asked, when it was answered)."""

    def __init__(self):
        self.probe = None
        self.idle = {}
        self.flight = set()
        self.good = []

    # Of a kind: connect(where), ask(link), take(link) -> None (not whole), True, False, or where to go instead.

    def send(self, now, where=None, since=None):
        """A put; `since`: one that was sent elsewhere."""
        where = self.home if where is None else where
        if since is None and len(self.flight) >= FLIGHT:
            return
        try:
            pool = self.idle.setdefault(where, [])
            link = pool.pop() if pool else self.connect(where)
            link.sent = since if since is not None else now
            link.data = b""
            self.flight.add(link)
            self.probe.select.register(link, selectors.EVENT_READ, link)
            self.ask(link)
        except OSError:
            if "link" in locals() and link in self.flight:
                self.drop(link)

    def drop(self, link):
        self.flight.discard(link)
        try:
            self.probe.select.unregister(link)
        except (KeyError, ValueError):
            pass
        link.socket.close()

    def ready(self, link):
        try:
            more = link.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self.drop(link)
            return
        link.data += more
        said = self.take(link)
        if said is None:
            return
        self.flight.discard(link)
        self.probe.select.unregister(link)
        self.idle[link.where].append(link)
        now = time.monotonic()
        if said is True:
            self.good.append((link.sent, now))
        elif said is not False:
            self.send(now, where=said, since=link.sent)

    def give_up(self, now):
        for link in [k for k in self.flight if now - k.sent > PATIENCE_S]:
            self.drop(link)

    def has_success_after(self, moment):
        return bool(self.good) and self.good[-1][0] > moment or any(sent > moment for sent, _ in self.good[-FLIGHT:])

    def first_after(self, moment):
        """When the first was answered of those that were asked after a moment."""
        found = [end for sent, end in self.good if sent > moment]
        if not found:
            raise world.Unmeasured("nobody took a put any more")
        return min(found)

    def longest_gap(self, moment):
        """Between two successes; what was over before a moment has nothing to do with it."""
        ends = sorted(end for _, end in self.good)
        return max(b - a for a, b in zip(ends, ends[1:]) if b > moment)

    def close(self):
        for link in [*self.flight, *(k for pool in self.idle.values() for k in pool)]:
            link.socket.close()


class Ours(Client):
    """Of a raft cell, by its socket; goes where it is sent."""

    def __init__(self, path, path_of):
        super().__init__()
        self.home, self.path_of = path, path_of
        body = pb.encode([(1, b"probe-" + os.path.basename(path).encode()), (2, b"v" * 64)])
        payload = struct.pack(">I", 1 | 1 << 31) + sp.envelope([sp.request(PUT, body, deadline_ms=int(PATIENCE_S * 1000))])
        self.frame = b"\x01" + struct.pack(">Q", len(payload)) + payload

    def connect(self, where):
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(where)
            made.sendall(sp.REQ_HEADER)
        except OSError:
            made.close()
            raise
        link = Link(self, where, made)
        link.greeted = False
        return link

    def ask(self, link):
        link.socket.send(self.frame)

    def take(self, link):
        if not link.greeted and len(link.data) >= 8:
            link.greeted = True
            link.data = link.data[8:]
        if not link.greeted or len(link.data) < 9:
            return None
        size = struct.unpack(">Q", link.data[1:9])[0]
        if len(link.data) < 9 + size:
            return None
        reply = sp.Reply(pb.decode(link.data[13:9 + size])[2][0])
        if reply.status == NOT_LEADER and reply.hint and link.where == self.home:
            return self.path_of(reply.hint)
        return reply.status == sp.OK


class Etcd(Client):
    """Of an etcd member, by its gateway for JSON over HTTP; members pass on to the leader by themselves."""

    def __init__(self, port):
        super().__init__()
        self.home = port
        self.request = http_request("/v3/kv/put", {"key": base64.b64encode(b"probe-%d" % port).decode(),
                                                   "value": base64.b64encode(b"v" * 64).decode()})

    def connect(self, where):
        return Link(self, where, socket.create_connection(("127.0.0.1", where), 1.0))

    def ask(self, link):
        link.socket.send(self.request)

    def take(self, link):
        whole = http_body(link.data)
        return None if whole is None else link.data.startswith(b"HTTP/1.1 200")


def http_request(path, body):
    text = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
            "\r\n").encode() + text


def http_body(data):
    """The body of a whole response, None if something of it is missing."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            size = int(line.split(b":")[1])
            return body[:size] if len(body) >= size else None
    return None


def http_json(port, path, body, timeout):
    with socket.create_connection(("127.0.0.1", port), timeout) as link:
        link.sendall(http_request(path, body))
        data = b""
        while http_body(data) is None:
            more = link.recv(1 << 16)
            if not more:
                raise ConnectionError("the response is not whole")
            data += more
    return json.loads(http_body(data))


class Probe:
    """Clients that ask for as long as they are run."""

    def __init__(self, probers):
        self.probers = probers
        self.select = selectors.DefaultSelector()
        for p in probers:
            p.probe = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.probers:
            p.close()
        self.select.close()

    def run(self, seconds, until=lambda: False):
        end, due = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < end and not until():
            now = time.monotonic()
            if now >= due:
                due = max(due + EVERY_S, now)
                for p in self.probers:
                    p.give_up(now)
                    p.send(now)
            for key, _ in self.select.select(timeout=max(0, due - time.monotonic())):
                key.data.client.ready(key.data)
