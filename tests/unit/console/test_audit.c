/* CON-4: whatever is changed in an audit log is found, and where. */
#include "console/audit.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

enum { FILES = 3, RECORDS = 12 /* of a file; a seal behind each fourth */, ROOM = 32 * 1024, LINES_MAX = 32 };

static const uint8_t first[CONSOLE_AUDIT_KEY_SIZE] = {7, 1, 3};

struct log {
    char text[FILES][ROOM];
    size_t size[FILES];
};

/* The writer's state when a record is to be written, and where in its file. */
static struct console_audit before[FILES * RECORDS + 1];
static size_t begin[FILES * RECORDS];

static void write_record(struct console_audit *a, uint32_t i, struct bytes_text *t)
{
    char object[32];

    (void)snprintf(object, sizeof object, "greeter.%u", i);
    console_audit_add(a, &(struct console_audit_record){.wall_ms = 1790000000000 + i, .actor = "uid:0", .act = "restart", .object = object,
                                                        .outcome = i % 3 == 0 ? "OK" : "DENIED", .detail = i % 5 == 0 ? "by hand" : NULL}, t);
}

/* Records from..end of a log whose writer is `a`; files before are left as they are. */
static void write_log(struct log *l, struct console_audit *a, uint32_t from, bool is_first)
{
    for (uint32_t i = from; i < FILES * RECORDS; i++) {
        uint32_t file = i / RECORDS;
        struct bytes_text t;

        bytes_text_init(&t, l->text[file] + l->size[file], ROOM - l->size[file]);
        if (i % RECORDS == 0) {
            console_audit_add_head(a, "node-1", &t);
        }
        if (is_first) {
            before[i] = *a;
            begin[i] = l->size[file] + t.len;
        }
        write_record(a, i, &t);
        if (i % 4 == 3 && a->has_key) {
            console_audit_add_seal(a, 1790000000000 + i, &t);
        }
        l->size[file] += t.len;
    }
}

static void make(struct log *l, const uint8_t *key)
{
    struct console_audit a;

    memset(l, 0, sizeof *l);
    console_audit_init(&a, key);
    write_log(l, &a, 0, true);
    before[FILES * RECORDS] = a;
    console_audit_fini(&a);
}

/* Files from..; *ret_line: of all files, where the fault is. */
static enum console_audit_fault verify(const struct log *l, uint32_t from, const uint8_t *key, uint64_t *ret_line, struct console_audit_check *ret)
{
    enum console_audit_fault fault = CONSOLE_AUDIT_NONE;

    console_audit_check_init(ret, key);
    *ret_line = 0;
    for (uint32_t i = from; i < FILES && fault == CONSOLE_AUDIT_NONE; i++) {
        fault = console_audit_check(ret, l->text[i], l->size[i]);
        *ret_line += ret->lines;
    }
    return fault;
}

static uint64_t lines_before(const struct log *l, uint32_t file, size_t at)
{
    uint64_t lines = 0;

    for (uint32_t f = 0; f <= file; f++) {
        for (size_t i = 0; i < (f == file ? at : l->size[f]); i++) {
            lines += l->text[f][i] == '\n';
        }
    }
    return lines;
}

static void a_log_is_as_it_was_written(void)
{
    static struct log l;
    struct console_audit_check c;
    uint64_t line;

    make(&l, first);
    CHECK(verify(&l, 0, first, &line, &c) == CONSOLE_AUDIT_NONE && line == FILES * (1 + RECORDS + 3), "all of it: %" PRIu64, line);
    CHECK(c.are_seals_proved && c.sealed_seq == FILES * RECORDS && c.sealed_ms == 1790000000000 + FILES * RECORDS - 1, "and how far it is sealed");
    CHECK(verify(&l, 0, NULL, &line, &c) == CONSOLE_AUDIT_NONE && !c.are_seals_proved, "without the key, too");
    CHECK(verify(&l, 1, first, &line, &c) == CONSOLE_AUDIT_NONE && c.are_seals_proved, "when the first file is gone, seals are still proved");
    make(&l, NULL);
    CHECK(verify(&l, 0, NULL, &line, &c) == CONSOLE_AUDIT_NONE && c.sealed_seq == 0, "without seals");
}

