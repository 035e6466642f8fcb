/* The engine "etcd": HTTP as its gateway speaks it, JSON, and what the configuration may say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/engine_json.h"
#include "raft/engine_http.h"
#include "raft/settings.h"
#include "tests/support/check.h"

/* ---- HTTP ----------------------------------------------------------------------------------------- */

enum outcome { WHOLE, NOT_YET, BAD, TOO_LONG };

struct read {
    enum outcome outcome;
    char body[256];
    size_t size, taken;
    bool closes;
    int status;
};

/* Read `text`, so many bytes at a time, then perhaps the end of the connection. */
static struct read read_all(const char *text, size_t size, size_t step, bool ends)
{
    static struct raft_engine_http h;
    struct read r = {.outcome = NOT_YET};
    size_t at = 0, seen = step;

    raft_engine_http_init(&h);
    while (at < size && h.place != RAFT_ENGINE_HTTP_DONE) {
        const uint8_t *body;
        size_t taken, body_size;
        seen = seen > at ? seen : at + step;
        seen = seen < size ? seen : size;
        enum err e = raft_engine_http_take(&h, (const uint8_t *)text + at, seen - at, &taken, &body, &body_size);
        if (e != ERR_OK) {
            r.outcome = e == ERR_LIMIT ? TOO_LONG : BAD;
            return r;
        }
        REQUIRE(r.size + body_size < sizeof r.body, "the rows are small");
        memcpy(r.body + r.size, body, body_size);
        r.size += body_size;
        at += taken;
    }
    if (h.place == RAFT_ENGINE_HTTP_DONE || (ends && raft_engine_http_end(&h))) {
        r.outcome = WHOLE;
    }
    r.taken = at;
    r.closes = h.closes;
    r.status = h.status;
    return r;
}

static const struct {
    const char *text;
    bool ends;            /* the connection ends after it */
    enum outcome outcome;
    int status;
    const char *body;
    bool closes;
    const char *why;
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, WHOLE, 200, "hello", false, "a length"},
    {"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:5 \r\n\r\nhello", false, WHOLE, 200, "hello", false, "names have no case, values no blanks"},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, WHOLE, 404, "", false, "nothing"},
    {"HTTP/1.1 204 No Content\r\n\r\n", false, WHOLE, 204, "", false, "nothing by its status"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, NOT_YET, 200, "hel", false, "more is to come"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, NOT_YET, 200, "hel", true, "and does not"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", false, WHOLE, 200, "hello", false, "chunks"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", false, WHOLE, 200,
     "0123456789", false, "extensions and trailers are passed over"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", true, NOT_YET, 200, "hel", true, "no last chunk"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelX\r\n", false, BAD, 0, "", false, "a chunk longer than it says"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", false, BAD, 0, "", false, "a size that is none"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", false, BAD, 0, "", false, "no size"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", false, BAD, 0, "", false, "a size past all bounds"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, BAD, 0, "", false, "a coding that nobody asked for"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false, BAD, 0, "", false, "two ends of one body"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false, BAD, 0, "", false, "two lengths"},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, BAD, 0, "", false, "a length that is none"},
    {"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", false, BAD, 0, "", false, "nor is nothing"},
    {"HTTP/1.0 200 OK\r\n\r\nhello", true, WHOLE, 200, "hello", true, "until the end, as of old"},
    {"HTTP/1.0 200 OK\r\n\r\nhello", false, NOT_YET, 200, "hello", true, "which has not come"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, WHOLE, 200, "ok", true, "the last answer of this connection"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, WHOLE, 200, "ok", false, "an answer before the answer"},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, WHOLE, 200, "ok", false, "bare line ends"},
    {"HTTP/2 200\r\n\r\n", false, BAD, 0, "", false, "another protocol"},
    {"HTTP/1.1 20x OK\r\n\r\n", false, BAD, 0, "", false, "a status that is none"},
    {"HTTP/1.1 2", true, NOT_YET, 0, "", true, "the beginning of one"},
    {"HTTP/1.1 600 Odd\r\n\r\n", false, BAD, 0, "", false, "no class of statuses"},
    {"\x16\x03\x01\x02\r\n", false, BAD, 0, "", false, "TLS where none was expected"},
    {"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", false, BAD, 0, "", false, "a line that is no field"},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, BAD, 0, "", false, "a folded field"},
    {"", true, NOT_YET, 0, "", true, "nothing at all"},
};

