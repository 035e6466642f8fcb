/* What may be unpacked: strings are UTF-8 without NUL wherever they stand, and whoever is refused hears which. */
#include "common/run/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "proto/descriptor.pb-c.h"
#include "proto/envelope.pb-c.h"
#include "tests/support/check.h"

#define BYTES(text) (text), sizeof(text) - 1
/* One request: `\x12`, its length, its fields; \x4a begins a route, \x5a a from_cell, \x32 a body. */
#define GOOD "\x12\x05\x4a\x03web"

static const struct {
    const char *bytes;
    size_t size;
    const char *why; /* NULL: taken */
    const char *reason;
} rows[] = {
    {BYTES(""), NULL, "nothing is a message"},
    {BYTES("\x08\x01" GOOD), NULL, "plain text"},
    {BYTES("\x12\x02\x4a\x00"), NULL, "no text"},
    {BYTES("\x12\x07\x4a\x05z\xc3\xbcri"), NULL, "two bytes a character"},
    {BYTES("\x12\x06\x4a\x04\xf4\x8f\xbf\xbf"), NULL, "the last character there is"},
    {BYTES("\x12\x05\x32\x03\0\xff\0"), NULL, "bytes may be anything"},
    {BYTES("\x12\x05\x72\x03\0\xff\0"), NULL, "a field that nobody knows may be anything"},
    {BYTES("\x72\x03\0\xff\0" GOOD), NULL, "before others"},
    {BYTES("\x12\x0a\x4a\x08web\0evil"), "requests[0].route: holds a NUL", "all checks saw web"},
    {BYTES("\x12\x06\x4a\x04web\0"), "requests[0].route: holds a NUL", "at the end"},
    {BYTES("\x12\x05\x4a\x03\0eb"), "requests[0].route: holds a NUL", "at the beginning"},
    {BYTES("\x12\x03\x4a\x01\0"), "requests[0].route: holds a NUL", "alone"},
    {BYTES("\x12\x12\x4a\x10webwebwe\0webwebb"), "requests[0].route: holds a NUL", "in the second eight bytes"},
    {BYTES(GOOD GOOD "\x12\x05\x5a\x03w\0b"), "requests[2].from_cell: holds a NUL", "in the third"},
    {BYTES(GOOD "\x12\x05\x5a\x03w\0b" GOOD), "requests[1].from_cell: holds a NUL", "in the middle"},
    {BYTES("\x22\x02\x08\x01" GOOD "\x22\x02\x08\x01\x12\x05\x4a\x03w\0b"), "requests[1].route: holds a NUL", "between others"},
    {BYTES("\x12\x00\x12\x05\x4a\x03w\0b"), "requests[1].route: holds a NUL", "behind an empty one"},
    {BYTES("\x12\x05\x62\x03w\0b\x12\x05\x5a\x03w\0b"), "requests[0].from_node: holds a NUL", "the first is named"},
    {BYTES("\x12\x0a\x4a\x03w\0b\x4a\x03web"), "requests[0].route: holds a NUL", "though a later one replaces it"},
    {BYTES("\x12\x06\xca\x00\x03w\0b"), "requests[0].route: holds a NUL", "a tag longer than it need be"},
    {BYTES("\x12\x06\x4a\x83\x00w\0b"), "requests[0].route: holds a NUL", "a length longer than it need be"},
    {BYTES("\x92\x00\x05\x4a\x03w\0b"), "requests[0].route: holds a NUL", "… of the message around"},
    {BYTES("\x12\x04\x4a\x02\xc0\x80"), "requests[0].route: is not UTF-8", "an overlong NUL"},
    {BYTES("\x12\x04\x4a\x02\xc0\xaf"), "requests[0].route: is not UTF-8", "an overlong slash"},
    {BYTES("\x12\x05\x4a\x03\xe0\x80\xaf"), "requests[0].route: is not UTF-8", "… of three bytes"},
    {BYTES("\x12\x05\x4a\x03\xed\xa0\x80"), "requests[0].route: is not UTF-8", "a surrogate"},
    {BYTES("\x12\x06\x4a\x04\xf4\x90\x80\x80"), "requests[0].route: is not UTF-8", "above U+10FFFF"},
    {BYTES("\x12\x03\x4a\x01\xff"), "requests[0].route: is not UTF-8", "never in UTF-8"},
    {BYTES("\x12\x04\x4a\x02w\xc3"), "requests[0].route: is not UTF-8", "a character cut off"},
    {BYTES("\x12\x05\x4a\x03\xff\0w"), "requests[0].route: holds a NUL", "both: what was cut is the worse"},
    {BYTES("\x12\x06\x4a\x03w\0b"), "the bytes do not parse", "cut off"},
    {BYTES("\x12\x04\x4a\x03we\x12"), "the bytes do not parse", "a text longer than its message"},
    {BYTES("\x12\x02\x48\x01"), "the bytes do not parse", "a number for a text"},
    {BYTES("\x10\x01"), "the bytes do not parse", "a number for a message"},
    {BYTES("\x02\x00"), "the bytes do not parse", "no field has the number 0"},
    {BYTES("\x13\x14"), "the bytes do not parse", "a group"},
    {BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "the bytes do not parse", "a length near 2^64"},
};

