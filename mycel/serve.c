#include "mycel/serve.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "mycel/serve_inside.h"

const char mycel_serve_not_a_number[] = "ERR value is not an integer or out of range", mycel_serve_syntax[] = "ERR syntax error";

bool mycel_serve_is(const struct mycel_serve_turn *t, uint32_t n, const char *word)
{
    return t->arg[n].size == strlen(word) && strncasecmp((const char *)t->bytes + t->arg[n].at, word, t->arg[n].size) == 0;
}

bool mycel_serve_number(struct mycel_serve_turn *t, uint32_t n, int64_t *ret)
{
    if (!mycel_resp_number(t->bytes + t->arg[n].at, t->arg[n].size, ret)) {
        mycel_resp_write_error(t->w, mycel_serve_not_a_number);
        return false;
    }
    return true;
}

/* An error with a client's word in it. */
void mycel_serve_refuse(struct mycel_serve_turn *t, const char *before, uint32_t n, const char *behind)
{
    char text[256];
    struct bytes_text b;

    bytes_text_init(&b, text, sizeof text);
    bytes_text_add(&b, before);
    bytes_text_add_printable(&b, (const char *)t->bytes + t->arg[n].at, t->arg[n].size < 128 ? t->arg[n].size : 128);
    bytes_text_add(&b, behind);
    mycel_resp_write_error(t->w, text);
}

/* ---- of the connection ------------------------------------------------------------------------------ */

static void answer_ping(struct mycel_serve_turn *t)
{
    if (t->count > 2) {
        mycel_command_miscounted(t->w, mycel_command_find((const uint8_t *)"ping", 4));
    } else if (t->count == 2) {
        mycel_resp_write_bulk(t->w, t->bytes + t->arg[1].at, t->arg[1].size);
    } else {
        mycel_resp_write_simple(t->w, "PONG");
    }
}

static void answer_echo(struct mycel_serve_turn *t)
{
    mycel_resp_write_bulk(t->w, t->bytes + t->arg[1].at, t->arg[1].size);
}

static void answer_quit(struct mycel_serve_turn *t)
{
    t->client->is_leaving = true;
    mycel_resp_write_simple(t->w, "OK");
}

static void answer_reset(struct mycel_serve_turn *t)
{
    t->client->protocol = t->w->protocol = 2;
    t->client->name_size = 0;
    t->client->is_known = false;
    mycel_resp_write_simple(t->w, "RESET");
}

static void answer_select(struct mycel_serve_turn *t)
{
    int64_t db;

    if (!mycel_serve_number(t, 1, &db)) {
        return;
    }
    if (db != 0) {
        mycel_resp_write_error(t->w, "ERR DB index is out of range");
    } else {
        mycel_resp_write_simple(t->w, "OK");
    }
}

static void answer_time(struct mycel_serve_turn *t)
{
    char text[32];

    mycel_resp_write_array(t->w, 2);
    snprintf(text, sizeof text, "%" PRIu64, t->wall_ms / 1000);
    mycel_resp_write_text(t->w, text);
    snprintf(text, sizeof text, "%" PRIu64, t->wall_ms % 1000 * 1000);
    mycel_resp_write_text(t->w, text);
}

/* The password, in time that does not tell how much of it was right. */
static bool is_right(const struct mycel_serve_turn *t, const char *user, uint32_t user_at, uint32_t at)
{
    size_t size = strlen(t->s->password);
    bool is_user = user_at == 0 || mycel_serve_is(t, user_at, user);
    uint8_t differs = t->arg[at].size != size || !is_user;

    for (uint32_t i = 0; i < t->arg[at].size; i++) {
        differs |= (uint8_t)(t->bytes[t->arg[at].at + i] ^ (size == 0 ? 1 : (uint8_t)t->s->password[i % size]));
    }
    return differs == 0;
}

static const char WRONG_PASSWORD[] = "WRONGPASS invalid username-password pair or user is disabled.";

static void answer_auth(struct mycel_serve_turn *t)
{
    if (t->count > 3) {
        mycel_resp_write_error(t->w, mycel_serve_syntax);
    } else if (t->s->password == NULL && t->count == 2) {
        mycel_resp_write_error(t->w, "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?");
    } else if (t->s->password != NULL ? is_right(t, "default", t->count == 3 ? 1 : 0, t->count - 1) : mycel_serve_is(t, 1, "default")) {
        t->client->is_known = true;
        mycel_resp_write_simple(t->w, "OK");
    } else {
        mycel_resp_write_error(t->w, WRONG_PASSWORD);
    }
}

