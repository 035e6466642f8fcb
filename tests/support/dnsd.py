"""A DNS server for tests: dnsd.py RECORDS.json [--cut] [--deaf-first] [--tell]. Shares no code with ours.

--cut: answers over UDP are empty and say so; --deaf-first: the first question of each kind is not answered; --tell:
each question is a line of output."""
import json
import selectors
import socket
import struct
import sys

PORT = 53


def put_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def get_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
        at += 1 + data[at]
    return ".".join(labels), at + 1


def data_of(kind, value):
    if kind == 33:
        return struct.pack(">HHH", *value[:3]) + put_name(value[3])
    return socket.inet_pton(socket.AF_INET if kind == 1 else socket.AF_INET6, value)


def answer(records, question, is_cut):
    name, at = get_name(question, 12)
    kind = struct.unpack(">H", question[at:at + 2])[0]
    found = [] if is_cut else records.get((name, kind), [])
    known = any(n == name for n, _ in records)
    body = question[12:at + 4]
    for value in found:
        data = data_of(kind, value)
        body += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
    flags = 0x8180 | (0x0200 if is_cut else 0) | (0 if known else 3)
    return question[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + body


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        records = {(name, kind): data for name, kind, data in json.load(f)}
    is_cut, is_deaf, heard = "--cut" in sys.argv, "--deaf-first" in sys.argv, set()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", PORT))
    tcp = socket.create_server(("0.0.0.0", PORT))
    print("ready", flush=True)
    with selectors.DefaultSelector() as waiting:
        waiting.register(udp, selectors.EVENT_READ)
        waiting.register(tcp, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is udp:
                    question, peer = udp.recvfrom(2000)
                    if "--tell" in sys.argv:
                        print(get_name(question, 12)[0], flush=True)
                    if is_deaf and question[12:] not in heard:
                        heard.add(question[12:])
                        continue
                    udp.sendto(answer(records, question, is_cut), peer)
                else:
                    peer, _ = tcp.accept()
                    with peer:
                        size = struct.unpack(">H", peer.recv(2, socket.MSG_WAITALL))[0]
                        reply = answer(records, peer.recv(size, socket.MSG_WAITALL), False)
                        # In two pieces: a stream has no borders.
                        peer.sendall(struct.pack(">H", len(reply)) + reply[:7])
                        peer.sendall(reply[7:])


if __name__ == "__main__":
    main()