static void each_bit_counts(void)
{
    static struct log l;
    struct console_audit_check c;
    uint64_t line;

    make(&l, first);
    for (uint32_t file = 0; file < FILES; file++) {
        for (size_t at = 0; at < l.size[file]; at++) {
            const uint8_t *key = at % 2 == 0 ? first : NULL;
            uint64_t expected = lines_before(&l, file, at);
            bool is_head = memchr(l.text[file], '\n', at) == NULL;

            l.text[file][at] ^= (char)(1 << at % 8);
            enum console_audit_fault fault = verify(&l, 0, key, &line, &c);
            l.text[file][at] ^= (char)(1 << at % 8);
            CHECK(fault != CONSOLE_AUDIT_NONE && (line == expected || (is_head && line == expected + 1)), "file %u, byte %zu: %s in line %" PRIu64 ", not %" PRIu64,
                  file, at, console_audit_fault_text(fault), line, expected);
        }
    }
}

struct lines {
    const char *at[LINES_MAX];
    size_t len[LINES_MAX], count;
};

static void split(const char *text, size_t size, struct lines *ret)
{
    ret->count = 0;
    for (size_t at = 0; at < size; at += ret->len[ret->count++]) {
        ret->at[ret->count] = text + at;
        ret->len[ret->count] = (size_t)((const char *)memchr(text + at, '\n', size - at) - text) + 1 - at;
    }
}

/* The lines of the first file in this order. */
static enum console_audit_fault verify_lines(const struct lines *l, const size_t *order, size_t count, const uint8_t *key, uint64_t *ret_line)
{
    static char text[2 * ROOM];
    struct console_audit_check c;
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(text + size, l->at[order[i]], l->len[order[i]]);
        size += l->len[order[i]];
    }
    console_audit_check_init(&c, key);
    enum console_audit_fault fault = console_audit_check(&c, text, size);
    *ret_line = c.lines;
    return fault;
}

static void lines_stay_where_they_are(void)
{
    static struct log l;
    struct lines lines;
    uint64_t line;

    make(&l, first);
    split(l.text[0], l.size[0], &lines);
    for (size_t a = 0; a < lines.count; a++) {
        size_t order[LINES_MAX + 1], count = 0;

        for (size_t i = 0; i < lines.count; i++) {
            if (i != a) {
                order[count++] = i;
            }
        }
        enum console_audit_fault fault = verify_lines(&lines, order, count, a % 2 == 0 ? first : NULL, &line);
        CHECK((fault != CONSOLE_AUDIT_NONE && line == a) || a + 1 == lines.count, "line %zu is gone: %s in %" PRIu64, a, console_audit_fault_text(fault), line);
        count = 0;
        for (size_t i = 0; i < lines.count; i++) {
            order[count++] = i;
            if (i == a) {
                order[count++] = i;
            }
        }
        fault = verify_lines(&lines, order, count, first, &line);
        CHECK(fault != CONSOLE_AUDIT_NONE && line == a + 1, "line %zu is there twice: %s in %" PRIu64, a, console_audit_fault_text(fault), line);
        for (size_t b = a + 1; b < lines.count; b++) {
            for (size_t i = 0; i < lines.count; i++) {
                order[i] = i == a ? b : i == b ? a : i;
            }
            fault = verify_lines(&lines, order, lines.count, first, &line);
            CHECK(fault != CONSOLE_AUDIT_NONE && line == a, "lines %zu and %zu: %s in %" PRIu64, a, b, console_audit_fault_text(fault), line);
        }
    }
}

