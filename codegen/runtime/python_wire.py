# ---- errors -------------------------------------------------------------------------------------

class CellError(Exception):
    """How a call ended, if not well. `status` is the number on the wire; each has a class of its own."""
    status = 26
    name = "FAULT"

    def __init__(self, message: str = "", hint: str = "", retry_after_ms: int = 0, is_unread: bool = False) -> None:
        super().__init__(f"{self.name}: {message}" if message else self.name)
        self.message = message
        self.hint = hint # where to go instead (NotLeader), what is missing (Unavailable)
        self.retry_after_ms = retry_after_ms
        self.is_unread = is_unread # nobody has begun with the request


class NoMemory(CellError):
    """RESOURCE_EXHAUSTED: out of memory."""
    status, name = 2, "NOMEM"
class Limit(CellError):
    """RESOURCE_EXHAUSTED: a configured limit was reached."""
    status, name = 3, "LIMIT"
class Malformed(CellError):
    """INVALID_ARGUMENT: the message does not parse."""
    status, name = 4, "MALFORMED"
class NotFound(CellError):
    """NOT_FOUND: no such object."""
    status, name = 5, "NOT_FOUND"
class Denied(CellError):
    """PERMISSION_DENIED: the manifest does not allow this call."""
    status, name = 6, "DENIED"
class Forged(CellError):
    """UNAUTHENTICATED: a signature, tag or token did not verify."""
    status, name = 7, "FORGED"
class NotLeader(CellError):
    """FAILED_PRECONDITION: ask the instance that `hint` names."""
    status, name = 8, "NOT_LEADER"
class DeadlineExceeded(CellError):
    """DEADLINE_EXCEEDED: no answer in time."""
    status, name = 9, "TIMEOUT"
class InputOutput(CellError):
    """INTERNAL: a system call failed."""
    status, name = 10, "IO"
class Cancelled(CellError):
    """CANCELLED: the caller gave up."""
    status, name = 12, "CANCELLED"
class Invalid(CellError):
    """INVALID_ARGUMENT: a value is out of its range."""
    status, name = 13, "INVALID"
class Exists(CellError):
    """ALREADY_EXISTS: the object exists already."""
    status, name = 14, "EXISTS"
class Precondition(CellError):
    """FAILED_PRECONDITION: the state does not permit this now."""
    status, name = 15, "PRECONDITION"
class Aborted(CellError):
    """ABORTED: a concurrent change won; read again and retry."""
    status, name = 16, "ABORTED"
class OutOfRange(CellError):
    """OUT_OF_RANGE: past the valid end."""
    status, name = 17, "RANGE"
class Unimplemented(CellError):
    """UNIMPLEMENTED: this cell does not serve that operation."""
    status, name = 18, "UNIMPLEMENTED"
class Internal(CellError):
    """INTERNAL: a fault in the callee."""
    status, name = 19, "INTERNAL"
class Unavailable(CellError):
    """UNAVAILABLE: not able to serve now, or not there; retry later."""
    status, name = 20, "UNAVAILABLE"
class DataLoss(CellError):
    """DATA_LOSS: stored data is damaged."""
    status, name = 21, "DATA_LOSS"
class Unauthenticated(CellError):
    """UNAUTHENTICATED: the caller's identity is missing or unproven."""
    status, name = 22, "UNAUTHENTICATED"
class PeerDead(CellError):
    """UNAVAILABLE: the connection ended before the answer came; whether it was carried out is not known."""
    status, name = 23, "PEER_DEAD"
class Incompatible(CellError):
    """FAILED_PRECONDITION: the cell was built from another schema: generate the client again."""
    status, name = 24, "INCOMPATIBLE"
class Unsupported(CellError):
    """UNIMPLEMENTED: the kernel or host lacks what is needed."""
    status, name = 25, "UNSUPPORTED"


_ERRORS = {kind.status: kind for kind in CellError.__subclasses__()}


