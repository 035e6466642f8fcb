#include "mycel/command.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    W = MYCEL_COMMAND_WRITE,
    R = MYCEL_COMMAND_READONLY,
    M = MYCEL_COMMAND_DENYOOM,
    A = MYCEL_COMMAND_ADMIN,
    P = MYCEL_COMMAND_PUBSUB,
    F = MYCEL_COMMAND_FAST,
    N = MYCEL_COMMAND_NO_AUTH,
    NAME_MAX_SHOWN = 128, /* bytes of a client's words that an error repeats */
};

/* By name. */
static const struct mycel_command commands[] = {
    {"append", 3, W | M | F, 1, 1, 1},
    {"auth", -2, F | N, 0, 0, 0},
    {"client", -2, A, 0, 0, 0},
    {"command", -1, 0, 0, 0, 0},
    {"config", -2, A, 0, 0, 0},
    {"dbsize", 1, R | F, 0, 0, 0},
    {"decr", 2, W | M | F, 1, 1, 1},
    {"decrby", 3, W | M | F, 1, 1, 1},
    {"del", -2, W, 1, -1, 1},
    {"echo", 2, F, 0, 0, 0},
    {"exists", -2, R | F, 1, -1, 1},
    {"expire", -3, W | F, 1, 1, 1},
    {"expireat", -3, W | F, 1, 1, 1},
    {"expiretime", 2, R | F, 1, 1, 1},
    {"flushall", -1, W, 0, 0, 0},
    {"flushdb", -1, W, 0, 0, 0},
    {"geoadd", -5, W | M, 1, 1, 1},
    {"geodist", -4, R, 1, 1, 1},
    {"geopos", -2, R, 1, 1, 1},
    {"geosearch", -7, R, 1, 1, 1},
    {"get", 2, R | F, 1, 1, 1},
    {"getdel", 2, W | F, 1, 1, 1},
    {"getex", -2, W | F, 1, 1, 1},
    {"getset", 3, W | M | F, 1, 1, 1},
    {"hello", -1, F | N, 0, 0, 0},
    {"incr", 2, W | M | F, 1, 1, 1},
    {"incrby", 3, W | M | F, 1, 1, 1},
    {"info", -1, 0, 0, 0, 0},
    {"mget", -2, R | F, 1, -1, 1},
    {"mset", -3, W | M, 1, -1, 2},
    {"msetnx", -3, W | M, 1, -1, 2},
    {"persist", 2, W | F, 1, 1, 1},
    {"pexpire", -3, W | F, 1, 1, 1},
    {"pexpireat", -3, W | F, 1, 1, 1},
    {"pexpiretime", 2, R | F, 1, 1, 1},
    {"ping", -1, P | F, 0, 0, 0},
    {"psetex", 4, W | M, 1, 1, 1},
    {"psubscribe", -2, P, 0, 0, 0},
    {"pttl", 2, R | F, 1, 1, 1},
    {"publish", 3, P | F, 0, 0, 0},
    {"pubsub", -2, P, 0, 0, 0},
    {"punsubscribe", -1, P, 0, 0, 0},
    {"quit", -1, P | F | N, 0, 0, 0},
    {"reset", 1, P | F | N, 0, 0, 0},
    {"scan", -2, R, 0, 0, 0},
    {"select", 2, F, 0, 0, 0},
    {"set", -3, W | M, 1, 1, 1},
    {"setex", 4, W | M, 1, 1, 1},
    {"setnx", 3, W | M | F, 1, 1, 1},
    {"strlen", 2, R | F, 1, 1, 1},
    {"subscribe", -2, P, 0, 0, 0},
    {"time", 1, F, 0, 0, 0},
    {"touch", -2, R | F, 1, -1, 1},
    {"ttl", 2, R | F, 1, 1, 1},
    {"type", 2, R | F, 1, 1, 1},
    {"unlink", -2, W | F, 1, -1, 1},
    {"unsubscribe", -1, P, 0, 0, 0},
};

static bool is_word(const uint8_t *bytes, struct mycel_resp_arg a, const char *word)
{
    return a.size == strlen(word) && strncasecmp((const char *)bytes + a.at, word, a.size) == 0;
}

