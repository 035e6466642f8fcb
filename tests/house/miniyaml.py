"""Enough of YAML for manifests, in the standard library: block and flow mappings and sequences,
plain and quoted scalars, comments, block text. What it does not understand is an error, never a guess.
Scalars stay strings; every mapping remembers its line under the key LINE.
"""
import re

LINE = "__line__"


class Fault(Exception):
    pass


def _strip_comment(text):
    """`text` without a trailing comment; a '#' inside quotes is kept."""
    quote = None
    for i, char in enumerate(text):
        if quote:
            quote = None if char == quote else quote
        elif char in "\"'" and (i == 0 or text[i - 1] in " [{,:-"):
            quote = char
        elif char == "#" and (i == 0 or text[i - 1] in " \t"):
            return text[:i].rstrip()
    return text.rstrip()


class _Parser:
    def __init__(self, text):
        self.raw = text.split("\n")
        self.lines = []
        for number, line in enumerate(self.raw, 1):
            if "\t" in line[:len(line) - len(line.lstrip())]:
                raise Fault(f"line {number}: a tab in the indentation")
            self.lines.append((number, len(line) - len(line.lstrip(" ")), _strip_comment(line).strip()))
        self.at = 0

    def peek(self):
        while self.at < len(self.lines) and self.lines[self.at][2] in ("", "---"):
            self.at += 1
        return self.lines[self.at] if self.at < len(self.lines) else None

    def block(self, indent):
        line = self.peek()
        if line is None or line[1] < indent:
            return None
        if line[2].startswith("- ") or line[2] == "-":
            return self.sequence(line[1])
        return self.mapping(line[1])

    def sequence(self, indent):
        items = []
        while (line := self.peek()) and line[1] == indent and (line[2] + " ").startswith("- "):
            number, _, text = line
            rest = text[1:].strip()
            if rest and _KEY.match(rest) and rest[0] not in "[{\"'":
                # "- key: value": the mapping goes on at the column of its first key
                column = indent + len(text) - len(text[1:].lstrip())
                self.lines[self.at] = (number, column, rest)
                items.append(self.mapping(column))
            else:
                self.at += 1
                items.append(self.value(rest, number, indent) if rest else self.block(indent + 1))
        return items

    def mapping(self, indent):
        found = {}
        while (line := self.peek()) and line[1] == indent:
            number, _, text = line
            match = _KEY.match(text)
            if not match:
                raise Fault(f"line {number}: expected 'key: value', not {text!r}")
            key = match[1].strip("\"'")
            if key in found:
                raise Fault(f"line {number}: {key} is given twice")
            found.setdefault(LINE, number)
            self.at += 1
            found[key] = self.value(text[match.end():].strip(), number, indent)
        if (line := self.peek()) and line[1] > indent:
            raise Fault(f"line {line[0]}: unexpected indentation")
        return found

    def value(self, text, number, indent):
        if text == "":
            line = self.peek()
            if line and line[1] == indent and (line[2] + " ").startswith("- "):
                return self.sequence(indent)
            return self.block(indent + 1)
        if text[0] in "|>":
            return self.text_block(indent)
        if text[0] in "[{":
            while _depth(text) > 0:
                line = self.peek()
                if line is None:
                    raise Fault(f"line {number}: a bracket is not closed")
                text += " " + line[2]
                self.at += 1
            flow = _Flow(text, number)
            value = flow.value()
            flow.end()
            return value
        if text[0] in "&*!@`%":
            raise Fault(f"line {number}: {text[0]} is not used in manifests")
        return _scalar(text)

    def text_block(self, indent):
        kept = []
        while self.at < len(self.lines):
            raw = self.raw[self.lines[self.at][0] - 1]
            if raw.strip() and len(raw) - len(raw.lstrip(" ")) <= indent:
                break
            kept.append(raw)
            self.at += 1
        return "\n".join(kept)


_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s:\[{"'][^:]*?)\s*:(?=\s|$)""")


def _scalar(text):
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return text


def _depth(text):
    text = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
    return sum(text.count(c) for c in "[{") - sum(text.count(c) for c in "]}")


class _Flow:
    """One flow value: [a, b], {a: b}, nested."""

    def __init__(self, text, number):
        self.text, self.number, self.at = text, number, 0

    def skip(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def fail(self):
        raise Fault(f"line {self.number}: does not parse: {self.text!r}")

    def end(self):
        self.skip()
        if self.at != len(self.text):
            self.fail()

    def value(self):
        self.skip()
        char = self.text[self.at:self.at + 1]
        if char == "[":
            return self.items("]", lambda found, item: found.append(item), [])
        if char == "{":
            return self.items("}", lambda found, item: found.update([item]), {LINE: self.number})
        match = re.compile(r"\"[^\"]*\"|'[^']*'|[^,\[\]{}]+").match(self.text, self.at)
        if not match:
            self.fail()
        self.at = match.end()
        return _scalar(match[0].strip())

    def items(self, close, add, found):
        self.at += 1
        while True:
            self.skip()
            if self.text[self.at:self.at + 1] == close:
                self.at += 1
                return found
            if close == "}":
                match = re.compile(r"([^,:{}\[\]]+):(\s|$)").match(self.text, self.at)
                if not match:
                    self.fail()
                self.at = match.end()
                add(found, (match[1].strip("\"' "), self.value()))
            else:
                add(found, self.value())
            self.skip()
            if self.text[self.at:self.at + 1] == ",":
                self.at += 1
            elif self.text[self.at:self.at + 1] != close:
                self.fail()


def parse(text):
    """The document as dicts, lists and strings; Fault with the line otherwise."""
    parser = _Parser(text)
    value = parser.block(0)
    if (line := parser.peek()) is not None:
        raise Fault(f"line {line[0]}: does not belong here: {line[2]!r}")
    return value