static bool take_name(struct mycel_serve_turn *t, uint32_t n)
{
    const uint8_t *name = t->bytes + t->arg[n].at;

    for (uint32_t i = 0; i < t->arg[n].size; i++) {
        if (name[i] < '!' || name[i] > '~') {
            mycel_resp_write_error(t->w, "ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    if (t->arg[n].size > MYCEL_SERVE_NAME_MAX) {
        mycel_resp_write_error(t->w, "ERR Client names cannot be longer than 64 bytes.");
        return false;
    }
    t->client->name_size = (uint8_t)t->arg[n].size;
    memcpy(t->client->name, name, t->arg[n].size);
    return true;
}

/* The options of HELLO; false: an error was said. */
static bool read_hello(struct mycel_serve_turn *t, uint32_t *ret_name)
{
    for (uint32_t i = 2; i < t->count; i++) {
        if (mycel_serve_is(t, i, "AUTH") && i + 2 < t->count) {
            bool is_welcome = t->s->password != NULL ? is_right(t, "default", i + 1, i + 2) : mycel_serve_is(t, i + 1, "default");
            if (!is_welcome) {
                mycel_resp_write_error(t->w, WRONG_PASSWORD);
                return false;
            }
            t->client->is_known = true;
            i += 2;
        } else if (mycel_serve_is(t, i, "SETNAME") && i + 1 < t->count) {
            *ret_name = ++i;
        } else {
            mycel_serve_refuse(t, "ERR Syntax error in HELLO option '", i, "'");
            return false;
        }
    }
    return true;
}

static void answer_hello(struct mycel_serve_turn *t)
{
    int64_t protocol = t->client->protocol;
    uint32_t name = 0;

    if (t->count > 1 && !mycel_resp_number(t->bytes + t->arg[1].at, t->arg[1].size, &protocol)) {
        mycel_resp_write_error(t->w, "ERR Protocol version is not an integer or out of range");
        return;
    }
    if (protocol != 2 && protocol != 3) {
        mycel_resp_write_error(t->w, "NOPROTO unsupported protocol version");
        return;
    }
    if (!read_hello(t, &name)) {
        return;
    }
    if (t->s->password != NULL && !t->client->is_known) {
        mycel_resp_write_error(t->w, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be "
                                     "used to authenticate the client and select the RESP protocol version at the same time");
        return;
    }
    if (name != 0 && !take_name(t, name)) {
        return;
    }
    t->client->protocol = t->w->protocol = (uint8_t)protocol;
    mycel_resp_write_map(t->w, 7);
    mycel_resp_write_text(t->w, "server");
    mycel_resp_write_text(t->w, "redis");
    mycel_resp_write_text(t->w, "version");
    mycel_resp_write_text(t->w, t->s->version);
    mycel_resp_write_text(t->w, "proto");
    mycel_resp_write_integer(t->w, protocol);
    mycel_resp_write_text(t->w, "id");
    mycel_resp_write_integer(t->w, (int64_t)t->client->id);
    mycel_resp_write_text(t->w, "mode");
    mycel_resp_write_text(t->w, "standalone");
    mycel_resp_write_text(t->w, "role");
    mycel_resp_write_text(t->w, "master");
    mycel_resp_write_text(t->w, "modules");
    mycel_resp_write_array(t->w, 0);
}

static void answer_client(struct mycel_serve_turn *t)
{
    if (mycel_serve_is(t, 1, "ID") && t->count == 2) {
        mycel_resp_write_integer(t->w, (int64_t)t->client->id);
    } else if (mycel_serve_is(t, 1, "GETNAME") && t->count == 2) {
        if (t->client->name_size == 0) {
            mycel_resp_write_null(t->w);
        } else {
            mycel_resp_write_bulk(t->w, t->client->name, t->client->name_size);
        }
    } else if (mycel_serve_is(t, 1, "SETNAME") && t->count == 3) {
        if (take_name(t, 2)) {
            mycel_resp_write_simple(t->w, "OK");
        }
    } else if ((mycel_serve_is(t, 1, "SETINFO") && t->count == 4) || ((mycel_serve_is(t, 1, "NO-EVICT") || mycel_serve_is(t, 1, "NO-TOUCH")) && t->count == 3)) {
        mycel_resp_write_simple(t->w, "OK"); /* of redis 7.2: libraries say who they are */
    } else if ((mycel_serve_is(t, 1, "INFO") || mycel_serve_is(t, 1, "LIST")) && t->count == 2) {
        char text[256];
        snprintf(text, sizeof text, "id=%" PRIu64 " name=%.*s db=0 resp=%d\n", t->client->id, t->client->name_size, t->client->name, t->client->protocol);
        mycel_resp_write_text(t->w, text);
    } else {
        mycel_serve_refuse(t, "ERR unknown subcommand or wrong number of arguments for '", 1, "'. Try CLIENT HELP.");
    }
}

/* ---- of the server ---------------------------------------------------------------------------------- */

static void answer_config(struct mycel_serve_turn *t)
{
    uint32_t found = 0;

    if (!mycel_serve_is(t, 1, "GET") || t->count < 3) {
        mycel_serve_refuse(t, "ERR unknown subcommand or wrong number of arguments for '", 1, "'. Try CONFIG HELP.");
        return;
    }
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < t->s->settings; i++) {
            const struct mycel_serve_setting *g = &t->s->setting[i];
            bool is_asked = false;
            for (uint32_t n = 2; n < t->count && !is_asked; n++) {
                is_asked = mycel_serve_matches(t->bytes + t->arg[n].at, t->arg[n].size, (const uint8_t *)g->name, strlen(g->name));
            }
            found += is_asked && pass == 0;
            if (is_asked && pass == 1) {
                mycel_resp_write_text(t->w, g->name);
                mycel_resp_write_text(t->w, g->value);
            }
        }
        if (pass == 0) {
            mycel_resp_write_map(t->w, found);
        }
    }
}

