#!/usr/bin/env python3
"""Words that mark unfinished work, what a merge left behind, paths of one machine, and hosts that packages are fetched
from have no place in the tree. (The patterns are put together from halves so as not to find themselves.)"""
import re

import house

TEXT = (".c", ".h", ".py", ".sh", ".proto", ".md", ".yaml", ".yml", ".txt", ".build", ".js", ".ts",
        ".go", ".rs", ".java", ".html", ".css", ".service", ".conf")
CODE = (".c", ".h", ".py", ".sh", ".proto", ".build")

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# Prose, also in a string, may use these words of other things (an attribute in HTML); code and
# comments that do are unfinished.
HALF_DONE = re.compile(r"\b(st" r"ub(bed)?|place" r"holder|simpli" r"fied|not imple" r"mented|for n" r"ow)\b", re.I)
MERGE = re.compile(r"^(<{7}|>{7}) ")
MACHINE = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot/\.)[/\w.]*|/tmp/(bu" r"ild-|ba" r"sh_)")
HOSTS = re.compile(r"\b(py" r"pi\.org|files\.python" r"hosted|npm" r"js\.(org|com)|crates" r"\.io|ruby" r"gems\.org"
                   r"|docker" r"\.io|gh" r"cr\.io|quay" r"\.io|deb\.deb" r"ian\.org|archive\.ub" r"untu|proxy\.go" r"lang"
                   r"|repo1?\.mav" r"en|registry\.ya" r"rn)", re.I)


def main():
    tree = house.House("words that do not belong here")
    for path in tree.files():
        if not path.endswith(TEXT) and "." in path.rsplit("/", 1)[-1]:
            continue
        tree.saw()
        full = tree.read(path)
        code = house.without_strings(full) if path.endswith(house.C_SUFFIXES) else full
        for line, (text, bare) in enumerate(zip(full.split("\n"), code.split("\n")), 1):
            checks = [(UNFINISHED, text, "marks unfinished work"), (MERGE, text, "was left behind by a merge"), (MACHINE, text, "is a path of one machine"),
                      (HOSTS, text, "is a host that packages are fetched from")]
            if path.endswith(CODE):
                checks.append((HALF_DONE, bare, "marks unfinished work"))
            for pattern, where, why in checks:
                match = pattern.search(where)
                if match:
                    tree.fault(path, line, f'"{match[0]}" {why}')
    tree.finish("files")


if __name__ == "__main__":
    main()