static void every_text_is_looked_at(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[UNPACK_WHY_SIZE] = "untouched";
        ProtobufCMessage *message = NULL;
        enum err e = unpack_message(&cell__envelope__requests__descriptor, NULL, (const uint8_t *)rows[i].bytes, rows[i].size, &message, why);
        enum err wanted = rows[i].why == NULL ? ERR_OK : ERR_MALFORMED;

        CHECK(e == wanted, "row %zu: %s: %s", i, rows[i].reason, err_name(e));
        CHECK(strcmp(why, wanted == ERR_OK ? "untouched" : rows[i].why) == 0, "row %zu: %s: %s", i, rows[i].reason, why);
        CHECK((message != NULL) == (e == ERR_OK), "row %zu: %s", i, rows[i].reason);
        protobuf_c_message_free_unpacked(message, NULL);
        message = NULL;
        enum err again = unpack_message(&cell__envelope__requests__descriptor, NULL, (const uint8_t *)rows[i].bytes, rows[i].size, &message, NULL);
        CHECK(again == e, "row %zu: the same for who does not ask why", i);
        protobuf_c_message_free_unpacked(message, NULL);
    }
}

/* ---- depth -------------------------------------------------------------------------------------- */

enum {
    DEEP = 100 * 1000,
    LAYER = 8, /* bytes that one message around another costs at most */
};

/* A message `depth` deep whose innermost has the name given; ends at to[room]. Returns its size. */
static size_t nested(uint8_t *to, size_t room, size_t depth, const char *name, size_t name_size)
{
    uint8_t *at = to + room - name_size;

    memcpy(at, name, name_size);
    *--at = (uint8_t)name_size;
    *--at = 0x0a; /* name = 1 */
    for (size_t i = 1; i < depth; i++) {
        uint8_t length[10];
        size_t n = 0;
        for (size_t left = (size_t)(to + room - at); n == 0 || left > 0; left >>= 7) {
            length[n++] = (uint8_t)(left >= 0x80 ? left | 0x80 : left);
        }
        at -= n;
        memcpy(at, length, n);
        *--at = 0x1a; /* nested_type = 3 */
    }
    return (size_t)(to + room - at);
}

static enum err take_nested(size_t depth, const char *name, size_t name_size, char why[UNPACK_WHY_SIZE])
{
    size_t room = depth * LAYER + name_size + 2;
    uint8_t *bytes = malloc(room);
    ProtobufCMessage *message = NULL;

    REQUIRE(bytes != NULL, "memory for a test");
    size_t size = nested(bytes, room, depth, name, name_size);
    enum err e = unpack_message(&cell__descriptor__descriptor_proto__descriptor, NULL, bytes + room - size, size, &message, why);
    if (e == ERR_OK) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
    free(bytes);
    return e;
}

static void messages_are_as_deep_as_said_and_no_deeper(void)
{
    char why[UNPACK_WHY_SIZE] = "";

    CHECK(take_nested(UNPACK_DEPTH_MAX, BYTES("web"), why) == ERR_OK, "as deep as can be: %s", why);
    CHECK(take_nested(UNPACK_DEPTH_MAX + 1, BYTES("web"), why) == ERR_LIMIT, "one deeper");
    CHECK(strcmp(why, "messages are nested more than 100 deep") == 0, "%s", why);
    CHECK(take_nested(DEEP, BYTES("web"), why) == ERR_LIMIT, "deeper than any stack");
}

static void a_path_is_told_and_cut_where_it_is_long(void)
{
    char why[UNPACK_WHY_SIZE] = "";

    CHECK(take_nested(3, BYTES("w\0b"), why) == ERR_MALFORMED, "a NUL inside");
    CHECK(strcmp(why, "nested_type[0].nested_type[0].name: holds a NUL") == 0, "%s", why);
    CHECK(take_nested(UNPACK_DEPTH_MAX, BYTES("w\0b"), why) == ERR_MALFORMED, "a NUL at the bottom");
    CHECK(strlen(why) > UNPACK_WHY_SIZE / 2 && strstr(why, ": holds a NUL") != NULL, "%s", why);
}

static void fields_are_found_in_any_order(void)
{
    static const char backwards[] = "\x1a\x01w\x12\x01w\x0a\x03w\0b";
    static const char again[] = "\x0a\x01w\x12\x01w\x0a\x03w\0b";
    static const char far_off[] = "\x0a\x01w\x9a\x3f\x02w\0\x0a\x03w\0b"; /* 1011: nobody knows it */
    char why[UNPACK_WHY_SIZE] = "";

    CHECK(unpack_check(&cell__descriptor__method_descriptor_proto__descriptor, (const uint8_t *)BYTES(backwards), why) == ERR_MALFORMED &&
              strcmp(why, "name: holds a NUL") == 0, "the first number last: %s", why);
    CHECK(unpack_check(&cell__descriptor__method_descriptor_proto__descriptor, (const uint8_t *)BYTES(again), why) == ERR_MALFORMED &&
              strcmp(why, "name: holds a NUL") == 0, "once more, behind another: %s", why);
    CHECK(unpack_check(&cell__descriptor__method_descriptor_proto__descriptor, (const uint8_t *)BYTES(far_off), why) == ERR_MALFORMED &&
              strcmp(why, "name: holds a NUL") == 0, "behind one that nobody knows: %s", why);
}

int main(void)
{
    every_text_is_looked_at();
    messages_are_as_deep_as_said_and_no_deeper();
    a_path_is_told_and_cut_where_it_is_long();
    fields_are_found_in_any_order();
    return CHECK_RESULT();
}
