/* Small text tools: JSON writer, nearest word, wire reader, JSON numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/reflect/jsonnum.h"
#include "common/reflect/jsonout.h"
#include "common/reflect/near.h"
#include "common/base/pbwire.h"

static int failed;

static void claim(bool holds, const char *what, const char *got)
{
    if (!holds) {
        fprintf(stderr, "claim fails: %s: %s\n", what, got);
        failed = 1;
    }
}

/* ---- JSON out --------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    size_t len;
    const char *json;
    const char *why;
} strings[] = {
    {"plain", 5, "\"plain\"", "plain text"},
    {"a\"b\\c", 5, "\"a\\\"b\\\\c\"", "quotes and backslashes"},
    {"\n\r\t\b", 4, "\"\\n\\r\\t\\u0008\"", "control characters"},
    {"\0x", 2, "\"\\u0000x\"", "NUL"},
    {"\x7f", 1, "\"\\u007f\"", "delete"},
    {"\xc3\xa9", 2, "\"\xc3\xa9\"", "two bytes"},
    {"\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"", "four bytes"},
    {"\xc2\x9b", 2, "\"\\u009b\"", "a C1 control"},
    {"\xe2\x80\xae", 3, "\"\\u202e\"", "a mark that reorders"},
    {"\xff", 1, "\"\xef\xbf\xbd\"", "a byte that is not UTF-8"},
    {"\xc3", 1, "\"\xef\xbf\xbd\"", "a character cut off"},
    {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", "NUL in two bytes"},
    {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", "half a surrogate pair"},
};

static void strings_are_valid_json(void)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct jsonout out;
        AUTO_FREE char *text = NULL;

        jsonout_init(&out, false);
        jsonout_string_n(&out, strings[i].text, strings[i].len);
        claim(jsonout_take(&out, &text) == ERR_OK && strcmp(text, strings[i].json) == 0,
              strings[i].why, text);
        jsonout_fini(&out);
    }
}

static void structure_is_written(void)
{
    struct jsonout out;
    AUTO_FREE char *compact = NULL, *pretty = NULL;

    for (int i = 0; i < 2; i++) {
        jsonout_init(&out, i == 1);
        jsonout_object(&out);
        jsonout_name(&out, "a");
        jsonout_array(&out);
        jsonout_u64(&out, UINT64_MAX);
        jsonout_i64(&out, INT64_MIN);
        jsonout_double(&out, 0.1);
        jsonout_double(&out, NAN);
        jsonout_array_end(&out);
        jsonout_name(&out, "b");
        jsonout_object(&out);
        jsonout_object_end(&out);
        jsonout_name(&out, "c");
        jsonout_bool(&out, false);
        jsonout_name(&out, "d");
        jsonout_string(&out, NULL);
        jsonout_object_end(&out);
        claim(jsonout_take(&out, i == 0 ? &compact : &pretty) == ERR_OK, "it is written", "");
        jsonout_fini(&out);
    }
    claim(strcmp(compact, "{\"a\":[18446744073709551615,-9223372036854775808,0.1,null],\"b\":{},"
                 "\"c\":false,\"d\":null}") == 0, "on one line", compact);
    claim(strcmp(pretty, "{\n  \"a\": [\n    18446744073709551615,\n    -9223372036854775808,\n    0.1,\n"
                 "    null\n  ],\n  \"b\": {},\n  \"c\": false,\n  \"d\": null\n}") == 0, "indented", pretty);
}

static void room_and_depth_are_limited(void)
{
    struct jsonout out;
    char *text = NULL;

    for (size_t len = 8; len <= 9; len++) {
        jsonout_init(&out, false);
        out.limit = 10;
        jsonout_string_n(&out, "123456789", len);
        claim(jsonout_take(&out, &text) == (len == 8 ? ERR_OK : ERR_LIMIT), "ten bytes fit", "");
        free(text);
        text = NULL;
        jsonout_fini(&out);
    }
    for (size_t depth = JSONOUT_DEPTH_MAX; depth <= JSONOUT_DEPTH_MAX + 1; depth++) {
        jsonout_init(&out, false);
        for (size_t i = 0; i < depth; i++) {
            jsonout_array(&out);
        }
        for (size_t i = 0; i < depth; i++) {
            jsonout_array_end(&out);
        }
        claim(jsonout_take(&out, &text) == (depth == JSONOUT_DEPTH_MAX ? ERR_OK : ERR_LIMIT),
              "256 brackets may be open", "");
        free(text);
        text = NULL;
        jsonout_fini(&out);
    }
}

/* Every float and many doubles must read back as the same bits. */
static void numbers_read_back(void)
{
    char text[JSONOUT_NUMBER_SIZE];
    uint64_t draw = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        uint32_t half;
        double wide;
        float narrow;

        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        half = (uint32_t)draw;
        memcpy(&wide, &draw, sizeof wide);
        memcpy(&narrow, &half, sizeof narrow);
        if (isfinite(wide)) {
            jsonout_double_format(wide, text);
            claim(strtod(text, NULL) == wide, "a double reads back", text);
        }
        if (isfinite(narrow)) {
            jsonout_float_format(narrow, text);
            claim(strtof(text, NULL) == narrow, "a float reads back", text);
        }
    }
}

