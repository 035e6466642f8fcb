#!/usr/bin/env python3
"""Links inside the documents lead somewhere: files exist, and so do the headings they point to; and every decision is in their
list."""
import os
import re

import house

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
INDEX = "docs/decisions/README.md"
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)


def anchors(text):
    """The anchors that a page's headings get."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.replace(" ", "-"))
    return found


def main():
    tree = house.House("links of the documents")
    pages = tree.files(".md")
    for path in pages:
        tree.saw()
        text = CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), tree.read(path))
        for match in LINK.finditer(text):
            target, _, anchor = match[1].partition("#")
            line = house.line_of(text, match.start())
            if re.match(r"[a-z]+:", target):
                continue # the world outside is not ours to check
            full = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            if not os.path.exists(os.path.join(tree.root, full)):
                tree.fault(path, line, f"{match[1]} leads nowhere")
            elif anchor and full in pages and anchor not in anchors(tree.read(full)):
                tree.fault(path, line, f"{full} has no heading #{anchor}")
    listed = tree.read(INDEX) if INDEX in pages else ""
    for path in pages:
        if re.match(r"docs/decisions/\d", path) and f"({os.path.basename(path)})" not in listed:
            tree.fault(path, 0, f"is not in {INDEX}")
    tree.finish("documents")


if __name__ == "__main__":
    main()
