#!/usr/bin/env python3
"""Add up results: summary.py [--stage-failed NAME]… FILE… where a file is meson's testlog.json or
pytest's junit xml. Names what failed and what was skipped and why; the last line is
"N passed, N failed, N skipped"; exit 1 on any failure and when nothing at all was run."""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

PASSED = ("OK", "EXPECTEDFAIL")
TOLD_LINES = 12 # of what a program said that failed: its log may lie where nobody looks any more


def reason_of(output):
    lines = [line.strip() for line in (output or "").splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def last_of(output):
    return [line[:200] for line in output.splitlines() if line.strip()][-TOLD_LINES:]


def read_meson(path):
    """[(name, "passed" | "failed" | "skipped", reason)]; the file's name says which build it was."""
    found = []
    build = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as f:
        for line in f:
            entry = json.loads(line)
            result = entry["result"]
            verdict = "passed" if result in PASSED else "skipped" if result == "SKIP" else "failed"
            said = (entry.get("stdout") or "") + (entry.get("stderr") or "")
            why = reason_of(said) if result == "SKIP" else result if verdict == "passed" else "\n    ".join([result, *last_of(said)])
            found.append((f"{entry['name']} ({build})", verdict, why))
    return found


def read_junit(path):
    found = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        bad = [c for c in case if c.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if bad:
            found.append((name, "failed", (bad[0].get("message") or "").split("\n")[0][:200]))
        elif skipped is not None:
            found.append((name, "skipped", skipped.get("message") or "no reason given"))
        else:
            found.append((name, "passed", ""))
    return found


def main():
    results, arguments = [], sys.argv[1:]
    while arguments:
        argument = arguments.pop(0)
        if argument == "--stage-failed":
            results.append((arguments.pop(0), "failed", "see above"))
        elif not os.path.exists(argument):
            results.append((os.path.basename(argument), "failed", "no results were written"))
        else:
            try:
                results += (read_junit if argument.endswith(".xml") else read_meson)(argument)
            except (ValueError, KeyError, ElementTree.ParseError) as fault:
                results.append((os.path.basename(argument), "failed", f"unreadable results: {fault}"))
    for verdict in ("skipped", "failed"):
        for name, was, why in results:
            if was == verdict:
                print(f"{verdict}: {name}: {why}")
    count = {v: sum(1 for r in results if r[1] == v) for v in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    sys.exit(1 if count["failed"] or not results else 0)


if __name__ == "__main__":
    main()