/* Somebody writes another past from record i on, with the code that there is and with a key that was there when record k was written. */
static enum console_audit_fault rewrite(uint32_t i, uint32_t k, uint64_t *ret_line)
{
    static struct log l;
    struct console_audit_check c;
    uint32_t file = i / RECORDS;
    struct bytes_text t;

    make(&l, first);
    struct console_audit foe = before[i];
    memcpy(foe.key, before[k].key, sizeof foe.key);
    l.size[file] = begin[i];
    for (uint32_t f = file + 1; f < FILES; f++) {
        l.size[f] = 0;
    }
    bytes_text_init(&t, l.text[file] + l.size[file], ROOM - l.size[file]);
    console_audit_add(&foe, &(struct console_audit_record){.wall_ms = 1, .actor = "uid:0", .act = "nothing", .outcome = "OK"}, &t);
    if (i % 4 == 3) {
        console_audit_add_seal(&foe, 1790000000000 + i, &t);
    }
    l.size[file] += t.len;
    write_log(&l, &foe, i + 1, false);
    return verify(&l, 0, first, ret_line, &c);
}

static void what_was_sealed_is_not_written_anew(void)
{
    for (uint32_t i = 0; i < FILES * RECORDS; i++) {
        uint64_t line, seal = (uint64_t)(i / RECORDS) * (1 + RECORDS + 3) + 1 + i % RECORDS + i % RECORDS / 4 + (3 - i % 4) + 1;
        uint32_t next = i / 4 * 4 + 4; /* the first record behind the seal that covers this one */

        enum console_audit_fault fault = rewrite(i, next, &line);
        CHECK(fault == CONSOLE_AUDIT_SEAL && line == seal, "record %u with the key of after its seal: %s in %" PRIu64 ", not %" PRIu64, i,
              console_audit_fault_text(fault), line, seal);
        fault = rewrite(i, i, &line);
        CHECK(fault == CONSOLE_AUDIT_NONE, "record %u with the key that is there: what is not sealed can be written anew: %s in %" PRIu64, i,
              console_audit_fault_text(fault), line);
    }
}

/* The format's words, by themselves: all hashes of a file anew, whatever its seals are. */
static void hash_anew(char *text, size_t size)
{
    uint8_t hash[CONSOLE_AUDIT_HASH_SIZE] = {0};
    struct lines lines;

    split(text, size, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        char *at = text + (lines.at[i] - text);
        size_t len = lines.len[i] - 1, body = i == 0 ? len : len - 1 - 2 * sizeof hash, first_part = body;
        crypto_generichash_state h;

        if (at[0] == 's') {
            first_part = body - 1 - 2 * sizeof hash; /* before the MAC */
        }
        for (size_t from = 0, to = first_part; from < body; from = to, to = body) {
            crypto_generichash_init(&h, NULL, 0, sizeof hash);
            crypto_generichash_update(&h, hash, sizeof hash);
            crypto_generichash_update(&h, (const unsigned char *)at + from, to - from);
            crypto_generichash_final(&h, hash, sizeof hash);
        }
        for (size_t k = 0; i > 0 && k < sizeof hash; k++) {
            at[len - 2 * sizeof hash + 2 * k] = "0123456789abcdef"[hash[k] >> 4];
            at[len - 2 * sizeof hash + 2 * k + 1] = "0123456789abcdef"[hash[k] & 15];
        }
    }
}

static void old_seals_fit_nothing_else(void)
{
    static struct log l;
    static char text[ROOM];
    struct console_audit_check c;

    make(&l, first);
    memcpy(text, l.text[0], l.size[0]);
    hash_anew(text, l.size[0]);
    CHECK(memcmp(text, l.text[0], l.size[0]) == 0, "the format is what the header says");
    *strstr(text, "greeter.5") = 'G';
    hash_anew(text, l.size[0]);
    console_audit_check_init(&c, NULL);
    CHECK(console_audit_check(&c, text, l.size[0]) == CONSOLE_AUDIT_NONE, "by hashes alone it is a log like others");
    console_audit_check_init(&c, first);
    CHECK(console_audit_check(&c, text, l.size[0]) == CONSOLE_AUDIT_SEAL && c.lines == 10, "the seal is another's, in line %" PRIu64, c.lines);
}

