"""COD-2, by hand (`CELL_TEST_CLIENTS=1`, with Debian's golang-go): a generated client in Go, against a live cell and against peers that cut, stutter and lie. What it does stands in
tests/system/everything/driver.go."""
import os
import random
import re
import shutil
import subprocess

import pytest

from support import wait
from support.everything import NO_CELLS, SERVICE, Cell, between, schema_file, tool
from test_codegen import ROOT, ev, full # pylint: disable=unused-import

COMPILER = "go"
pytestmark = pytest.mark.skipif(shutil.which(COMPILER) is None, reason="SKIPPED: there is no Go here (golang-go)")
RUNTIME = os.path.join(os.environ.get("CELL_TEST_RUNTIME", os.path.join(ROOT, "codegen/runtime")), "go_client.go")


@pytest.fixture(scope="module")
def cell(build):
    running = Cell(build)
    yield running
    running.close()


def go(folder, *words):
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GO111MODULE": "on"}
    env.setdefault("GOCACHE", os.path.join(folder, "cache"))
    return subprocess.run(["go", *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=400)


def write_module(build, folder, set_path, service, package):
    """A module with the client in a package of its own."""
    made = tool(build, "go", set_path, service, RUNTIME)
    assert made.returncode == 0, made.stderr
    os.makedirs(os.path.join(folder, package))
    with open(os.path.join(folder, "go.mod"), "w", encoding="utf-8") as f:
        f.write("module trial\n\ngo 1.19\n")
    with open(os.path.join(folder, package, "client.go"), "wb") as f:
        f.write(made.stdout)
    return made.stdout


@pytest.fixture(scope="module")
def driver(build, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("go"))
    write_module(build, folder, schema_file(build), SERVICE, "everything")
    shutil.copy(os.path.join(ROOT, "tests/system/everything/driver.go"), folder)
    built = go(folder, "build", "-o", "driver", "driver.go")
    assert built.returncode == 0, built.stderr
    return os.path.join(folder, "driver")


def run(driver, address, *words, stdin=""):
    done = subprocess.run([driver, address, *words], input=stdin, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ipc(cell):
    return f"ipc://{cell.path}"


def test_what_is_written_is_the_same_and_gofmts(build, driver):
    folder = os.path.dirname(driver)
    with open(os.path.join(folder, "everything/client.go"), "rb") as f:
        made = f.read()
    assert made == tool(build, "go", schema_file(build), SERVICE, RUNTIME).stdout
    with open(os.path.join(ROOT, "tests/unit/codegen/everything_go.txt"), "rb") as f:
        assert f.read() == made[made.index(b"// ---- cell.everything"):], "what is written of a schema is another"
    assert subprocess.run(["gofmt", "-l", "."], cwd=folder, capture_output=True, check=True).stdout == b""
    vetted = go(folder, "vet", "./everything")
    assert vetted.returncode == 0, vetted.stderr


def test_words_of_the_runtime_are_no_names(build):
    with open(os.path.join(ROOT, "codegen/go_words.h"), encoding="utf-8") as f:
        lists = {m[1]: re.findall(r'"(\w+)"', m[2]) for m in re.finditer(r"#define CODEGEN_GO_(\w+) \\\n((?:    .*\n)+)", f.read())}
    with open(RUNTIME, encoding="utf-8") as f:
        source = f.read()
    taken = set(re.findall(r"^(?:func|type|var|const) (\w+)", source, re.M)) | {"Schema"}
    for block in re.findall(r"^(?:const|var) \(\n(.*?)^\)", source, re.M | re.S):
        taken |= set(re.findall(r"^\t(\w+)\b", block, re.M))
    taken |= {i.split("/")[-1] for i in re.findall(r'"([\w/]+)"', re.search(r"import \((.*?)\)", source, re.S)[1])}
    assert taken <= set(lists["PACKAGE"]) and set(lists["WORDS"]) <= set(lists["PACKAGE"])
    assert all(words == sorted(set(words)) for words in lists.values())


HOSTILE = '''
syntax = "proto2";
package cell.go_hostile;
/* ` " */
enum Op { OP_NONE = 0; OP_CLOSE = 20190; OP_ENCODE = 20191; OP_GET = 20192; }
// */ func init() { panic(1) }
service conn { rpc Close(error) returns (encoder); rpc Encode(Error) returns (Status); rpc get(type) returns (type.func); }
message error { optional int32 encode = 1; optional int32 Encode = 2; optional int32 ENCODE = 3; required int32 type = 4; optional int32 _1 = 5; optional int32 _ = 6;
  optional Mood mood = 7; repeated Mood moods = 8; map<string, Mood> by = 9; oneof o { string m = 10; int32 e = 11; Mood d = 12; } }
message encoder { optional string func = 1; }
message Error { optional string data = 1; }
message Status { repeated Error err = 1; }
message type { message func { optional bytes v = 1; optional bytes x = 2; } optional func f = 1; }
message ConnClient { optional NewConnClient a = 1; }
message NewConnClient { optional ConnClient a = 1; }
enum Mood { option allow_alias = true; Mood_NONE = 0; nil = 2; String = 3; also = 3; }
'''


def test_names_and_comments_of_others_stay_names_and_comments(build, driver, tmp_path):
    (tmp_path / "h.proto").write_text(HOSTILE.replace("returns (type.func)", "returns (ConnClient)"), encoding="utf-8")
    subprocess.run(["protoc", "-I", str(tmp_path), "--include_source_info", f"--descriptor_set_out={tmp_path}/h.bin", f"{tmp_path}/h.proto"], check=True)
    text = write_module(build, str(tmp_path / "m"), f"{tmp_path}/h.bin", "cell.go_hostile.conn", "client").decode()
    vetted = go(str(tmp_path / "m"), "vet", "./client")
    assert vetted.returncode == 0, vetted.stderr
    assert subprocess.run(["gofmt", "-l", "."], cwd=tmp_path / "m", capture_output=True, check=True).stdout == b""
    assert text.startswith("// Code generated by Cell's codegen from cell.go_hostile.conn. DO NOT EDIT.\n\npackage gohostile\n")


def test_bytes_are_those_of_python(driver, ev):
    """And so protoc's: test_codegen.py. The same message, the same bytes; whatever else comes, the same verdict."""
    assert bytes.fromhex(run(driver, "", "encode").strip()) == full(ev).encode()
    data, draw, lines, expected = full(ev).encode(), random.Random(4712), [], []
    bad = [b"\x08", b"\xff" * 11, b"\x00", b"\x72\x05ab", b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x72\x01\xff", b"\x72\x01\0", b"\x0f", b"\x0c", b"\x09\0",
           b"\x92\x03\x02\x0a\x05", b"\xfb\x3f" * 200 + b"\x08\x01", b"\xa2\x01\x01\x80", b"\xfb\x3f\x08\x01\xfc\x3f\x18\x05", b"\x1a\x01a\x18\x05", b"",
           b"\xa0\x01\x01\xa2\x01\x02\x02\x03", b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
    for turn in range(6000):
        wrong = bytearray(data)
        for _ in range(draw.randrange(1, 4)):
            wrong[draw.randrange(len(wrong))] = draw.randrange(256)
        one = bad[turn] if turn < len(bad) else bytes(wrong[:draw.randrange(len(wrong))] if turn % 5 == 0 else wrong)
        lines.append(one.hex())
        try:
            expected.append("ok " + ev.Mirrored.decode(one).encode().hex())
        except ev.CellError as error:
            expected.append(error.name)
    got = run(driver, "", "reencode", stdin="\n".join(lines) + "\n").splitlines()
    assert len(got) == len(expected)
    differing = [(line, want, have) for line, want, have in zip(lines, expected, got) if want != have]
    assert not differing, [(line, want[:12], have[:12]) for line, want, have in differing[:3]]
    assert 500 < sum(line.startswith("ok") for line in got) < 5500


def test_what_does_not_fit_is_refused(driver):
    run(driver, "", "refused")


def test_every_kind_of_field_comes_back(driver, cell):
    run(driver, ipc(cell), "mirror")


def test_each_error_by_its_number_and_name(driver, cell):
    """RPC-2: one call per status of common/base/err.h."""
    with open(os.path.join(ROOT, "common/base/err.h"), encoding="utf-8") as f:
        known = {(m[2], m[1]) for m in re.finditer(r"^    X\((\w+), (\d+),", f.read(), re.M)}
    assert {tuple(line.split()) for line in run(driver, ipc(cell), "failures").splitlines()} == {k for k in known if k[1] not in ("OK", "LATER")}


def test_64_callers_of_one_connection_get_their_own_answers(driver, cell):
    """RPC-1."""
    with between(cell) as way:
        run(driver, way.address, "concurrent")
        assert way.connections == 1


def test_32_requests_are_under_way_at_a_time(driver, cell):
    with between(cell) as way:
        run(driver, way.address, "many", "70")
        assert way.asked == way.answered == 70 and 8 < way.most <= 32, (way.asked, way.answered, way.most)


def test_deadlines_and_cancellation(driver, cell):
    run(driver, ipc(cell), "deadlines")


def test_a_closed_client_answers(driver, cell):
    run(driver, ipc(cell), "closed")


def test_sixteen_mebibytes_and_not_one_more(driver, make_node, build):
    node = make_node([{"name": "everything", "exec": build.binary("tests/system/everything/everything"), "serves": ["everything.Mirror"],
                       "limits": {"message": "16M"}}])
    node.up()
    run(driver, f"ipc://{node.socket_path('everything')}", "sixteen")


def test_a_cell_that_starts_again_is_found_again(driver, build):
    own = Cell(build)
    try:
        with subprocess.Popen([driver, ipc(own), "restart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
            assert asking.stdout.readline() == "asked\n"
            own.kill()
            asking.stdin.write("\n")
            asking.stdin.flush()
            assert asking.stdout.readline() == "refused\n"
            own.start()
            assert asking.wait(30) == 0, asking.stdout.read()
    finally:
        own.close()


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_tcp_and_short_reads(driver, cell, piece):
    with between(cell, piece=piece) as way:
        run(driver, way.address, "mirror")


def test_an_answer_that_is_cut_is_not_an_answer(driver, cell):
    for cut in (3, 8, 12, 16, 17, 20, 25):
        with between(cell, cut=cut) as way:
            assert re.match("PEER_DEAD|UNAVAILABLE", run(driver, way.address, "count", "1")), cut
            assert cut < 8 or way.connections == 1, "it was sent once"


@pytest.mark.parametrize("answer, words", NO_CELLS)
def test_whoever_is_no_cell_is_left(driver, cell, answer, words):
    with between(cell, answer=answer) as way:
        assert words in run(driver, way.address, "count", "5")


def test_nobody_there_is_unavailable_at_the_deadline(driver, tmp_path):
    assert run(driver, f"ipc://{tmp_path}/none.sock", "count", "0.3").startswith("UNAVAILABLE")


@pytest.mark.parametrize("address", ["/x", "ipc://", "ipc://" + "x" * 108, "tcp://a", "tcp://a:0", "tcp://a:65536", "tcp://:1", "http://a:1", "tcp://a:1x"])
def test_an_address_that_is_none_is_refused(driver, address):
    done = subprocess.run([driver, address, "count", "1"], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: "), done.stdout


def test_a_cell_is_found_by_its_name(driver, cell, monkeypatch):
    monkeypatch.setenv("CELL_RUN", cell.directory)
    run(driver, "", "mirror")
    wait.until(lambda: run(driver, "", "count", "5") == "<nil>\n", 5, "and answers")