static void answers_end_where_they_say(void)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (size_t step = 1; step < 100; step = step * 3) { /* in pieces of any size */
            size_t size = strlen(answers[i].text);
            struct read r = read_all(answers[i].text, size, step, answers[i].ends);
            CHECK(r.outcome == answers[i].outcome, "row %zu by %zu: %s: outcome %d", i, step, answers[i].why, (int)r.outcome);
            if (r.outcome == WHOLE || r.outcome == NOT_YET) {
                CHECK(r.size == strlen(answers[i].body) && memcmp(r.body, answers[i].body, r.size) == 0, "row %zu by %zu: %s: body %.*s", i,
                      step, answers[i].why, (int)r.size, r.body);
                CHECK(r.closes == answers[i].closes && r.status == answers[i].status, "row %zu by %zu: %s: closes %d, status %d", i, step,
                      answers[i].why, r.closes, r.status);
                CHECK(r.outcome != WHOLE || r.taken == size, "row %zu: all of it is its own", i);
            }
        }
    }
}

/* A zero within a line; one answer ends before the next begins. */
static void what_follows_is_not_taken(void)
{
    static const char nul[] = "HTTP/1.1 200 OK\r\nA: \0b\r\n\r\n";
    static const char two[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n";

    CHECK(read_all(nul, sizeof nul - 1, 100, false).outcome == BAD, "text has no zeros");
    struct read r = read_all(two, sizeof two - 1, 100, false);
    CHECK(r.outcome == WHOLE && r.taken == (size_t)(strstr(two, "okHTTP") - two) + 2, "%zu bytes are the answer", r.taken);
}

/* RAFT_ENGINE_HTTP_LINE_MAX, RAFT_ENGINE_HTTP_HEAD_MAX: at each, and one past it. */
static void heads_are_bounded(void)
{
    static char text[2 * RAFT_ENGINE_HTTP_HEAD_MAX];
    const char *first = "HTTP/1.1 200 OK\r\n";

    for (size_t more = 0; more < 2; more++) { /* a line with its end, and a place for the terminator */
        size_t len = (size_t)snprintf(text, sizeof text, "%sA: ", first), line = RAFT_ENGINE_HTTP_LINE_MAX - 1 + more;
        memset(text + len, 'x', line - 5);
        memcpy(text + len + line - 5, "\r\n", 3);
        struct read r = read_all(text, strlen(text), 1000, false);
        CHECK(r.outcome == (more == 0 ? NOT_YET : TOO_LONG), "a line of %zu bytes: %d", line, (int)r.outcome);
    }
    for (size_t more = 0; more < 2; more++) {
        size_t len = (size_t)snprintf(text, sizeof text, "%s", first), whole = RAFT_ENGINE_HTTP_HEAD_MAX + more;
        while (whole - len > 1004) {
            len += (size_t)snprintf(text + len, sizeof text - len, "A: %0995d\r\n", 1);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "B:%0*d\r\n", (int)(whole - len - 6), 1);
        len += (size_t)snprintf(text + len, sizeof text - len, "\r\n");
        REQUIRE(len == whole, "a head of %zu bytes, not %zu", whole, len);
        struct read r = read_all(text, len, 1000, false);
        CHECK(r.outcome == (more == 0 ? NOT_YET : TOO_LONG), "a head of %zu bytes: %d", whole, (int)r.outcome);
    }
}

static void a_request_is_written(void)
{
    char out[RAFT_ENGINE_HTTP_REQUEST_ROOM];
    size_t size = raft_engine_http_request(out, "10.0.0.1:2379", "/v3/kv/put", 17, 250);

    out[size] = '\0';
    CHECK(strcmp(out, "POST /v3/kv/put HTTP/1.1\r\nHost: 10.0.0.1:2379\r\nContent-Type: application/json\r\nGrpc-Timeout: 250m\r\n"
                      "Content-Length: 17\r\n\r\n") == 0, "%s", out);
    size = raft_engine_http_request(out, "[::1]:1", "/v3/watch", 2, 0);
    out[size] = '\0';
    CHECK(strstr(out, "Timeout") == NULL, "no time was said");
    size = raft_engine_http_request(out, "h", "/", 2, UINT32_MAX);
    out[size] = '\0';
    CHECK(strstr(out, "Grpc-Timeout: 99999999m\r\n") != NULL, "gRPC has eight digits for it");
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

static void numbers_are_read_as_they_are_written(void)
{
    static const struct {
        const char *json;
        uint64_t value;
        const char *why;
    } rows[] = {
        {"{\"n\":\"7\"}", 7, "as text"}, {"{\"n\":7}", 7, "as a number"}, {"{}", 0, "left out"}, {"{\"n\":null}", 0, "nothing"},
        {"{\"n\":\"18446744073709551615\"}", UINT64_MAX, "the largest"}, {"{\"n\":\"18446744073709551616\"}", 0, "one past it"},
        {"{\"n\":\"-1\"}", 0, "negative text"}, {"{\"n\":-1}", 0, "a negative number"}, {"{\"n\":\"7x\"}", 0, "not all of it"},
        {"{\"n\":true}", 0, "another type"}, {"[7]", 0, "no object"}, {"{\"n\":\"\"}", 0, "empty"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *object = json_loads(rows[i].json, 0, NULL);
        uint64_t value = raft_engine_json_number(object, "n");
        CHECK(value == rows[i].value, "row %zu: %s: %llu", i, rows[i].why, (unsigned long long)value);
        json_decref(object);
    }
    CHECK(raft_engine_json_number(NULL, "n") == 0 && raft_engine_json_string(NULL, "n")[0] == '\0', "nothing has nothing");
}

static void bytes_go_there_and_back(void)
{
    uint8_t bytes[300];
    struct arena a;

    arena_init(&a, 1 << 20);
    for (size_t size = 0; size < sizeof bytes; size++) {
        struct raft_engine_json j = {0};
        json_t *object = raft_engine_json_object(&j);
        uint8_t *back = NULL;
        size_t back_size = 9999;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i * 7 + size);
        }
        raft_engine_json_bytes(&j, object, "b", bytes, size);
        enum err e = raft_engine_json_take(object, "b", &a, &back, &back_size);
        CHECK(e == ERR_OK && !j.is_short && back_size == size && memcmp(back, bytes, size) == 0, "%zu bytes: %s", size, err_name(e));
        json_decref(object);
        arena_reset(&a);
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const bad[] = {"{\"b\":\"a===\"}", "{\"b\":\"a b=\"}", "{\"b\":7}", "{\"b\":\"abc\"}"};
        json_t *object = json_loads(bad[i], 0, NULL);
        uint8_t *back = NULL;
        size_t back_size = 0;
        CHECK(raft_engine_json_take(object, "b", &a, &back, &back_size) == ERR_MALFORMED && back == NULL, "%s is no base64", bad[i]);
        json_decref(object);
    }
    arena_fini(&a);
}

/* ---- the configuration ---------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *words; /* of the refusal; NULL: it is taken */
    uint32_t endpoints;
    const char *why;
} configs[] = {
    {"", NULL, 0, "nothing: embedded"},
    {"engine: embedded\n", NULL, 0, "as if nothing was said"},
    {"engine: consul\n", "embedded or etcd", 0, "another engine"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379]\n", NULL, 1, "one endpoint"},
    {"engine: etcd\nendpoints: ['http://[fd00::1]:2379', http://10.0.0.2:1]\nname: kv\n", NULL, 2, "two, and a name"},
    {"engine: etcd\n", "where etcd is", 0, "none"},
    {"engine: etcd\nendpoints: []\n", "where etcd is", 0, "an empty list of them"},
    {"engine: etcd\nendpoints: [http://etcd.example:2379]\n", "an address in numbers", 0, "names are not looked up"},
    {"engine: etcd\nendpoints: ['10.0.0.1:2379']\n", "an address in numbers", 0, "no scheme"},
    {"engine: etcd\nendpoints: [http://10.0.0.1]\n", "an address in numbers", 0, "no port"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379/v3]\n", "an address in numbers", 0, "a path"},
    {"engine: etcd\nendpoints: [https://10.0.0.1:2379]\n", "authority", 0, "TLS without an authority"},
    {"engine: etcd\nendpoints: [https://10.0.0.1:2379]\nca: /e/ca.pem\nhost: etcd.example\n", NULL, 1, "with one"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379]\nkey: /e/k.pem\n", "both, or neither", 0, "a key alone"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379]\ncertificate: /e/c.pem\n", "both, or neither", 0, "a certificate alone"},
    {"engine: etcd\nendpoints: [https://10.0.0.1:2379]\nca: ca.pem\n", "the path of a file", 0, "a path that depends on where one stands"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379]\ntail: 5\n", "nothing beside", 0, "what the other engine has"},
    {"engine: etcd\nendpoints: [http://10.0.0.1:2379]\npeers: [raft.0]\n", "nothing beside", 0, "or its members"},
    {"endpoints: [http://10.0.0.1:2379]\n", "only with engine: etcd", 0, "endpoints without the engine"},
    {"host: etcd.example\n", "only with engine: etcd", 0, "or anything else of it"},
};