static void answer_info(struct mycel_serve_turn *t)
{
    struct mycel_store_counts c = {0};
    char text[1024];

    (void)!mycel_store_counts_of(t->s->store, t->s->bucket, &c); /* nothing is counted of a bucket that is not there */
    snprintf(text, sizeof text,
             "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nuptime_in_seconds:%" PRIu64 "\r\n\r\n# Memory\r\nused_memory:%" PRIu64
             "\r\n\r\n# Stats\r\ntotal_commands_processed:%" PRIu64 "\r\nexpired_keys:%" PRIu64 "\r\nevicted_keys:%" PRIu64 "\r\nkeyspace_hits:%" PRIu64
             "\r\nkeyspace_misses:%" PRIu64 "\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n# Keyspace\r\ndb0:keys=%" PRIu32 "\r\n",
             t->s->version, (t->now_ms - t->s->began_ms) / 1000, c.bytes, t->s->commands, c.expirations, c.evictions, c.hits, c.misses, c.entries);
    mycel_resp_write_text(t->w, text);
}

static void answer_command(struct mycel_serve_turn *t)
{
    uint32_t all = 0;

    while (mycel_command_at(all) != NULL) {
        all++;
    }
    if (t->count == 1) {
        mycel_resp_write_array(t->w, all);
        for (uint32_t i = 0; i < all; i++) {
            mycel_command_write(mycel_command_at(i), t->w);
        }
    } else if (mycel_serve_is(t, 1, "COUNT") && t->count == 2) {
        mycel_resp_write_integer(t->w, all);
    } else if (mycel_serve_is(t, 1, "INFO")) {
        mycel_resp_write_array(t->w, t->count - 2);
        for (uint32_t i = 2; i < t->count; i++) {
            const struct mycel_command *c = mycel_command_find(t->bytes + t->arg[i].at, t->arg[i].size);
            if (c == NULL) {
                mycel_resp_write_null_array(t->w);
            } else {
                mycel_command_write(c, t->w);
            }
        }
    } else if (mycel_serve_is(t, 1, "DOCS")) {
        mycel_resp_write_map(t->w, 0); /* none: redis-cli has its own */
    } else {
        mycel_serve_refuse(t, "ERR unknown subcommand or wrong number of arguments for '", 1, "'. Try COMMAND HELP.");
    }
}

