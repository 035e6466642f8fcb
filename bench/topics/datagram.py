"""Between nodes. Sealed datagrams between two sockets of one process, from datagram_send to the peer's callback,
against the same bytes through bare ChaCha20-Poly1305, sendmmsg and recvmmsg; questions over mutual TLS between two
processes against bare nng req and rep over tls+tcp."""
import subprocess

from bench.kit import rows, world

SIZES = (64, 256, 1168)
SECONDS = 0.5
GOAL = 1.3
LINK_SIZES = (64, 4096)
QUESTIONS = 3000


def one(w, kind, size):
    """ns a datagram"""
    done = subprocess.run([w.binary("datagram_load"), kind, str(size), str(SECONDS)], capture_output=True, check=False,
                          timeout=60)
    if done.returncode != 0:
        raise world.Unmeasured(f"{kind} {size}: {done.stderr.decode().strip() or done.returncode}")
    return float(done.stdout)


def datagrams(w):
    for size in SIZES:
        ours, floor = rows.Sample("ours"), rows.Sample("floor")
        for turn in range(max(w.runs, 5)):
            for sample, kind in ((ours, "ours"), (floor, "floor"))[::1 if turn % 2 == 0 else -1]:
                sample.add([one(w, kind, size)])
        # Within each turn: the host moves its processors, only neighbours are compared.
        times = rows.sample("times", [a / b for a, b in zip(ours.medians, floor.medians)])
        yield rows.row(f"datagram.{size}", ours, "ns", floor, goal=f"<= {GOAL} x floor", met=times.median <= GOAL,
                       note=f"{times.median:.2f} x [{times.spread[0]:.2f}, {times.spread[1]:.2f}] within turns")


def link(w, kind, size):
    """ns a round trip, the median of QUESTIONS"""
    done = subprocess.run([w.binary("link_calls"), kind, str(QUESTIONS), str(size)], capture_output=True, check=False,
                          timeout=60)
    if done.returncode != 0:
        raise world.Unmeasured(f"{kind} {size}: {done.stderr.decode().strip() or done.returncode}")
    return float(done.stdout)


def links(w):
    for size in LINK_SIZES:
        ours, peer = rows.Sample("ours"), rows.Sample("nng")
        for turn in range(max(w.runs, 5)):
            for sample, kind in ((ours, "ours"), (peer, "nng"))[::1 if turn % 2 == 0 else -1]:
                sample.add([link(w, kind, size)])
        times = rows.sample("times", [a / b for a, b in zip(ours.medians, peer.medians)])
        yield rows.row(f"datagram.link.{size}", ours, "ns", None, peer, goal=f"<= {GOAL} x nng", met=times.median <= GOAL,
                       note=f"{times.median:.2f} x [{times.spread[0]:.2f}, {times.spread[1]:.2f}] within turns")


PARTS = {"sealed": datagrams, "link": links}