static void configurations_say_what_is_wrong(void)
{
    static struct raft_settings s;
    char why[CONF_WHY_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        enum err e = raft_settings_read(configs[i].text, "raft", 0, "db-1", &s, why);
        if (configs[i].words == NULL) {
            CHECK(e == ERR_OK && s.etcd.endpoints == configs[i].endpoints, "row %zu: %s: %s", i, configs[i].why, e == ERR_OK ? "" : why);
        } else {
            CHECK(e == ERR_INVALID && strstr(why, configs[i].words) != NULL, "row %zu: %s: \"%s\"", i, configs[i].why,
                  e == ERR_INVALID ? why : err_name(e));
        }
    }
}

/* RAFT_ENGINE_LINK_ENDPOINTS_MAX: as many are taken, and not one more. */
static void endpoints_are_bounded(void)
{
    static struct raft_settings s;
    char text[4096], why[CONF_WHY_SIZE];

    for (int count = RAFT_ENGINE_LINK_ENDPOINTS_MAX; count <= RAFT_ENGINE_LINK_ENDPOINTS_MAX + 1; count++) {
        size_t len = (size_t)snprintf(text, sizeof text, "engine: etcd\nendpoints:\n");
        for (int i = 0; i < count; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len, "  - http://10.0.0.1:%d\n", 1000 + i);
        }
        enum err e = raft_settings_read(text, "raft", 0, "db-1", &s, why);
        CHECK((e == ERR_OK) == (count == RAFT_ENGINE_LINK_ENDPOINTS_MAX), "%d endpoints: %s", count, err_name(e));
    }
}

int main(void)
{
    answers_end_where_they_say();
    what_follows_is_not_taken();
    heads_are_bounded();
    a_request_is_written();
    numbers_are_read_as_they_are_written();
    bytes_go_there_and_back();
    configurations_say_what_is_wrong();
    endpoints_are_bounded();
    return CHECK_RESULT();
}