/* ---- all of them ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    mycel_serve_answer *answer;
} answers[] = {
    {"append", mycel_serve_append},     {"auth", answer_auth},              {"client", answer_client},          {"command", answer_command},
    {"config", answer_config},          {"dbsize", mycel_serve_dbsize},     {"decr", mycel_serve_decr},         {"decrby", mycel_serve_decrby},
    {"del", mycel_serve_del},           {"echo", answer_echo},              {"exists", mycel_serve_exists},     {"expire", mycel_serve_expire},
    {"expireat", mycel_serve_expire},   {"expiretime", mycel_serve_ttl},    {"flushall", mycel_serve_flush},    {"flushdb", mycel_serve_flush},
    {"get", mycel_serve_get},           {"getdel", mycel_serve_getdel},     {"getex", mycel_serve_getex},       {"getset", mycel_serve_getset},
    {"hello", answer_hello},            {"incr", mycel_serve_incr},         {"incrby", mycel_serve_incrby},     {"info", answer_info},
    {"mget", mycel_serve_mget},         {"mset", mycel_serve_mset},         {"msetnx", mycel_serve_msetnx},     {"persist", mycel_serve_persist},
    {"pexpire", mycel_serve_expire},    {"pexpireat", mycel_serve_expire},  {"pexpiretime", mycel_serve_ttl},   {"ping", answer_ping},
    {"psetex", mycel_serve_setex},      {"pttl", mycel_serve_ttl},          {"quit", answer_quit},              {"reset", answer_reset},
    {"scan", mycel_serve_scan},         {"select", answer_select},          {"set", mycel_serve_set},           {"setex", mycel_serve_setex},
    {"setnx", mycel_serve_setnx},       {"strlen", mycel_serve_strlen},     {"time", answer_time},              {"touch", mycel_serve_exists},
    {"ttl", mycel_serve_ttl},           {"type", mycel_serve_type},         {"unlink", mycel_serve_del},
};

static mycel_serve_answer *answer_of(const struct mycel_command *c)
{
    size_t from = 0, end = ARRAY_LEN(answers);

    while (from < end) {
        size_t middle = from + (end - from) / 2;
        int by = strcmp(c->name, answers[middle].name);
        if (by == 0) {
            return answers[middle].answer;
        }
        *(by < 0 ? &end : &from) = by < 0 ? middle : middle + 1;
    }
    return NULL;
}

bool mycel_serve_knows(const struct mycel_command *c)
{
    return answer_of(c) != NULL;
}

void mycel_serve_command(struct mycel_serve *s, struct mycel_serve_client *client, const uint8_t *bytes, const struct mycel_resp_arg *arg,
                         uint32_t count, uint64_t wall_ms, uint64_t now_ms, struct mycel_resp_write *w)
{
    struct mycel_serve_turn t = {.s = s, .client = client, .bytes = bytes, .arg = arg, .count = count, .wall_ms = wall_ms, .now_ms = now_ms, .w = w};

    assert(count > 0 && client->protocol >= 2 && client->protocol <= 3);
    const struct mycel_command *c = mycel_command_find(bytes + arg[0].at, arg[0].size);
    mycel_serve_answer *answer = c == NULL ? NULL : answer_of(c);
    w->protocol = client->protocol;
    s->commands++;
    if (answer == NULL) {
        mycel_command_unknown(w, bytes, arg, count);
    } else if (!mycel_command_takes(c, count)) {
        mycel_command_miscounted(w, c);
    } else if (s->password != NULL && !client->is_known && (c->flags & MYCEL_COMMAND_NO_AUTH) == 0) {
        mycel_resp_write_error(w, "NOAUTH Authentication required.");
    } else {
        answer(&t);
    }
}

/* ---- patterns --------------------------------------------------------------------------------------- */

/* One thing of a pattern against one byte; *ret_next: behind it. */
static bool matches_one(const uint8_t *p, size_t size, uint8_t byte, size_t *ret_next)
{
    size_t at = 1;

    if (p[0] == '\\' && size > 1) {
        *ret_next = 2;
        return p[1] == byte;
    }
    if (p[0] != '[') {
        *ret_next = 1;
        return p[0] == '?' || p[0] == byte;
    }
    bool is_not = at < size && p[at] == '^', is_in = false;
    at += is_not;
    while (at < size && p[at] != ']') {
        if (p[at] == '\\' && at + 1 < size) {
            at++;
            is_in |= p[at] == byte;
        } else if (at + 2 < size && p[at + 1] == '-') {
            uint8_t low = p[at] < p[at + 2] ? p[at] : p[at + 2], high = p[at] < p[at + 2] ? p[at + 2] : p[at];
            is_in |= byte >= low && byte <= high;
            at += 2;
        } else {
            is_in |= p[at] == byte;
        }
        at++;
    }
    *ret_next = at < size ? at + 1 : size; /* a class without an end ends with the pattern */
    return is_in != is_not;
}

bool mycel_serve_matches(const uint8_t *p, size_t pattern_size, const uint8_t *text, size_t size)
{
    size_t at = 0, i = 0, star = SIZE_MAX, star_i = 0, next;

    while (i < size) {
        if (at < pattern_size && p[at] == '*') {
            star = ++at;
            star_i = i;
        } else if (at < pattern_size && matches_one(p + at, pattern_size - at, text[i], &next)) {
            at += next;
            i++;
        } else if (star != SIZE_MAX) { /* the last star takes one more */
            at = star;
            i = ++star_i;
        } else {
            return false;
        }
    }
    while (at < pattern_size && p[at] == '*') {
        at++;
    }
    return at == pattern_size;
}
