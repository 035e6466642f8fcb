/* Takes the source in, not the library, to reach the checksum for machines without the
 * instruction. */
#include "common/base/bytes.c" /* NOLINT */

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

static void integers_are_big_endian(void)
{
    uint8_t b[8];

    bytes_put_be32(b, 0x01020384);
    CHECK(memcmp(b, "\x01\x02\x03\x84", 4) == 0, "network order");
    CHECK(bytes_get_be32(b) == 0x01020384, "and back");
    bytes_put_be64(b, 0xf102030405060788);
    CHECK(memcmp(b, "\xf1\x02\x03\x04\x05\x06\x07\x88", 8) == 0, "network order");
    CHECK(bytes_get_be64(b) == 0xf102030405060788, "and back, the top bit too");
}

/* ---- checksum ---------------------------------------------------------------------------------- */

/* Bit by bit, as the polynomial says. */
static uint32_t crc_model(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        }
    }
    return ~crc;
}

static void checksums_are_the_published_ones(void)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    /* RFC 3720, appendix B.4: the SCSI read command. */
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};

    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        const void *data;
        size_t size;
        uint32_t crc;
    } rows[] = {
        {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43}, {up, 32, 0x46dd794e},
        {down, 32, 0x113fdb5c},  {read_command, 48, 0xd9963a56},
        {"123456789", 9, 0xe3069283}, {"", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(bytes_crc32c(0, rows[i].data, rows[i].size) == rows[i].crc, "row %zu", i);
        CHECK(~crc_portable(~0u, rows[i].data, rows[i].size) == rows[i].crc, "row %zu, table", i);
    }
    CHECK(bytes_crc32c(0, NULL, 0) == 0, "nothing at all");
}

static void a_checksum_continues_at_any_split(void)
{
    uint8_t data[200];
    struct rng r;

    rng_init(&r, 7);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)rng_next(&r);
    }
    for (size_t start = 0; start < 16; start++) { /* every alignment */
        for (size_t size = 0; size <= sizeof data - start; size++) {
            uint32_t whole = crc_model(data + start, size);
            size_t split = rng_below(&r, size + 1);
            uint32_t begun = bytes_crc32c(0, data + start, split);
            CHECK(bytes_crc32c(begun, data + start + split, size - split) == whole,
                  "from %zu, %zu bytes, split at %zu", start, size, split);
            CHECK(~crc_portable(~0u, data + start, size) == whole, "table, %zu bytes", size);
        }
    }
}

/* ---- UTF-8 ------------------------------------------------------------------------------------- */

#define BYTES(text) (text), sizeof(text) - 1

