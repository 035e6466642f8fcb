/* What serve's own files share. */
#ifndef CELL_MYCEL_SERVE_INSIDE_H
#define CELL_MYCEL_SERVE_INSIDE_H

#include "mycel/serve.h"

/* A command that is being answered. */
struct mycel_serve_turn {
    struct mycel_serve *s;
    struct mycel_serve_client *client;
    const uint8_t *bytes;
    const struct mycel_resp_arg *arg;
    uint32_t count;
    uint64_t wall_ms, now_ms;
    struct mycel_resp_write *w;
};

typedef void mycel_serve_answer(struct mycel_serve_turn *t);

extern const char mycel_serve_not_a_number[], mycel_serve_syntax[];

/* Whether an argument is a word, in either case. */
bool mycel_serve_is(const struct mycel_serve_turn *t, uint32_t n, const char *word);

/* An argument as a number; false: it is none, and this was said. */
bool mycel_serve_number(struct mycel_serve_turn *t, uint32_t n, int64_t *ret);

/* An error with a client's word between two texts. */
void mycel_serve_refuse(struct mycel_serve_turn *t, const char *before, uint32_t n, const char *behind);

struct mycel_store_key mycel_serve_key(const struct mycel_serve_turn *t, uint32_t n);

/* The value of a key; false: there is none. */
bool mycel_serve_find(struct mycel_serve_turn *t, uint32_t n, struct mycel_store_view *ret);

/* Whether a life that ends at `ms` (since 1970, or from now on) can be; *ret_left: what is left, 0: it is over. */
bool mycel_serve_left(const struct mycel_serve_turn *t, enum mycel_command_end end, int64_t ms, uint64_t *ret_left);

mycel_serve_answer mycel_serve_get, mycel_serve_set, mycel_serve_setnx, mycel_serve_setex, mycel_serve_getset, mycel_serve_getdel, mycel_serve_getex,
    mycel_serve_mget, mycel_serve_mset, mycel_serve_msetnx, mycel_serve_append, mycel_serve_strlen, mycel_serve_incr, mycel_serve_decr,
    mycel_serve_incrby, mycel_serve_decrby, mycel_serve_del, mycel_serve_exists, mycel_serve_type, mycel_serve_expire, mycel_serve_ttl,
    mycel_serve_persist, mycel_serve_scan, mycel_serve_dbsize, mycel_serve_flush;

#endif
