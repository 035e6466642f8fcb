/* A page of counters in a file of the run directory, one an instance: $RUN/pages/<namespace>.<cell>.<i>.
 * The supervisor makes it, the cell maps it and counts, anybody who may read the file looks: without a
 * request, while the cell hangs, and after its end.
 *
 * Written with plain stores by one thread; a value may be a turn of the loop old. The cell owns the bytes:
 * whoever reads takes a private copy and believes nothing but numbers (counters_read). */
#ifndef CELL_COMMON_RUN_COUNTERS_H
#define CELL_COMMON_RUN_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

#define COUNTERS_MAGIC UINT64_C(0x315443414c4c4543) /* "CELLACT1" */
#define COUNTERS_DIR "pages" /* in the run directory */

enum {
    COUNTERS_VERSION = 1,
    COUNTERS_BYTES = 8192,
    COUNTERS_NAME = 72,    /* bytes of a name with its NUL             */
    COUNTERS_PEER = 96,    /* the same of a peer                       */
    COUNTERS_ROWS = 46,    /* channels at once; further ones are not shown */
    COUNTERS_VALUES = 64,
};
#define COUNTERS_DESCRIPTOR "counters" /* its name among Genesis.descriptors */

/* X(name, what it is called, what it is). Numbers never change; new ones go to the end. */
#define COUNTERS_MAP(X)                                                                            \
    X(REQUESTS, "requests", "requests answered, inspection included")                              \
    X(ERRORS, "errors", "of these, with an error")                                                 \
    X(DENIED, "denied", "requests without the right")                                              \
    X(SHED, "shed", "requests refused because too many waited")                                    \
    X(MALFORMED, "malformed", "messages that did not parse")                                       \
    X(DROPPED, "dropped", "answers that could not be sent")                                        \
    X(IN_FLIGHT, "in_flight", "requests being served")                                             \
    X(CONNECTIONS, "connections", "sockets of callers")                                            \
    X(SENT, "sent", "requests sent, every try")                                                    \
    X(ANSWERED, "answered", "requests answered with ok")                                           \
    X(FAILED, "failed", "requests that ended otherwise")                                           \
    X(RETRIED, "retried", "tries after the first")                                                 \
    X(OUTSTANDING, "outstanding", "requests sent and not answered")                                \
    X(TURNS, "turns", "turns of the loop")

enum counters_value {
#define X(name, text, help) COUNTERS_##name,
    COUNTERS_MAP(X)
#undef X
    COUNTERS_COUNT
};

/* One channel. */
struct counters_row {
    uint32_t state; /* 0: free; 1: is there; 2: has ended, the numbers are its last */
    uint32_t role;  /* enum shm_role: 1 we asked for it, 2 the peer did             */
    char peer[COUNTERS_PEER];
    uint64_t in;     /* messages                                        */
    uint64_t out;
    uint64_t wakes;  /* system calls made to wake the peer              */
    uint64_t elided; /* sends that needed none                          */
    uint64_t spins;  /* waits that ended while looking                  */
    uint64_t held;   /* messages that wait for the peer                 */
};

struct counters_page {
    uint64_t magic; /* these seven by the supervisor */
    uint32_t version;
    uint32_t bytes;
    uint64_t generation;
    uint32_t instance;
    uint32_t zero;
    char space[COUNTERS_NAME];
    char cell[COUNTERS_NAME];
    uint64_t updated_ms; /* monotonic clock of this machine; 0: never */
    uint8_t rest[328];
    uint64_t value[COUNTERS_VALUES];
    struct counters_row row[COUNTERS_ROWS];
    uint8_t tail[176];
};
_Static_assert((int)COUNTERS_COUNT <= (int)COUNTERS_VALUES, "they fit");
_Static_assert(offsetof(struct counters_page, space) == 32, "a format that others read");
_Static_assert(offsetof(struct counters_page, updated_ms) == 176, "a format that others read");
_Static_assert(offsetof(struct counters_page, value) == 512, "a format that others read");
_Static_assert(offsetof(struct counters_page, row) == 1024, "a format that others read");
_Static_assert(sizeof(struct counters_row) == 152, "a format that others read");
_Static_assert(sizeof(struct counters_page) == COUNTERS_BYTES, "a format that others read");

/* "name" of the file: "default.greeter.0". */
void counters_file(char *out, size_t size, const char *space, const char *cell, uint32_t instance);

/* Make the page of an instance anew in dir_fd, mode 0600: *ret_fd may read and write it. What the file
 * showed before is gone. ERR_MALFORMED: something else has its name; ERR_LIMIT, ERR_IO …, as errno says. */
enum err counters_make(int dir_fd, const char *space, const char *cell, uint32_t instance,
                       uint64_t generation, int *ret_fd) MUST_CHECK;

/* Map it for writing; the descriptor is not needed afterwards. NULL: it is no page. */
struct counters_page *counters_map(int fd) MUST_CHECK;
void counters_unmap(struct counters_page *page); /* NULL is fine */

/* A private copy of a page by name. Texts are terminated and hold nothing but the characters of names,
 * '?' for others. ERR_NOT_FOUND; ERR_MALFORMED: no page, or cut; ERR_INCOMPATIBLE: another version;
 * ERR_DENIED: a link or no plain file; or as errno says. */
enum err counters_read(int dir_fd, const char *name, struct counters_page *ret) MUST_CHECK;

const char *counters_name(enum counters_value value);
const char *counters_help(enum counters_value value);

static inline void counters_set(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

#endif
