"""DNS servers of every kind, one a port: dns_foe.py SCRIPT.json. Shares no code with ours.

The script, which is read anew for each question, so that a test may change it: {port: {"NAME KIND": what is done}}; KIND
is SRV, A, AAAA or * (any), NAME may be * too. What is done is a list of records, each its data or {data, ttl}, a word of
`ANSWERS`, or {lie, truth, times}: false answers (another id, another host) before the true one. What is not in it does not exist. Each question is a line of output: port, name, kind."""
import json
import os
import selectors
import socket
import struct
import sys

KINDS = {1: "A", 28: "AAAA", 33: "SRV"}


def put_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def get_question(data):
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
        at += 1 + data[at]
    return ".".join(labels), KINDS[struct.unpack(">H", data[at + 1:at + 3])[0]], data[12:at + 5]


def data_of(kind, value):
    if kind == "SRV":
        return struct.pack(">HHH", *value[:3]) + put_name(value[3])
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)


def head(question, flags, answers, more=0):
    return question[:2] + struct.pack(">HHHHH", flags, 1, answers, 0, more)


def record(name, kind, data, ttl=60):
    number = {v: k for k, v in KINDS.items()}[kind]
    return name + struct.pack(">HHIH", number, 1, ttl, len(data)) + data


def records(question, asked, kind, values, flags=0x8180):
    body = asked
    for value in values:
        data, ttl = (value["data"], value["ttl"]) if isinstance(value, dict) else (value, 60)
        body += record(b"\xc0\x0c", kind, data_of(kind, data), ttl)
    return head(question, flags, len(values)) + body


def loop_of_pointers(question, asked):
    """An answer whose name points at a name that points back at it."""
    at = 12 + len(asked)
    return head(question, 0x8180, 2) + asked + struct.pack(">H", 0xc000 | at + 2) + struct.pack(">H", 0xc000 | at) + bytes(10)


def other_id(question, asked, kind, values):
    return bytes([question[0] ^ 1]) + records(question, asked, kind, values)[1:]


ANSWERS = {
    "silent": lambda q, a: [],
    "servfail": lambda q, a: [head(q, 0x8182, 0) + a],
    "refused": lambda q, a: [head(q, 0x8185, 0) + a],
    "none": lambda q, a: [head(q, 0x8180, 0) + a],
    "cut": lambda q, a: [head(q, 0x8380, 0) + a],
    "loop": lambda q, a: [loop_of_pointers(q, a)],
    "itself": lambda q, a: [head(q, 0x8180, 1) + a + struct.pack(">H", 0xc000 | 12 + len(a)) + bytes(10)],
    "huge": lambda q, a: [head(q, 0x8180, 0xffff, 0xffff) + a + bytes(60000)],
    "many": lambda q, a: [head(q, 0x8180, 3000) + a + record(b"\xc0\x0c", "A", bytes([10, 77, 0, 99])) * 3000],
    "half": lambda q, a: [(head(q, 0x8180, 1) + a)[:-3]],
    "nothing": lambda q, a: [b""],
    "echo": lambda q, a: [q],
    "noise": lambda q, a: [os.urandom(n) for n in (1, 11, 12, 13, 64, 512)],
}


def do(script, udp, question, peer, elsewhere):
    name, kind, asked = get_question(question)
    port = udp.getsockname()[1]
    print(port, name, kind, flush=True)
    known = script.get(str(port), {})
    what = next((known[k] for k in (f"{name} {kind}", f"{name} *", f"* {kind}", "* *") if k in known), None)
    if what is None:
        udp.sendto(head(question, 0x8183, 0) + asked, peer)
    elif isinstance(what, str):
        for answer in ANSWERS[what](question, asked):
            udp.sendto(answer, peer)
    elif isinstance(what, dict): # lies first, then the truth
        lie = what["lie"]
        for _ in range(what.get("times", 1)):
            udp.sendto(other_id(question, asked, kind, lie), peer)
            elsewhere.sendto(records(question, asked, kind, lie), peer)
        udp.sendto(records(question, asked, kind, what["truth"]), peer)
    else:
        udp.sendto(records(question, asked, kind, what), peer)


def main():
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elsewhere.bind(("0.0.0.0", 0))
    with open(sys.argv[1], encoding="utf-8") as f:
        ports = [int(p) for p in json.load(f)]
    with selectors.DefaultSelector() as waiting:
        for port in ports:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("0.0.0.0", port))
            waiting.register(udp, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in waiting.select():
                question, peer = key.fileobj.recvfrom(2000)
                with open(sys.argv[1], encoding="utf-8") as f:
                    script = json.load(f)
                do(script, key.fileobj, question, peer, elsewhere)


if __name__ == "__main__":
    main()
