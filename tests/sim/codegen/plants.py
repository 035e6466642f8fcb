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
    "word-any": ("word.c", "unit:descriptor", "a name may have any sign behind its first", [
        ("if (!is_lower(text[i]) && !is_upper_case(text[i])", "if (i == 0 && !is_lower(text[i]) && !is_upper_case(text[i])")]),
    "word-longer": ("word.c", "unit:descriptor", "a word may be one longer", [
        ("len > CODEGEN_SCHEMA_WORD_MAX || is_digit", "len > CODEGEN_SCHEMA_WORD_MAX + 1 || is_digit")]),
    "word-split": ("word.c", "unit:schema", "an abbreviation is one word with what follows", [
        ("is_digit(name[i - 1]) || (is_upper_case(name[i - 1]) && is_lower(name[i + 1])));", "is_digit(name[i - 1]));")]),
    "descriptor-depth": ("descriptor.c", "unit:descriptor", "messages may be declared one deeper", [
        ("if (depth > CODEGEN_SCHEMA_DEPTH_MAX) {", "if (depth > CODEGEN_SCHEMA_DEPTH_MAX + 1) {")]),
    "descriptor-nul": ("descriptor.c", "unit:descriptor", "a name ends at a NUL", [
        ("if (f->size > 0 && memchr(f->data, '\\0', f->size) != NULL) {", "if (f->size > 0 && f->data[0] == '\\0') {")]),
    "descriptor-editions": ("descriptor.c", "unit:descriptor", "what is not proto3 is proto2", [
        ("if (e == ERR_OK && !r->is_proto3 && *syntax", "if (e != ERR_OK && !r->is_proto3 && *syntax")]),
    "comment-place": ("comment.c", "unit:descriptor", "a comment is of what it stands in, too", [
        ("return (x->depth > y->depth) - (x->depth < y->depth);", "return 0;")]),
    "comment-trailing": ("comment.c", "unit:descriptor", "what stands behind goes before", [
        ("(f.number == LOCATION_TRAILING && !is_leading)", "f.number == LOCATION_TRAILING")]),
    "schema-own-numbers": ("schema.c", "unit:schema", "protobuf's own numbers may be used", [
        ("(f->number >= OWN_FIRST && f->number <= OWN_LAST)", "(f->number > OWN_FIRST && f->number < OWN_LAST)")]),
    "schema-reserved-edge": ("schema.c", "unit:schema", "a range's first number is not reserved", [
        ("return (low < r->range_count && r->ranges[low].first <= number)", "return (low < r->range_count && r->ranges[low].first < number)")]),
    "schema-same-number": ("schema.c", "unit:schema", "two operations may have one number", [
        ("if (all[i].number == all[i - 1].number) {", "if (all[i].number == all[i - 1].number && all[i].number == 0) {")]),
    "schema-first": ("schema.c", "unit:schema", "an open enum may begin with any number", [
        ("has_first |= e->is_closed || v->number == 0;", "has_first = true;")]),
    "schema-map-key": ("schema.c", "unit:schema", "a map's key may be bytes", [
        ("key->type == CODEGEN_FLOAT || key->type == CODEGEN_BYTES ||", "key->type == CODEGEN_FLOAT ||")]),
    "schema-both-kinds": ("schema.c", "unit:schema", "an enum may have a message's name", [
        ("twice = codegen_schema_message(s, s->enums[i].name) != NULL ? s->enums[i].name : NULL;", "twice = NULL;")]),
    "schema-printable": ("schema.c", "unit:descriptor", "why a name is none is said with its controls", [
        ("*c = *c < 0x20 || *c > 0x7e ? '?' : *c;", "*c = *c < 0 || *c > 0x7e ? '?' : *c;")]),
    "snapshot-form": ("snapshot.c", "unit:schema", "any order and spelling is a snapshot", [
        ("    e = e == ERR_OK ? check_form(&s, text, size) : e;", "    (void)check_form;")]),
    "snapshot-nul": ("snapshot.c", "unit:schema", "a word may hold a NUL", [
        ("if (line[i] < 0x20 || line[i] > 0x7e) {", "if ((line[i] < 0x20 && line[i] != 0) || line[i] > 0x7e) {")]),
    "snapshot-hash": ("snapshot.c", "unit:schema", "a snapshot may be changed", [
        ("memcmp(end + sizeof HASH_WORD - 1, hex, sizeof hex - 1) != 0", "memcmp(end + sizeof HASH_WORD - 1, hex, 8) != 0")]),
    "snapshot-operation": ("snapshot.c", "unit:schema", "an operation's fingerprint is without its number", [
        ('"%s\\n%s\\n%" PRIu32 "\\n%s\\n%s\\n", service->name, o->name, o->number,', '"%s\\n%s\\n%" PRIu32 "\\n%s\\n%s\\n", service->name, o->name, 0u,')]),
    "compat-reused": ("compat.c", "unit:compat", "a reserved number may come again", [
        ("    if (is_reserved(&a->reserved, f->number)) {", "    if (is_reserved(&b->reserved, f->number)) {")]),
    "compat-retired": ("compat.c", "unit:compat", "a removed field is fine without a word", [
        ("} else if (is_reserved(&b->reserved, f->number)) {\n        rule = CODEGEN_COMPAT_FIELD_RETIRED;", "} else if (true) {\n        rule = CODEGEN_COMPAT_FIELD_RETIRED;")]),
    "compat-zigzag": ("compat.c", "unit:compat", "zigzag is a varint like others", [
        ("    case CODEGEN_SINT64:\n        return 2;", "    case CODEGEN_SINT64:\n        return 1;")]),
    "compat-text": ("compat.c", "unit:compat", "bytes are text", [
        ("group(a->type) == group(b->type) && a->type != CODEGEN_BYTES", "group(a->type) == group(b->type)")]),
    "compat-float": ("compat.c", "unit:compat", "eight bytes are eight bytes", [
        ("    case CODEGEN_SFIXED64:\n        return 4;\n", "    case CODEGEN_SFIXED64:\n    case CODEGEN_DOUBLE:\n        return 4;\n"),
        ("    case CODEGEN_DOUBLE:\n    case CODEGEN_FLOAT:\n    case CODEGEN_MESSAGE:", "    case CODEGEN_FLOAT:\n    case CODEGEN_MESSAGE:")]),
    "compat-renamed": ("compat.c", "unit:compat", "a type of another name is not looked into", [
        ("    if (is_same && a->message != NULL) {\n        pair(", "    if (is_same && a->message != NULL && strcmp(a->type_name, b->type_name) == 0) {\n        pair(")]),
    "compat-once": ("compat.c", "unit:compat", "a mark may be taken back", [
        ("find(c, CODEGEN_COMPAT_OPERATION_ONCE,", "find(c, CODEGEN_COMPAT_OPERATION_EFFECTS,")]),
    "compat-number": ("compat.c", "unit:compat", "a number of a service that went may be another's", [
        ("(strcmp(found->operation->name, o->name) != 0 || strcmp(found->service, service->name) != 0)", "strcmp(found->service, service->name) != 0")]),
    "compat-oneof-in": ("compat.c", "unit:compat", "a field may go into a oneof", [
        ("is_torn |= has_moved && !(was_alone && is_alone);", "is_torn |= has_moved && !was_alone;")]),
    "compat-oneof-apart": ("compat.c", "unit:compat", "a oneof may be torn", [
        ("is_torn |= was != is && (has_moved || (x->oneof >= 0 && y->oneof >= 0));", "is_torn |= was != is && has_moved;")]),
    "compat-reserved-hole": ("compat.c", "unit:compat", "what is reserved may have holes", [
        ("|| b->ranges[k].last < a->ranges[i].last) {", "|| b->ranges[k].last < a->ranges[i].first) {")]),
    "compat-limit": ("compat.c", "unit:compat", "a limit may fall", [
        ("y->value < x->value ? CODEGEN_COMPAT_LIMIT_LOWERED", "y->value > x->value ? CODEGEN_COMPAT_LIMIT_LOWERED")]),
    "out-end": ("out.c", "unit:out", "a comment may end a comment", [
        ("(c == '/' && i > 0 && line[i - 1] == '*') ||", "")]),
    "out-escape": ("out.c", "unit:out", "a comment may have backslashes", [
        ("|| c == 0x7f || c == '\\\\' || c == '\"' ||", "|| c == 0x7f || c == '\"' ||")]),
    "out-direction": ("out.c", "unit:out", "a comment may be shown backwards", [
        ("(c >= 0x2028 && c <= 0x202e) ||", "")]),
    "out-carriage": ("out.c", "unit:out", "a carriage return is a sign like others", [
        ("(c < 0x20 && c != '\\t')", "(c < 0x20 && c != '\\t' && c != '\\r')")]),
    "out-quote": ("out.c", "unit:out", "a string may hold the other quote", [
        ('strchr("\\"\'\\\\?$%`", c)', 'strchr("\\"\\\\?$%`", c)')]),
    "names-avoid": ("names.c", "unit:out", "a word of the language is a name", [
        ("(n->avoid_count > 0 && bsearch(", "(n->avoid_count > 9 && bsearch(")]),
    "names-grow": ("names.c", "unit:out", "names are lost when there are many", [
        ("        if (n->taken[i] != NULL) {", "        if (n->taken[i] != NULL && i % 8 != 0) {")]),
    "names-own": ("names.c", "unit:out", "another package's types come first", [
        ("name_all(s, service, true, names, &r.used);\n        name_all(s, service, false,", "name_all(s, service, false, names, &r.used);\n        name_all(s, service, true,")]),
    "names-reach": ("names.c", "unit:out", "what only a map has is left out", [
        ("            if (m->fields[i].message != NULL) {", "            if (m->fields[i].message != NULL && !m->is_map_entry) {")]),
    "names-short": ("names.c", "unit:out", "one underscore is always enough", [
        ("memset(larger + len, '_', more);", "(void)more;")]),
    "skeleton-package": ("skeleton.c", "unit:skeleton", "a package may have any name", [
        ("    if (strcmp(package, ident) != 0) {", "    if (strlen(package) != strlen(ident)) {")]),
    "skeleton-name": ("skeleton.c", "unit:skeleton", "a cell may have any name", [
        ("    if (!name_valid_str(name)) {", "    if (strlen(name) >= NAME_SIZE) {")]),
    "skeleton-over": ("skeleton.c", "unit:skeleton", "what is there is written over", [
        ("if (strcmp(existing[k], files[i].path) == 0) {", "if (k == 0 && strcmp(existing[k], files[i].path) == 0) {")]),
    "skeleton-open": ("skeleton.c", "unit:skeleton", "an operation Open has the hook's name", [
        ('    (void)codegen_names_take(&names, "service_open");\n', "")]),
    "skeleton-grant": ("skeleton.c", "unit:skeleton", "an operation has a name that no manifest grants", [
        ("if (!name_operation_valid(o->name, strlen(o->name))) {", "if (o->name[0] == '_') {")]),
    "protobufc-capitals": ("protobufc.c", "unit:skeleton", "each capital is a new word", [
        ("if (is_upper(*full) && !was_upper) {", "if (is_upper(*full) && out[at == 0 ? 0 : at - 1] != '_' && at > 0) {")]),
    "compat-closed": ("compat.c", "unit:compat", "a new value is fine for a closed enum", [
        ("a->is_closed || b->is_closed ? CODEGEN_COMPAT_VALUE_ADDED_CLOSED", "a->is_closed && !b->is_closed ? CODEGEN_COMPAT_VALUE_ADDED_CLOSED")]),
}

HERE = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../unit/codegen"))
SOURCES = ["codegen/*.c",
           *(f"tests/unit/codegen/{t}.c" for t in ("kit", "test_compat", "test_descriptor", "test_out", "test_schema", "test_skeleton")), *(f"common/base/{b}.c" for b in ("arena", "bytes", "err", "name", "pbwire"))]


def program(finder, _file, _args):
    test = f"tests/unit/codegen/test_{finder.split(':')[1]}.c"
    return lambda source: not source.startswith("tests/") or source in (test, "tests/unit/codegen/kit.c"), []


if __name__ == "__main__":
    sys.exit(plants.Garden(PLANTS, "codegen", SOURCES, program, flags=("-O1", f'-DHERE="{HERE}"'), patience=60, libraries=("-lsodium",)).main())