static void utf8_is_what_the_standard_says(void)
{
    static const struct {
        const char *text;
        size_t len;
        bool is_valid;
        const char *why;
    } rows[] = {
        {BYTES(""), true, "nothing is well-formed"},
        {BYTES("plain"), true, "ASCII"},
        {BYTES("\x7f"), true, "the last of one byte"},
        {BYTES("a\0b"), false, "NUL ends strings elsewhere"},
        {BYTES("\xc2\x80"), true, "the first of two bytes"},
        {BYTES("\xdf\xbf"), true, "the last of two bytes"},
        {BYTES("\xe0\xa0\x80"), true, "the first of three"},
        {BYTES("\xed\x9f\xbf"), true, "the last before the surrogates"},
        {BYTES("\xee\x80\x80"), true, "the first after them"},
        {BYTES("\xef\xbf\xbf"), true, "the last of three"},
        {BYTES("\xf0\x90\x80\x80"), true, "the first of four"},
        {BYTES("\xf4\x8f\xbf\xbf"), true, "the last there is"},
        {BYTES("\xc0\x80"), false, "overlong NUL"},
        {BYTES("\xc0\xaf"), false, "overlong slash"},
        {BYTES("\xc1\xbf"), false, "overlong of two"},
        {BYTES("\xe0\x80\xaf"), false, "overlong slash of three"},
        {BYTES("\xe0\x9f\xbf"), false, "overlong of three"},
        {BYTES("\xf0\x80\x80\xaf"), false, "overlong slash of four"},
        {BYTES("\xf0\x8f\xbf\xbf"), false, "overlong of four"},
        {BYTES("\xed\xa0\x80"), false, "the first surrogate"},
        {BYTES("\xed\xbf\xbf"), false, "the last surrogate"},
        {BYTES("\xed\xa0\xbd\xed\xb8\x80"), false, "a pair of surrogates (CESU-8)"},
        {BYTES("\xf4\x90\x80\x80"), false, "one past the last"},
        {BYTES("\xf5\x80\x80\x80"), false, "a lead that is never valid"},
        {BYTES("\xf8\x88\x80\x80\x80"), false, "five bytes"},
        {BYTES("\xfc\x84\x80\x80\x80\x80"), false, "six bytes"},
        {BYTES("\xfe"), false, "never valid"},
        {BYTES("\xff"), false, "never valid"},
        {BYTES("\x80"), false, "a continuation alone"},
        {BYTES("\xc3"), false, "cut after one of two"},
        {BYTES("\xe2\x82"), false, "cut after two of three"},
        {BYTES("\xf0\x9f\x98"), false, "cut after three of four"},
        {BYTES("\xe2\x28\xa1"), false, "second byte wrong"},
        {BYTES("\xe2\x82\x28"), false, "third byte wrong"},
        {BYTES("\xf0\x9f\x98\x28"), false, "fourth byte wrong"},
        {BYTES("ok\xe2\x82\xac\xff"), false, "wrong only at the end"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(bytes_is_utf8((const uint8_t *)rows[i].text, rows[i].len) == rows[i].is_valid,
              "row %zu: %s", i, rows[i].why);
    }
}

/* Decode without asking, encode the shortest form, compare. */
static bool utf8_model(const uint8_t *b, size_t size)
{
    uint8_t again[4];
    uint32_t c;

    if (size == 0) {
        return true;
    }
    size_t len = b[0] < 0x80 ? 1 : (b[0] & 0xe0) == 0xc0 ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (size < len) {
        return false;
    }
    if (len == 1) {
        return b[0] != 0 && utf8_model(b + 1, size - 1);
    }
    c = b[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (b[i] & 0x3f);
    }
    size_t shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (shortest != len || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return false;
    }
    for (size_t i = len - 1; i > 0; i--, c >>= 6) {
        again[i] = (uint8_t)(0x80 | (c & 0x3f));
    }
    again[0] = (uint8_t)((0xf00u >> len) | c);
    return memcmp(again, b, len) == 0 && utf8_model(b + len, size - len);
}

static void every_short_byte_string_is_judged_as_by_the_model(void)
{
    static const uint8_t edge[] = {0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                   0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff};
    uint8_t b[4];
    size_t wrong = 0;

    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            b[0] = (uint8_t)first;
            b[1] = (uint8_t)second;
            wrong += bytes_is_utf8(b, 1) != utf8_model(b, 1);
            wrong += bytes_is_utf8(b, 2) != utf8_model(b, 2);
            for (size_t i = 0; i < ARRAY_LEN(edge); i++) {
                b[2] = edge[i];
                wrong += bytes_is_utf8(b, 3) != utf8_model(b, 3);
                for (size_t j = 0; j < ARRAY_LEN(edge); j++) {
                    b[3] = edge[j];
                    wrong += bytes_is_utf8(b, 4) != utf8_model(b, 4);
                }
            }
        }
    }
    CHECK(wrong == 0, "%zu byte strings are judged differently", wrong);
}

/* ---- text -------------------------------------------------------------------------------------- */

