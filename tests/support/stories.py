"""What clients of the replicated store may rely on beyond single keys, told by clients that rely on it while instances are
killed, stopped and cut off: watches that miss and repeat nothing, sessions in which a request that is sent again is done once,
leases that end no earlier than they may and come back never. Each story keeps its own notes; `faults` is what contradicts them.
"""
import threading
import time

from . import history, pb, sp

PUT, GET, WATCH, GRANT, KEEP, OPEN_SESSION = 300, 301, 306, 307, 308, 312
NOT_FOUND = 5
LINEARIZABLE = 0
CALM_S = 20.0 # for what is left to be done when nothing goes wrong any more


class Story(history.Caller, threading.Thread):
    """`until`: when trouble ends. What is begun is brought to its end after that."""

    def __init__(self, sockets, number, until):
        history.Caller.__init__(self, sockets, number)
        threading.Thread.__init__(self, daemon=True)
        self.number, self.until, self.faults, self.steps = number, until, [], 0

    def run(self):
        try:
            self.tell()
        except Exception as fault: # pylint: disable=broad-except
            self.faults.append(f"{type(fault).__name__}: {fault}")
        self.close()

    def is_over(self):
        return time.monotonic() >= self.until

    def insist(self, operation, fields, also=()):
        """Ask until it is answered with OK or a status of `also`: only for what may be asked again."""
        while time.monotonic() < self.until + CALM_S:
            status, body = self.ask(operation, fields)
            if status == sp.OK or status in also:
                return status, body
            time.sleep(0.01)
            self.leave()
        raise AssertionError(f"{type(self).__name__} {self.number}: operation {operation} is never answered")

    def tell(self):
        raise NotImplementedError


class Watcher(Story):
    """Follows all keys of a prefix from a revision on, from one instance to the next."""

    def __init__(self, sockets, number, until, prefix, since):
        super().__init__(sockets, number, until)
        self.prefix, self.next, self.part, self.events, self.revision = prefix, since, 0, [], 0

    def poll(self, wait_ms):
        """Whether something came."""
        fields = [(1, self.prefix), (3, 1), (4, self.next), (5, self.part), (6, wait_ms)]
        status, body = self.ask(WATCH, fields)
        if status != sp.OK:
            self.leave()
            return False
        if pb.first(body, 5):
            raise AssertionError(f"what was after {self.next} is forgotten")
        for event in body.get(2, []):
            event = pb.decode(event)
            pair = pb.decode(pb.first(event, 2))
            is_delete = bool(pb.first(event, 1))
            self.events.append((pb.first(pair, 4), pb.first(pair, 1), None if is_delete else pb.first(pair, 2, b""),
                                pb.first(pair, 3), pb.first(pair, 5)))
        self.next, self.part, self.revision = pb.first(body, 3), pb.first(body, 4), pb.first(body, 1)
        return len(body.get(2, [])) > 0

    def tell(self):
        while not self.is_over():
            self.steps += self.poll(300)
            if self.steps % 7 == 3:
                self.leave() # another instance must go on where this one was


def follow_to(watcher, revision):
    """After the trouble: until all up to `revision` has come."""
    end = time.monotonic() + CALM_S
    while watcher.next <= revision:
        assert time.monotonic() < end, f"the watch does not come to revision {revision}, it is at {watcher.next}"
        watcher.poll(200)


class Session(Story):
    """Puts numbers to one key in a session; a request of unknown fate is sent again, some that are known as well."""

    def __init__(self, sockets, number, until, key):
        super().__init__(sockets, number, until)
        self.key, self.again = key, 0

    def once(self, session, sequence):
        return [(1, self.key), (2, b"%d" % sequence), (7, pb.encode([(1, session), (2, sequence), (3, sequence)]))]

    def tell(self):
        _, body = self.insist(OPEN_SESSION, [(1, 600000)])
        session = pb.first(body, 2)
        while not self.is_over():
            self.steps += 1
            request = self.once(session, self.steps)
            revisions = [pb.first(self.insist(PUT, request)[1], 1)]
            if self.steps % 3 == 0:
                self.leave()
                revisions.append(pb.first(self.insist(PUT, request)[1], 1))
                self.again += 1
            if len(set(revisions)) > 1:
                self.faults.append(f"{self.key}: request {self.steps} was done in revisions {revisions}")
        _, body = self.insist(GET, [(1, self.key)])
        pair = pb.decode(pb.first(body, 2, b""))
        done, last = pb.first(pair, 5), pb.first(pair, 2, b"")
        if done != self.steps or last != b"%d" % self.steps:
            self.faults.append(f"{self.key}: {self.steps} requests were done {done} times, the last is {last}")


