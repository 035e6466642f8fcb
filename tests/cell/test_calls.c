/* What goes over the wire: RPC-1 (envelope), RPC-2 (every status). */
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "common/run/fd.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    CALLERS = 64,
    STEP_MS = 4,
    MESSAGE = 65536, /* limits.message of the cell under test */
    BATCH_MAX = 1024,
};

static struct fake f;

static const char *door(void)
{
    return fake_door(&f, "", "");
}

/* ---- RPC-1: many callers, one connection ------------------------------------------------------- */

/* An envelope with one Slow request that comes back with `number` as its text. */
static uint8_t *pack_slow(uint32_t number, uint32_t delay_ms, size_t *ret_size)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    char text[16];

    (void)snprintf(text, sizeof text, "%u", number);
    slow.text = text;
    slow.delay_ms = delay_ms;
    AUTO_FREE uint8_t *body = raw_pack(&slow.base, &one.body.len);
    one.body.data = body;
    one.id = 1000 + number;
    one.operation = CELL__TESTCELL__OP__OP_SLOW;
    one.deadline_ms = 30000;
    requests.version = 1;
    requests.requests = &slot;
    requests.n_requests = 1;
    return raw_pack(&requests.base, ret_size);
}

/* Claims that `replies` answers pack_slow(number). */
static void check_slow(const Cell__Envelope__Replies *replies, uint32_t number)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%u", number);
    REQUIRE(replies != NULL && replies->n_replies == 1, "one reply for caller %u", number);
    const Cell__Envelope__Reply *r = replies->replies[0];
    CHECK(r->status == 1 && r->id == 1000 + number, "caller %u: status %u id %" PRIu64, number,
          r->status, r->id);
    Cell__Testcell__SlowReply *slow =
        cell__testcell__slow_reply__unpack(NULL, r->body.len, r->body.data);
    REQUIRE(slow != NULL, "caller %u: the body parses", number);
    CHECK(strcmp(slow->text, text) == 0, "caller %u got the answer of %s", number, slow->text);
    cell__testcell__slow_reply__free_unpacked(slow, NULL);
}

/* With nng's own client: one socket, one connection, a context per caller. The last to ask is the
 * first to be answered. */
static void callers_of_nng_get_their_own_answers(void)
{
    nng_socket socket;
    nng_ctx ctx[CALLERS];
    nng_aio *aio[CALLERS];
    char url[2 * FAKE_PATH_SIZE + 8];

    (void)snprintf(url, sizeof url, "ipc://%s", door());
    REQUIRE(nng_req0_open(&socket) == 0 && nng_dial(socket, url, NULL, 0) == 0, "nng dials");
    for (uint32_t i = 0; i < CALLERS; i++) {
        nng_msg *message;
        size_t size;
        AUTO_FREE uint8_t *data = pack_slow(i, (CALLERS - i) * STEP_MS, &size);
        REQUIRE(nng_ctx_open(&ctx[i], socket) == 0 && nng_aio_alloc(&aio[i], NULL, NULL) == 0 &&
                nng_msg_alloc(&message, 0) == 0 && nng_msg_append(message, data, size) == 0,
                "caller %u is set up", i);
        nng_aio_set_timeout(aio[i], FAKE_PATIENCE_MS);
        nng_aio_set_msg(aio[i], message);
        nng_ctx_send(ctx[i], aio[i]);
        nng_aio_wait(aio[i]);
        REQUIRE(nng_aio_result(aio[i]) == 0, "caller %u has asked", i);
        nng_ctx_recv(ctx[i], aio[i]);
    }
    CHECK(fake_metric(&f, "cell_connections", NULL, NULL) == 2, "all share one connection");
    for (uint32_t i = 0; i < CALLERS; i++) {
        nng_aio_wait(aio[i]);
        int failed = nng_aio_result(aio[i]);
        REQUIRE(failed == 0, "caller %u is answered: %s", i, nng_strerror(failed));
        nng_msg *message = nng_aio_get_msg(aio[i]);
        Cell__Envelope__Replies *replies = cell__envelope__replies__unpack(
            NULL, nng_msg_len(message), nng_msg_body(message));
        check_slow(replies, i);
        cell__envelope__replies__free_unpacked(replies, NULL);
        nng_msg_free(message);
        nng_aio_free(aio[i]);
        (void)nng_ctx_close(ctx[i]);
    }
    (void)nng_close(socket);
}

