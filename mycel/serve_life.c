#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "mycel/serve_inside.h"

void mycel_serve_del(struct mycel_serve_turn *t)
{
    int64_t gone = 0;

    for (uint32_t i = 1; i < t->count; i++) {
        struct mycel_store_key key = mycel_serve_key(t, i);
        gone += mycel_store_delete(t->s->store, &key, t->now_ms) == ERR_OK;
    }
    mycel_resp_write_integer(t->w, gone);
}

void mycel_serve_exists(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    int64_t there = 0;

    for (uint32_t i = 1; i < t->count; i++) {
        there += mycel_serve_find(t, i, &v);
    }
    mycel_resp_write_integer(t->w, there);
}

void mycel_serve_type(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;

    mycel_resp_write_simple(t->w, mycel_serve_find(t, 1, &v) ? "string" : "none");
}

/* ---- lives ------------------------------------------------------------------------------------------ */

/* Whether the conditions of EXPIRE hold; ms: when it is to end, since 1970. */
static bool may_expire(const struct mycel_serve_turn *t, const struct mycel_command_expire *o, const struct mycel_store_view *v, int64_t at)
{
    bool has_end = v->left_ms != MYCEL_STORE_FOR_EVER;
    int64_t is_at = has_end ? (int64_t)(t->wall_ms + v->left_ms) : INT64_MAX;

    return !(o->nx && has_end) && !(o->xx && !has_end) && !(o->gt && (!has_end || at <= is_at)) && !(o->lt && has_end && at >= is_at);
}

void mycel_serve_expire(struct mycel_serve_turn *t)
{
    struct mycel_command_expire o = {0};
    struct mycel_store_view v;
    struct mycel_store_key key = mycel_serve_key(t, 1);
    uint64_t left = 0;
    const char *error = mycel_command_read_expire(t->bytes, t->arg, t->count, &o);

    if (error == NULL && !mycel_serve_left(t, o.end, o.ms, &left)) {
        error = mycel_serve_is(t, 0, "EXPIRE") ? "ERR invalid expire time in 'expire' command" : "ERR invalid expire time in 'pexpire' command";
    }
    if (error != NULL && o.unsupported != 0) {
        mycel_serve_refuse(t, error, o.unsupported, "");
        return;
    }
    if (error != NULL) {
        mycel_resp_write_error(t->w, error);
        return;
    }
    int64_t at = o.end == MYCEL_COMMAND_IN_MS ? o.ms + (int64_t)t->wall_ms : o.ms;
    if (!mycel_serve_find(t, 1, &v) || !may_expire(t, &o, &v, at)) {
        mycel_resp_write_integer(t->w, 0);
        return;
    }
    enum err e = left == 0 ? mycel_store_delete(t->s->store, &key, t->now_ms) : mycel_store_expire(t->s->store, &key, left, t->now_ms);
    mycel_resp_write_integer(t->w, e == ERR_OK);
}

/* TTL, PTTL, EXPIRETIME, PEXPIRETIME. */
void mycel_serve_ttl(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    bool is_time = mycel_serve_is(t, 0, "EXPIRETIME") || mycel_serve_is(t, 0, "PEXPIRETIME");
    bool is_seconds = mycel_serve_is(t, 0, "TTL") || mycel_serve_is(t, 0, "EXPIRETIME");

    if (!mycel_serve_find(t, 1, &v)) {
        mycel_resp_write_integer(t->w, -2);
    } else if (v.left_ms == MYCEL_STORE_FOR_EVER) {
        mycel_resp_write_integer(t->w, -1);
    } else {
        uint64_t ms = v.left_ms + (is_time ? t->wall_ms : 0);
        mycel_resp_write_integer(t->w, (int64_t)(is_seconds ? (ms + 500) / 1000 : ms));
    }
}

void mycel_serve_persist(struct mycel_serve_turn *t)
{
    struct mycel_store_view v;
    struct mycel_store_key key = mycel_serve_key(t, 1);
    bool has_end = mycel_serve_find(t, 1, &v) && v.left_ms != MYCEL_STORE_FOR_EVER;

    mycel_resp_write_integer(t->w, has_end && mycel_store_expire(t->s->store, &key, MYCEL_STORE_FOR_EVER, t->now_ms) == ERR_OK);
}

