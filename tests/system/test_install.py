"""What `meson install` puts on a system is enough to build and run a cell outside the source tree."""
import os
import shutil
import subprocess

import pytest

from support import build as build_module, needs, pb, procs, sp, wait

GREETER = os.path.join(build_module.ROOT, "examples", "greeter")
OP_HEALTH, OP_GREET = 2, 10000


def run(*command, **more):
    out = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert out.returncode == 0, f"{' '.join(command)}\n{out.stdout}{out.stderr}"
    return out.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(build, prefix): the build installed below a directory of our own."""
    missing = needs.own_build()
    if missing:
        pytest.skip(missing)
    build = build_module.find()
    top = str(tmp_path_factory.mktemp("installed"))
    run("meson", "install", "-C", build.directory, "--no-rebuild", "--quiet", "--destdir", top)
    return build, top + build.option("prefix")


def pkg_config(prefix, *arguments):
    folders = [os.path.join(folder, "pkgconfig") for folder, names, _ in os.walk(prefix) if "pkgconfig" in names]
    assert len(folders) == 1, folders
    path = ":".join(folders + run("pkg-config", "--variable", "pc_path", "pkg-config").strip().split(":"))
    return run("pkg-config", f"--define-variable=prefix={prefix}", *arguments, "cell",
               env={**os.environ, "PKG_CONFIG_PATH": path}).split()


def compile_flags(build, prefix):
    extra = [] if build.sanitizers == "none" else [f"-fsanitize={build.sanitizers}"]
    return ["-std=gnu17", "-Wall", "-Wextra", "-Werror", *extra, *pkg_config(prefix, "--cflags")]


@pytest.fixture(scope="module")
def greeter(installed, tmp_path_factory):
    """examples/greeter, copied away from the tree and built on the installed files alone."""
    build, prefix = installed
    folder = str(tmp_path_factory.mktemp("greeter"))
    for name in os.listdir(GREETER):
        if name.endswith((".c", ".h", ".proto")):
            shutil.copy(os.path.join(GREETER, name), folder)
    run("protoc-c", "--c_out=.", "greeter.proto", cwd=folder)
    run("protoc", "--include_imports", "--include_source_info", "--descriptor_set_out=greeter.schema.bin",
        "greeter.proto", cwd=folder)
    [embed] = pkg_config(prefix, "--variable=embed")
    run(embed, "greeter.schema.bin", "greeter.schema.h", "greeter_schema", cwd=folder)
    run("cc", *compile_flags(build, prefix), "-o", "cell-greeter", "main.c", "service.c", "greeter.pb-c.c",
        *pkg_config(prefix, "--libs"), cwd=folder)
    return os.path.join(folder, "cell-greeter")


def test_a_cell_builds_on_the_installed_files(greeter):
    assert os.access(greeter, os.X_OK)


def test_and_serves_without_a_supervisor(greeter, short_dir):
    """--standalone: its socket answers the independent client."""
    path = os.path.join(short_dir, "default", "greeter.0.sock")
    log = os.path.join(short_dir, "log")
    with open(log, "wb") as err, subprocess.Popen(
            [greeter, "--standalone", "--run", short_dir], stderr=err, stdin=subprocess.DEVNULL) as cell:
        try:
            wait.until(lambda: os.path.exists(path) or cell.poll() is not None, 10, "the greeter listens")
            with open(log, encoding="utf-8") as text:
                assert cell.poll() is None, text.read()
            with sp.Client(path) as client:
                assert client.call(OP_HEALTH).status == sp.OK
                reply = client.call(OP_GREET, pb.encode([(1, "World")]))
                assert (reply.status, b"World" in reply.body) == (sp.OK, True), reply
            cell.terminate()
            assert cell.wait(10) == 0
        finally:
            procs.kill(cell.pid)
    assert not os.path.exists(path), "an orderly end takes its socket away"


def test_every_installed_header_compiles_alone(installed):
    build, prefix = installed
    top = os.path.join(prefix, "include", "cell")
    headers = [os.path.relpath(os.path.join(folder, name), top)
               for folder, _, names in os.walk(top) for name in names]
    assert {"common/run/cell.h", "common/base/err.h", "proto/envelope.pb-c.h"} <= set(headers)
    for header in headers:
        run("cc", *compile_flags(build, prefix), "-fsyntax-only", "-x", "c", "-include", header, "/dev/null")


def test_programs_are_where_they_belong(installed):
    build, prefix = installed
    cells = os.path.join(prefix, build.option("libexecdir"), "cell")
    assert {"cell-nucleus", "cell-guard", "cell-greeter", "embed.py"} <= set(os.listdir(cells))
    assert os.access(os.path.join(prefix, build.option("bindir"), "cell"), os.X_OK)


def test_nothing_installed_names_the_build_machine(installed):
    """No text file holds the path of the source or build tree."""
    build, prefix = installed
    for folder, _, names in os.walk(prefix):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            if b"\0" not in data:
                for path in (build_module.ROOT, build.directory):
                    assert path.encode() not in data, f"{name} names {path}"