static void the_end_can_be_cut_off(void)
{
    static struct log l;
    struct console_audit_check c;
    struct lines lines;
    uint64_t line;

    make(&l, first);
    split(l.text[2], l.size[2], &lines);
    l.size[2] -= lines.len[lines.count - 1];
    CHECK(verify(&l, 0, first, &line, &c) == CONSOLE_AUDIT_NONE && c.sealed_seq == FILES * RECORDS - 4, "but it is told how far it is sealed: %" PRIu64, c.sealed_seq);
    l.size[2]--;
    CHECK(verify(&l, 0, first, &line, &c) == CONSOLE_AUDIT_TORN && c.bytes + lines.len[lines.count - 2] == l.size[2] + 1, "a line without its end");
    l.size[2] = 0;
    CHECK(verify(&l, 0, first, &line, &c) == CONSOLE_AUDIT_FORM, "an empty file");
    make(&l, first);
    memcpy(l.text[1], l.text[2], l.size[2]);
    l.size[1] = l.size[2];
    CHECK(verify(&l, 0, first, &line, &c) == CONSOLE_AUDIT_HEAD && c.lines == 0, "a file between is gone");
}

static const struct {
    const char *text, *word;
    const char *why;
} words[] = {
    {"uid:0", " uid:0 ", "as it is"},
    {"", " - ", "nothing"},
    {NULL, " - ", "nothing at all"},
    {"-", " \\x2d ", "what nothing looks like"},
    {"--", " -- ", "what it does not"},
    {"a b", " a\\x20b ", "a blank"},
    {"a\nseal 1", " a\\x0aseal\\x201 ", "a line of its own"},
    {"a\\x20b", " a\\x5cx20b ", "what looks escaped"},
    {"\x1b[2J\x7f", " \\x1b[2J\\x7f ", "a terminal's"},
    {"\xc3\xa9", " \\xc3\\xa9 ", "beyond ASCII"},
};