const struct mycel_command *mycel_command_find(const uint8_t *name, size_t size)
{
    size_t from = 0, end = ARRAY_LEN(commands);

    while (from < end) {
        size_t middle = from + (end - from) / 2, length = strlen(commands[middle].name);
        int by = strncasecmp((const char *)name, commands[middle].name, size < length ? size : length);
        by = by != 0 ? by : size < length ? -1 : size > length;
        if (by == 0) {
            return &commands[middle];
        }
        *(by < 0 ? &end : &from) = by < 0 ? middle : middle + 1;
    }
    return NULL;
}

bool mycel_command_takes(const struct mycel_command *c, uint32_t count)
{
    return c->arity < 0 ? count >= (uint32_t)-c->arity : count == (uint32_t)c->arity;
}

const struct mycel_command *mycel_command_at(uint32_t n)
{
    return n < ARRAY_LEN(commands) ? &commands[n] : NULL;
}

void mycel_command_write(const struct mycel_command *c, struct mycel_resp_write *w)
{
    static const char *const names[] = {"write", "readonly", "denyoom", "admin", "pubsub", "fast", "no_auth"};
    uint32_t flags = 0;

    mycel_resp_write_array(w, 10);
    mycel_resp_write_text(w, c->name);
    mycel_resp_write_integer(w, c->arity);
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
        flags += (c->flags >> i) & 1;
    }
    mycel_resp_write_set(w, flags);
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
        if (((c->flags >> i) & 1) != 0) {
            mycel_resp_write_simple(w, names[i]);
        }
    }
    mycel_resp_write_integer(w, c->first);
    mycel_resp_write_integer(w, c->last);
    mycel_resp_write_integer(w, c->step);
    for (uint32_t i = 0; i < 4; i++) { /* categories, tips, keys, subcommands */
        (i == 0 ? mycel_resp_write_set : mycel_resp_write_array)(w, 0);
    }
}

/* A client's word inside an error: what could break the line is left to mycel_resp_write_error and to this cut. */
static void add_word(struct bytes_text *t, const uint8_t *bytes, struct mycel_resp_arg a, size_t most)
{
    bytes_text_add_printable(t, (const char *)bytes + a.at, a.size < most ? a.size : (uint32_t)most);
}

void mycel_command_unknown(struct mycel_resp_write *w, const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count)
{
    char text[1024];
    struct bytes_text t;

    bytes_text_init(&t, text, sizeof text);
    bytes_text_add(&t, "ERR unknown command '");
    add_word(&t, bytes, arg[0], NAME_MAX_SHOWN);
    bytes_text_add(&t, "', with args beginning with: ");
    size_t before = t.len;
    for (uint32_t i = 1; i < count && t.len - before < NAME_MAX_SHOWN; i++) {
        bytes_text_add(&t, "'");
        add_word(&t, bytes, arg[i], NAME_MAX_SHOWN - (t.len - before - 1));
        bytes_text_add(&t, "' ");
    }
    mycel_resp_write_error(w, text);
}

void mycel_command_miscounted(struct mycel_resp_write *w, const struct mycel_command *c)
{
    char text[128];

    snprintf(text, sizeof text, "ERR wrong number of arguments for '%s' command", c->name);
    mycel_resp_write_error(w, text);
}

/* ---- options ---------------------------------------------------------------------------------------- */

static const char NOT_A_NUMBER[] = "ERR value is not an integer or out of range", SYNTAX[] = "ERR syntax error";

static bool is_end(const uint8_t *bytes, struct mycel_resp_arg word)
{
    return is_word(bytes, word, "EX") || is_word(bytes, word, "PX") || is_word(bytes, word, "EXAT") || is_word(bytes, word, "PXAT");
}