/* The same by hand, which shows the order. */
static void answers_come_as_they_are_ready(void)
{
    int fd = raw_open(door());
    uint32_t swapped = 0, last = UINT32_MAX;

    for (uint32_t i = 0; i < CALLERS; i++) {
        size_t size;
        AUTO_FREE uint8_t *data = pack_slow(i, (CALLERS - i) * STEP_MS, &size);
        REQUIRE(raw_send_bytes(fd, i, data, size), "caller %u asks", i);
    }
    for (uint32_t i = 0; i < CALLERS; i++) {
        uint32_t id;
        Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
        check_slow(replies, id);
        cell__envelope__replies__free_unpacked(replies, NULL);
        swapped += id < last;
        last = id;
    }
    CHECK(swapped > CALLERS / 2, "the last asked is the first answered: %u of %d", swapped, CALLERS);
    (void)close(fd);
}

/* ---- RPC-1: the envelope ----------------------------------------------------------------------- */

/* Send one message and return the status, hint and number of its replies. */
static enum err exchange(int fd, const void *data, size_t size, uint64_t *ret_id, size_t *ret_count)
{
    uint32_t id;

    *ret_count = 0;
    if (!raw_send_bytes(fd, 77, data, size)) {
        return ERR_PEER_DEAD;
    }
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
    if (replies == NULL) {
        return id == 1 ? ERR_PEER_DEAD : ERR_LATER;
    }
    CHECK(id == 77, "the answer goes to the message: %u", id);
    enum err e = err_from_wire(replies->replies[0]->status);
    *ret_id = replies->replies[0]->id;
    *ret_count = replies->n_replies;
    for (size_t i = 1; i < replies->n_replies; i++) {
        CHECK(replies->replies[i]->status == replies->replies[0]->status &&
              replies->replies[i]->id == *ret_id + i, "reply %zu is in its place", i);
    }
    cell__envelope__replies__free_unpacked(replies, NULL);
    return e;
}

/* An envelope of `count` Echo requests with ids from first_id on; the first gets `data_size` more
 * bytes. */
static uint8_t *pack_echoes(uint32_t version, size_t count, uint64_t first_id, size_t data_size,
                            size_t *ret_size)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    AUTO_FREE Cell__Envelope__Request *item = calloc(count + 1, sizeof *item);
    AUTO_FREE Cell__Envelope__Request **slot = calloc(count + 1, sizeof *slot);
    AUTO_FREE uint8_t *data = calloc(1, data_size + 1);
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;

    REQUIRE(item != NULL && slot != NULL && data != NULL, "memory");
    echo.data.data = data;
    echo.data.len = data_size;
    size_t size;
    AUTO_FREE uint8_t *body = raw_pack(&echo.base, &size);
    for (size_t i = 0; i < count; i++) {
        item[i] = (Cell__Envelope__Request)CELL__ENVELOPE__REQUEST__INIT;
        item[i].id = first_id + i;
        item[i].operation = CELL__TESTCELL__OP__OP_ECHO;
        if (i == 0 && data_size > 0) {
            item[i].body.data = body;
            item[i].body.len = size;
        }
        slot[i] = &item[i];
    }
    requests.version = version;
    requests.requests = slot;
    requests.n_requests = count;
    return raw_pack(&requests.base, ret_size);
}

