"""Drawn packets through the overlay, with Debian's wireguard-go at the other end: each comes out as it went in, byte for byte, whatever
the kernels cut and join on the way. What a receiving kernel was handed as one is cut again here, as Linux would.

Longer by a setting: CELL_TEST_OVERLAY=long draws ten times as many.
"""
import collections
import os
import pickle
import random
import socket
import struct
import subprocess
import sys

import pytest

from test_overlay import Lab, run

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_netns, pytest.mark.needs_tool("wireguard-go"), pytest.mark.needs_tool("wg"),
              pytest.mark.needs_tool("nft"), pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")]
BURSTS = 400 if os.environ.get("CELL_TEST_OVERLAY") == "long" else 40
DONT, TCP, UDP, ACK = 0x4000, 6, 17, 0x10
# Inside a namespace: `send` lists of (virtio head or nothing, packet) from FILE on INTERFACE; `take` what comes in there, until a line of input.
WIRE = """
import pickle, select, socket, sys, time
mode, interface, path = sys.argv[1:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3) if mode == "take" else 0)
s.setsockopt(263, 15, 1) # PACKET_VNET_HDR
s.setsockopt(socket.SOL_SOCKET, 33 if mode == "take" else 32, 32 << 20) # as much as root may have
if mode == "send":
    for burst in pickle.load(open(path, "rb")):
        for head, packet in burst:
            s.sendto((head or bytes(10)) + packet, (interface, 0x86dd if packet[0] >> 4 == 6 else 0x0800))
        time.sleep(0.03)
    sys.exit()
s.bind((interface, 3))
print("ready", flush=True)
came, end = [], None
while end is None or time.monotonic() < end:
    ready = select.select([s, sys.stdin] if end is None else [s], [], [], 0.1)[0]
    if sys.stdin in ready:
        end = time.monotonic() + 1
    if s in ready:
        data, place = s.recvfrom(1 << 17)
        if place[2] != 4:
            came.append(data)
pickle.dump(came, open(path, "wb"))
"""


def total(data):
    data += bytes(len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def pseudo(source, to, protocol, size):
    return source + to + (struct.pack("!BBH", 0, protocol, size) if len(source) == 4 else struct.pack("!I3xB", size, protocol))


def with_sum(heads, at, packet, is_partial=False):
    """The transport `packet` with its checksum at `at`: whole, or the pseudo head's alone, as a kernel leaves it."""
    value = total(heads) if is_partial else ~total(heads + packet) & 0xffff
    value = 0xffff if value == 0 and at == 6 and not is_partial else value
    return packet[:at] + struct.pack("!H", value) + packet[at + 2:]


def in_ip(ends, protocol, body, tos=0, number=0, bits=0, hops=64, options=b""):
    source, to = ends
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), protocol, hops) + source + to + body
    size = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | size, tos, size * 4 + len(body), number & 0xffff, bits, hops, protocol, 0) + source + to + options
    return head[:10] + struct.pack("!H", ~total(head) & 0xffff) + head[12:] + body


