#!/usr/bin/env python3
"""Words that mark unfinished work, paths of one machine, and hosts that packages are fetched from
have no place in the tree. (The patterns are put together from halves so as not to find themselves.)"""
import re

import house

TEXT = (".c", ".h", ".py", ".sh", ".proto", ".md", ".yaml", ".yml", ".txt", ".build", ".js", ".ts",
        ".go", ".rs", ".java", ".html", ".css", ".service", ".conf")
CODE = (".c", ".h", ".py", ".sh", ".proto", ".build")

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# Prose may use these words of other things (an attribute in HTML); code that does is unfinished.
HALF_DONE = re.compile(r"\b(st" r"ub(bed)?|place" r"holder|simpli" r"fied|not imple" r"mented|for n" r"ow)\b", re.I)
MACHINE = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot/\.|ho" r"me/\w)[/\w.]*|/tmp/(bu" r"ild-|ba" r"sh_)")
HOSTS = re.compile(r"\b(py" r"pi\.org|files\.python" r"hosted|npm" r"js\.(org|com)|crates" r"\.io|ruby" r"gems\.org"
                   r"|docker" r"\.io|gh" r"cr\.io|quay" r"\.io|deb\.deb" r"ian\.org|archive\.ub" r"untu|proxy\.go" r"lang"
                   r"|repo1?\.mav" r"en|registry\.ya" r"rn)", re.I)


def main():
    tree = house.House("words that do not belong here")
    for path in tree.files():
        if not path.endswith(TEXT) and "." in path.rsplit("/", 1)[-1]:
            continue
        tree.saw()
        for line, text in enumerate(tree.read(path).split("\n"), 1):
            checks = [(UNFINISHED, "marks unfinished work"), (MACHINE, "is a path of one machine"),
                      (HOSTS, "is a host that packages are fetched from")]
            if path.endswith(CODE):
                checks.append((HALF_DONE, "marks unfinished work"))
            for pattern, why in checks:
                match = pattern.search(text)
                if match:
                    tree.fault(path, line, f'"{match[0]}" {why}')
    tree.finish("files")


if __name__ == "__main__":
    main()
