#include <stdio.h>
#include <string.h>

#include "mycel/serve_inside.h"

static const char TOO_LONG[] = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
static const char NO_ROOM[] = "OOM command not allowed when used memory > 'maxmemory'.";

struct mycel_store_key mycel_serve_key(const struct mycel_serve_turn *t, uint32_t n)
{
    return (struct mycel_store_key){.bucket = t->s->bucket, .bytes = t->bytes + t->arg[n].at, .size = t->arg[n].size};
}

bool mycel_serve_find(struct mycel_serve_turn *t, uint32_t n, struct mycel_store_view *ret)
{
    struct mycel_store_key key = mycel_serve_key(t, n);

    return mycel_store_get(t->s->store, &key, t->now_ms, ret) == ERR_OK;
}

static void say_value(struct mycel_serve_turn *t, bool is_there, const struct mycel_store_view *v)
{
    if (is_there) {
        mycel_resp_write_bulk(t->w, v->value, v->value_size);
    } else {
        mycel_resp_write_null(t->w);
    }
}

/* left_ms: 0: its life is over before it began. NULL: it was put; else what is to be said. */
static const char *put(struct mycel_serve_turn *t, uint32_t n, const void *bytes, size_t size, uint64_t left_ms)
{
    struct mycel_store_key key = mycel_serve_key(t, n);
    struct mycel_store_value value = {.bytes = bytes, .size = (uint32_t)size, .ttl_ms = left_ms};

    if (key.size > MYCEL_STORE_KEY_MAX || size > MYCEL_STORE_VALUE_MAX) {
        return TOO_LONG;
    }
    if (left_ms == 0) {
        (void)!mycel_store_delete(t->s->store, &key, t->now_ms); /* or nothing was there */
        return NULL;
    }
    enum err e = mycel_store_put(t->s->store, &key, &value, t->now_ms);
    return e == ERR_OK ? NULL : NO_ROOM;
}

/* An answer that was said already is taken back if there is no room. */
static void put_or_say(struct mycel_serve_turn *t, uint32_t n, const void *bytes, size_t size, uint64_t left_ms, size_t said)
{
    const char *error = put(t, n, bytes, size, left_ms);

    if (error != NULL) {
        t->w->len = said;
        mycel_resp_write_error(t->w, error);
    }
}

bool mycel_serve_left(const struct mycel_serve_turn *t, enum mycel_command_end end, int64_t ms, uint64_t *ret_left)
{
    if (end == MYCEL_COMMAND_IN_MS && ms > INT64_MAX - (int64_t)t->wall_ms) {
        return false;
    }
    int64_t at = end == MYCEL_COMMAND_IN_MS ? ms + (int64_t)t->wall_ms : ms;
    *ret_left = at > (int64_t)t->wall_ms ? (uint64_t)at - t->wall_ms : 0;
    return true;
}

/* ---- one --------------------------------------------------------------------------------------------- */

void mycel_serve_get(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;

    say_value(t, mycel_serve_find(t, 1, &v), &v);
}

void mycel_serve_set(struct mycel_serve_turn *t)
{
    struct mycel_command_set o;
    struct mycel_store_view v;
    uint64_t left = MYCEL_STORE_FOR_EVER;
    size_t before = t->w->len;
    const char *error = mycel_command_read_set(t->bytes, t->arg, t->count, &o);

    if (error == NULL && (o.end == MYCEL_COMMAND_IN_MS || o.end == MYCEL_COMMAND_AT_MS) && !mycel_serve_left(t, o.end, (int64_t)o.ms, &left)) {
        error = "ERR invalid expire time in 'set' command";
    }
    if (error != NULL) {
        mycel_resp_write_error(t->w, error);
        return;
    }
    bool is_there = mycel_serve_find(t, 1, &v), is_set = !(o.nx && is_there) && !(o.xx && !is_there);
    if (o.get) {
        say_value(t, is_there, &v);
    } else if (is_set) {
        mycel_resp_write_simple(t->w, "OK");
    } else {
        mycel_resp_write_null(t->w);
    }
    if (is_set) {
        left = o.end == MYCEL_COMMAND_KEEP && is_there ? v.left_ms : left;
        put_or_say(t, 1, t->bytes + t->arg[2].at, t->arg[2].size, left, before);
    }
}

