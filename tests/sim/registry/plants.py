#!/usr/bin/env python3
"""Planted bugs: each is put into a copy of one source file, and a unit test must find it. A bug that escapes, or whose place is no
longer in the source, fails the test. The shipped sources know nothing of this.

Usage: plants.py --root DIR --cc COMPILER [NAME ...]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))

from support import plants # pylint: disable=wrong-import-position

# name: (file, the unit test that finds it, what goes wrong, [(text that is there once, what the bug makes of it)])
PLANTS = {
    "name-joint-last": ("name.c", "unit:name", "a name may end in a joint", [
        ("is_joint && (i + 1 == len || ", "is_joint && i + 1 < len && (")]),
    "name-digit-first": ("name.c", "unit:name", "a name may begin with a digit", [
        ("    if (!is_lower(text[0])) {", "    if (!is_lower(text[0]) && !is_digit(text[0])) {")]),
    "name-one-more": ("name.c", "unit:name", "a part may have 65 characters", [
        ("    if (len > NAME_MAX_LEN) {", "    if (len > NAME_MAX_LEN + 1) {")]),
    "name-device": ("name.c", "unit:name", "a device in a space is a name", [
        ("return fault != NULL ? fault : part_fault(text + begin, len - begin);",
         "return fault != NULL ? fault : begin > 0 && is_device(text + begin, len - begin) ? NULL : part_fault(text + begin, len - begin);")]),
    "name-swap": ("name.c", "unit:name", "swapped letters are two steps", [
        ("a[i] == b[i + 1] && a[i + 1] == b[i] &&", "a[i] == b[i + 1] && a[i + 1] == b[i + 1] &&")]),
    "name-look-alike": ("name.c", "unit:name", "rn and m are different", [
        ("(next == 'n' && to[len - 1] == 'r')", "(next == 'n' && to[len - 1] == 'x')")]),
    "url-file": ("url.c", "unit:url", "files are a transport", [
        ('!skip(&t, "https://")', '!skip(&t, "https://") && !skip(&t, "file://")')]),
    "url-option": ("url.c", "unit:url", "a host may begin with -", [
        ("bool is_inner = i > 0 && i + 1 < label.len;", "bool is_inner = i + 1 < label.len;")]),
    "url-option-user": ("url.c", "unit:url", "a user may begin with -", [
        ("user.len > USER_MAX || !(is_lower(user.at[0]) || user.at[0] == '_')", "user.len > USER_MAX || user.at[0] == 'x'"),
        ("    for (size_t i = 1; i < user.len; i++) {", "    for (size_t i = 0; i < user.len; i++) {")]),
    "url-parent": ("url.c", "unit:url", "a segment may be the parent", [
        ("if (!is_word && (i == 0 || s.at[i]", "if (!is_word && (s.at[i]"),
        ("if (s.at[s.len - 1] == '.' || ", "if (")]),
    "url-nul": ("url.c", "unit:url", "a NUL is a sign like others", [
        ("(i == 0 || s.at[i] == '\\0' || strchr(\".+-\"", "(i == 0 || strchr(\".+-\"")]),
    "url-punycode": ("url.c", "unit:url", "punycode is a host like others", [
        ('memcmp(label.at, "xn--", 4) == 0', 'memcmp(label.at, "xn--", 5) == 0')]),
    "url-number": ("url.c", "unit:url", "numbers of any spelling are a host", [
        ("return parts == 4 ? NULL : fault;", "return NULL;")]),
    "url-password": ("url.c", "unit:url", "an https url may have a user", [
        ('fault = has_user ? user_fault(user) : "an https url has a user or a password";', "fault = user_fault(user);")]),
    "url-two-gaps": ("url.c", "unit:url", "an address may have several gaps", [
        ("(gaps == 1 && groups < 8)", "(gaps >= 1 && groups < 8)")]),
    "version-zero": ("version.c", "unit:version", "a number may have a leading zero", [
        ("*at == begin || (*begin == '0' && *at - begin > 1)", "*at == begin")]),
    "version-pre-zero": ("version.c", "unit:version", "so may a pre-release's", [
        ("return len > 0 && !(is_numeric_strict && is_number && len > 1 && text[0] == '0');", "return len > 0;")]),
    "version-overflow": ("version.c", "unit:version", "a number that is too large turns into another", [
        ("        if (!is_large) {", "        if (true) {")]),
    "version-pre-after": ("version.c", "unit:version", "a pre-release is behind its release", [
        ("return (*a == '\\0') - (*b == '\\0');", "return (*b == '\\0') - (*a == '\\0');")]),
    "version-as-text": ("version.c", "unit:version", "numbers of pre-releases are compared as text", [
        ("    if (a_is_number && a_len != b_len) {", "    if (a_is_number && a_len != b_len && a_len > 100) {")]),
    "version-number-after": ("version.c", "unit:version", "a number is behind text", [
        ("return a_is_number ? -1 : 1;", "return a_is_number ? 1 : -1;")]),
    "version-fewer": ("version.c", "unit:version", "fewer identifiers are behind more", [
        ("return (*a != '\\0') - (*b != '\\0');", "return (*b != '\\0') - (*a != '\\0');")]),
    "range-caret-zero": ("range.c", "unit:range", "a caret keeps the first number only", [
        ("        if (value[i] != 0) {", "        if (value[i] != 0 || i == 0) {")]),
    "range-tilde": ("range.c", "unit:range", "a tilde on one number keeps two", [
        ("p->given == 1 ? 0 : 1)", "1)")]),
    "range-upper-pre": ("range.c", "unit:range", "pre-releases of what is above are below it", [
        ("if (p->given < 3) {\n        memcpy(bound.pre", "if (p->given < 0) {\n        memcpy(bound.pre")]),
    "range-any-pre": ("range.c", "unit:range", "a set that names one pre-release has those of others", [
        ("bound->minor == v->minor && bound->patch == v->patch", "bound->minor == v->minor")]),
    "range-pre-of-set": ("range.c", "unit:range", "a pre-release that another set names is in this one", [
        ("        bool is_in = true, is_pre_named = v->pre[0] == '\\0';", "        static bool is_pre_named; bool is_in = true; is_pre_named = (set > 0 && is_pre_named) || v->pre[0] == '\\0';")]),
    "range-all-or-any": ("range.c", "unit:range", "one test of a set is enough", [
        ("is_in = is_in && passes(", "is_in = passes(")]),
    "range-hyphen": ("range.c", "unit:range", "the end of a hyphen is not in it", [
        ("add_test(in, LESS_EQUAL, &to)", "add_test(in, LESS, &to)")]),
    "range-number-after-star": ("range.c", "unit:range", "1.x.3 is something", [
        ("} else if (p->is_starred) {", "} else if (p->is_starred && i > 2) {")]),
}

SOURCES = ["registry/*.c", "tests/unit/registry/*.c", *(f"common/base/{b}.c" for b in ("arena", "bytes", "err", "name", "rng"))]


def program(finder, _file, _args):
    test = f"tests/unit/registry/test_{finder.split(':')[1]}.c"
    return lambda source: not source.startswith("tests/") or source == test, []


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "registry", SOURCES, program, flags=("-O1",), patience=60, libraries=("-lsodium",)).main())
