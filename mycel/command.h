/* The commands of redis that the cache is going to answer: how many arguments each takes and where its keys stand, as clients ask for it
 * with COMMAND, and what SET and EXPIRE may be told. Pure.
 *
 * Source: redis.io/commands, as of redis 7.0. */
#ifndef CELL_MYCEL_COMMAND_H
#define CELL_MYCEL_COMMAND_H

#include "mycel/resp.h"
#include "mycel/resp_write.h"

enum mycel_command_flag {
    MYCEL_COMMAND_WRITE = 1,
    MYCEL_COMMAND_READONLY = 2,
    MYCEL_COMMAND_DENYOOM = 4,   /* may need memory */
    MYCEL_COMMAND_ADMIN = 8,
    MYCEL_COMMAND_PUBSUB = 16,   /* also for who has subscribed to something */
    MYCEL_COMMAND_FAST = 32,
    MYCEL_COMMAND_NO_AUTH = 64,
};

struct mycel_command {
    const char *name;  /* lower case */
    int8_t arity;      /* with the name; below 0: at least so many */
    uint8_t flags;
    int8_t first, last, step; /* keys, as arguments' places; last below 0: from the end; first 0: none */
};

/* By its name, in either case; NULL: there is no such command. */
const struct mycel_command *mycel_command_find(const uint8_t *name, size_t size);

/* Whether `count` arguments, the name included, are as many as it takes. */
bool mycel_command_takes(const struct mycel_command *c, uint32_t count);

/* The n-th command, NULL behind the last one. */
const struct mycel_command *mycel_command_at(uint32_t n);

/* As COMMAND, COMMAND INFO and COMMAND COUNT say it: ten items, the last ones empty. */
void mycel_command_write(const struct mycel_command *c, struct mycel_resp_write *w);

/* What redis says of a command it does not know (with the beginning of its arguments), and of a wrong number of them. */
void mycel_command_unknown(struct mycel_resp_write *w, const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count);
void mycel_command_miscounted(struct mycel_resp_write *w, const struct mycel_command *c);

enum mycel_command_end {
    MYCEL_COMMAND_NO_END,  /* nothing was said   */
    MYCEL_COMMAND_KEEP,    /* KEEPTTL            */
    MYCEL_COMMAND_IN_MS,   /* from now           */
    MYCEL_COMMAND_AT_MS,   /* since 1970         */
};

/* What stands behind SET key value. */
struct mycel_command_set {
    bool nx, xx, get;
    enum mycel_command_end end;
    uint64_t ms;  /* > 0, of IN and AT */
};

/* arg[0..count): SET itself, key, value, and so on. NULL: it was read; else what redis says. */
const char *mycel_command_read_set(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_set *ret);

/* What stands behind GETEX key: `end` IN_MS or AT_MS with its ms, or PERSIST (*ret_persists). As mycel_command_read_set. */
const char *mycel_command_read_getex(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_set *ret,
                                     bool *ret_persists);

/* What stands behind EXPIRE, PEXPIRE, EXPIREAT or PEXPIREAT key. */
struct mycel_command_expire {
    bool nx, xx, gt, lt;  /* none has an end, some, a later one is set, an earlier one */
    enum mycel_command_end end;
    int64_t ms;           /* 0 and below: it is over at once */
    uint32_t unsupported; /* an option that is none, its place; 0: all are. Set also on errors: redis' error ends with that word */
};

const char *mycel_command_read_expire(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count, struct mycel_command_expire *ret);

#endif