void mycel_serve_setnx(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    bool is_there = mycel_serve_find(t, 1, &v);
    size_t before = t->w->len;

    mycel_resp_write_integer(t->w, !is_there);
    if (!is_there) {
        put_or_say(t, 1, t->bytes + t->arg[2].at, t->arg[2].size, MYCEL_STORE_FOR_EVER, before);
    }
}

void mycel_serve_setex(struct mycel_serve_turn *t)
{
    bool is_seconds = mycel_serve_is(t, 0, "SETEX");
    uint64_t left;
    int64_t ms;
    size_t before = t->w->len;

    if (!mycel_serve_number(t, 2, &ms)) {
        return;
    }
    if (ms <= 0 || (is_seconds && ms > INT64_MAX / 1000) || !mycel_serve_left(t, MYCEL_COMMAND_IN_MS, ms * (is_seconds ? 1000 : 1), &left)) {
        mycel_resp_write_error(t->w, is_seconds ? "ERR invalid expire time in 'setex' command" : "ERR invalid expire time in 'psetex' command");
        return;
    }
    mycel_resp_write_simple(t->w, "OK");
    put_or_say(t, 1, t->bytes + t->arg[3].at, t->arg[3].size, left, before);
}

void mycel_serve_getset(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    size_t before = t->w->len;

    say_value(t, mycel_serve_find(t, 1, &v), &v);
    put_or_say(t, 1, t->bytes + t->arg[2].at, t->arg[2].size, MYCEL_STORE_FOR_EVER, before);
}

void mycel_serve_getdel(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    struct mycel_store_key key = mycel_serve_key(t, 1);
    bool is_there = mycel_serve_find(t, 1, &v);

    say_value(t, is_there, &v);
    (void)!mycel_store_delete(t->s->store, &key, t->now_ms); /* or nothing was there */
}

void mycel_serve_getex(struct mycel_serve_turn *t)
{
    struct mycel_command_set o = {0};
    struct mycel_store_view v;
    struct mycel_store_key key = mycel_serve_key(t, 1);
    bool persists = false;
    uint64_t left = 0;
    const char *error = mycel_command_read_getex(t->bytes, t->arg, t->count, &o, &persists);

    bool is_syntax = error != NULL && strcmp(error, mycel_serve_syntax) == 0, is_there = !is_syntax && mycel_serve_find(t, 1, &v);
    if (error == NULL && o.end != MYCEL_COMMAND_NO_END && !mycel_serve_left(t, o.end, (int64_t)o.ms, &left)) {
        error = "ERR invalid expire time in 'getex' command";
    }
    if (is_syntax || (is_there && error != NULL)) { /* of a key that is not there redis does not look at the number */
        mycel_resp_write_error(t->w, error);
        return;
    }
    say_value(t, is_there, &v);
    if (is_there && o.end != MYCEL_COMMAND_NO_END && left == 0) {
        (void)!mycel_store_delete(t->s->store, &key, t->now_ms); /* it is there */
    } else if (is_there && (persists || o.end != MYCEL_COMMAND_NO_END)) {
        (void)!mycel_store_expire(t->s->store, &key, persists ? MYCEL_STORE_FOR_EVER : left, t->now_ms); /* without room its life is as it was */
    }
}

void mycel_serve_strlen(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;

    mycel_resp_write_integer(t->w, mycel_serve_find(t, 1, &v) ? v.value_size : 0);
}