/* EX, PX, EXAT or PXAT with its number, which must be above 0; wrong: what is said if it is not. */
static const char *read_end(const uint8_t *bytes, struct mycel_resp_arg word, struct mycel_resp_arg number, const char *wrong, struct mycel_command_set *ret)
{
    bool in_seconds = is_word(bytes, word, "EX") || is_word(bytes, word, "EXAT");
    int64_t value;

    if (!mycel_resp_number(bytes + number.at, number.size, &value)) {
        return NOT_A_NUMBER;
    }
    if (value <= 0 || (in_seconds && value > INT64_MAX / 1000)) {
        return wrong;
    }
    ret->ms = (uint64_t)value * (in_seconds ? 1000 : 1);
    ret->end = is_word(bytes, word, "EX") || is_word(bytes, word, "PX") ? MYCEL_COMMAND_IN_MS : MYCEL_COMMAND_AT_MS;
    return NULL;
}

const char *mycel_command_read_set(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_set *ret)
{
    struct mycel_command_set set = {0};
    uint32_t end_at = 0;

    for (uint32_t i = 3; i < count; i++) {
        bool is_first_end = set.end == MYCEL_COMMAND_NO_END;
        if (is_word(bytes, arg[i], "NX") && !set.xx) {
            set.nx = true;
        } else if (is_word(bytes, arg[i], "XX") && !set.nx) {
            set.xx = true;
        } else if (is_word(bytes, arg[i], "GET")) {
            set.get = true;
        } else if (is_word(bytes, arg[i], "KEEPTTL") && (is_first_end || set.end == MYCEL_COMMAND_KEEP)) {
            set.end = MYCEL_COMMAND_KEEP;
        } else if (is_first_end && i + 1 < count && is_end(bytes, arg[i])) {
            set.end = MYCEL_COMMAND_IN_MS;
            end_at = i++;
        } else {
            return SYNTAX;
        }
    }
    /* The number is looked at when all words are right. */
    const char *error = end_at == 0 ? NULL : read_end(bytes, arg[end_at], arg[end_at + 1], "ERR invalid expire time in 'set' command", &set);
    if (error == NULL) {
        *ret = set;
    }
    return error;
}

const char *mycel_command_read_getex(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_set *ret,
                                     bool *ret_persists)
{
    struct mycel_command_set set = {0};

    if (count == 2) {
        *ret_persists = false;
    } else if (count == 3 && is_word(bytes, arg[2], "PERSIST")) {
        *ret_persists = true;
    } else if (count == 4 && is_end(bytes, arg[2])) {
        const char *error = read_end(bytes, arg[2], arg[3], "ERR invalid expire time in 'getex' command", &set);
        if (error != NULL) {
            return error;
        }
        *ret_persists = false;
    } else {
        return SYNTAX;
    }
    *ret = set;
    return NULL;
}

const char *mycel_command_read_expire(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_expire *ret)
{
    struct mycel_command_expire e = {0};
    bool in_seconds = is_word(bytes, arg[0], "EXPIRE") || is_word(bytes, arg[0], "EXPIREAT");

    for (uint32_t i = 3; i < count; i++) {
        if (is_word(bytes, arg[i], "NX")) {
            e.nx = true;
        } else if (is_word(bytes, arg[i], "XX")) {
            e.xx = true;
        } else if (is_word(bytes, arg[i], "GT")) {
            e.gt = true;
        } else if (is_word(bytes, arg[i], "LT")) {
            e.lt = true;
        } else {
            ret->unsupported = i;
            return "ERR Unsupported option ";
        }
    }
    if (e.nx && (e.xx || e.gt || e.lt)) {
        return "ERR NX and XX, GT or LT options at the same time are not compatible";
    }
    if (e.gt && e.lt) {
        return "ERR GT and LT options at the same time are not compatible";
    }
    if (!mycel_resp_number(bytes + arg[2].at, arg[2].size, &e.ms)) {
        return NOT_A_NUMBER;
    }
    if (in_seconds && (e.ms > INT64_MAX / 1000 || e.ms < INT64_MIN / 1000)) {
        return in_seconds && is_word(bytes, arg[0], "EXPIRE") ? "ERR invalid expire time in 'expire' command" : "ERR invalid expire time in 'expireat' command";
    }
    e.ms *= in_seconds ? 1000 : 1;
    e.end = is_word(bytes, arg[0], "EXPIRE") || is_word(bytes, arg[0], "PEXPIRE") ? MYCEL_COMMAND_IN_MS : MYCEL_COMMAND_AT_MS;
    *ret = e;
    return NULL;
}