/* ---- nearest word ----------------------------------------------------------------------------- */

static const struct {
    const char *a;
    const char *b;
    size_t distance;
    const char *why;
} words[] = {
    {"status", "status", 0, "the same"},
    {"STATUS", "status", 0, "case does not matter"},
    {"statu", "status", 1, "one missing"},
    {"sttaus", "status", 1, "two swapped"},
    {"stbtus", "status", 1, "one changed"},
    {"", "abc", 3, "from nothing"},
    {"kitten", "sitting", 3, "two changed, one more"},
    {"ca", "abc", 3, "no letter is edited twice (optimal string alignment)"},
};

static void distances_are_right(void)
{
    char longest[NEAR_WORD_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        claim(near_distance(words[i].a, words[i].b) == words[i].distance &&
              near_distance(words[i].b, words[i].a) == words[i].distance, words[i].why, words[i].a);
    }
    memset(longest, 'a', sizeof longest);
    longest[NEAR_WORD_MAX] = '\0';
    claim(near_distance(longest, longest) == 0, "64 letters", "");
    longest[NEAR_WORD_MAX] = 'a';
    longest[NEAR_WORD_MAX + 1] = '\0';
    claim(near_distance(longest, "a") == SIZE_MAX, "65 letters have no neighbours", "");
}

static const char *suggest(const char *word)
{
    static const char *const known[] = {"status", "start", "stop", "scale", "restart"};
    struct near near;

    near_begin(&near, word);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        near_try(&near, known[i]);
    }
    return near.best != NULL ? near.best : "nothing";
}

static void suggestions_are_sensible(void)
{
    static const char *const rows[][2] = {
        {"stauts", "status"}, {"stat", "status"}, {"restrat", "restart"}, {"xyz", "nothing"},
        {"frobnicate", "nothing"}, {"sto", "stop"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        claim(strcmp(suggest(rows[i][0]), rows[i][1]) == 0, rows[i][0], suggest(rows[i][0]));
    }
}

/* ---- wire ------------------------------------------------------------------------------------- */

static void varints_round_trip(void)
{
    uint8_t bytes[PBWIRE_VARINT_MAX];

    for (unsigned shift = 0; shift < 64; shift++) {
        for (int around = -1; around <= 1; around++) {
            uint64_t value = (UINT64_C(1) << shift) + (uint64_t)around, back = 0;
            size_t size = pbwire_put_varint(bytes, value);
            struct pbwire w = {bytes, bytes + size}, cut = {bytes, bytes + size - 1};

            claim(pbwire_varint(&w, &back) && back == value && w.at == w.end, "a varint", "");
            claim(!pbwire_varint(&cut, &back), "a cut varint", "");
            claim(pbwire_unzigzag(pbwire_zigzag((int64_t)value)) == (int64_t)value, "zigzag", "");
        }
    }
}

static void open_groups_are_limited(void)
{
    uint8_t bytes[4 * PBWIRE_GROUP_MAX + 4];

    for (size_t depth = PBWIRE_GROUP_MAX; depth <= PBWIRE_GROUP_MAX + 1; depth++) {
        struct pbwire w = {bytes, bytes + 2 * depth};
        struct pbwire_field f;

        memset(bytes, 0x0b, depth);         /* field 1, group begins */
        memset(bytes + depth, 0x0c, depth); /* field 1, group ends   */
        claim(pbwire_next(&w, &f) == (depth == PBWIRE_GROUP_MAX), "100 groups may be open", "");
    }
}

/* ---- base64 ----------------------------------------------------------------------------------- */

static void base64_round_trips(void)
{
    uint8_t data[70];

    for (size_t size = 0; size <= sizeof data; size++) {
        AUTO_FREE char *text = NULL;
        AUTO_FREE uint8_t *back = NULL;
        size_t back_size = 0;

        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)(i * 37 + size);
        }
        text = jsonnum_to_base64(data, size);
        claim(jsonnum_from_base64(text, strlen(text), &back, &back_size) && back_size == size &&
              memcmp(back, data, size) == 0, "base64", text);
    }
}

int main(void)
{
    strings_are_valid_json();
    structure_is_written();
    room_and_depth_are_limited();
    numbers_read_back();
    distances_are_right();
    suggestions_are_sensible();
    varints_round_trip();
    open_groups_are_limited();
    base64_round_trips();
    return failed;
}