void mycel_serve_append(struct mycel_serve_turn *t)
{
    struct mycel_store_view v = {.left_ms = MYCEL_STORE_FOR_EVER};
    bool is_there = mycel_serve_find(t, 1, &v);
    size_t size = (size_t)v.value_size + t->arg[2].size, before = t->w->len;

    if (size > t->s->scratch_size) {
        mycel_resp_write_error(t->w, TOO_LONG);
        return;
    }
    if (v.value_size > 0) {
        memcpy(t->s->scratch, v.value, v.value_size);
    }
    memcpy(t->s->scratch + v.value_size, t->bytes + t->arg[2].at, t->arg[2].size);
    mycel_resp_write_integer(t->w, (int64_t)size);
    put_or_say(t, 1, t->s->scratch, size, is_there ? v.left_ms : MYCEL_STORE_FOR_EVER, before);
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

static void add(struct mycel_serve_turn *t, int64_t amount)
{
    struct mycel_store_view v = {.left_ms = MYCEL_STORE_FOR_EVER};
    int64_t value = 0, sum;
    char text[24];
    size_t before = t->w->len;
    bool is_there = mycel_serve_find(t, 1, &v);

    if (is_there && !mycel_resp_number(v.value, v.value_size, &value)) {
        mycel_resp_write_error(t->w, mycel_serve_not_a_number);
        return;
    }
    if (__builtin_add_overflow(value, amount, &sum)) {
        mycel_resp_write_error(t->w, "ERR increment or decrement would overflow");
        return;
    }
    mycel_resp_write_integer(t->w, sum);
    put_or_say(t, 1, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)sum), is_there ? v.left_ms : MYCEL_STORE_FOR_EVER, before);
}

void mycel_serve_incr(struct mycel_serve_turn *t)
{
    add(t, 1);
}

void mycel_serve_decr(struct mycel_serve_turn *t)
{
    add(t, -1);
}

void mycel_serve_incrby(struct mycel_serve_turn *t)
{
    int64_t amount;

    if (mycel_serve_number(t, 2, &amount)) {
        add(t, amount);
    }
}

void mycel_serve_decrby(struct mycel_serve_turn *t)
{
    int64_t amount;

    if (!mycel_serve_number(t, 2, &amount)) {
        return;
    }
    if (amount == INT64_MIN) {
        mycel_resp_write_error(t->w, "ERR decrement would overflow");
        return;
    }
    add(t, -amount);
}

/* ---- many ------------------------------------------------------------------------------------------- */

void mycel_serve_mget(struct mycel_serve_turn *t)
{
    mycel_resp_write_array(t->w, t->count - 1);
    for (uint32_t i = 1; i < t->count; i++) {
        struct mycel_store_view v;
        say_value(t, mycel_serve_find(t, i, &v), &v);
    }
}

static void put_all(struct mycel_serve_turn *t)
{
    const char *error = NULL;

    for (uint32_t i = 1; i < t->count && error == NULL; i += 2) {
        error = put(t, i, t->bytes + t->arg[i + 1].at, t->arg[i + 1].size, MYCEL_STORE_FOR_EVER);
    }
    if (error != NULL) {
        mycel_resp_write_error(t->w, error);
    } else if (mycel_serve_is(t, 0, "MSET")) {
        mycel_resp_write_simple(t->w, "OK");
    } else {
        mycel_resp_write_integer(t->w, 1);
    }
}

void mycel_serve_mset(struct mycel_serve_turn *t)
{
    if (t->count % 2 == 0) {
        mycel_command_miscounted(t->w, mycel_command_find(t->bytes + t->arg[0].at, t->arg[0].size));
        return;
    }
    put_all(t);
}

void mycel_serve_msetnx(struct mycel_serve_turn *t)
{
    if (t->count % 2 == 0) {
        mycel_command_miscounted(t->w, mycel_command_find(t->bytes + t->arg[0].at, t->arg[0].size));
        return;
    }
    for (uint32_t i = 1; i < t->count; i += 2) {
        struct mycel_store_view v;
        if (mycel_serve_find(t, i, &v)) {
            mycel_resp_write_integer(t->w, 0);
            return;
        }
    }
    put_all(t);
}
