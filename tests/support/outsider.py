"""Somebody who has a cluster's key and is no member: sealed datagrams (docs/PROTOCOL.md, section 9) and lookups' packets
(dht/packet.h) from the documents alone; X25519 and ChaCha20-Poly1305 from their RFCs. Shares no code with ours.

    link = Outsider("tests", ("10.77.0.1", 7403))   # under a key that is made up
    link.store(b"value", link.token(), 60000)        # 1: taken; 5: no quota …
"""
import hashlib
import os
import socket
import struct

P25519 = 2**255 - 19
BASE = (9).to_bytes(32, "little")
HELLO, COOKIE, WELCOME, DATA = 0x11, 0x12, 0x13, 0x14
FIND, NODES, STORE, STORED = 3, 4, 7, 8
OK, QUOTA = 1, 5
PATIENCE_S = 5.0


def blake(data, size=32, key=b""):
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def x25519(secret, point):
    """RFC 7748, section 5."""
    k = int.from_bytes(secret, "little") & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, u, 1
    for t in reversed(range(255)):
        if k >> t & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = (x2 + z2) ** 2, (x2 - z2) ** 2, (x3 + z3) * (x2 - z2), (x3 - z3) * (x2 + z2)
        x3, z3 = (d + c) ** 2 % P25519, u * (d - c) ** 2 % P25519
        x2, z2 = a * b % P25519, (a - b) * (a + 121665 * (a - b)) % P25519
        if k >> t & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def point_of(identity):
    """The X25519 key that belongs to an Ed25519 one."""
    y = int.from_bytes(identity, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def identity_of(point):
    """An Ed25519 key that a X25519 one belongs to."""
    u = int.from_bytes(point, "little")
    return ((u - 1) * pow(u + 1, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def chacha(key, counter, nonce):
    """RFC 8439, section 2.3."""
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    x = list(start)

    def quarter(a, b, c, d):
        for i, j, k, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[i] = x[i] + x[j] & 0xFFFFFFFF
            v = x[k] ^ x[i]
            x[k] = (v << turn | v >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))


def crypt(key, nonce, text):
    stream = b"".join(chacha(key, 1 + i, nonce) for i in range(len(text) // 64 + 1))
    return bytes(a ^ b for a, b in zip(text, stream))


def seal(key, counter, header, payload):
    """RFC 8439, section 2.8."""
    nonce = bytes(4) + counter.to_bytes(8, "big")
    text, one = crypt(key, nonce, payload), chacha(key, 0, nonce)
    r, total = int.from_bytes(one[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, 0
    data = header + bytes(-len(header) % 16) + text + bytes(-len(text) % 16) + struct.pack("<QQ", len(header), len(text))
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return header + text + ((total + int.from_bytes(one[16:32], "little")) % 2**128).to_bytes(16, "little")


class Outsider:
    def __init__(self, cluster, address, epoch=1):
        self.cluster_id, self.cluster_key, self.epoch = blake(b"cluster " + cluster.encode(), 16), blake(b"key " + cluster.encode()), epoch
        self.address, self.secret, self.salt, self.index = address, os.urandom(32), os.urandom(16), os.urandom(4)
        self.id = identity_of(x25519(self.secret, BASE))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.counter = self.transaction = 0
        self.meet()

    def hello(self, token):
        body = bytes([HELLO, 1, 0, 0]) + self.index + self.salt + self.id + bytes(32) + self.cluster_id + token + struct.pack(">II", self.epoch, 0)
        return body + blake(body, 16, blake(b"cell sealed hello" + self.cluster_id, 32, self.cluster_key))

    def expect(self, kind):
        while (data := self.socket.recv(2000))[0] != kind:
            pass
        return data

    def meet(self):
        self.socket.sendto(self.hello(bytes(16)), self.address)
        self.socket.sendto(self.hello(self.expect(COOKIE)[16:32]), self.address)
        welcome = self.expect(WELCOME)
        self.theirs = welcome[8:12]
        shared = x25519(self.secret, point_of(welcome[32:64]))
        session = blake(b"cell sealed ses1" + struct.pack(">I", self.epoch) + self.id + self.salt + self.index
                        + welcome[32:64] + welcome[16:32] + self.theirs + shared, 32, self.cluster_key)
        self.out, self.back = blake(b"to responder", 32, session), blake(b"to initiator", 32, session)
        assert blake(b"welcome", 32, session)[:16] == welcome[64:80]
        self.send(b"")

    def send(self, payload):
        self.counter += 1
        header = bytes([DATA, self.epoch & 255]) + self.counter.to_bytes(6, "big") + self.theirs + self.index
        self.socket.sendto(seal(self.out, self.counter, header, payload), self.address)

    def ask(self, kind, body, wanted):
        """The body of the answer to one question."""
        self.transaction += 1
        head = struct.pack("<I", self.transaction)
        self.send(bytes([1, kind]) + head + body)
        while True:
            data = self.expect(DATA)
            answer = crypt(self.back, bytes(6) + data[2:8], data[16:-16])
            if answer[1:6] == bytes([wanted]) + head:
                return answer[6:]

    def token(self):
        return self.ask(FIND, os.urandom(20) + bytes([1]), NODES)[1:9]

    def store(self, value, token, left_ms):
        """The status of the answer to a STORE of an immutable value."""
        record = b"\1" + struct.pack("<H", len(value)) + value
        return self.ask(STORE, token + bytes([0]) + bytes(8) + struct.pack("<IH", left_ms, len(record)) + record, STORED)[0]