static void envelopes_are_judged(void)
{
    static const struct {
        uint32_t version;
        size_t count;
        enum err status;
        size_t replies;
        const char *why;
    } rows[] = {
        {1, 1, ERR_OK, 1, "one request"},
        {1, 2, ERR_OK, 2, "two"},
        {1, BATCH_MAX, ERR_OK, BATCH_MAX, "as many as may be"},
        {1, BATCH_MAX + 1, ERR_MALFORMED, 1, "one more"},
        {1, 0, ERR_MALFORMED, 1, "an envelope without requests"},
        {0, 1, ERR_INCOMPATIBLE, 1, "a version that was forgotten"},
        {2, 1, ERR_INCOMPATIBLE, 1, "a version of the future"},
        {UINT32_MAX, 1, ERR_INCOMPATIBLE, 1, "the last version there will be"},
    };
    int fd = raw_open(door()); /* one connection for all: a refusal does not end it */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t size, count;
        uint64_t id = 0;
        AUTO_FREE uint8_t *data = pack_echoes(rows[i].version, rows[i].count, 500, 0, &size);
        enum err e = exchange(fd, data, size, &id, &count);
        CHECK(e == rows[i].status && count == rows[i].replies, "%s: %s, %zu replies", rows[i].why,
              err_name(e), count);
        CHECK(id == (e == ERR_OK ? 500 : 0), "%s: a refused message has id 0: %" PRIu64,
              rows[i].why, id);
    }
    (void)close(fd);
}

static void ids_come_back(void)
{
    static const uint64_t ids[] = {0, 1, 127, 128, UINT32_MAX, UINT64_MAX};
    int fd = raw_open(door());

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        size_t size, count;
        uint64_t id = 99;
        AUTO_FREE uint8_t *data = pack_echoes(1, 1, ids[i], 0, &size);
        CHECK(exchange(fd, data, size, &id, &count) == ERR_OK && id == ids[i],
              "id %" PRIu64 " comes back as %" PRIu64, ids[i], id);
    }
    (void)close(fd);
}

static void garbage_is_answered(void)
{
    static const struct {
        const char *data;
        size_t size;
        enum err status;
        const char *why;
    } rows[] = {
        {"", 0, ERR_INCOMPATIBLE, "nothing: an envelope of version 0"},
        {"\xff", 1, ERR_MALFORMED, "half a tag"},
        {"\x08", 1, ERR_MALFORMED, "a tag without value"},
        {"\x08\x01\x12\x7f", 4, ERR_MALFORMED, "a request that is cut"},
        {"\x08\x01\x12\xff\xff\xff\xff\x0f", 8, ERR_MALFORMED, "a request of 4 GiB"},
        {"\x0b\x0b\x0b", 3, ERR_MALFORMED, "groups"},
        {"GET / HTTP/1.1\r\n\r\n", 18, ERR_MALFORMED, "another protocol"},
    };
    int fd = raw_open(door());

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count;
        uint64_t id = 99;
        enum err e = exchange(fd, rows[i].data, rows[i].size, &id, &count);
        CHECK(e == rows[i].status && id == 0, "%s: %s id %" PRIu64, rows[i].why, err_name(e), id);
    }
    struct rng rng;
    rng_init(&rng, 9);
    for (int i = 0; i < 500; i++) {
        uint8_t noise[300];
        size_t size = rng_below(&rng, sizeof noise), count;
        uint64_t id;
        for (size_t k = 0; k < size; k++) {
            noise[k] = (uint8_t)rng_next(&rng);
        }
        enum err e = exchange(fd, noise, size, &id, &count);
        CHECK(e == ERR_MALFORMED || e == ERR_INCOMPATIBLE, "noise %d: %s", i, err_name(e));
    }
    size_t size, count;
    uint64_t id;
    AUTO_FREE uint8_t *good = pack_echoes(1, 1, 5, 0, &size);
    CHECK(exchange(fd, good, size, &id, &count) == ERR_OK, "the connection lives");
    (void)close(fd);
}

