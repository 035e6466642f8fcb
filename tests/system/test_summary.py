"""tests/summary.py: the line that everybody reads is right, and a failure cannot hide."""
import json
import os
import subprocess
import sys

import pytest

from support import build as build_module

SUMMARY = os.path.join(build_module.ROOT, "tests", "summary.py")
JUNIT = """<testsuites><testsuite name="pytest">
<testcase classname="t.a" name="good"/><testcase classname="t.a" name="bad"><failure message="x != y"/></testcase>
<testcase classname="t.a" name="broken"><error message="no fixture"/></testcase>
<testcase classname="t.a" name="left"><skipped message="needs root"/></testcase></testsuite></testsuites>"""


def meson_log(folder, *results, name="asan.json"):
    path = folder / name
    path.write_text("".join(json.dumps({"name": f"t{i}", "result": r, "stdout": "needs a kernel\n"}) + "\n"
                            for i, r in enumerate(results)))
    return str(path)


def run(*arguments):
    out = subprocess.run([sys.executable, SUMMARY, *arguments], capture_output=True, text=True, check=False)
    return out.returncode, out.stdout.splitlines()


def test_both_kinds_are_added(tmp_path):
    (tmp_path / "system.xml").write_text(JUNIT)
    status, lines = run(meson_log(tmp_path, "OK", "OK", "SKIP", "EXPECTEDFAIL"), str(tmp_path / "system.xml"))
    assert (status, lines[-1]) == (1, "4 passed, 2 failed, 2 skipped")
    assert "skipped: t2 (asan): needs a kernel" in lines
    assert "failed: t.a.bad: x != y" in lines and "failed: t.a.broken: no fixture" in lines


@pytest.mark.parametrize("result", ["FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS", "a new word"])
def test_what_is_not_known_to_be_good_is_a_failure(tmp_path, result):
    status, lines = run(meson_log(tmp_path, "OK", result))
    assert (status, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")


def test_success_needs_results(tmp_path):
    assert run(meson_log(tmp_path, "OK", "SKIP")) == (
        0, ["skipped: t1 (asan): needs a kernel", "1 passed, 0 failed, 1 skipped"])
    assert run()[0] == 1, "nothing was run"
    assert run(str(tmp_path / "missing.json"))[1][-1] == "0 passed, 1 failed, 0 skipped"


def test_cut_results_and_failed_stages_count(tmp_path):
    (tmp_path / "system.xml").write_text(JUNIT[:100])
    assert run(str(tmp_path / "system.xml"))[1][-1] == "0 passed, 1 failed, 0 skipped"
    status, lines = run("--stage-failed", "build", meson_log(tmp_path, "OK"))
    assert (status, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")