/* ---- all of them ------------------------------------------------------------------------------------ */

void mycel_serve_dbsize(struct mycel_serve_turn *t)
{
    struct mycel_store_counts c = {0};

    (void)!mycel_store_counts_of(t->s->store, t->s->bucket, &c); /* a bucket that is not there has nothing */
    mycel_resp_write_integer(t->w, c.entries);
}

void mycel_serve_flush(struct mycel_serve_turn *t)
{
    if (t->count > 2 || (t->count == 2 && !mycel_serve_is(t, 1, "ASYNC") && !mycel_serve_is(t, 1, "SYNC"))) {
        mycel_resp_write_error(t->w, mycel_serve_syntax);
        return;
    }
    (void)mycel_store_clear(t->s->store, t->s->bucket, false, UINT32_MAX);
    mycel_resp_write_simple(t->w, "OK");
}

struct scan {
    struct mycel_serve_turn *t;
    uint32_t pattern; /* an argument; 0: none */
    bool has_type, is_writing;
    uint32_t count;
};

static void show(void *context, const struct mycel_store_view *v)
{
    struct scan *s = context;
    struct mycel_resp_arg p = s->t->arg[s->pattern];

    if (v->is_tombstone || s->has_type || (s->pattern != 0 && !mycel_serve_matches(s->t->bytes + p.at, p.size, v->key, v->key_size))) {
        return;
    }
    s->count++;
    if (s->is_writing) {
        mycel_resp_write_bulk(s->t->w, v->key, v->key_size);
    }
}

/* The options behind the cursor; false: an error was said. */
static bool read_scan(struct mycel_serve_turn *t, struct scan *s, int64_t *ret_steps)
{
    for (uint32_t i = 2; i < t->count; i += 2) {
        if (i + 1 == t->count) {
            mycel_resp_write_error(t->w, mycel_serve_syntax);
            return false;
        }
        if (mycel_serve_is(t, i, "COUNT")) {
            if (!mycel_serve_number(t, i + 1, ret_steps)) {
                return false;
            }
            if (*ret_steps < 1) {
                mycel_resp_write_error(t->w, mycel_serve_syntax);
                return false;
            }
        } else if (mycel_serve_is(t, i, "MATCH")) {
            s->pattern = i + 1;
        } else if (mycel_serve_is(t, i, "TYPE")) {
            s->has_type = !mycel_serve_is(t, i + 1, "string");
        } else {
            mycel_resp_write_error(t->w, mycel_serve_syntax);
            return false;
        }
    }
    return true;
}

/* A step is a slot of the index: whoever is there all the time is shown. If the answer does not fit a shorter one is given. */
void mycel_serve_scan(struct mycel_serve_turn *t)
{
    struct scan s = {.t = t};
    int64_t cursor, steps = 10;
    size_t before = t->w->len;

    if (!mycel_resp_number(t->bytes + t->arg[1].at, t->arg[1].size, &cursor) || cursor < 0 || cursor > UINT32_MAX) {
        mycel_resp_write_error(t->w, "ERR invalid cursor");
        return;
    }
    if (!read_scan(t, &s, &steps)) {
        return;
    }
    steps = steps < MYCEL_SERVE_SCAN_MAX ? steps : MYCEL_SERVE_SCAN_MAX;
    for (bool was_cut = t->w->is_cut;; steps /= 2) {
        uint32_t next = (uint32_t)cursor, again = (uint32_t)cursor;
        char text[16];
        s.count = 0;
        s.is_writing = false;
        mycel_store_scan(t->s->store, t->s->bucket, t->now_ms, (uint32_t)steps, &next, show, &s);
        snprintf(text, sizeof text, "%lu", (unsigned long)next);
        mycel_resp_write_array(t->w, 2);
        mycel_resp_write_text(t->w, text);
        mycel_resp_write_array(t->w, s.count);
        s.is_writing = true;
        mycel_store_scan(t->s->store, t->s->bucket, t->now_ms, (uint32_t)steps, &again, show, &s);
        if (!t->w->is_cut || was_cut || steps == 1) {
            return;
        }
        t->w->len = before;
        t->w->is_cut = false;
    }
}
