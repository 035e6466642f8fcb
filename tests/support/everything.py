"""A cell with every kind of field (tests/system/everything), for generated clients, and a way to it that cuts, stutters and lies."""
import contextlib
import os
import select
import socket
import struct
import subprocess
import tempfile
import threading

from . import wait

SERVICE = "cell.everything.Everything"
HELLO = bytes.fromhex("0053500000310000")
BYTES_MAX = 16 * 1024 * 1024 - 1024 # of a message; its envelope has the rest
# What says no greeting, or no message, and a word of what a client says of it.
NO_CELLS = [
    (b"HTTP/1.1 400 Bad Request\r\n", "no cell listens"), (bytes.fromhex("0053500000300000"), "no cell listens"),
    (bytes.fromhex("0053500100310000"), "no cell listens"), (HELLO + struct.pack(">Q", 1 << 62), "no message"), (HELLO + struct.pack(">Q", 3) + b"abc", "no message"),
    (HELLO + struct.pack(">Q", 16 * 1024 * 1024 + 65), "no message"),
]


class Cell:
    """One cell without a supervisor, in a directory of its own."""

    def __init__(self, build):
        self.program = build.binary("tests/system/everything/everything")
        self.directory = tempfile.mkdtemp(prefix="cg", dir="/tmp")
        self.config = None
        self.process = None
        self.path = os.path.join(self.directory, "default/everything.0.sock")
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, "--standalone", "--run", self.directory, "--log-level", "warn"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait.until(self.answers, 20, "the cell listens")

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stderr.close()

    def close(self):
        self.process.terminate()
        said = self.process.communicate(timeout=20)[1].decode(errors="replace")
        subprocess.run(["rm", "-rf", self.directory], check=True)
        assert "Sanitizer" not in said and "runtime error" not in said, said


def tool(build, *words):
    return subprocess.run([build.binary("tests/unit/codegen/test-codegen-tool"), *words], capture_output=True, check=False, timeout=60)


def schema_file(build):
    return os.path.join(build.directory, "tests/system/everything/everything.schema.bin")


class Between:
    """A TCP port (or a Unix socket) whose bytes go to the cell and back, as a test has them go: `piece` bytes at a time; `answer` in place of
    what the cell says; cut after `cut` bytes of answers."""

    def __init__(self, cell, piece=1 << 20, answer=None, cut=None):
        self.cell, self.piece, self.reply, self.cut = cell, piece, answer, cut
        self.connections = self.asked = self.answered = self.most = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.is_closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                there = self.listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self.serve, args=(there,), daemon=True).start()

    def serve(self, there):
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with there, socket.socket(socket.AF_UNIX) as here, contextlib.suppress(OSError):
            if self.reply is not None:
                there.sendall(self.reply)
                while there.recv(65536):
                    pass
                return
            here.connect(self.cell.path)
            asked, said, sent, is_first = bytearray(), bytearray(), 0, [True, True]
            while True:
                for s in select.select([there, here], [], [])[0]:
                    data = s.recv(1 << 20)
                    if not data:
                        return
                    if s is there:
                        asked += data
                        self.whole(asked, is_first, 0, b"\1", here.sendall)
                    else:
                        said += data
                        out = bytearray()
                        self.whole(said, is_first, 1, b"", out.extend)
                        for at in range(0, len(out), self.piece):
                            part = bytes(out[at:at + self.piece])
                            if self.cut is not None and sent + len(part) > self.cut:
                                there.sendall(part[:max(0, self.cut - sent)])
                                return
                            there.sendall(part)
                            sent += len(part)

    def whole(self, data, is_first, side, head, send):
        """Messages of ipc have one byte more than those of tcp."""
        if is_first[side]:
            if len(data) < 8:
                return
            send(bytes(data[:8]))
            del data[:8]
            is_first[side] = False
        begin = side # ipc's type byte
        while len(data) >= begin + 8:
            size = struct.unpack_from(">Q", data, begin)[0]
            if len(data) < begin + 8 + size:
                return
            self.asked, self.answered = self.asked + (side == 0), self.answered + side
            self.most = max(self.most, self.asked - self.answered)
            send(head + bytes(data[begin:begin + 8 + size]))
            del data[:begin + 8 + size]

    def close(self):
        self.listener.close()


@contextlib.contextmanager
def between(cell, **how):
    made = Between(cell, **how)
    try:
        yield made
    finally:
        made.close()