/* Two bytes a request: as many as fit into a message would take a hundred times its size. */
static void a_bomb_is_refused(void)
{
    static char bomb[MESSAGE];
    size_t count, size = 2;
    uint64_t id = 99;
    int fd = raw_open(door());

    memcpy(bomb, "\x08\x01", 2);
    while (size + 2 <= sizeof bomb) {
        memcpy(bomb + size, "\x12\x00", 2);
        size += 2;
    }
    for (int i = 0; i < 50; i++) {
        CHECK(exchange(fd, bomb, size, &id, &count) == ERR_MALFORMED && id == 0 && count == 1,
              "%zu requests are refused as a whole", size / 2);
    }
    (void)close(fd);
}

/* What is not even SP: the connection ends, nobody else notices. */
static void broken_frames_end_the_connection(void)
{
    static const struct {
        const char *data;
        size_t size;
        const char *why;
    } rows[] = {
        {"\x02\0\0\0\0\0\0\0\x04\x80\0\0\1", 13, "another frame type"},
        {"\x01\0\0\0\0\0\0\0\x03" "abc", 12, "no room for a request id"},
        {"\x01\0\0\0\0\0\0\0\0", 9, "an empty frame"},
        {"\x01\0\0\1\0\0\0\0\0\x80\0\0\1", 13, "a frame of a terabyte"},
        {"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x80\0\0\1", 13, "a frame of all ones"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = raw_open(door());
        uint32_t id;
        REQUIRE(send(fd, rows[i].data, rows[i].size, MSG_NOSIGNAL) == (ssize_t)rows[i].size,
                "%s is sent", rows[i].why);
        CHECK(raw_status(fd, FAKE_PATIENCE_MS, &id) == ERR_PEER_DEAD, "%s", rows[i].why);
        CHECK(fake_echo(door(), "others") == ERR_OK, "%s: others are served", rows[i].why);
        (void)close(fd);
    }
}

/* The limit on a message: its size, one more, twice, and far beyond. */
static void messages_have_a_size(void)
{
    static const struct {
        size_t size;
        enum err status;
        const char *why;
    } rows[] = {
        {MESSAGE, ERR_OK, "exactly the limit"},
        {MESSAGE + 1, ERR_LIMIT, "one byte more is refused by name"},
        {2 * MESSAGE, ERR_LIMIT, "so is twice the limit"},
        {2 * MESSAGE + 4092, ERR_LIMIT, "and the most that is read at all"},
        {2 * MESSAGE + 4093, ERR_PEER_DEAD, "more is not read: the connection ends"},
        {64 * MESSAGE, ERR_PEER_DEAD, "much more"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = raw_open(door());
        size_t size = 0, count;
        uint64_t id;
        uint8_t *data = NULL;
        for (size_t n = rows[i].size - 64; size != rows[i].size; n++) {
            free(data);
            data = pack_echoes(1, 1, 5, n, &size);
        }
        enum err e = exchange(fd, data, size, &id, &count);
        CHECK(e == rows[i].status, "%zu bytes, %s: %s", rows[i].size, rows[i].why, err_name(e));
        CHECK(fake_echo(door(), "others") == ERR_OK, "%s: others are served", rows[i].why);
        free(data);
        (void)close(fd);
    }
}

/* The same limit holds for answers. */
static void answers_have_a_size(void)
{
    static const struct {
        uint32_t size;
        enum err status;
    } rows[] = {{0, ERR_OK}, {MESSAGE - 4, ERR_OK}, {MESSAGE - 3, ERR_LIMIT}, {1 << 24, ERR_LIMIT}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__BigRequest big = CELL__TESTCELL__BIG_REQUEST__INIT;
        ProtobufCMessage *reply = NULL;
        char text[SP_TEXT_SIZE];
        big.size = rows[i].size;
        enum err e = fake_call(door(), CELL__TESTCELL__OP__OP_BIG, &big.base,
                               &cell__testcell__big_reply__descriptor, FAKE_PATIENCE_MS, &reply,
                               text);
        CHECK(e == rows[i].status, "an answer of %u bytes: %s", rows[i].size, err_name(e));
        if (e == ERR_OK) {
            CHECK(((Cell__Testcell__BigReply *)reply)->data.len == rows[i].size, "is whole");
            protobuf_c_message_free_unpacked(reply, NULL);
        } else {
            CHECK(strstr(text, "limits.message") != NULL, "it says which limit: %s", text);
        }
    }
}

/* ---- RPC-1: three different refusals ----------------------------------------------------------- */

static void refusals_differ(void)
{
    uint64_t right = sp_fingerprint("cell.testcell.Testcell", "Echo", CELL__TESTCELL__OP__OP_ECHO,
                                    "cell.testcell.EchoRequest", "cell.testcell.EchoReply");
    const struct {
        uint32_t operation;
        uint64_t schema;
        const char *body;
        size_t size;
        enum err status;
        const char *why;
    } rows[] = {
        {CELL__TESTCELL__OP__OP_ECHO, 0, "", 0, ERR_OK, "unchecked types"},
        {CELL__TESTCELL__OP__OP_ECHO, right, "", 0, ERR_OK, "the same types"},
        {CELL__TESTCELL__OP__OP_ECHO, right ^ 1, "", 0, ERR_INCOMPATIBLE, "other types"},
        {CELL__TESTCELL__OP__OP_ECHO, 1, "", 0, ERR_INCOMPATIBLE, "quite other types"},
        {CELL__TESTCELL__OP__OP_ECHO, right, "\xff", 1, ERR_MALFORMED, "no EchoRequest"},
        {CELL__TESTCELL__OP__OP_ECHO, 0, "\x0a\x05" "ab", 4, ERR_MALFORMED, "a cut one"},
        {CELL__TESTCELL__OP__OP_FOLLOW + 1, 0, "", 0, ERR_UNIMPLEMENTED, "the next number"},
        {0, 0, "", 0, ERR_UNIMPLEMENTED, "a number that was forgotten"},
        {UINT32_MAX, 0, "", 0, ERR_UNIMPLEMENTED, "the highest number"},
        {CELL__TESTCELL__OP__OP_FOLLOW + 1, 1, "\xff", 1, ERR_UNIMPLEMENTED,
         "what is not there has no types"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FD int fd = raw_open(door());
        AUTO_FREE uint8_t *body = NULL;
        size_t size;
        char text[SP_TEXT_SIZE];
        enum err e = sp_ask_packed(fd, rows[i].operation, rows[i].schema,
                                   (const uint8_t *)rows[i].body, rows[i].size, FAKE_PATIENCE_MS,
                                   &body, &size, text);
        CHECK(e == rows[i].status, "%s: %s \"%s\"", rows[i].why, err_name(e), text);
        CHECK(e == ERR_OK || text[0] != '\0', "%s: explained", rows[i].why);
    }
}

/* An idempotency key has at most 32 bytes; a longer one is not cut in silence. */
static void keys_have_a_size(void)
{
    static const struct {
        size_t size;
        enum err status;
    } rows[] = {{0, ERR_OK}, {1, ERR_OK}, {32, ERR_OK}, {33, ERR_INVALID}, {1000, ERR_INVALID}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
        Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
        uint8_t key[1000];
        uint32_t id;
        AUTO_FD int fd = raw_open(door());
        memset(key, 'k', sizeof key);
        one.operation = CELL__TESTCELL__OP__OP_WHO;
        one.idempotency_key.data = key;
        one.idempotency_key.len = rows[i].size;
        requests.version = 1;
        requests.requests = &slot;
        requests.n_requests = 1;
        REQUIRE(raw_send(fd, 3, &requests), "a key of %zu bytes", rows[i].size);
        Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
        REQUIRE(replies != NULL && replies->n_replies == 1, "is answered");
        const Cell__Envelope__Reply *r = replies->replies[0];
        CHECK(err_from_wire(r->status) == rows[i].status, "a key of %zu bytes: %s", rows[i].size,
              err_name(err_from_wire(r->status)));
        if (r->status == 1) {
            Cell__Testcell__WhoReply *who =
                cell__testcell__who_reply__unpack(NULL, r->body.len, r->body.data);
            REQUIRE(who != NULL, "the body parses");
            CHECK(who->key.len == rows[i].size &&
                  (who->key.len == 0 || memcmp(who->key.data, key, who->key.len) == 0),
                  "the handler sees the key");
            cell__testcell__who_reply__free_unpacked(who, NULL);
        }
        cell__envelope__replies__free_unpacked(replies, NULL);
    }
}

/* ---- RPC-2: every status ----------------------------------------------------------------------- */

/* The wire numbers are for ever; the canonical names are gRPC's. Both written down a second time. */
static const struct {
    enum err e;
    uint32_t wire;
    uint32_t code;
    const char *canonical;
} statuses[] = {
    {ERR_NOMEM, 2, 8, "RESOURCE_EXHAUSTED"},
    {ERR_LIMIT, 3, 8, "RESOURCE_EXHAUSTED"},
    {ERR_MALFORMED, 4, 3, "INVALID_ARGUMENT"},
    {ERR_NOT_FOUND, 5, 5, "NOT_FOUND"},
    {ERR_DENIED, 6, 7, "PERMISSION_DENIED"},
    {ERR_FORGED, 7, 16, "UNAUTHENTICATED"},
    {ERR_NOT_LEADER, 8, 9, "FAILED_PRECONDITION"},
    {ERR_TIMEOUT, 9, 4, "DEADLINE_EXCEEDED"},
    {ERR_IO, 10, 13, "INTERNAL"},
    {ERR_CANCELLED, 12, 1, "CANCELLED"},
    {ERR_INVALID, 13, 3, "INVALID_ARGUMENT"},
    {ERR_EXISTS, 14, 6, "ALREADY_EXISTS"},
    {ERR_PRECONDITION, 15, 9, "FAILED_PRECONDITION"},
    {ERR_ABORTED, 16, 10, "ABORTED"},
    {ERR_RANGE, 17, 11, "OUT_OF_RANGE"},
    {ERR_UNIMPLEMENTED, 18, 12, "UNIMPLEMENTED"},
    {ERR_INTERNAL, 19, 13, "INTERNAL"},
    {ERR_UNAVAILABLE, 20, 14, "UNAVAILABLE"},
    {ERR_DATA_LOSS, 21, 15, "DATA_LOSS"},
    {ERR_UNAUTHENTICATED, 22, 16, "UNAUTHENTICATED"},
    {ERR_PEER_DEAD, 23, 14, "UNAVAILABLE"},
    {ERR_INCOMPATIBLE, 24, 9, "FAILED_PRECONDITION"},
    {ERR_UNSUPPORTED, 25, 12, "UNIMPLEMENTED"},
    {ERR_FAULT, 26, 2, "UNKNOWN"},
};

static void ask_to_fail(size_t row, bool later)
{
    Cell__Testcell__FailRequest fail = CELL__TESTCELL__FAIL_REQUEST__INIT;
    AUTO_FD int fd = raw_open(door());
    uint32_t id;

    fail.status = statuses[row].wire;
    fail.text = "because";
    fail.hint = later ? "elsewhere" : "";
    fail.later = later;
    REQUIRE(raw_ask(fd, 4, CELL__TESTCELL__OP__OP_FAIL, &fail.base, 5000), "asked to fail");
    Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
    REQUIRE(replies != NULL && replies->n_replies == 1, "status %u is answered", fail.status);
    const Cell__Envelope__Reply *r = replies->replies[0];
    CHECK(r->status == statuses[row].wire && r->body.len == 0, "%s is %u on the wire, not %u",
          err_name(statuses[row].e), statuses[row].wire, r->status);
    CHECK(strcmp(r->message, "because") == 0 && strcmp(r->hint, fail.hint) == 0,
          "%s brings its text and hint: \"%s\" \"%s\"", err_name(statuses[row].e), r->message,
          r->hint);
    cell__envelope__replies__free_unpacked(replies, NULL);
}

static void every_status_arrives(void)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        enum err e = statuses[i].e;
        CHECK(err_canonical_code(e) == statuses[i].code &&
              strcmp(err_canonical_name(e), statuses[i].canonical) == 0, "%s is %s (%u)",
              err_name(e), statuses[i].canonical, statuses[i].code);
        ask_to_fail(i, false);
        ask_to_fail(i, true);
        CHECK(fake_metric(&f, "cell_requests_total", "Fail", err_name(e)) == 2,
              "both %s are counted", err_name(e));
    }
    CHECK(ARRAY_LEN(statuses) + 2 == ERR_COUNT, "every error but OK and LATER has its row");
}

/* A handler cannot send success without an answer, and no status by mistake. */
static void forgotten_answers_are_faults(void)
{
    Cell__Testcell__ForgetfulRequest forgetful = CELL__TESTCELL__FORGETFUL_REQUEST__INIT;
    Cell__Testcell__FailRequest fail = CELL__TESTCELL__FAIL_REQUEST__INIT;
    char text[SP_TEXT_SIZE];

    CHECK(fake_call(door(), CELL__TESTCELL__OP__OP_FORGETFUL, &forgetful.base,
                    &cell__testcell__forgetful_reply__descriptor, FAKE_PATIENCE_MS, NULL,
                    text) == ERR_INTERNAL, "success without an answer");
    CHECK(fake_log_lines(&f, "DOOR-SILENT", "operation=Forgetful") == 1, "is logged as a fault");
    fail.status = 1;
    CHECK(fake_call(door(), CELL__TESTCELL__OP__OP_FAIL, &fail.base,
                    &cell__testcell__fail_reply__descriptor, FAKE_PATIENCE_MS, NULL,
                    text) == ERR_INTERNAL, "failing with OK");
}

/* Text that is not UTF-8 cannot make the envelope unreadable to strict peers. */
static void text_is_always_utf8(void)
{
    static const struct {
        const char *text;
        const char *arrives;
    } rows[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"half \xc3", "half \\xc3"},
        {"\xff\xfe", "\\xff\\xfe"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Cell__Testcell__FailRequest fail = CELL__TESTCELL__FAIL_REQUEST__INIT;
        AUTO_FD int fd = raw_open(door());
        uint32_t id;
        fail.status = 5;
        fail.raw = (ProtobufCBinaryData){strlen(rows[i].text), (uint8_t *)rows[i].text};
        REQUIRE(raw_ask(fd, 4, CELL__TESTCELL__OP__OP_FAIL, &fail.base, 5000), "asked to fail");
        Cell__Envelope__Replies *replies = raw_hear(fd, FAKE_PATIENCE_MS, &id);
        REQUIRE(replies != NULL && replies->n_replies == 1, "row %zu is answered", i);
        CHECK(strcmp(replies->replies[0]->message, rows[i].arrives) == 0 &&
              strcmp(replies->replies[0]->hint, rows[i].arrives) == 0, "row %zu: \"%s\" \"%s\"", i,
              replies->replies[0]->message, replies->replies[0]->hint);
        cell__envelope__replies__free_unpacked(replies, NULL);
    }
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    fake_start(&f, &(struct fake_spec){.message_bytes = MESSAGE});
    callers_of_nng_get_their_own_answers();
    answers_come_as_they_are_ready();
    envelopes_are_judged();
    ids_come_back();
    garbage_is_answered();
    a_bomb_is_refused();
    broken_frames_end_the_connection();
    messages_have_a_size();
    answers_have_a_size();
    refusals_differ();
    keys_have_a_size();
    every_status_arrives();
    forgotten_answers_are_faults();
    text_is_always_utf8();
    fake_finish(&f);
    return CHECK_RESULT();
}