class Lease(Story):
    """Keeps leases alive for a while and lets go of them. A lease lives for its time from the last keepalive that was
    acknowledged, counted from when that was sent; what is gone stays gone."""

    TTL_S = 1.5

    def __init__(self, sockets, number, until, prefix):
        super().__init__(sockets, number, until)
        self.prefix = prefix

    def is_there(self, key):
        """(when the question was over, whether the key was there); None: no answer."""
        status, body = self.ask(GET, [(1, key), (3, LINEARIZABLE)])
        return None if status != sp.OK else (time.monotonic(), 2 in body)

    def one(self):
        key = b"%s%d" % (self.prefix, self.steps)
        begun = time.monotonic()
        _, body = self.insist(GRANT, [(2, int(1000 * self.TTL_S))])
        lease, alive_until = pb.first(body, 2), begun + self.TTL_S
        status, _ = self.ask(PUT, [(1, key), (2, b"mine"), (3, lease)])
        if status != sp.OK:
            return # whether it was put is not known: nothing can be said of it
        stop_at = begun + 0.4 * (self.steps % 4)
        is_gone = False
        while not is_gone and time.monotonic() < self.until + CALM_S:
            sent = time.monotonic()
            if sent < stop_at:
                status, _ = self.ask(KEEP, [(1, lease)])
                alive_until = sent + self.TTL_S if status == sp.OK else alive_until
            seen = self.is_there(key)
            if seen is not None and not seen[1]:
                is_gone = True
                if seen[0] < alive_until:
                    self.faults.append(f"{key}: gone {alive_until - seen[0]:.3f} s before its time")
            time.sleep(0.05)
        if not is_gone:
            self.faults.append(f"{key}: its lease never ended")
        status, _ = self.insist(KEEP, [(1, lease)], also=(NOT_FOUND,))
        if status != NOT_FOUND or (self.is_there(key) or (0, False))[1]:
            self.faults.append(f"{key}: its lease had ended and lives again")

    def tell(self):
        while not self.is_over():
            self.steps += 1
            self.one()


def check_watch(seen, truth, puts):
    """What contradicts: events that a watcher saw against those of one that was never disturbed, and both against what was
    asked. puts: {(key, value): revision, or None where the answer is not known}."""
    faults = []
    if seen != truth:
        at = next((i for i, (a, b) in enumerate(zip(seen, truth)) if a != b), min(len(seen), len(truth)))
        faults.append(f"event {at} of {len(truth)}: seen {seen[at:at + 2]}, was {truth[at:at + 2]}, before {truth[max(0, at - 1):at]}")
    if any(a[0] > b[0] for a, b in zip(truth, truth[1:])):
        faults.append("revisions go back")
    last = {}
    for revision, key, value, created, version in truth:
        before = last.get(key)
        if value is not None and (created, version) != ((revision, 1) if before is None else (before[0], before[1] + 1)):
            faults.append(f"{key} at {revision}: created {created}, version {version} after {before}")
        last[key] = None if value is None else (created, version)
        if value is not None and (key, value) not in puts:
            faults.append(f"nobody put {value} to {key}, as revision {revision} says")
    happened = {(key, value): revision for revision, key, value, _, _ in truth if value is not None}
    for put, revision in puts.items():
        if revision is not None and happened.get(put) != revision:
            faults.append(f"{put} was acknowledged for revision {revision}: {happened.get(put)}")
    return faults
