#!/usr/bin/env python3
"""Print sealed.txt: values of docs/PROTOCOL.md, section 9, from an implementation that shares no code with
ours (hashlib's BLAKE2b; X25519 and ChaCha20-Poly1305 written from their RFCs). tests/unit/node reads them."""
import hashlib
import struct

P25519 = 2**255 - 19


def x25519(scalar, point):
    """RFC 7748, section 5."""
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P25519, u * (da - cb) ** 2 % P25519
        x2, z2 = aa * bb % P25519, e * (aa + 121665 * e) % P25519
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def chacha_block(key, counter, nonce):
    """RFC 8439, section 2.3."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    x = state[:]

    def quarter(a, b, c, d):
        for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[first] = x[first] + x[second] & 0xFFFFFFFF
            v = x[third] ^ x[first]
            x[third] = (v << turn | v >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state)))


def poly1305(key, data):
    """RFC 8439, section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at:at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def seal(key, counter, header, payload):
    """RFC 8439, section 2.8."""
    nonce = bytes(4) + struct.pack(">Q", counter)
    stream = b"".join(chacha_block(key, 1 + i, nonce) for i in range(len(payload) // 64 + 1))
    text = bytes(a ^ b for a, b in zip(payload, stream))

    def pad(data):
        return data + bytes(-len(data) % 16)

    tag = poly1305(chacha_block(key, 0, nonce)[:32],
                   pad(header) + pad(text) + struct.pack("<QQ", len(header), len(text)))
    return header + text + tag


def blake(key, data, size=32):
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def dh_of_seed(seed):
    """RFC 8032's secret scalar: the X25519 key that belongs to an Ed25519 identity."""
    return hashlib.sha512(seed).digest()[:32]


def main():
    out = {}
    cluster_key, cluster_id, epoch = bytes([0xA7] * 32), bytes([0xC1] * 16), 7
    secret_i, secret_r = dh_of_seed(bytes([1] * 32)), dh_of_seed(bytes([2] * 32))
    base = (9).to_bytes(32, "little")
    out["dh public initiator"] = x25519(secret_i, base)
    out["dh public responder"] = x25519(secret_r, base)
    out["shared"] = shared = x25519(secret_i, x25519(secret_r, base))
    keys = {name: blake(cluster_key, f"cell sealed {name}".encode() + cluster_id)
            for name in ("hello", "answer", "notice")}
    for name, key in keys.items():
        out[f"{name} key"] = key

    # Ids of the vectors need not be points: only the derivation is shown.
    id_i, id_r = bytes([0x11] * 32), bytes([0x22] * 32)
    salt_i, salt_r = bytes(range(16)), bytes(range(16, 32))
    index_i, index_r = 0xABCD0000, 0x12340005
    session = blake(cluster_key, b"cell sealed ses1" + struct.pack(">I", epoch)
                    + id_i + salt_i + struct.pack(">I", index_i)
                    + id_r + salt_r + struct.pack(">I", index_r) + shared)
    out["to responder"] = blake(session, b"to responder")
    out["to initiator"] = blake(session, b"to initiator")
    out["tag"] = blake(session, b"welcome")[:16]

    token = bytes([0x33] * 16)
    body = (b"\x11\x01\0\0" + struct.pack(">I", index_i) + salt_i + id_i + id_r + cluster_id + token
            + struct.pack(">II", epoch, 0))
    out["hello"] = body + blake(keys["hello"], body, 16)
    body = b"\x12\0\0\0" + struct.pack(">III", index_i, epoch, 0) + token
    out["cookie"] = body + blake(keys["answer"], body + salt_i, 16)
    body = b"\x13\0\0\0" + struct.pack(">III", index_i, index_r, epoch) + salt_r + id_r + out["tag"]
    out["welcome"] = body + blake(keys["answer"], body + salt_i, 16)
    header = b"\x14" + bytes([epoch]) + (258).to_bytes(6, "big") + struct.pack(">II", index_r, index_i)
    out["data"] = seal(out["to responder"], 258, header, b"knock, knock")
    header = b"\x15" + bytes([epoch]) + (258).to_bytes(6, "big") + struct.pack(">II", index_i, index_r)
    out["notice"] = header + blake(keys["notice"], header, 16)
    for name, value in out.items():
        print(f"{name}: {value.hex()}")


main()
