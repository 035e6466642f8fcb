#!/usr/bin/env python3
"""Print update.hex: an update as docs/PROTOCOL.md, section 12, has it, from an implementation that shares no code with ours
(hashlib's BLAKE2b and SHA-512, Ed25519 written from RFC 8032). The issuer's seed is 01 and 31 zeros, the node's 02."""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    """Extended coordinates, RFC 8032, section 5.1.4."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def base():
    y = 4 * pow(5, P - 2, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    return x, y, 1, x * y % P


def encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return a, h[32:]


def public(seed):
    return encode(times(expand(seed)[0], base()))


def sign(seed, message):
    a, prefix = expand(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    big_r = encode(times(r, base()))
    k = int.from_bytes(hashlib.sha512(big_r + public(seed) + message).digest(), "little") % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


def main():
    issuer, node = b"\x01" + bytes(31), b"\x02" + bytes(31)
    body = b"CELLUPDT" + b"\x01" + b"\xc1" * 16 + public(node) + b"\x02"
    for epoch in (7, 6):
        body += epoch.to_bytes(4, "big") + bytes([0xa0 + epoch]) + bytes(31)
    body += (300).to_bytes(4, "big") + (3).to_bytes(4, "big") + (4).to_bytes(4, "big") + b"list"
    body += (3).to_bytes(2, "big") + b"crt"
    digest = hashlib.blake2b(b"cell update 1\x00" + body).digest()
    print((body + sign(issuer, digest)).hex())


main()
