"""A slow wire in user space: wire.py LEFT RIGHT DELAY_MS JITTER_MS SEED.

Carries whole frames between two interfaces of one namespace, each after the delay and a drawn part of the jitter,
in their order. For kernels without netem; says "ready" once both sides are open and runs until it is killed."""
import ctypes
import heapq
import random
import select
import signal
import socket
import sys
import time

ETH_P_ALL = 3
FRAME_MAX = 65536 + 64
WAITING_MAX = 100000 # frames under way; more are lost as in any queue
PR_SET_PDEATHSIG = 1
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23


def side(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) # what the other side sent here is no frame of this one
    s.bind((interface, 0))
    s.setblocking(False)
    return s


def send_due(waiting):
    """Seconds until the next frame is due; None: there is none."""
    while waiting:
        due, _, to, frame = waiting[0]
        left = due - time.monotonic()
        if left > 0:
            return left
        heapq.heappop(waiting)
        try:
            to.send(frame)
        except OSError:
            pass # the other end is down: the frame is lost, as on a real wire
    return None


def main():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    left, right = side(sys.argv[1]), side(sys.argv[2])
    delay, jitter = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 1000
    rng = random.Random(int(sys.argv[5]))
    other, last = {left: right, right: left}, {left: 0.0, right: 0.0}
    waiting, count = [], 0
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([left, right], [], [], send_due(waiting))
        for s in ready:
            try:
                frame = s.recv(FRAME_MAX)
            except OSError:
                continue
            if len(waiting) < WAITING_MAX:
                count += 1
                last[s] = max(last[s], time.monotonic() + delay + rng.random() * jitter)
                heapq.heappush(waiting, (last[s], count, other[s], frame))


if __name__ == "__main__":
    main()
