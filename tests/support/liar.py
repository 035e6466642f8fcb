"""A member of an overlay that lies about where it is, by signals of its own (datapath/PROTOCOL.md): it says that it is where somebody
else is, calls another member, and answers that one's pings, but never those that come to itself: the others, which went to where it
said that it was, with numbers that are guessed.

As a program: liar.py PRIVATE-KEY RENDEZVOUS-KEY RENDEZVOUS-HOST MEMBER-KEY MEMBER-HOST CLAIMED-HOST SECONDS, keys in hex, all at port
51820. It says "ready" when it has a session with the member, and at the end how many bytes of data came to it, and how many answers it
made up."""
import ctypes
import os
import socket
import struct
import sys
import time

from framer import SODIUM, Framer, derive, public_of, shared

PORT, CLAIMED = 51820, 9
PING, PONG, ROLL, NEWS, CALL = 1, 2, 3, 4, 5
PLACES = 12 # that a node remembers of another


def place(host, port):
    return b"\4" + socket.inet_aton(host) + struct.pack("<H", port)


class Signals:
    """Between this key and another node's."""

    def __init__(self, private, theirs, host, door):
        mine, chain = public_of(private), shared(private, theirs)
        self.host, self.door, self.life, self.counter = host, door, time.time_ns(), 0
        (self.out, _), (self.back, _) = (derive(chain, b"cell signal 1\0" + who + bytes(32), 2) for who in (mine, theirs))
        self.who, self.from_whom = (derive(chain, b"cell signal 1\0" + who + b"\xff" * 32, 2)[1][:8] for who in (mine, theirs))

    def say(self, text, size=192):
        self.counter += 1
        head, nonce = b"\5cel" + self.who, os.urandom(24)
        text = struct.pack("<QQ", self.life, self.counter) + text
        text += bytes(max(0, size - 52 - len(text)))
        out = ctypes.create_string_buffer(len(text) + 16)
        SODIUM.crypto_aead_xchacha20poly1305_ietf_encrypt(out, None, text, ctypes.c_ulonglong(len(text)), head,
                                                          ctypes.c_ulonglong(len(head)), None, nonce, self.out)
        self.door.sendto(head + nonce + out.raw, (self.host, PORT))

    def opened(self, message):
        """What it says; None: it is none of this node's."""
        if message[:12] != b"\5cel" + self.from_whom:
            return None
        out = ctypes.create_string_buffer(len(message) - 52)
        made = SODIUM.crypto_aead_xchacha20poly1305_ietf_decrypt(out, None, None, message[36:], ctypes.c_ulonglong(len(message) - 36),
                                                                 message[:12], ctypes.c_ulonglong(12), message[12:36], self.back)
        return out.raw[16:] if made == 0 else None


def epoch_of(news):
    at = 2 + (19 if news[2] == 6 else 7) + 4
    at += 2 + struct.unpack_from("<H", news, at)[0]
    return struct.unpack_from("<Q", news, at)[0]


def register(rendezvous, claimed):
    epoch = 0
    for question in (1, 2): # the first answer says the epoch, with which the second counts
        rendezvous.say(struct.pack("<BBQQQI", ROLL, 0, epoch, question, 0, 0) + b"\1" + place(claimed, CLAIMED))
        said = None
        while said is None or said[0] != NEWS:
            said = rendezvous.opened(rendezvous.door.recv(2000))
        epoch = epoch_of(said)
    return epoch


def main():
    private, rendezvous_key, member_key = (bytes.fromhex(sys.argv[i]) for i in (1, 2, 4))
    claimed, end = sys.argv[6], time.monotonic() + float(sys.argv[7])
    session = Framer(private, member_key, (sys.argv[5], PORT))
    rendezvous = Signals(private, rendezvous_key, sys.argv[3], session.socket)
    member = Signals(private, member_key, sys.argv[5], session.socket)
    epoch = register(rendezvous, claimed)
    rendezvous.say(struct.pack("<BBQ", CALL, 0, epoch) + member_key, 384)
    while member.opened(session.socket.recv(2000)) is None:
        pass # whoever was told of us pings us; before that he answers no handshake
    session.connect()
    session.say(b"")
    print("ready", flush=True)
    came = answers = 0
    while time.monotonic() < end:
        try:
            message = session.socket.recv(2000)
        except TimeoutError:
            continue
        came += len(message) if message[:1] == b"\4" else 0
        said = member.opened(message)
        if said is None or said[0] != PING or said[2] != 0:
            continue
        number, sent_ms, word = struct.unpack_from("<IIQ", said, 3)
        for guess in range((number >> 4) - 12, (number >> 4) + 4):
            for i in range(PLACES):
                if i != number & 15:
                    member.say(struct.pack("<BB", PONG, 0) + place(claimed, CLAIMED) +
                               struct.pack("<BIIQ", 0, (guess << 4 | i) & 0xffffffff, sent_ms, word))
                    answers += 1
    print(came, answers, flush=True)


if __name__ == "__main__":
    main()
