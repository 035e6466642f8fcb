/* The bytes of a request, and what may be in a reply: every status, and every lie. */
#include "common/run/sp_wire.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "proto/envelope.pb-c.h"
#include "tests/support/check.h"

/* ---- requests ----------------------------------------------------------------------------------- */

static void a_request_begins_with_these_bytes(void)
{
    static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    static const uint8_t head[13] = {1, 0, 0, 0, 0, 0, 0, 1, 4, 0x81, 0x02, 0x03, 0x04};
    uint8_t out[SP_WIRE_HEAD_LEN];

    sp_wire_hello_put(out);
    CHECK(memcmp(out, hello, 8) == 0, "REQ's connection header");
    sp_wire_head_put(0x01020304, 256, out);
    CHECK(memcmp(out, head, 13) == 0, "type, length with the id, id with the end bit");
    CHECK(sp_wire_id_is(head + 9, 0x01020304) && sp_wire_id_is(head + 9, 0x81020304), "our id");
    CHECK(!sp_wire_id_is(head + 9, 0x01020305), "another id");
    CHECK(!sp_wire_id_is((const uint8_t *)"\x01\x02\x03\x04", 0x01020304), "no end bit");
}

static void frames_are_measured_before_anything_is_allocated(void)
{
    static const struct {
        uint8_t type;
        uint64_t length;
        enum err e;
        const char *why;
    } rows[] = {
        {1, 4, ERR_OK, "an empty reply"},
        {1, 3, ERR_MALFORMED, "no room for the id"},
        {1, 0, ERR_MALFORMED, "nothing"},
        {1, SP_MESSAGE_MAX + 4, ERR_OK, "the largest"},
        {1, SP_MESSAGE_MAX + 5, ERR_LIMIT, "one more"},
        {1, UINT64_C(1) << 32 | 4, ERR_LIMIT, "must not be cut to 32 bits"},
        {1, UINT64_MAX, ERR_LIMIT, "the largest number"},
        {2, 4, ERR_MALFORMED, "another type"},
        {0, 4, ERR_MALFORMED, "no type"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t in[SP_WIRE_FRAME_LEN] = {rows[i].type};
        size_t size = 99;
        bytes_put_be64(in + 1, rows[i].length);
        enum err e = sp_wire_frame_get(in, &size);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(size == (e == ERR_OK ? rows[i].length : 99), "row %zu: %zu", i, size);
    }
}

static void a_request_is_packed_as_the_schema_says(void)
{
    static const uint8_t wanted[] = {
        0x08, 1,                                        /* Requests.version                 */
        0x12, 21,                                       /* Requests.requests, 21 bytes      */
        0x08, 1,                                        /* id                               */
        0x10, 7,                                        /* operation                        */
        0x18, 0x88, 0x27,                               /* deadline_ms 5000                 */
        0x32, 3, 'a', 'b', 'c',                         /* body                             */
        0x39, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08 /* schema, little-endian       */
    };
    uint8_t *packed = NULL;
    size_t size = 0;

    REQUIRE(sp_wire_request_pack("", 7, UINT64_C(0x0807060504030201), (const uint8_t *)"abc", 3, 5000,
                                 &packed, &size) == ERR_OK, "packed");
    CHECK(size == sizeof wanted && memcmp(packed, wanted, size) == 0, "%zu bytes", size);
    free(packed);

    REQUIRE(sp_wire_request_pack("", 7, 0, NULL, 0, 0, &packed, &size) == ERR_OK, "packed");
    Cell__Envelope__Requests *in = cell__envelope__requests__unpack(NULL, size, packed);
    REQUIRE(in != NULL && in->n_requests == 1, "unpacked");
    CHECK(in->requests[0]->deadline_ms == 1, "no time left is 1 ms: 0 would mean the default");
    cell__envelope__requests__free_unpacked(in, NULL);
    free(packed);
}

static void a_request_past_the_limit_is_refused(void)
{
    uint8_t *body = calloc(1, SP_MESSAGE_MAX + 1), *packed = NULL;
    size_t size = 99;
    size_t around = 2 + 5 + 2 + 2 + 3 + 5; /* version, requests, id, operation, deadline, body */

    REQUIRE(body != NULL, "memory for a test");
    CHECK(sp_wire_request_pack("", 1, 0, body, SP_MESSAGE_MAX - around, 5000, &packed, &size) == ERR_OK
              && size == SP_MESSAGE_MAX, "the largest: %zu", size);
    free(packed);
    packed = NULL;
    size = 99;
    CHECK(sp_wire_request_pack("", 1, 0, body, SP_MESSAGE_MAX - around + 1, 5000, &packed, &size) ==
              ERR_LIMIT, "one byte more");
    CHECK(sp_wire_request_pack("", 1, 0, body, SIZE_MAX, 5000, &packed, &size) == ERR_LIMIT,
          "a size that would wrap");
    CHECK(packed == NULL && size == 99, "outputs untouched");
    free(body);
}

/* ---- replies ------------------------------------------------------------------------------------ */

struct outcome {
    enum err e;
    uint8_t *body;
    size_t size;
    char text[SP_TEXT_SIZE];
};

static struct outcome parse(const void *data, size_t size)
{
    struct outcome o = {.size = 99};

    memset(o.text, 'x', sizeof o.text);
    o.e = sp_wire_reply_parse(data, size, &o.body, &o.size, o.text);
    CHECK((o.body != NULL) == (o.e == ERR_OK), "a body on success only");
    CHECK(o.e == ERR_OK || o.size == 99, "outputs untouched");
    CHECK(memchr(o.text, '\0', sizeof o.text) != NULL, "the text is terminated");
    return o;
}

/* Parse a Replies with these replies. */
static struct outcome parse_replies(uint32_t version, Cell__Envelope__Reply *reply, size_t count)
{
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;
    Cell__Envelope__Reply *slot[2] = {reply, reply};

    replies.version = version;
    replies.n_replies = count;
    replies.replies = slot;
    size_t size = cell__envelope__replies__get_packed_size(&replies);
    uint8_t *packed = malloc(size + 1);
    REQUIRE(packed != NULL, "memory for a test");
    cell__envelope__replies__pack(&replies, packed);
    struct outcome o = parse(packed, size);
    free(packed);
    return o;
}

/* RPC-2: one row per code, and what no code is. */
static void every_status_arrives_as_its_error(void)
{
    for (uint32_t wire = 0; wire < 40; wire++) {
        Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;
        enum err wanted = err_from_wire(wire) == ERR_LATER ? ERR_FAULT : err_from_wire(wire);
        reply.id = 1;
        reply.status = wire;
        reply.message = (char *)"because";
        reply.body = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
        struct outcome o = parse_replies(1, &reply, 1);
        CHECK(o.e == wanted, "status %u: %s", wire, err_name(o.e));
        CHECK((wire == 1) == (o.e == ERR_OK), "only 1 is ok, not %u", wire);
        CHECK(strcmp(o.text, o.e == ERR_OK ? "" : "because") == 0, "status %u: <%s>", wire, o.text);
        CHECK(o.e != ERR_OK || (o.size == 3 && memcmp(o.body, "abc", 3) == 0), "the body");
        free(o.body);
    }
}

static void the_envelope_must_fit_the_question(void)
{
    static const struct {
        uint32_t version;
        uint64_t id;
        uint32_t status;
        size_t count;
        enum err e;
        const char *why;
    } rows[] = {
        {1, 1, 1, 1, ERR_OK, "as asked"},
        {2, 1, 1, 1, ERR_INCOMPATIBLE, "a newer envelope"},
        {0, 1, 1, 1, ERR_INCOMPATIBLE, "no version"},
        {1, 2, 1, 1, ERR_MALFORMED, "another request's answer"},
        {1, 2, 5, 1, ERR_MALFORMED, "another request's error"},
        {1, 0, 4, 1, ERR_MALFORMED, "the whole message was refused, with that status"},
        {1, 0, 24, 1, ERR_INCOMPATIBLE, "the whole message was refused"},
        {1, 0, 1, 1, ERR_MALFORMED, "ok without an id"},
        {1, 1, 1, 0, ERR_MALFORMED, "no answer"},
        {1, 1, 1, 2, ERR_MALFORMED, "two answers to one question"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;
        reply.id = rows[i].id;
        reply.status = rows[i].status;
        struct outcome o = parse_replies(rows[i].version, &reply, rows[i].count);
        CHECK(o.e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(o.e));
        free(o.body);
    }
}

static void an_explanation_is_one_printable_line(void)
{
    char much[2 * SP_TEXT_SIZE], wanted[SP_TEXT_SIZE];
    const struct {
        const char *message, *hint, *text, *why;
    } rows[] = {
        {"no such key", "", "no such key", "a message"},
        {"not me", "raft.2", "not me (raft.2)", "a message and where to go"},
        {"", "raft.2", "(raft.2)", "only where to go"},
        {"", "", "", "nothing"},
        {"a\nb\x1b[2J", "\r", "a\\x0ab\\x1b[2J (\\x0d)", "what a terminal obeys"},
        {"say \"hi\" \xc3\xa9", "", "say \"hi\" \xc3\xa9", "what a person may read"},
        {much, "", wanted, "cut to the caller's memory"},
    };

    memset(much, 'm', sizeof much);
    much[sizeof much - 1] = '\0';
    memset(wanted, 'm', sizeof wanted);
    wanted[sizeof wanted - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;
        reply.id = 1;
        reply.status = 5;
        reply.message = (char *)rows[i].message;
        reply.hint = (char *)rows[i].hint;
        struct outcome o = parse_replies(1, &reply, 1);
        CHECK(o.e == ERR_NOT_FOUND && strcmp(o.text, rows[i].text) == 0, "row %zu: %s: <%s>", i,
              rows[i].why, o.text);
    }
}

/* What stands behind a NUL would be gone without a word. */
static void an_explanation_that_is_no_text_is_named(void)
{
    static const uint8_t cut[] = "\x08\x01\x12\x09\x08\x01\x10\x05\x1a\x03n\0o";
    static const uint8_t none[] = "\x08\x01\x12\x08\x08\x01\x10\x05\x2a\x02\xc0\x80";

    struct outcome o = parse(cut, sizeof cut - 1);
    CHECK(o.e == ERR_MALFORMED && strcmp(o.text, "replies[0].message: holds a NUL") == 0, "%s: <%s>", err_name(o.e), o.text);
    o = parse(none, sizeof none - 1);
    CHECK(o.e == ERR_MALFORMED && strcmp(o.text, "replies[0].hint: is not UTF-8") == 0, "%s: <%s>", err_name(o.e), o.text);
}

static void an_empty_answer_is_an_answer(void)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT;

    reply.id = 1;
    reply.status = 1;
    struct outcome o = parse_replies(1, &reply, 1);
    CHECK(o.e == ERR_OK && o.body != NULL && o.size == 0, "no fields are set, nothing is missing");
    free(o.body);
}

#define BYTES(text) (text), sizeof(text) - 1

static void what_is_no_envelope_is_malformed(void)
{
    static const struct {
        const char *data;
        size_t size;
        enum err e;
        const char *why;
    } rows[] = {
        {BYTES(""), ERR_INCOMPATIBLE, "nothing: version 0"},
        {BYTES("\xff\xff\xff\xff"), ERR_MALFORMED, "no field"},
        {BYTES("\x08\x01\x12\x05\x08\x01"), ERR_MALFORMED, "a length past the end"},
        {BYTES("\x08\x01\x12\xff\xff\xff\xff\x0f"), ERR_MALFORMED, "a length of 4 GiB"},
        {BYTES("\x08\x01\x12\x04\x08\x01\x10"), ERR_MALFORMED, "cut in a field"},
        {BYTES("\x08\x01\x10\x01"), ERR_MALFORMED, "replies as a number: an unknown field, no reply"},
        {BYTES("\x08\x01\x12\x04\x08\x01\x10\x01\x9a\x06\x00"), ERR_OK, "a field of a newer peer"},
        {BYTES("\x08\x01\x12\x06\x08\x01\x10\x81\x80\x80"), ERR_MALFORMED, "a number without end"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = parse(rows[i].data, rows[i].size);
        CHECK(o.e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(o.e));
        CHECK(o.text[0] == '\0' || (o.e == ERR_MALFORMED && strcmp(o.text, "the bytes do not parse") == 0), "row %zu: %s", i, o.text);
        free(o.body);
    }
}

/* Two bytes each on the wire, a struct of more than a hundred each in memory. */
static void a_bomb_is_refused(void)
{
    enum { COUNT = 100000 };
    uint8_t *bomb = malloc(2 + 2 * COUNT);
    ProtobufCMessage *message = NULL;

    REQUIRE(bomb != NULL, "memory for a test");
    bomb[0] = 0x08;
    bomb[1] = 1;
    for (size_t i = 0; i < COUNT; i++) {
        bomb[2 + 2 * i] = 0x12;
        bomb[3 + 2 * i] = 0;
    }
    struct outcome o = parse(bomb, 2 + 2 * COUNT);
    CHECK(o.e == ERR_LIMIT, "a hundred thousand empty replies: %s", err_name(o.e));
    CHECK(sp_wire_unpack(&cell__envelope__replies__descriptor, bomb, 2 + 2 * COUNT,
                         COUNT * sizeof(Cell__Envelope__Reply) / 2, &message, NULL) == ERR_LIMIT &&
              message == NULL, "more memory than allowed");
    CHECK(sp_wire_unpack(&cell__envelope__replies__descriptor, bomb, 2 + 2 * COUNT,
                         COUNT * 1000, &message, NULL) == ERR_OK && message != NULL, "enough is enough");
    protobuf_c_message_free_unpacked(message, NULL);
    free(bomb);
}

static void the_budget_is_exact(void)
{
    const size_t needed = sizeof(Cell__Envelope__Replies); /* all that an empty one takes */
    ProtobufCMessage *message = NULL;

    CHECK(sp_wire_unpack(&cell__envelope__replies__descriptor, (const uint8_t *)"", 0, needed - 1,
                         &message, NULL) == ERR_LIMIT && message == NULL, "one byte less");
    CHECK(sp_wire_unpack(&cell__envelope__replies__descriptor, (const uint8_t *)"", 0, needed,
                         &message, NULL) == ERR_OK && message != NULL, "exactly enough");
    protobuf_c_message_free_unpacked(message, NULL);
}

/* The smallest budget for one reply with all fields is within what a reply is given. */
static void one_reply_fits_the_slack(void)
{
    static const uint8_t data[] = "\x08\x01\x12\x0f\x08\x01\x10\x05\x1a\x01m\x22\x01" "b\x2a\x01h\x30\x09";
    ProtobufCMessage *message = NULL;
    size_t most = 0;

    while (most < 10000 && sp_wire_unpack(&cell__envelope__replies__descriptor, data,
                                          sizeof data - 1, most, &message, NULL) == ERR_LIMIT) {
        most++;
    }
    REQUIRE(message != NULL, "some budget suffices");
    protobuf_c_message_free_unpacked(message, NULL);
    CHECK(most >= sizeof(Cell__Envelope__Replies) + sizeof(Cell__Envelope__Reply) + 5, "%zu", most);
    CHECK(most < SP_WIRE_REPLIES_SLACK, "%zu", most);
}

static void spoilt_replies_never_crash(void)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;
    uint8_t good[256];
    size_t seen[ERR_COUNT] = {0};
    struct rng r;

    reply.id = 1;
    reply.status = 1;
    reply.message = (char *)"message";
    reply.hint = (char *)"hint";
    reply.body = (ProtobufCBinaryData){4, (uint8_t *)"body"};
    replies.version = 1;
    replies.n_replies = 1;
    replies.replies = &slot;
    size_t size = cell__envelope__replies__pack(&replies, good);
    rng_init(&r, 12);
    for (unsigned i = 0; i < 200000; i++) {
        size_t len = rng_below(&r, 4) == 0 ? rng_below(&r, size + 1) : size;
        uint8_t *bad = malloc(len + 1); /* its own memory: a sanitizer sees a read past it */
        REQUIRE(bad != NULL, "memory for a test");
        memcpy(bad, good, len);
        for (uint64_t n = rng_below(&r, 4); n > 0 && len > 0; n--) {
            bad[rng_below(&r, len)] = (uint8_t)rng_next(&r);
        }
        struct outcome o = parse(bad, len);
        seen[o.e]++;
        free(o.body);
        free(bad);
    }
    CHECK(seen[ERR_OK] > 1000 && seen[ERR_MALFORMED] > 1000 && seen[ERR_FAULT] > 100,
          "the draw covers the answers");
}

int main(void)
{
    a_request_begins_with_these_bytes();
    frames_are_measured_before_anything_is_allocated();
    a_request_is_packed_as_the_schema_says();
    a_request_past_the_limit_is_refused();
    every_status_arrives_as_its_error();
    the_envelope_must_fit_the_question();
    an_explanation_is_one_printable_line();
    an_explanation_that_is_no_text_is_named();
    an_empty_answer_is_an_answer();
    what_is_no_envelope_is_malformed();
    a_bomb_is_refused();
    the_budget_is_exact();
    one_reply_fits_the_slack();
    spoilt_replies_never_crash();
    return CHECK_RESULT();
}
