"""An independent client of a cell's socket: SP over a Unix socket (nanomsg RFCs sp-ipc-mapping-01 and
sp-request-reply-01) and the envelope of proto/envelope.proto, in plain Python.

    with Client(path) as c:
        reply = c.call(10000, pb.encode([(1, "World")]))
        reply.status, reply.body
"""
import os
import socket
import struct
import time

from . import pb

REQ_HEADER = bytes.fromhex("0053500000300000")
REP_HEADER = bytes.fromhex("0053500000310000")
OK = 1 # wire number of success


class Reply:
    """One answer of an envelope."""

    def __init__(self, data):
        fields = pb.decode(data)
        self.id = pb.first(fields, 1)
        self.status = pb.first(fields, 2)
        self.message = pb.first(fields, 3, b"").decode()
        self.body = pb.first(fields, 4, b"")
        self.hint = pb.first(fields, 5, b"").decode()
        self.retry_after_ms = pb.first(fields, 6)

    def __repr__(self):
        return f"Reply(id={self.id}, status={self.status}, message={self.message!r}, body={self.body!r})"


def request(operation, body=b"", request_id=1, deadline_ms=5000, trace=b"", key=b"", schema=0):
    """The bytes of one Request."""
    fields = [(1, request_id), (2, operation), (3, deadline_ms)]
    fields += [(4, trace)] * bool(trace) + [(5, key)] * bool(key) + [(6, body)] * bool(body)
    return pb.encode(fields + [(7, pb.Fixed64(schema))] * bool(schema))


def envelope(requests, version=1):
    """The bytes of Requests."""
    return pb.encode([(1, version)] + [(2, r) for r in requests])


class Client:
    """One connection. Timeouts are seconds for the whole call; a timed-out client is of no more use."""

    def __init__(self, path, timeout=5.0, header=REQ_HEADER):
        self.socket = socket.socket(socket.AF_UNIX)
        self.deadline = time.monotonic() + timeout
        self.next_id = int.from_bytes(os.urandom(4), "big") & 0x7FFFFFFF
        try:
            self._arm()
            self.socket.connect(path)
            self.socket.sendall(header)
            answer = self.read(8)
            if answer != REP_HEADER:
                raise ConnectionError(f"not a REP peer: {answer.hex()}")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def _arm(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self.socket.settimeout(left)

    def read(self, size):
        data = b""
        while len(data) < size:
            self._arm()
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the peer closed the connection")
            data += more
        return data

    def send_frame(self, body):
        """One SP message; body includes the request id words."""
        self._arm()
        self.socket.sendall(b"\x01" + struct.pack(">Q", len(body)) + body)

    def read_frame(self):
        kind, size = struct.unpack(">BQ", self.read(9))
        if kind != 1:
            raise ConnectionError(f"message type {kind}")
        return self.read(size)

    def send(self, payload):
        """Send a request; returns its 31-bit id, to be given to receive()."""
        self.next_id = (self.next_id + 1) & 0x7FFFFFFF
        self.send_frame(struct.pack(">I", self.next_id | 1 << 31) + payload)
        return self.next_id

    def receive(self, wanted):
        """The payload that answers request `wanted`; answers to others are skipped."""
        while True:
            body = self.read_frame()
            if struct.unpack(">I", body[:4])[0] == wanted | 1 << 31:
                return body[4:]

    def exchange(self, payload, timeout=5.0):
        self.deadline = time.monotonic() + timeout
        return self.receive(self.send(payload))

    def call_many(self, requests, timeout=5.0, version=1):
        """[Reply] for a list of Request bytes sent in one message."""
        replies = pb.decode(self.exchange(envelope(requests, version), timeout))
        return [Reply(r) for r in replies.get(2, [])]

    def call(self, operation, body=b"", timeout=5.0, **more):
        """The Reply to one request. `more` as in request()."""
        replies = self.call_many([request(operation, body, **more)], timeout)
        assert len(replies) == 1, f"one request, {len(replies)} replies"
        return replies[0]