static void what_could_break_a_line_is_escaped(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *escaped, *printable;
        const char *why;
    } rows[] = {
        {BYTES("plain text"), "plain text", "plain text", "left alone"},
        {BYTES("a\nb"), "a\\x0ab", "a\\x0ab", "a second line"},
        {BYTES("a\r"), "a\\x0d", "a\\x0d", "overwrites the line on a terminal"},
        {BYTES("\t"), "\\x09", "\\x09", "a tab"},
        {BYTES("a\0b"), "a\\x00b", "a\\x00b", "a NUL"},
        {BYTES("\x1b[2J"), "\\x1b[2J", "\\x1b[2J", "clears the screen"},
        {BYTES("\x7f"), "\\x7f", "\\x7f", "delete"},
        {BYTES(" ~"), " ~", " ~", "the first and last printable"},
        {BYTES("say \"hi\""), "say \\x22hi\\x22", "say \"hi\"", "ends a quoted value"},
        {BYTES("a\\b"), "a\\x5cb", "a\\b", "the escape character itself"},
        {BYTES("\xc3\xa9"), "\xc3\xa9", "\xc3\xa9", "a letter beyond ASCII"},
        {BYTES("\xe2\x82\xac\xf0\x9f\x98\x80"), "\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xe2\x82\xac\xf0\x9f\x98\x80", "three and four bytes"},
        {BYTES("\xc2\x9b" "2J"), "\\xc2\\x9b2J", "\\xc2\\x9b2J", "the escape in one character"},
        {BYTES("\xc2\x9f"), "\\xc2\\x9f", "\\xc2\\x9f", "the last C1 control"},
        {BYTES("\xc2\xa0"), "\xc2\xa0", "\xc2\xa0", "the one after it"},
        {BYTES("\xe2\x80\xa8"), "\\xe2\\x80\\xa8", "\\xe2\\x80\\xa8", "line separator"},
        {BYTES("\xe2\x80\xa9"), "\\xe2\\x80\\xa9", "\\xe2\\x80\\xa9", "paragraph separator"},
        {BYTES("\xe2\x80\xa6"), "\xe2\x80\xa6", "\xe2\x80\xa6", "their neighbour"},
        {BYTES("\xff"), "\\xff", "\\xff", "no character"},
        {BYTES("\xe2\x82"), "\\xe2\\x82", "\\xe2\\x82", "a cut character"},
        {BYTES("\xc0\xaf"), "\\xc0\\xaf", "\\xc0\\xaf", "an overlong one"},
        {BYTES(""), "", "", "nothing"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];
        struct bytes_text t;
        bytes_text_init(&t, out, sizeof out);
        bytes_text_add_escaped(&t, rows[i].text, rows[i].len);
        CHECK(strcmp(out, rows[i].escaped) == 0 && t.len == strlen(out) && !t.cut,
              "row %zu: %s: <%s>", i, rows[i].why, out);
        bytes_text_init(&t, out, sizeof out);
        bytes_text_add_printable(&t, rows[i].text, rows[i].len);
        CHECK(strcmp(out, rows[i].printable) == 0 && t.len == strlen(out) && !t.cut,
              "row %zu: %s: <%s>", i, rows[i].why, out);
    }
}

/* Build the same text in every size of memory: always a prefix of the whole, terminated, whole
 * characters only, nothing written beyond. */
static void a_cut_text_is_a_prefix_of_whole_characters(void)
{
    static const char whole[] = "x=7 \xe2\x82\xac\xf0\x9f\x98\x80z\\x0a\xc3\xa9";

    for (size_t size = 1; size <= sizeof whole + 1; size++) {
        char *out = malloc(size); /* from the heap: a sanitizer sees one byte too many */
        struct bytes_text t;
        REQUIRE(out != NULL, "memory for a test");
        bytes_text_init(&t, out, size);
        bytes_text_add(&t, "x=%d %s", 7, "\xe2\x82\xac\xf0\x9f\x98\x80");
        bytes_text_add_escaped(&t, "z\n\xc3\xa9", 4);
        CHECK(t.cut == (size < sizeof whole), "size %zu: says whether it is cut", size);
        CHECK(t.len == strlen(out) && t.len < size, "size %zu: length", size);
        CHECK(strncmp(out, whole, t.len) == 0, "size %zu: <%s> is a prefix", size, out);
        CHECK(bytes_is_utf8((const uint8_t *)out, t.len), "size %zu: whole characters", size);
        CHECK(t.len + 4 >= size || !t.cut, "size %zu: no more is lost than one piece", size);
        CHECK(strchr(out, '\\') == NULL || strstr(out, "\\x0a") != NULL, "size %zu: half an escape",
              size);
        size_t len = t.len;
        bytes_text_add(&t, "%s", "");
        CHECK(t.len == len, "size %zu: adding nothing changes nothing", size);
        bool was_cut = t.cut;
        bytes_text_add(&t, "a");
        CHECK(!was_cut || t.len == len, "size %zu: nothing follows a cut", size);
        free(out);
    }
}

