"""COD-1, COD-2: clients that are written from a schema, against a live cell that gives back what it is given."""
import ast
import asyncio
import builtins
import contextlib
import enum
import importlib.util
import keyword
import math
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time

import pytest

from support import wait
from support.everything import BYTES_MAX, HELLO, NO_CELLS, SERVICE, Cell, between, schema_file, tool

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
# codegen_plants.py has runtimes with faults.
RUNTIME = [os.path.join(os.environ.get("CELL_TEST_RUNTIME", os.path.join(ROOT, "codegen/runtime")), name) for name in ("python_messages.py", "python_wire.py")]


@pytest.fixture(scope="module")
def cell(build):
    running = Cell(build)
    yield running
    running.close()


def module_of(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module # dataclasses look there
    spec.loader.exec_module(module)
    return module


def write_client(build, set_path, service, path):
    made = tool(build, "python", set_path, service, *RUNTIME)
    assert made.returncode == 0, made.stderr.decode()
    with open(path, "wb") as f:
        f.write(made.stdout)
    return path


@pytest.fixture(scope="module")
def ev(build, tmp_path_factory):
    return module_of(write_client(build, schema_file(build), SERVICE, str(tmp_path_factory.mktemp("client") / "everything_client.py")))


def full(ev):
    """One with something in every field, at the ends of their ranges."""
    inner = ev.Mirrored_Inner(text="in", deep=ev.Mirrored_Inner_Deep(number=2**64 - 1))
    return ev.Mirrored(
        a_double=-0.0, a_float=1.5, a_int32=-2**31, a_int64=-2**63, a_uint32=2**32 - 1, a_uint64=2**64 - 1, a_sint32=-2**31, a_sint64=2**63 - 1,
        a_fixed32=2**32 - 1, a_fixed64=2**64 - 1, a_sfixed32=-2**31, a_sfixed64=-2**63, a_bool=True, a_string="\u00e4\U0001f600", a_bytes=bytes(range(256)),
        mood=ev.Mood.MOOD_SAD, inner=inner, numbers=[0, -1, 2**31 - 1], names=["", "a", "\u20ac"], inners=[ev.Mirrored_Inner(), inner],
        moods=[ev.Mood.MOOD_GLAD, 77, -5], doubles=[math.inf, -math.inf, 1e-300], bools=[True, False], unpacked=[-1, 1, -2**63], blobs=[b"", b"\0"],
        fixed=[1, 2], maybe_int32=0, maybe_string="", maybe_bool=False, maybe_mood=ev.Mood.MOOD_NONE, maybe_bytes=b"", maybe_double=0.0, choice_inner=inner,
        by_name={"": 0, "b": -1}, by_number={-1: inner, 0: ev.Mirrored_Inner()}, by_bool={True: "t", False: ""}, mood_by_name={"x": ev.Mood.MOOD_SAD},
        child=ev.Mirrored(child=ev.Mirrored(a_int32=7)), class_=1, from_="f", self=True, timeout="t", int=2, type="y")


# ---- what is written ----------------------------------------------------------------------------

def test_a_client_is_written_the_same_each_time(build):
    made = [tool(build, "python", schema_file(build), SERVICE, *RUNTIME).stdout for _ in range(2)]
    assert made[0] == made[1] and made[0]
    kept = os.path.join(ROOT, "tests/unit/codegen/everything_client.txt")
    own = made[0][made[0].index(b"# ---- cell.everything"):]
    with open(kept, "rb") as f:
        assert f.read() == own, f"what is written of a schema is another: compare with {kept}"


@pytest.mark.needs_tool("mypy")
def test_types_hold(ev, build, tmp_path):
    """What is written passes `mypy --strict`."""
    run = subprocess.run(["mypy", "--strict", "--cache-dir", str(tmp_path), ev.__file__], capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout


def test_words_of_the_language_and_the_runtime_are_no_names(build):
    """codegen/python_words.h has every one of them, and is sorted."""
    with open(os.path.join(ROOT, "codegen/python_words.h"), encoding="utf-8") as f:
        lists = {m[1]: re.findall(r'"(\w+)"', m[2]) for m in re.finditer(r"#define CODEGEN_PYTHON_(\w+) \\\n((?:    .*\n)+)", f.read())}
    taken = {name for name in dir(builtins) if not name.startswith("_")} | {"SCHEMA"}
    for path in RUNTIME:
        with open(path, encoding="utf-8") as f:
            for node in ast.parse(f.read()).body:
                taken |= {alias.asname or alias.name for alias in getattr(node, "names", [])}
                taken |= {node.name} if hasattr(node, "name") else set()
                targets = getattr(node, "targets", [node.target] if hasattr(node, "target") else [])
                taken |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    assert {n for n in taken if not n.startswith("_")} <= set(lists["MODULE"])
    assert set(keyword.kwlist) <= set(lists["KEYWORDS"]) and set(lists["KEYWORDS"]) <= set(lists["MODULE"]) & set(lists["MEMBERS"])
    assert {n for n in dir(enum.IntEnum) if not n.startswith("_")} <= set(lists["MEMBERS"])
    assert all(words == sorted(set(words)) for words in lists.values()) and len(lists) == 3


def test_each_error_has_its_class(ev):
    """RPC-2: every wire number of common/base/err.h that is ever on the wire, by its name."""
    with open(os.path.join(ROOT, "common/base/err.h"), encoding="utf-8") as f:
        known = {int(m[2]): m[1] for m in re.finditer(r"^    X\((\w+), (\d+),", f.read(), re.M)}
    kinds = {kind.status: kind.name for kind in [ev.CellError, *ev.CellError.__subclasses__()]}
    assert kinds == {number: name for number, name in known.items() if name not in ("OK", "LATER")}


HOSTILE = '''
syntax = "proto2";
package cell.hostile;
/* quotes """ and ''' + "'''" + ''' \\ \\u0022 \\N{QUOTATION MARK} \xe2\x80\xae reversed \x0c page {0} %s
import os */
enum Op { OP_NONE = 0; OP_CLOSE = 20190; OP_IMPORT = 20191; OP_GET = 20192; OP__CALL = 20193; OP___INIT__ = 20194; }
// """
service Class {
  /* """ ; raise SystemExit(3) # */
  rpc Close(None) returns (Message);
  rpc Import(list) returns (_Field);
  rpc Get(dataclasses) returns (Client);
  rpc _call(A_B) returns (A.B);
  rpc __init__(CellError) returns (ClassClient);
}
message None { optional int32 None = 1; optional int32 None_ = 2; optional int32 class = 3; optional int32 class_ = 4; optional int32 _class = 5; optional int32 __slots__ = 6; optional int32 encode = 7; optional int32 decode = 8;
  optional int32 which = 9; repeated int32 list = 10; map<string, int32> dict = 11; repeated int32 other = 12; optional bytes _fields = 13; optional string self = 14; optional string cls = 15;
  optional Mood Mood = 16; optional Mood after = 17; optional None_ none = 18; optional int32 dataclasses = 19; repeated int32 _list = 20; optional int32 _encode = 21; }
message None_ { optional string lambda = 1; }
message Message { /* """ */ optional string print = 1; }
message list { optional list list = 1; }
message _Field { optional _Field _Field = 1; }
message dataclasses { optional string field = 1; }
message Client { optional string close = 1; }
message A_B { optional string a = 1; }
message A { message B { optional string b = 1; } }
message CellError { optional string status = 1; }
message ClassClient { optional string a = 1; optional Exception e = 2; }
message Exception { optional string args = 1; }
enum Mood { mro = 0; name = 1; value = 2; True = 3; _sunder_ = 4; __dunder__ = 5; real = 6; to_bytes = 7; f_sunder_ = 8; }
'''


def test_names_and_comments_of_others_stay_names_and_comments(build, tmp_path):
    """What a schema says is in the client as text: it is imported, used, and nothing of it was carried out."""
    (tmp_path / "hostile.proto").write_bytes(HOSTILE.encode("latin-1"))
    set_path = str(tmp_path / "hostile.bin")
    subprocess.run(["protoc", "-I", str(tmp_path), "--include_source_info", f"--descriptor_set_out={set_path}", str(tmp_path / "hostile.proto")], check=True)
    client = module_of(write_client(build, set_path, "cell.hostile.Class", str(tmp_path / "hostile_client.py")))
    with open(client.__file__, encoding="utf-8") as f:
        text = f.read()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", text), "no sign turns or hides what a line says"
    none = client.None_(1, 2, class_=3, class__=4, f_class=5, list=[1], dict={"a": 1}, other=[2], f_fields=b"x", Mood_=client.Mood.value_, f_list=[5])
    again = client.None_.decode(none.encode())
    assert again == none and again.Mood_ is client.Mood(2) and client.Mood(6).name == "real_"
    assert [m.name for m in client.Mood] == ["mro_", "name_", "value_", "True_", "f_sunder_", "f__dunder__", "real_", "to_bytes_", "f_sunder__"]
    assert client.list_(list=client.list_()).encode() == b"\x0a\x00"
    own = [name for name in vars(client.ClassClient) if not name.startswith("__")]
    assert {"close_", "import_", "get", "f_call", "f__init__"} <= set(own), own


# ---- encoding -----------------------------------------------------------------------------------

def protoc(build, mode, data):
    proto = os.path.join(ROOT, "tests/system/everything")
    run = subprocess.run(["protoc", "-I", proto, f"--{mode}=cell.everything.Mirrored", os.path.join(proto, "everything.proto")],
                         input=data, capture_output=True, check=False, timeout=30)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def test_bytes_are_googles(ev, build):
    """What is encoded here is what protoc reads, and what protoc encodes is read here: the same fields."""
    message = full(ev)
    data = message.encode()
    text = protoc(build, "decode", data)
    assert ev.Mirrored.decode(protoc(build, "encode", text)) == message
    assert ev.Mirrored.decode(data) == message
    assert str(ev.Mirrored.decode(data).a_double) == "-0.0", "a negative zero is no default"
    assert protoc(build, "decode", protoc(build, "encode", text)) == text


@pytest.mark.parametrize("field, value", [
    ("a_int32", 2**31), ("a_int32", -2**31 - 1), ("a_uint32", -1), ("a_uint64", 2**64), ("a_sint64", 2**63), ("a_fixed32", -1), ("a_float", 1e300),
    ("a_int32", "1"), ("a_int32", 1.5), ("a_string", b"a"), ("a_string", "a\0b"), ("a_string", "\ud800"), ("a_bytes", "a"), ("a_bool", "yes"),
    ("inner", b""), ("numbers", [2**31]), ("names", [1]), ("by_name", {1: 1}), ("by_name", {"a": 2**31}), ("by_name", [1]), ("mood", 2**31), ("inners", [None]),
])
def test_a_value_that_does_not_fit_is_refused(ev, field, value):
    message = ev.Mirrored(**{field: value})
    with pytest.raises(ev.Invalid) as caught:
        message.encode()
    assert field in str(caught.value)


def test_two_of_a_oneof_are_refused_and_the_last_one_counts(ev):
    with pytest.raises(ev.Invalid):
        ev.Mirrored(choice_number=1, choice_text="a").encode()
    both = ev.Mirrored(choice_number=1).encode() + ev.Mirrored(choice_text="a").encode()
    assert ev.Mirrored.decode(both).which("choice") == "choice_text" and ev.Mirrored.decode(both).choice_number is None
    twice = ev.Mirrored(inner=ev.Mirrored_Inner(text="a")).encode() + ev.Mirrored(inner=ev.Mirrored_Inner(deep=ev.Mirrored_Inner_Deep(number=3))).encode()
    assert ev.Mirrored.decode(twice).inner == ev.Mirrored_Inner(text="a", deep=ev.Mirrored_Inner_Deep(number=3)), "a message twice is put together"


def test_a_misspelt_field_is_an_error(ev):
    with pytest.raises((AttributeError, TypeError)):
        ev.Mirrored(a_strng="x")
    with pytest.raises(AttributeError):
        ev.Mirrored().a_strng = "x"


def test_what_is_no_message_is_refused_in_bounded_time(ev):
    """Any byte of a true message another, and cut anywhere: a message or Malformed, nothing else."""
    data, draw, read = full(ev).encode(), random.Random(4711), 0
    for size in range(len(data)):
        with contextlib.suppress(ev.Malformed):
            ev.Mirrored.decode(data[:size])
    for _ in range(4000):
        wrong = bytearray(data)
        for _ in range(draw.randrange(1, 4)):
            wrong[draw.randrange(len(wrong))] = draw.randrange(256)
        try:
            ev.Mirrored.decode(bytes(wrong)).encode()
            read += 1
        except (ev.Malformed, ev.Invalid):
            pass
    assert 200 < read < 3900


def nested(ev, depth):
    data = b""
    for _ in range(depth - 1):
        data = b"\xe2\x03" + ev._varint(len(data)) + data
    return data


@pytest.mark.parametrize("bad", [
    b"\x08", b"\xff" * 11, b"\x00", b"\x72\x05ab", b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x72\x01\xff", b"\x72\x01\0", b"\x0f", b"\x0c", b"\x09\0",
    b"\x92\x03\x02\x0a\x05", b"\x92\x03\x02\x00\x05", b"\xfb\x3f" * 200 + b"\x08\x01", b"\xa2\x01\x01\x80",
])
def test_malformed_bytes(ev, bad):
    with pytest.raises(ev.Malformed):
        ev.Mirrored.decode(bad)


def test_depth_has_an_end_both_ways(ev):
    assert ev.Mirrored.decode(nested(ev, 100)).encode() == nested(ev, 100)
    with pytest.raises(ev.Malformed):
        ev.Mirrored.decode(nested(ev, 101))
    deep = ev.Mirrored()
    for _ in range(100):
        deep = ev.Mirrored(child=deep)
    with pytest.raises(ev.Limit):
        deep.encode()


def test_unknown_fields_and_both_ways_of_repeating(ev):
    assert ev.Mirrored.decode(b"\xf8\x3f\x01" + b"\xfb\x3f\x08\x01\xfc\x3f" + b"\x18\x05") == ev.Mirrored(a_int32=5), "numbers and groups are passed over"
    assert ev.Mirrored.decode(b"\xa0\x01\x01\xa2\x01\x02\x02\x03").numbers == [1, 2, 3], "packed and not"
    assert ev.Mirrored.decode(b"\xd2\x01\x01\x01").unpacked == [-1]
    assert ev.Mirrored.decode(b"\x1a\x01a" + b"\x18\x05").a_int32 == 5, "another version's type is passed over"


# ---- calls --------------------------------------------------------------------------------------

def test_every_kind_of_field_comes_back(ev, cell):
    with ev.EverythingClient(f"ipc://{cell.path}") as client:
        assert client.mirror(ev.Mirrored()) == ev.Mirrored()
        assert client.mirror(full(ev)) == full(ev)
        assert math.isnan(client.mirror(ev.Mirrored(a_double=math.nan)).a_double)


def test_a_cell_is_found_by_its_name(ev, cell, monkeypatch):
    monkeypatch.setenv("CELL_RUN", cell.directory)
    with ev.EverythingClient() as client:
        assert client.mirror(ev.Mirrored(a_int32=1)).a_int32 == 1
    with pytest.raises(ev.Invalid):
        ev.find("../x")


def test_each_error_comes_as_its_class(ev, cell):
    """RPC-2: one call per status, with text and hint."""
    with ev.EverythingClient(f"ipc://{cell.path}") as client:
        for kind in ev.CellError.__subclasses__():
            with pytest.raises(ev.CellError) as caught:
                client.fail(ev.FailRequest(status=kind.status, text="why \u00e4", hint="raft.2"), timeout=5)
            assert type(caught.value) is kind and (caught.value.message, caught.value.hint) == ("why \u00e4", "raft.2"), kind


def test_sixteen_mebibytes_and_not_one_more(ev, make_node, build):
    """A supervised cell that takes as much as there may be: it goes there and back through sockets that take it in pieces, with threads and
    with asyncio; more is refused here, and the connection is as good as before."""
    node = make_node([{"name": "everything", "exec": build.binary("tests/system/everything/everything"), "serves": ["everything.Mirror"],
                       "limits": {"message": "16M"}}])
    node.up()
    address = f"ipc://{node.socket_path('everything')}"
    data = random.Random(1).randbytes(BYTES_MAX - 4)
    with ev.EverythingClient(address, timeout=60) as client:
        assert client.mirror(ev.Mirrored(a_bytes=data[1:])).a_bytes == data[1:]
        with pytest.raises(ev.Limit):
            client.mirror(ev.Mirrored(a_bytes=data))
        assert client.mirror(ev.Mirrored(a_int32=3)).a_int32 == 3 and client._link_now.error is None

    async def main():
        async with ev.AsyncEverythingClient(address, timeout=60) as client:
            assert (await client.mirror(ev.Mirrored(a_bytes=data[1:]))).a_bytes == data[1:]
    asyncio.run(main())


def test_a_request_that_the_cell_does_not_take_is_an_error(ev, cell):
    """More than its limits.message: it closes the connection, and the next call has another."""
    with ev.EverythingClient(f"ipc://{cell.path}", timeout=20) as client:
        with pytest.raises((ev.PeerDead, ev.Limit, ev.Unavailable)):
            client.mirror(ev.Mirrored(a_bytes=bytes(BYTES_MAX // 2)))
        assert client.mirror(ev.Mirrored(a_int32=3)).a_int32 == 3


def test_64_callers_of_one_connection_get_their_own_answers(ev, cell):
    """RPC-1."""
    wrong, connections = [], []
    with ev.EverythingClient(f"ipc://{cell.path}", timeout=30) as client:
        def ask(number):
            draw = random.Random(number)
            for turn in range(20):
                wanted = number * 1000 + turn
                if draw.random() < 0.5:
                    got = client.slow(ev.SlowRequest(delay_ms=draw.randrange(20), number=wanted)).number
                else:
                    got = client.mirror(ev.Mirrored(a_uint64=wanted, a_bytes=bytes(draw.randrange(20000)))).a_uint64
                if got != wanted:
                    wrong.append((got, wanted))
            connections.append(id(client._link_now)) # one, for all
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    assert not wrong and len(connections) == 64 and len(set(connections)) == 1


def test_a_deadline_is_kept_on_both_sides(ev, cell):
    with ev.EverythingClient(f"ipc://{cell.path}") as client:
        before = client.count(ev.CountRequest())
        begun = time.monotonic()
        with pytest.raises(ev.DeadlineExceeded):
            client.slow(ev.SlowRequest(delay_ms=5000), timeout=0.3)
        assert 0.29 < time.monotonic() - begun < 3
        wait.until(lambda: client.count(ev.CountRequest()).expired == before.expired + 1, 4, "the cell knows the deadline")
        assert client.slow(ev.SlowRequest(delay_ms=1, number=9), timeout=3).remaining_ms in range(1500, 3001), "the deadline goes along"


def test_a_deadline_of_one_caller_is_nobody_elses(ev, cell):
    """Whoever reads for all gives up in the middle, and somebody else reads on."""
    with ev.EverythingClient(f"ipc://{cell.path}", timeout=20) as client:
        ends = []

        def ask(number, timeout):
            try:
                ends.append(client.slow(ev.SlowRequest(delay_ms=1000, number=number), timeout=timeout).number)
            except ev.DeadlineExceeded:
                ends.append(-number)
        threads = [threading.Thread(target=ask, args=(n, 0.1 + 0.01 * n if n % 2 else 15)) for n in range(1, 31)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(ends) == sorted(-n if n % 2 else n for n in range(1, 31))


def test_another_schema_is_said(ev, cell):
    with ev.EverythingClient(f"ipc://{cell.path}") as client:
        with pytest.raises(ev.Incompatible):
            client._call(ev._Operation("Mirror", 20100, 1, True), ev.Mirrored(), ev.Mirrored, 5, b"", b"")
        with pytest.raises(ev.Unimplemented):
            client._call(ev._Operation("Gone", 20177, 0, True), ev.Mirrored(), ev.Mirrored, 5, b"", b"")


def test_a_cell_that_starts_again_is_found_again(ev, build):
    """Requests that can be repeated are; others say that it is not known; none waits for ever."""
    own = Cell(build)
    try:
        with ev.EverythingClient(f"ipc://{own.path}", timeout=20) as client:
            assert client.count(ev.CountRequest()).calls == 1
            results = []

            def ask(operation, request):
                try:
                    results.append(operation(request))
                except ev.CellError as error:
                    results.append(error)
            thread = threading.Thread(target=ask, args=(client.slow, ev.SlowRequest(delay_ms=500, number=1)))
            thread.start()
            time.sleep(0.2)
            own.kill()
            with pytest.raises(ev.Unavailable):
                client.count(ev.CountRequest(), timeout=0.3)
            own.start()
            thread.join(20)
            assert results and results[0].number == 1, "what may be repeated was"
            assert client.count(ev.CountRequest()).calls == 1, "what was never sent waits for the cell, and was sent once"
    finally:
        own.close()


def test_nobody_there_is_unavailable_at_the_deadline(ev, tmp_path):
    begun = time.monotonic()
    with ev.EverythingClient(f"ipc://{tmp_path}/none.sock", timeout=0.3) as client, pytest.raises(ev.Unavailable):
        client.mirror(ev.Mirrored())
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("address", ["", "/x", "ipc://", "ipc://" + "x" * 108, "tcp://a", "tcp://a:0", "tcp://a:65536", "tcp://:1", "http://a:1", "tcp://a:1x"])
def test_an_address_that_is_none_is_refused(ev, address):
    with pytest.raises(ev.Invalid):
        ev.EverythingClient(address)


# ---- a peer between -----------------------------------------------------------------------------

@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_tcp_and_short_reads(ev, cell, piece):
    with between(cell, piece=piece) as way, ev.EverythingClient(way.address, timeout=30) as client:
        assert client.mirror(full(ev)) == full(ev)
        assert client.mirror(ev.Mirrored(a_bytes=bytes(50000 if piece > 1 else 500))) is not None
        with pytest.raises(ev.NotFound):
            client.fail(ev.FailRequest(status=5))


def test_an_answer_that_is_cut_is_not_an_answer(ev, cell):
    """Cut anywhere in it: not once something else than an error; what may not be repeated is sent once."""
    for cut in (3, 8, 12, 16, 17, 20, 25):
        with between(cell, cut=cut) as way, ev.EverythingClient(way.address, timeout=5) as client:
            with pytest.raises((ev.PeerDead, ev.Unavailable)):
                client.count(ev.CountRequest(), timeout=1)
            with ev.EverythingClient(f"ipc://{cell.path}") as honest:
                assert honest.count(ev.CountRequest()).calls > 0
            assert cut < 8 or way.connections == 1, "it was sent once"


@pytest.mark.parametrize("answer, words", NO_CELLS)
def test_whoever_is_no_cell_is_left(ev, cell, answer, words):
    with between(cell, answer=answer) as way, ev.EverythingClient(way.address, timeout=5) as client:
        with pytest.raises(ev.PeerDead) as caught:
            client.count(ev.CountRequest())
        assert words in str(caught.value)


def test_32_requests_are_under_way_at_a_time(ev, cell):
    """The other side drops answers past 64 (docs/PROTOCOL.md, section 2): the others wait their turn, and all are answered."""
    with between(cell) as way, ev.EverythingClient(way.address, timeout=20) as client:
        threads = [threading.Thread(target=client.slow, args=(ev.SlowRequest(delay_ms=200),)) for _ in range(70)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert way.asked == way.answered == 70 and 8 < way.most <= 32, (way.asked, way.answered, way.most)


def test_answers_to_nobody_are_passed_over(ev, cell):
    stray = HELLO + b"".join(struct.pack(">QI", 4 + len(b), w) + b for w, b in [(1, b"x"), (1 << 31, b""), (0xFFFFFFFF, b"junk" * 1000)])
    with between(cell, answer=stray) as way, ev.EverythingClient(way.address, timeout=0.5) as client:
        with pytest.raises(ev.DeadlineExceeded):
            client.count(ev.CountRequest())


# ---- asyncio ------------------------------------------------------------------------------------

def test_asyncio(ev, cell):
    """The same calls, 64 at a time on one connection; a task that is cancelled takes its request back."""
    async def main():
        async with ev.AsyncEverythingClient(f"ipc://{cell.path}", timeout=20) as client:
            assert await client.mirror(full(ev)) == full(ev)
            got = await asyncio.gather(*[client.slow(ev.SlowRequest(delay_ms=n % 7, number=n)) for n in range(64)])
            assert [reply.number for reply in got] == list(range(64))
            with pytest.raises(ev.Exists) as caught:
                await client.fail(ev.FailRequest(status=14, text="there"))
            assert caught.value.message == "there"
            before = (await client.count(ev.CountRequest())).cancelled
            task = asyncio.ensure_future(client.slow(ev.SlowRequest(delay_ms=5000)))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(200):
                if (await client.count(ev.CountRequest())).cancelled > before:
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError("the cell does not hear of it")
            begun = time.monotonic()
            with pytest.raises(ev.DeadlineExceeded):
                await client.slow(ev.SlowRequest(delay_ms=5000), timeout=0.2)
            assert time.monotonic() - begun < 1.5
    asyncio.run(main())


def test_asyncio_over_tcp_in_pieces_and_after_a_loss(ev, cell):
    async def main(way, cut):
        async with ev.AsyncEverythingClient(way.address, timeout=5) as client:
            if cut is None:
                assert await client.mirror(full(ev)) == full(ev)
            else:
                with pytest.raises((ev.PeerDead, ev.Unavailable)):
                    await client.count(ev.CountRequest(), timeout=2)
    for piece, cut in ((5, None), (1 << 20, 20)):
        with between(cell, piece=piece, cut=cut) as way:
            asyncio.run(main(way, cut))


# ---- from a running cell ------------------------------------------------------------------------

def test_a_running_cells_schema_is_its_protos(build, cell, tmp_path):
    """COD-1: Inspect.Schema gives what protoc wrote; an added optional field is fine, another type is not."""
    from support import pb, sp
    with sp.Client(cell.path) as client:
        answer = pb.decode(client.call(4).body)
    asked = tmp_path / "asked.bin"
    asked.write_bytes(pb.first(answer, 1, b""))
    ours = tool(build, "snapshot", str(asked))
    assert ours.returncode == 0 and ours.stdout == tool(build, "snapshot", schema_file(build)).stdout and len(ours.stdout) > 2000
    with open(os.path.join(ROOT, "tests/system/everything/everything.proto"), encoding="utf-8") as f:
        source = f.read()
    (tmp_path / "before.txt").write_bytes(ours.stdout)
    for change, status, word in (("message CountRequest { optional string why = 1; }", 0, b"fine FIELD_ADDED"),
                                 ("message CountRequest { reserved 1; }", 0, b"")):
        (tmp_path / "e.proto").write_text(source.replace("message CountRequest {}", change), encoding="utf-8")
        assert compare(build, tmp_path) == (status, word) or word == b"" and compare(build, tmp_path)[0] == status
    for old, new, word in (("uint64 calls = 1;", "string calls = 1;", b"breaking FIELD_TYPE"), ("OP_COUNT = 20103", "OP_COUNT = 20104", b"breaking OPERATION_NUMBER"),
                           ("{ option idempotency_level = NO_SIDE_EFFECTS; }", ";", b"breaking OPERATION_ONCE")):
        (tmp_path / "e.proto").write_text(source.replace(old, new, 1), encoding="utf-8")
        status, said = compare(build, tmp_path)
        assert status == 3 and word in said, said


def compare(build, folder):
    subprocess.run(["protoc", "-I", str(folder), f"--descriptor_set_out={folder}/e.bin", f"{folder}/e.proto"], check=True)
    (folder / "after.txt").write_bytes(tool(build, "snapshot", f"{folder}/e.bin").stdout)
    run = tool(build, "check", f"{folder}/before.txt", f"{folder}/after.txt")
    first = run.stdout.split(b":")[0]
    return run.returncode, run.stdout if run.returncode else first


# ---- a cell of one's own ------------------------------------------------------------------------

def test_a_new_cell_of_a_proto_builds_and_passes_its_own_test(build, node, short_dir):
    """COD-3: what is written of everything.proto, over the other files of `cell new`, builds without a warning, runs supervised, answers each
    operation, and its cases hold. protobuf-c takes no proto3 `optional`, so the .proto is that of the cell."""
    folder = os.path.join(short_dir, "everything")
    node.cli("new", "everything", folder)
    proto = os.path.join(build.directory, "tests/system/everything/everything_cell.proto")
    made = tool(build, "skeleton", schema_file(build), SERVICE, "everything", proto, folder)
    assert made.returncode == 0, made.stderr
    if build.sanitizers != "none": # as test_cli has it
        subprocess.run(["meson", "setup", os.path.join(folder, "build"), folder, f"-Db_sanitize={build.sanitizers}", "-Db_lundef=false"],
                       check=True, stdout=subprocess.DEVNULL)
    out = node.cli("test", folder, timeout=240)
    assert out.splitlines()[-1] == "everything: 4 passed, 0 failed", out