# ---- the wire -----------------------------------------------------------------------------------
#
# SP (nanomsg RFCs sp-ipc-mapping-01, sp-tcp-mapping-01, sp-request-reply-01) and the envelope of envelope.proto.

_HELLO, _ANSWER = bytes.fromhex("0053500000300000"), bytes.fromhex("0053500000310000")
_OUTSTANDING = 32 # requests on one connection: the other side keeps 64 answers and drops the next
_RETRIES = 3
_BACKOFF, _BACKOFF_MAX = 0.01, 1.0 # seconds; doubles
_RECEIVE = 256 * 1024
_FRAME_MAX = 16 * 1024 * 1024 + 64 # a message with its envelope and number
_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")


class _Operation(typing.NamedTuple):
    name: str
    number: int
    schema: int # fingerprint: another one is refused as Incompatible
    is_idempotent: bool


def find(cell: str, namespace: str = "default", instance: int | None = None) -> str:
    """Where a cell of this node listens: "ipc:///run/cell/default/greeter.0.sock". Without an instance the lowest that there is."""
    for name in (cell, namespace):
        if not _NAME.fullmatch(name):
            raise Invalid(f"{name!r} is no name")
    run = os.environ.get("CELL_RUN") or ("/run/cell" if os.getuid() == 0 else os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/run"), "cell"))
    folder = os.path.join(run, namespace)
    if instance is None:
        form = re.compile(re.escape(cell) + r"\.([0-9]{1,4})\.sock")
        try:
            instance = min((int(m[1]) for m in map(form.fullmatch, os.listdir(folder)) if m), default=0)
        except OSError:
            instance = 0
    return f"ipc://{folder}/{cell}.{instance}.sock"


def _parse(address: str) -> tuple[bool, typing.Any]:
    if address.startswith("ipc://") and 0 < len(os.fsencode(address[6:])) <= 107:
        return True, address[6:]
    if address.startswith("abstract://") and 0 < len(os.fsencode(address[11:])) <= 107:
        return True, "\0" + address[11:]
    host, colon, port = address[6:].rpartition(":")
    if address.startswith("tcp://") and colon and host and port.isdecimal() and 0 < int(port) < 65536:
        return False, (host.strip("[]"), int(port))
    raise Invalid(f"{address[:120]!r} is no address: ipc:///path (at most 107 bytes), abstract://name or tcp://host:port")


class _Frames:
    """What comes from a socket, in whatever pieces, as messages: (request id, payload)."""

    def __init__(self, is_ipc: bool) -> None:
        self.data = bytearray()
        self.is_ipc = is_ipc
        self.is_greeted = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self.data += data
        found: list[tuple[int, bytes]] = []
        if not self.is_greeted:
            if self.data[:8] != _ANSWER[:len(self.data)]:
                raise PeerDead(f"no cell listens there: it says {bytes(self.data[:8]).hex()}")
            if len(self.data) < 8:
                return found
            self.is_greeted = True
            del self.data[:8]
        head = 9 if self.is_ipc else 8
        while len(self.data) >= head:
            size = int.from_bytes(self.data[head - 8:head], "big")
            if self.is_ipc and self.data[0] != 1 or size < 4 or size > _FRAME_MAX:
                raise PeerDead("what came is no message")
            if len(self.data) < head + size:
                break
            number = int.from_bytes(self.data[head:head + 4], "big")
            if number >> 31: # others are devices' and not ours
                found.append((number & 0x7FFFFFFF, bytes(memoryview(self.data)[head + 4:head + size])))
            del self.data[:head + size]
        return found


def _frame(is_ipc: bool, number: int, *payload: bytes) -> bytes:
    head = struct.pack(">QI", 4 + sum(map(len, payload)), number | 1 << 31)
    return b"".join((b"\1" if is_ipc else b"", head, *payload))


def _request(is_ipc: bool, number: int, operation: _Operation, body: bytes, left: float, trace: bytes, key: bytes) -> bytes:
    fields = [b"\x08\x01\x10", _varint(operation.number), b"\x18", _varint(min(max(int(left * 1000), 1), 0xFFFFFFFF)),
              b"\x39", struct.pack("<Q", operation.schema)]
    if trace:
        fields += (b"\x22", _varint(len(trace)), trace)
    if key:
        fields += (b"\x2a", _varint(len(key)), key)
    if operation.is_idempotent:
        fields.append(b"\x50\x01")
    fields += (b"\x32", _varint(len(body)), body)
    return _frame(is_ipc, number, b"\x08\x01\x12", _varint(sum(map(len, fields))), *fields)


def _cancel(is_ipc: bool, number: int) -> bytes:
    note = b"\x08" + _varint(number) + b"\x10\x01\x18\x01"
    return _frame(is_ipc, number, b"\x08\x01\x22", _varint(len(note)), note)


def _answer(payload: bytes) -> bytes:
    """The body of the one reply; its error is raised."""
    replies = _Replies.decode(payload).replies
    if len(replies) != 1 or replies[0].more:
        raise Malformed("one request was asked and something else answered")
    reply = replies[0]
    if reply.status == 1:
        return reply.body
    kind = _ERRORS.get(reply.status, CellError)
    raise kind(reply.message if reply.status in _ERRORS else f"status {reply.status}: {reply.message}", reply.hint, reply.retry_after_ms, reply.unread)


@dataclasses.dataclass
class _Reply(Message):
    id: int = 0
    status: int = 0
    message: str = ""
    body: bytes = b""
    hint: str = ""
    retry_after_ms: int = 0
    more: bool = False
    unread: bool = False


@dataclasses.dataclass
class _Replies(Message):
    replies: list[_Reply] = dataclasses.field(default_factory=list)


_describe(_Reply, _Field(1, "id", "uint64"), _Field(2, "status", "uint32"), _Field(3, "message", "string"), _Field(4, "body", "bytes"),
          _Field(5, "hint", "string"), _Field(6, "retry_after_ms", "uint32"), _Field(7, "more", "bool"), _Field(8, "unread", "bool"))
_describe(_Replies, _Field(2, "replies", "message", "repeated", _Reply))


class _Patience:
    """When a request that failed is sent again, and when a cell that is not there is looked for again."""

    def __init__(self) -> None:
        self.tokens = 10.0 # each repetition takes one, each success gives a tenth: a broken cell is not asked ten times as often
        self.failures = 0
        self.not_before = 0.0

    def again(self, operation: _Operation, error: CellError, attempt: int, end: float) -> float | None:
        """Seconds to wait before the next attempt; None: there is none. `attempt` counts from 0."""
        is_about_it = not isinstance(error, (Unavailable, PeerDead)) and not (isinstance(error, Limit) and error.retry_after_ms)
        if is_about_it or attempt >= _RETRIES or self.tokens < 1 or not (operation.is_idempotent or error.is_unread):
            return None
        wait: float = max(error.retry_after_ms / 1000, _BACKOFF * 2 ** attempt * random.uniform(0.5, 1.5))
        if time.monotonic() + wait >= end:
            return None
        self.tokens -= 1
        return wait

    def answered(self) -> None:
        self.tokens = min(10.0, self.tokens + 0.1)

    def connected(self) -> None:
        self.failures = 0
        self.not_before = 0.0

    def refused(self) -> None:
        wait = min(_BACKOFF_MAX, _BACKOFF * 2 ** min(self.failures, 10)) * random.uniform(0.5, 1.0)
        self.failures += 1
        self.not_before = time.monotonic() + wait


class _Link:
    """One connection, used by many threads at a time. Whoever waits and finds nobody reading reads for all."""

    def __init__(self, address: str, end: float) -> None:
        self.is_ipc, where = _parse(address)
        self.socket = socket.socket(socket.AF_UNIX) if self.is_ipc else None
        self.frames = _Frames(self.is_ipc)
        self.lock, self.writing = threading.Lock(), threading.Lock()
        self.calls: dict[int, _Waiting] = {}
        self.is_read = False
        self.next_id = random.getrandbits(31)
        self.error: CellError | None = None
        try:
            if self.socket is None:
                self.socket = socket.create_connection(where, max(0.001, end - time.monotonic()))
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                self.socket.settimeout(max(0.001, end - time.monotonic()))
                self.socket.connect(where)
            self.socket.setblocking(False)
            self.write(_HELLO, end)
        except (OSError, DeadlineExceeded) as fault:
            text = f"{address}: {getattr(fault, 'strerror', None) or fault}"
            self.fail(Unavailable(text))
            raise Unavailable(text, is_unread=True) from None

    def ready(self, events: int, end: float) -> bool:
        poll = select.poll()
        try:
            poll.register(self.socket, events) # type: ignore[arg-type]
        except (OSError, ValueError):
            return True # closed: the next call says so
        return bool(poll.poll(max(0, int((end - time.monotonic()) * 1000) + 1)))

    def write(self, data: bytes, end: float) -> None:
        """All of it. A message that is cut in the middle ends the connection."""
        at, left = 0, memoryview(data)
        assert self.socket is not None
        while at < len(data):
            try:
                at += self.socket.send(left[at:at + _RECEIVE])
            except BlockingIOError:
                if not self.ready(select.POLLOUT, end) and time.monotonic() >= end:
                    if at > 0:
                        self.fail(PeerDead("a request was cut off at its deadline"))
                    raise DeadlineExceeded("the cell takes no requests", is_unread=True) from None

    def fail(self, error: CellError) -> None:
        with self.lock:
            if self.error is None:
                self.error = error
                try:
                    if self.socket is not None:
                        self.socket.shutdown(socket.SHUT_RDWR) # who polls it wakes; who uses it last closes it
                except OSError:
                    pass
            for call in self.calls.values():
                call.wake.set()
            self.let_go()

    def let_go(self) -> None:
        """Locked: a lost connection is closed when nobody uses it any more; what is not lost and nobody reads, somebody has to."""
        if self.error is not None and not self.calls and self.socket is not None:
            self.socket.close()
        elif not self.is_read:
            for call in self.calls.values():
                if call.payload is None:
                    call.wake.set()
                    break

    def ask(self, operation: _Operation, body: bytes, end: float, trace: bytes, key: bytes) -> bytes:
        call = _Waiting()
        with self.lock:
            if self.error is not None:
                raise Unavailable(self.error.message, is_unread=True)
            self.next_id = (self.next_id + 1) & 0x7FFFFFFF
            number = self.next_id
            self.calls[number] = call
        try:
            if not self.writing.acquire(timeout=max(0.0, end - time.monotonic())):
                raise DeadlineExceeded("others' requests are still being sent", is_unread=True)
            try:
                self.write(_request(self.is_ipc, number, operation, body, end - time.monotonic(), trace, key), end)
            except OSError as fault: # half a message is none: nobody has begun with it
                self.fail(PeerDead(str(fault.strerror or fault)))
                raise Unavailable(str(fault.strerror or fault), is_unread=True) from None
            finally:
                self.writing.release()
            return self.wait(call, end)
        finally:
            with self.lock:
                self.calls.pop(number, None)
                self.let_go()

    def wait(self, call: "_Waiting", end: float) -> bytes:
        while True:
            with self.lock:
                if call.payload is not None:
                    return call.payload
                if self.error is not None:
                    raise type(self.error)(self.error.message)
                is_reader = not self.is_read
                self.is_read = True
                call.wake.clear()
            if not is_reader:
                if not call.wake.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise DeadlineExceeded("no answer in time") # the cell knows the deadline: it need not be told
                continue
            try:
                self.read(call, end)
            finally:
                with self.lock:
                    self.is_read = False

    def read(self, call: "_Waiting", end: float) -> None:
        assert self.socket is not None
        while call.payload is None and self.error is None:
            try:
                data = self.socket.recv(_RECEIVE)
                if not data:
                    raise ConnectionResetError(0, "the cell has ended")
                found = self.frames.feed(data)
            except BlockingIOError:
                if not self.ready(select.POLLIN, end) and time.monotonic() >= end:
                    raise DeadlineExceeded("no answer in time") # the cell knows the deadline: it need not be told
                continue
            except OSError as fault:
                self.fail(PeerDead(str(fault.strerror or fault)))
                return
            except CellError as fault:
                self.fail(fault)
                return
            with self.lock:
                for at, payload in found:
                    other = self.calls.get(at) # an answer that nobody waits for any more goes nowhere
                    if other is not None:
                        other.payload = payload
                        other.wake.set()


class _Waiting:
    def __init__(self) -> None:
        self.wake = threading.Event()
        self.payload: bytes | None = None


class Client:
    """One cell, asked by any number of threads over one connection, which is made when it is needed and again when it is lost.

    address: "ipc:///path", "abstract://name", "tcp://host:port"; else find() looks for the cell when it is needed.
    timeout: seconds for each call that brings none, connecting and trying again included."""
    _cell = ""

    def __init__(self, address: str | None = None, *, timeout: float = 5.0, namespace: str = "default", instance: int | None = None) -> None:
        if address is not None:
            _parse(address)
        self._address, self._timeout, self._namespace, self._instance = address, timeout, namespace, instance
        self._connecting, self._slots = threading.Lock(), threading.BoundedSemaphore(_OUTSTANDING)
        self._patience, self._is_closed = _Patience(), False
        self._link_now: _Link | None = None

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Calls that wait end with Cancelled."""
        self._is_closed = True
        if self._link_now is not None:
            self._link_now.fail(Cancelled("the client was closed"))

    def _link(self, end: float) -> _Link:
        """The connection; one that is not there is looked for until `end`."""
        link = self._link_now
        if link is not None and link.error is None:
            return link
        if not self._connecting.acquire(timeout=max(0.0, end - time.monotonic())):
            raise Unavailable("others are still connecting", is_unread=True)
        try:
            while True:
                link = self._link_now
                if self._is_closed:
                    raise Cancelled("the client was closed", is_unread=True)
                if link is not None and link.error is None:
                    return link
                time.sleep(max(0.0, min(self._patience.not_before, end) - time.monotonic()))
                try:
                    link = _Link(self._address or find(self._cell, self._namespace, self._instance), end)
                except Unavailable:
                    self._patience.refused()
                    if self._patience.not_before >= end:
                        raise
                    continue
                self._patience.connected()
                self._link_now = link
                if self._is_closed:
                    link.fail(Cancelled("the client was closed"))
        finally:
            self._connecting.release()

    def _once(self, operation: _Operation, body: bytes, end: float, trace: bytes, key: bytes) -> bytes:
        if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
            raise DeadlineExceeded("32 requests wait before this one", is_unread=True)
        try:
            return _answer(self._link(end).ask(operation, body, end, trace, key))
        finally:
            self._slots.release()

    def _call(self, operation: _Operation, request: Message, reply: type[_M], timeout: float | None, trace: bytes, key: bytes) -> _M:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        body, attempt = request.encode(), 0
        while True:
            try:
                data = self._once(operation, body, end, trace, key)
            except CellError as error:
                wait = self._patience.again(operation, error, attempt, end)
                if wait is None:
                    raise
                attempt += 1
                time.sleep(wait)
                continue
            self._patience.answered()
            return reply.decode(data)


# ---- asyncio ------------------------------------------------------------------------------------

class _AsyncLink:
    def __init__(self, is_ipc: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.is_ipc, self.reader, self.writer = is_ipc, reader, writer
        self.writing = asyncio.Lock()
        self.calls: dict[int, asyncio.Future[bytes]] = {}
        self.next_id = random.getrandbits(31)
        self.error: CellError | None = None
        writer.write(_HELLO)
        self.task = asyncio.ensure_future(self.read())

    async def read(self) -> None:
        frames = _Frames(self.is_ipc)
        try:
            while True:
                data = await self.reader.read(_RECEIVE)
                if not data:
                    raise ConnectionResetError(0, "the cell has ended")
                for number, payload in frames.feed(data):
                    call = self.calls.get(number)
                    if call is not None and not call.done():
                        call.set_result(payload)
        except OSError as fault:
            self.fail(PeerDead(str(fault.strerror or fault)))
        except CellError as fault:
            self.fail(fault)

    def fail(self, error: CellError) -> None:
        if self.error is None:
            self.error = error
            self.writer.close()
            self.task.cancel()
        for call in self.calls.values():
            if not call.done():
                call.set_exception(type(self.error)(self.error.message))

    async def ask(self, operation: _Operation, body: bytes, end: float, trace: bytes, key: bytes) -> bytes:
        if self.error is not None:
            raise Unavailable(self.error.message, is_unread=True)
        self.next_id = (self.next_id + 1) & 0x7FFFFFFF
        number = self.next_id
        call: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.calls[number] = call
        try:
            async with self.writing: # a message is written whole: what is cancelled here is sent all the same
                self.writer.write(_request(self.is_ipc, number, operation, body, end - time.monotonic(), trace, key))
                await self.writer.drain()
            return await call
        except OSError as fault:
            self.fail(PeerDead(str(fault.strerror or fault)))
            raise PeerDead(str(fault.strerror or fault)) from None
        except asyncio.CancelledError:
            if self.error is None:
                self.writer.write(_cancel(self.is_ipc, number))
            raise
        finally:
            del self.calls[number]
            if call.done() and not call.cancelled():
                call.exception() # it may be nobody's


class AsyncClient:
    """As Client, for one event loop: cancelling a task takes its request back."""
    _cell = ""

    def __init__(self, address: str | None = None, *, timeout: float = 5.0, namespace: str = "default", instance: int | None = None) -> None:
        if address is not None:
            _parse(address)
        self._address, self._timeout, self._namespace, self._instance = address, timeout, namespace, instance
        self._connecting, self._slots = asyncio.Lock(), asyncio.BoundedSemaphore(_OUTSTANDING)
        self._patience, self._is_closed = _Patience(), False
        self._link_now: _AsyncLink | None = None

    async def __aenter__(self: _A) -> _A:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Calls that wait end with Cancelled."""
        self._is_closed = True
        if self._link_now is not None:
            self._link_now.fail(Cancelled("the client was closed"))

    async def _link(self, end: float) -> _AsyncLink:
        async with self._connecting:
            while True:
                link = self._link_now
                if self._is_closed:
                    raise Cancelled("the client was closed", is_unread=True)
                if link is not None and link.error is None:
                    return link
                await asyncio.sleep(max(0.0, min(self._patience.not_before, end) - time.monotonic()))
                address = self._address or find(self._cell, self._namespace, self._instance)
                is_ipc, where = _parse(address)
                try:
                    reader, writer = await (asyncio.open_unix_connection(where) if is_ipc else asyncio.open_connection(*where))
                except OSError as fault:
                    self._patience.refused()
                    if self._patience.not_before >= end:
                        raise Unavailable(f"{address}: {fault.strerror or fault}", is_unread=True) from None
                    continue
                self._patience.connected()
                self._link_now = _AsyncLink(is_ipc, reader, writer)

    async def _once(self, operation: _Operation, body: bytes, end: float, trace: bytes, key: bytes) -> bytes:
        async with self._slots:
            return _answer(await (await self._link(end)).ask(operation, body, end, trace, key))

    async def _call(self, operation: _Operation, request: Message, reply: type[_M], timeout: float | None, trace: bytes, key: bytes) -> _M:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        body, attempt = request.encode(), 0
        while True:
            try:
                data = await asyncio.wait_for(self._once(operation, body, end, trace, key), max(0.0, end - time.monotonic()))
            except asyncio.TimeoutError:
                raise DeadlineExceeded("no answer in time") from None
            except CellError as error:
                wait = self._patience.again(operation, error, attempt, end)
                if wait is None:
                    raise
                attempt += 1
                await asyncio.sleep(wait)
                continue
            self._patience.answered()
            return reply.decode(data)