static void bytes_that_are_no_text_do_not_shorten_a_cut(void)
{
    char out[6];
    struct bytes_text t;

    bytes_text_init(&t, out, sizeof out);
    bytes_text_add(&t, "%s", "\x80\x80\x80\x80\x80\x80\x80");
    CHECK(t.cut && t.len == 5, "continuations without a lead are cut like letters: %zu", t.len);
}

/* ---- hexadecimal ------------------------------------------------------------------------------- */

static void hex_goes_there_and_back(void)
{
    static const struct {
        const char *text;
        bool is_valid;
        const char *why;
    } rows[] = {
        {"00ff7f80", true, "four bytes"},   {"00FF7F80", true, "upper case is read"},
        {"00ff7f8", false, "odd"},          {"00ff7f8000", false, "too long"},
        {"", false, "too short"},           {"00ff7f8g", false, "the neighbour of f"},
        {"00ff7f8 ", false, "a blank"},     {"0x00ff7f", false, "a prefix"},
        {"-0ff7f80", false, "a sign"},      {"00ff7f8/", false, "the neighbour of 0"},
        {"00ff7f8:", false, "the neighbour of 9"}, {"00ff7f8@", false, "the neighbour of A"},
        {"00ff7f8`", false, "the neighbour of a"}, {"g0ff7f80", false, "wrong at the start"},
    };
    static const uint8_t bytes[4] = {0x00, 0xff, 0x7f, 0x80};
    char text[9];

    bytes_to_hex(bytes, sizeof bytes, text);
    CHECK(strcmp(text, "00ff7f80") == 0, "lower case: %s", text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[4] = {1, 2, 3, 4};
        const uint8_t untouched[4] = {1, 2, 3, 4};
        CHECK(bytes_from_hex(rows[i].text, out, 4) == rows[i].is_valid, "row %zu: %s", i,
              rows[i].why);
        CHECK(memcmp(out, rows[i].is_valid ? bytes : untouched, 4) == 0, "row %zu: output", i);
    }
    CHECK(bytes_from_hex("", NULL, 0), "nothing is no digits");
    bytes_to_hex(NULL, 0, text);
    CHECK(text[0] == '\0', "and back");
}

/* Text is judged eight bytes at a time where it is plain: one bad byte anywhere is seen, and good ones are not. */
static void a_bad_byte_is_seen_wherever_it_stands(void)
{
    static const uint8_t bad[] = {0x00, 0x80, 0xc0, 0xff};
    static const uint8_t good[] = {0x01, 0x20, 0x7e, 0x7f};

    for (size_t size = 1; size <= 33; size++) {
        for (size_t at = 0; at < size; at++) {
            for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                uint8_t text[33];
                memset(text, good[(at + i) % ARRAY_LEN(good)], size);
                CHECK(bytes_is_utf8(text, size), "%zu plain bytes", size);
                text[at] = bad[i];
                CHECK(!bytes_is_utf8(text, size), "%02x at %zu of %zu", bad[i], at, size);
                text[at] = 0x01;
                CHECK(bytes_is_utf8(text, size), "01 at %zu of %zu", at, size);
            }
        }
    }
}

int main(void)
{
    integers_are_big_endian();
    checksums_are_the_published_ones();
    a_checksum_continues_at_any_split();
    utf8_is_what_the_standard_says();
    a_bad_byte_is_seen_wherever_it_stands();
    every_short_byte_string_is_judged_as_by_the_model();
    what_could_break_a_line_is_escaped();
    a_cut_text_is_a_prefix_of_whole_characters();
    bytes_that_are_no_text_do_not_shorten_a_cut();
    hex_goes_there_and_back();
    return CHECK_RESULT();
}
