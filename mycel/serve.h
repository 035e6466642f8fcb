/* Clients of redis answered from a bucket of this node: each command as redis 7.0 answers it, in RESP2 or RESP3, errors word for word. What
 * needs other nodes (call.h), a subscription, or places on the earth is somebody else's: see mycel_serve_knows. No clock, no I/O,
 * nothing is allocated, and no command looks at more than its own keys, but for FLUSHALL.
 *
 * Source: redis.io/commands, as of redis 7.0.15, which tests/unit/mycel/redis_beside.py compares it with. */
#ifndef CELL_MYCEL_SERVE_H
#define CELL_MYCEL_SERVE_H

#include "mycel/command.h"
#include "mycel/store.h"

enum {
    MYCEL_SERVE_NAME_MAX = 64,      /* bytes of a client's name                                         */
    MYCEL_SERVE_SCAN_MAX = 65536,   /* slots of the index that one SCAN looks at, whatever COUNT says   */
};

/* What CONFIG GET knows. */
struct mycel_serve_setting {
    const char *name, *value;
};

struct mycel_serve {
    struct mycel_store *store;
    uint16_t bucket;
    const char *password;                    /* NULL: none is asked for */
    const struct mycel_serve_setting *setting;
    uint32_t settings;
    uint8_t *scratch;                        /* where values are put together: the longest that APPEND makes */
    uint32_t scratch_size;
    uint64_t began_ms;
    const char *version;                     /* of the protocol's other side, as INFO and HELLO tell it */
    uint64_t commands;                       /* so far */
};

/* A connection. Zero-initialise, set id, and protocol to 2. */
struct mycel_serve_client {
    uint64_t id;
    uint8_t protocol, name_size;
    bool is_known, is_leaving;               /* known: the password was right; leaving: after this answer */
    char name[MYCEL_SERVE_NAME_MAX];
};

/* Whether mycel_serve_command answers this command. */
bool mycel_serve_knows(const struct mycel_command *c);

/* Answer arg[0..count), a whole command (count > 0). wall_ms: since 1970; now_ms: the store's. `w` has the client's protocol afterwards; an
 * answer that does not fit is cut (w->is_cut), and then what the command did is done. */
void mycel_serve_command(struct mycel_serve *s, struct mycel_serve_client *client, const uint8_t *bytes, const struct mycel_resp_arg *arg,
                         uint32_t count, uint64_t wall_ms, uint64_t now_ms, struct mycel_resp_write *w);

/* Whether a text has the shape of a pattern, as redis' KEYS and SCAN take it: * ? [a-z] [^a] and \. O(size * pattern_size). */
bool mycel_serve_matches(const uint8_t *pattern, size_t pattern_size, const uint8_t *text, size_t size);

#endif