def tcp(ends, ports, sequence, data, flags=ACK, window=100, options=b"", is_partial=False):
    body = struct.pack("!HHIIBBHHH", *ports, sequence & 0xffffffff, 7, (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + data
    return with_sum(pseudo(*ends, TCP, len(body)), 16, body, is_partial)


def udp(ends, ports, data, is_partial=False, has_sum=True):
    body = struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
    return with_sum(pseudo(*ends, UDP, len(body)), 6, body, is_partial) if has_sum else body


def cut(head, packet):
    """What Linux makes of a packet that a head says is many, or unfinished."""
    flags, kind, _, each, begin, offset = struct.unpack("=BBHHHH", head)
    if kind & 0x7f == 0:
        return [packet[:begin] + with_sum(b"", offset, packet[begin:]) if flags & 1 else packet]
    is_v6, is_udp = packet[0] >> 4 == 6, kind & 0x7f == 5
    size = begin + (8 if is_udp else (packet[begin + 12] >> 4) * 4)
    ends = (packet[8:24], packet[24:40]) if is_v6 else (packet[12:16], packet[16:20])
    parts = [packet[at:at + each] for at in range(size, len(packet), each)]
    made = []
    for i, data in enumerate(parts):
        h = bytearray(packet[:size])
        if is_v6:
            h[4:6] = struct.pack("!H", size - 40 + len(data))
        else:
            h[2:4] = struct.pack("!H", size + len(data))
            h[4:6] = struct.pack("!H", (int.from_bytes(h[4:6], "big") + i) & 0xffff)
            h[10:12] = bytes(2)
            h[10:12] = struct.pack("!H", ~total(bytes(h[:(h[0] & 15) * 4])) & 0xffff)
        if is_udp:
            h[begin + 4:begin + 6] = struct.pack("!H", 8 + len(data))
        else:
            h[begin + 4:begin + 8] = struct.pack("!I", (int.from_bytes(h[begin + 4:begin + 8], "big") + i * each) & 0xffffffff)
            h[begin + 13] &= (0xff if i + 1 == len(parts) else ~0x09) & (0xff if i == 0 else ~0x80)
        at = 6 if is_udp else 16
        h[begin + at:begin + at + 2] = bytes(2)
        body = bytes(h[begin:]) + data
        made.append(bytes(h[:begin]) + with_sum(pseudo(*ends, UDP if is_udp else TCP, len(body)), at, body))
    return made


def unnumbered(packet):
    """But for the identification of what may not be fragmented, which means nothing (RFC 6864)."""
    is_whole = packet[0] >> 4 == 4 and packet[6:8] == b"\x40\0"
    return packet[:4] + bytes(2) + packet[6:10] + bytes(2) + packet[12:] if is_whole else packet


def draw_train(rng, ends):
    """Packets of one flow that may be joined, but for those that differ in something."""
    is_udp, ports, count = rng.random() < 0.4, (rng.randrange(1024, 65536), 9), rng.choice([2, 9, 64, 70])
    each, tos, number, bits = rng.choice([1, 7, 536, 1300]), rng.choice([0, 1, 3, 0xb8]), rng.randrange(65536), rng.choice([0, DONT])
    options, sequence, step, made = rng.choice([b"", b"\1\1\x08\x0a" + rng.randbytes(8)]), rng.choice([5, 0xffffff00]), rng.choice([1, 0, 7]), []
    for i in range(count):
        odd, data = rng.random(), rng.randbytes(each if i + 1 < count else rng.randrange(each + 1))
        flags = ACK | (8 if i + 1 == count else 0) | (rng.choice([1, 2, 4, 0x20, 0x40, 0x80]) if odd < 0.02 else 0)
        own = options[:-1] + bytes([options[-1] ^ 1]) if options and 0.02 <= odd < 0.04 else options
        body = udp(ends, ports, data, has_sum=odd >= 0.03) if is_udp else tcp(ends, ports, sequence, data, flags, 100 + (0.04 <= odd < 0.05), own)
        if 0.05 <= odd < 0.07: # a wrong sum stays wrong
            body = body[:-1] + bytes([body[-1] ^ 0xff])
        made.append((None, in_ip(ends, UDP if is_udp else TCP, body, tos ^ (3 if 0.07 <= odd < 0.09 else 0), number, bits, 64 - (0.09 <= odd < 0.11))))
        sequence, number = sequence + len(data), number + step
    return made


def draw_odd(rng, ends):
    """Fragments, options, further heads, protocols of which nobody knows anything."""
    made = []
    for _ in range(rng.randrange(1, 9)):
        body, protocol = rng.randbytes(rng.randrange(400)), rng.choice([0, 1, TCP, UDP, 43, 44, 47, 50, 60, 132, 255])
        body = bytes([rng.choice([TCP, UDP]), 0, 1, 4, 0, 0, 0, 0]) + body if len(ends[0]) == 16 and protocol in (0, 43, 44, 60) else body
        made.append((None, in_ip(ends, protocol, body, rng.randrange(256), rng.randrange(65536), rng.choice([0, DONT, 0x2000, 0x2001, 0x1fff, 0x8000]),
                                 rng.choice([0, 1, 255]), rng.choice([b"", bytes([1] * 4), rng.randbytes(40)]))))
    return made


def draw_large(rng, ends):
    """One that the kernel leaves to us to cut, or to finish."""
    network, is_udp, ports = 40 if len(ends[0]) == 16 else 20, rng.random() < 0.5, (rng.randrange(1024, 65536), 9)
    options = b"" if is_udp else rng.choice([b"", b"\1\1\x08\x0a" + rng.randbytes(8)])
    each, transport = rng.choice([1, 77, 536, 1300]), 8 if is_udp else 20 + len(options)
    data = rng.randbytes(min(rng.choice([each, each + 1, each * 3 - 1, each * 40, 60000]), each * 60))
    flags = ACK | rng.choice([0, 1, 8, 9, 0x80, 0x40])
    body = udp(ends, ports, data, True) if is_udp else tcp(ends, ports, rng.choice([5, 0xfffffff0]), data, flags, 100, options, True)
    is_many = len(data) > each
    kind = 0 if not is_many else 5 if is_udp else (4 if network == 40 else 1) | (0x80 if flags & 0x80 else 0)
    head = struct.pack("=BBHHHH", 1, kind, network + transport if is_many else 0, each if is_many else 0, network, 6 if is_udp else 16)
    return [(head, in_ip(ends, UDP if is_udp else TCP, body, rng.choice([0, 1, 2, 0xb8]), rng.randrange(65536), rng.choice([0, DONT])))]


@pytest.fixture(name="lab")
def made_lab(build, tmp_path):
    made = Lab(build, tmp_path)
    yield made
    made.close()


def carry(lab, source, to, draws, seed):
    """(pieces that the far kernel was handed, packets in them). On a busy machine a socket's buffer overflows: what is lost is sent anew."""
    for turn in range(3):
        handed, sent, got = carry_once(lab, source, to, draws, seed + turn)
        assert not got - sent, f"seed {seed + turn}: nobody sent {[p[:60].hex() for p in (got - sent)][:3]}"
        if sent == got:
            return handed, sum(got.values())
    raise AssertionError(f"seed {seed + turn}: lost {[p[:60].hex() for p in (sent - got)][:3]}")


def carry_once(lab, source, to, draws, seed):
    rng, bursts = random.Random(seed), []
    ends = [tuple(socket.inet_pton(family, side.inner(version)) for side in (source, to))
            for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6))]
    for _ in range(BURSTS):
        bursts.append(rng.choice(draws)(rng, rng.choice(ends)))
    (lab.path / "sent").write_bytes(pickle.dumps(bursts))
    taker = lab.start(*to.enter, sys.executable, "-c", WIRE, "take", to.interface, str(lab.path / "came"), stdin=subprocess.PIPE)
    assert taker.stdout.readline() == "ready\n"
    source.do(sys.executable, "-c", WIRE, "send", source.interface, str(lab.path / "sent"))
    taker.communicate("\n", timeout=60)
    came = [(data[:10], data[10:]) for data in pickle.loads((lab.path / "came").read_bytes())]
    count = lambda packets: collections.Counter(unnumbered(p) for p in packets)
    sent = count(p for burst in bursts for head, packet in burst for p in (cut(head, packet) if head else [packet]))
    got = count(p for head, packet in came for p in cut(head, packet))
    return len(came), sent, got


@pytest.mark.parametrize("is_ours", [False, True], ids=["wireguard-go", "ours"])
def test_packets_come_out_as_they_went_in(lab, is_ours):
    ours, theirs = lab.ours, lab.theirs
    lab.start_ours()
    (lab.start_second if is_ours else lab.start_theirs)()
    theirs.echo()
    assert ours.ask(theirs, every=0.05) == 10
    for side in (ours, theirs): # nobody answers any of it
        side.do("nft", "-f", "-", stdin=f"table inet t {{ chain i {{ type filter hook prerouting priority raw; iifname {side.interface} drop; }}; }}")
    seed = int.from_bytes(os.urandom(4), "big")
    carry(lab, ours, theirs, (draw_train, draw_odd, draw_large), seed)
    handed, packets = carry(lab, theirs, ours, (draw_train, draw_odd, *([draw_large] if is_ours else [])), seed + 3)
    assert handed < packets, "some came joined"
    assert run(*ours.enter, lab.build.binary("cell"), "--run", str(lab.path / "run"), "overlay", "status")
