"""An etcd cluster of Debian's etcd-server on this machine's loopback, for what is compared with it or stands on it."""
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from . import wait
from .ports import free_port

PROGRAM = "etcd"


def missing():
    return None if shutil.which(PROGRAM) else "needs etcd (Debian: etcd-server)"


class Etcd:
    """count members; tls: {"ca", "certificate", "key"}, paths, for their client addresses, which then also ask for one."""

    def __init__(self, count=1, tls=None):
        self.directory = tempfile.mkdtemp(prefix="etcd", dir="/tmp")
        self.tls, self.scheme = tls, "https" if tls else "http"
        self.client_ports = [free_port() for _ in range(count)]
        self.peer_ports = [free_port() for _ in range(count)]
        self.processes = [None] * count
        for index in range(count):
            self.start(index, waits=False)
        for index in range(count):
            self.wait(index)

    def url(self, index=0):
        return f"{self.scheme}://127.0.0.1:{self.client_ports[index]}"

    def urls(self):
        return [self.url(i) for i in range(len(self.processes))]

    def start(self, index=0, waits=True):
        peer = [f"http://127.0.0.1:{port}" for port in self.peer_ports]
        listen = self.url(index).replace("127.0.0.1", "0.0.0.0") if self.tls else self.url(index)
        words = [PROGRAM, "--name", f"e{index}", "--data-dir", os.path.join(self.directory, f"e{index}"),
                 "--listen-client-urls", listen, "--advertise-client-urls", self.url(index),
                 "--listen-peer-urls", peer[index], "--initial-advertise-peer-urls", peer[index],
                 "--initial-cluster", ",".join(f"e{i}={p}" for i, p in enumerate(peer)),
                 "--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap", "--log-level", "error"]
        if self.tls:
            words += ["--cert-file", self.tls["certificate"], "--key-file", self.tls["key"],
                      "--client-cert-auth", "--trusted-ca-file", self.tls["ca"]]
        with open(os.path.join(self.directory, f"e{index}.log"), "ab") as log:
            self.processes[index] = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.directory)
        if waits:
            self.wait(index)

    def log(self, index):
        with open(os.path.join(self.directory, f"e{index}.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, index=0):
        """Until it is there and knows a leader."""
        def is_ready():
            assert self.processes[index].poll() is None, self.log(index)
            return self.tls is not None or self.ask("/v3/maintenance/status", {}, index).get("leader") is not None
        wait.until(is_ready, 30, f"etcd {index} serves")

    def ask(self, path, body, index=0):
        """Its own answer, past our cell; {} where there is none."""
        request = urllib.request.Request(self.url(index) + path, json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=2) as reply:
                return json.load(reply)
        except OSError:
            return {}

    def get(self, key):
        """A key's value as etcd itself has it, or None."""
        found = self.ask("/v3/kv/range", {"key": base64.b64encode(key).decode()}).get("kvs")
        return base64.b64decode(found[0].get("value", "")) if found else None

    def kill(self, index=0, number=signal.SIGKILL):
        self.processes[index].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.processes[index].wait(20)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(20)
        shutil.rmtree(self.directory)
