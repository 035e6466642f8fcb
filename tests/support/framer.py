"""A peer of the overlay that says what it likes inside of a session: WireGuard's handshake as whoever begins it (the paper,
section 5.4), with libsodium for the curve and the cipher, and nothing behind it.

As a program: framer.py PRIVATE-KEY PUBLIC-KEY HOST PORT, keys in hex. It says "ready" when the session is there; then each line
of its input is an inner message in hex, or `bomb COUNT SIZE`: the first pieces of so many frames. At the end it says "done"."""
import ctypes
import hashlib
import hmac
import os
import socket
import struct
import sys
import time

SODIUM = ctypes.CDLL("libsodium.so.23")
FRAME = b"\xcell\x02"
OFFER = b"\xcell\x01" + bytes([0, 0, 0, 0]) + struct.pack("<Q", 2)


def public_of(private):
    out = ctypes.create_string_buffer(32)
    SODIUM.crypto_scalarmult_base(out, private)
    return out.raw


def shared(private, public):
    out = ctypes.create_string_buffer(32)
    assert SODIUM.crypto_scalarmult(out, private, public) == 0
    return out.raw


def seal(key, counter, text, more=b""):
    out = ctypes.create_string_buffer(len(text) + 16)
    SODIUM.crypto_aead_chacha20poly1305_ietf_encrypt(out, None, text, ctypes.c_ulonglong(len(text)), more,
                                                     ctypes.c_ulonglong(len(more)), None, struct.pack("<IQ", 0, counter), key)
    return out.raw


def opened(key, counter, sealed, more=b""):
    out = ctypes.create_string_buffer(max(len(sealed) - 16, 1))
    made = SODIUM.crypto_aead_chacha20poly1305_ietf_decrypt(out, None, None, sealed, ctypes.c_ulonglong(len(sealed)), more,
                                                            ctypes.c_ulonglong(len(more)), struct.pack("<IQ", 0, counter), key)
    return out.raw[:len(sealed) - 16] if made == 0 else None


def digest(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def derive(chain, text, count):
    first, made, last = hmac.new(chain, text, hashlib.blake2s).digest(), [], b""
    for i in range(count):
        last = hmac.new(first, last + bytes([i + 1]), hashlib.blake2s).digest()
        made.append(last)
    return made


def piece(index, size, number, each, text):
    return FRAME + struct.pack("<BBHIHH", 1, index, size, number, each, 0) + text


def whole(frame):
    return FRAME + struct.pack("<BBH", 0, 0, len(frame)) + frame


class Framer:
    def __init__(self, private, theirs, place):
        self.private, self.theirs, self.place = private, theirs, place
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.counter, self.sealing, self.remote = 0, None, 0

    def connect(self, tries=4):
        """A session; a host that is busy may answer only the next try. What else comes meanwhile is dropped."""
        try:
            self.try_to_connect(struct.pack("<I", tries))
        except TimeoutError:
            if tries == 1:
                raise
            self.connect(tries - 1)

    def try_to_connect(self, index):
        chain = digest(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        seen = digest(digest(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), self.theirs)
        once = os.urandom(32)
        mine = public_of(once)
        chain, = derive(chain, mine, 1)
        seen = digest(seen, mine)
        chain, key = derive(chain, shared(once, self.theirs), 2)
        name = seal(key, 0, public_of(self.private), seen)
        seen = digest(seen, name)
        chain, key = derive(chain, shared(self.private, self.theirs), 2)
        now = time.time_ns()
        stamp = seal(key, 0, struct.pack(">QI", (1 << 62) + 10 + now // 10**9, now % 10**9), seen)
        seen = digest(seen, stamp)
        text = b"\1\0\0\0" + index + mine + name + stamp
        mac = hashlib.blake2s(text, key=digest(b"mac1----", self.theirs), digest_size=16).digest()
        self.socket.sendto(text + mac + bytes(16), self.place)
        answer, end = b"", time.monotonic() + 5
        while len(answer) != 92 or answer[0] != 2 or answer[8:12] != index:
            if time.monotonic() > end:
                raise TimeoutError("no answer to a handshake")
            answer = self.socket.recv(2000)
        theirs = answer[12:44]
        chain, = derive(chain, theirs, 1)
        seen = digest(seen, theirs)
        chain, = derive(chain, shared(once, theirs), 1)
        chain, = derive(chain, shared(self.private, theirs), 1)
        chain, mixed, key = derive(chain, bytes(32), 3)
        assert opened(key, 0, answer[44:60], digest(seen, mixed)) == b"", "the answer is forged"
        self.sealing, _ = derive(chain, b"", 2)
        self.remote = answer[4:8]

    def say(self, text):
        text += bytes(-len(text) % 16)
        self.socket.sendto(b"\4\0\0\0" + self.remote + struct.pack("<Q", self.counter) + seal(self.sealing, self.counter, text), self.place)
        self.counter += 1


def main():
    peer = Framer(bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), (sys.argv[3], int(sys.argv[4])))
    peer.connect()
    peer.say(OFFER)
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] != "bomb":
            peer.say(bytes.fromhex(words[0]))
            continue
        for i in range(int(words[1])):
            peer.say(piece(0, int(words[2]), 1000000 + i, 700, bytes(700)))
            if i % 50 == 49:
                time.sleep(0.002) # what a socket's buffer loses would make no work
    print("done", flush=True)


if __name__ == "__main__":
    main()
