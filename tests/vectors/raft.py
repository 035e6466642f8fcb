#!/usr/bin/env python3
"""Print raft.txt: files of a member of a replicated store as docs/PROTOCOL.md, section 14, has them, from an
implementation that shares no code with ours. Each value is what stands at an offset of its file; all else is zeros.
tests/unit/raft reads them."""
import struct

CLUSTER, MEMBER = 0x1122334455667788, 0x99AABBCCDDEEFF01
SECTOR, SEGMENT = 512, 4096


def crc32c(data, crc=0):
    """Castagnoli's polynomial, as RFC 3720 has it; `crc` goes on."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def ballot(number, term, voted_for, segment, repair_to):
    text = struct.pack("<8sIIQQQQQQQ", b"CELLVOTE", 1, 0, number, CLUSTER, MEMBER, term, voted_for, segment, repair_to)
    return text + struct.pack("<I", crc32c(text))


def segment_head(number):
    text = struct.pack("<8sIIQQQ", b"CELLRLOG", 1, SEGMENT, CLUSTER, MEMBER, number)
    return text + struct.pack("<I", crc32c(text))


def entry(kind, text):
    return struct.pack("<IB", len(text), kind) + text


def frame(at, sequence, kind, first, term, prev_term, entries, ahead, chain):
    body = b"".join(entries)
    size = (88 + len(body) + 4 + 7) // 8 * 8
    rest = body + bytes(size - 88 - len(body) - 4) + struct.pack("<I", 0x3B646E45)
    blank, offset = 0, 0
    while offset < len(rest):
        part = rest[offset:offset + SECTOR - (at + 88 + offset) % SECTOR]
        blank += not any(part)
        offset += len(part)
    head = struct.pack("<IIQQQQQQIIIIII", 0x6C676643, len(body), sequence, first, term, prev_term, CLUSTER, MEMBER,
                       len(entries), ahead, chain, crc32c(body), blank, kind)
    check = crc32c(head)
    return head + struct.pack("<II", check, 0x3A646548) + rest, check


def snapshot(index, term, config, chunks):
    text = struct.pack("<8sIIQQQ", b"CELLSNAP", 1, len(config), CLUSTER, index, term) + config
    check = crc32c(text)
    text += struct.pack("<I", check)
    for chunk in chunks:
        check = crc32c(chunk, check)
        text += struct.pack("<II", len(chunk), check) + chunk
    count = struct.pack("<Q", len(chunks))
    return text + struct.pack("<II", 0, crc32c(count, check)) + count


def main():
    for number, place, values in ((1, 8192, (1, 0, 1, 0)), (2, 0, (7, MEMBER, 3, 500))):
        for offset in (place, place + 4096):
            print(f"ballot {offset}: {ballot(number, *values).hex()}")
    print(f"segment 0: {segment_head(1).hex()}")
    at, check = 512, 0
    for number, (kind, first, term, prev, entries, ahead) in enumerate((
            (1, 1, 1, 0, [entry(1, b""), entry(3, b"hello")], 0),
            (1, 2, 2, 1, [entry(3, bytes(1200))], 0),          # takes the place of entry 2; sectors of zeros
            (2, 11, 2, 2, [], 1)), 1):                        # the log begins anew behind entry 10
        text, check = frame(at, number, kind, first, term, prev, entries, ahead, check)
        print(f"segment {at}: {text.hex()}")
        at += len(text)
    config = struct.pack("<BB", 1, 1) + struct.pack("<QB", MEMBER, 1) + b"\x01a" + b"\x06raft.0"
    print(f"snapshot 0: {snapshot(10, 2, config, [b'abc', b'defgh']).hex()}")


if __name__ == "__main__":
    main()