static void texts_are_words(void)
{
    static char text[CONSOLE_AUDIT_LINE_MAX + 1], longest[2 * CONSOLE_AUDIT_TEXT_MAX];
    struct console_audit_check c;
    struct console_audit a;
    struct bytes_text t;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        console_audit_init(&a, NULL);
        bytes_text_init(&t, text, sizeof text);
        console_audit_add_head(&a, "node-1", &t);
        console_audit_add(&a, &(struct console_audit_record){.actor = "x", .act = words[i].text, .object = "y"}, &t);
        CHECK(strstr(text, words[i].word) != NULL, "row %zu: %s: %s", i, words[i].why, text);
        console_audit_check_init(&c, NULL);
        CHECK(console_audit_check(&c, text, t.len) == CONSOLE_AUDIT_NONE, "row %zu: %s", i, words[i].why);
    }
    console_audit_init(&a, NULL);
    a.seq = UINT64_MAX - 1;
    memset(longest, 1, sizeof longest - 1);
    bytes_text_init(&t, text, sizeof text);
    console_audit_add(&a, &(struct console_audit_record){UINT64_MAX, longest, longest, longest, longest, longest}, &t);
    CHECK(t.len < CONSOLE_AUDIT_LINE_MAX && t.len > CONSOLE_AUDIT_LINE_MAX - 1024 && strstr(text, "\\x01... ") != NULL, "the longest line: %zu", t.len);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct {
    const char *text;
    enum console_audit_fault fault;
    const char *why;
} forms[] = {
    {"cell-audit-1 node-1 1 1 " ZEROS "\n", CONSOLE_AUDIT_NONE, "a head alone"},
    {"cell-audit-1 node-1 1 1 " ZEROS " \n", CONSOLE_AUDIT_FORM, "a blank behind it"},
    {"cell-audit-1 Node 1 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "no name"},
    {"cell-audit-1 node-1 01 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "a leading zero"},
    {"cell-audit-1 node-1 0 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "nothing is the 0th"},
    {"cell-audit-1 node-1 1 0 " ZEROS "\n", CONSOLE_AUDIT_FORM, "nor this"},
    {"cell-audit-1 node-1 18446744073709551616 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "2^64"},
    {"cell-audit-1 node-1 18446744073709551617 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "2^64 and 1"},
    {"cell-audit-1 node-1 18446744073709551615 1 " ZEROS "\n", CONSOLE_AUDIT_NONE, "the last one"},
    {"cell-audit-1 node-1 1 1 " ZEROS "0\n", CONSOLE_AUDIT_FORM, "a digit more"},
    {"cell-audit-2 node-1 1 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "of a later form"},
    {"\n", CONSOLE_AUDIT_FORM, "an empty line"},
    {"", CONSOLE_AUDIT_FORM, "nothing"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\n1 1 a b c d e " ZEROS "\n", CONSOLE_AUDIT_HASH, "a record of another hash"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\n2 1 a b c d e " ZEROS "\n", CONSOLE_AUDIT_SEQUENCE, "a later one"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\n1 1 a b c d " ZEROS "\n", CONSOLE_AUDIT_FORM, "a text less"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\n1 1 a b c d e f " ZEROS "\n", CONSOLE_AUDIT_FORM, "a text more"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\n1 1 a  b c d " ZEROS "\n", CONSOLE_AUDIT_FORM, "an empty text"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\nseal 1 1 " ZEROS " " ZEROS "\n", CONSOLE_AUDIT_HASH, "a seal of another hash"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\nseal 2 1 " ZEROS " " ZEROS "\n", CONSOLE_AUDIT_SEQUENCE, "a later one"},
    {"cell-audit-1 node-1 1 1 " ZEROS "\nseal 1 1 " ZEROS "\n", CONSOLE_AUDIT_FORM, "without its MAC"},
};

static void forms_are_told_apart(void)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct console_audit_check c;
        console_audit_check_init(&c, first);
        enum console_audit_fault fault = console_audit_check(&c, forms[i].text, strlen(forms[i].text));
        CHECK(fault == forms[i].fault, "row %zu: %s: %s", i, forms[i].why, console_audit_fault_text(fault));
    }
}

static void gone_seals_are_bounded(void)
{
    static const char text[] = "cell-audit-1 node-1 1 4194305 " ZEROS "\n";
    struct console_audit_check c;

    CHECK(CONSOLE_AUDIT_EPOCHS_MAX == 4194304, "one less");
    console_audit_check_init(&c, first);
    CHECK(console_audit_check(&c, text, sizeof text - 1) == CONSOLE_AUDIT_NONE && !c.are_seals_proved, "who says that more are gone asks for no more work");
}

static void keys_are_gone(void)
{
    static const uint8_t zeros[CONSOLE_AUDIT_KEY_SIZE];
    char text[512];
    struct console_audit a;
    struct bytes_text t;

    console_audit_init(&a, first);
    bytes_text_init(&t, text, sizeof text);
    console_audit_add_seal(&a, 1, &t);
    CHECK(memcmp(a.key, first, sizeof first) != 0, "the key of a seal that was made");
    console_audit_fini(&a);
    CHECK(memcmp(a.key, zeros, sizeof zeros) == 0, "and the last one");
}

int main(void)
{
    a_log_is_as_it_was_written();
    each_bit_counts();
    lines_stay_where_they_are();
    what_was_sealed_is_not_written_anew();
    old_seals_fit_nothing_else();
    the_end_can_be_cut_off();
    texts_are_words();
    forms_are_told_apart();
    gone_seals_are_bounded();
    keys_are_gone();
    return CHECK_RESULT();
}
