/* The supervisor's memory across its own death: one record per instance in a file of the run
 * directory, plus the manifest in force and the scales a person asked for.
 *
 * A record is written with one pwrite into the older of its two places, with a sequence number and
 * a CRC: a write that was cut leaves the other place valid. Nothing here needs fsync: the content
 * is void after a reboot anyway (boot id), and a killed process loses no page cache. The manifest
 * and the scales are replaced by write, fsync, rename, fsync. */
#ifndef CELL_NUCLEUS_LEDGER_H
#define CELL_NUCLEUS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nucleus/node.h"

enum {
    LEDGER_VERSION = 2,
    LEDGER_TOKEN_LEN = 32,
    LEDGER_BOOT_ID_LEN = 36,
    LEDGER_SCALES_MAX = MANIFEST_CELLS_MAX,
};

/* What the shell adds to the core's record. */
struct ledger_process {
    int32_t pid;          /* 0: none                                                            */
    uint64_t start_ticks; /* field 22 of /proc/<pid>/stat: tells a recycled pid from ours       */
    uint8_t token[LEDGER_TOKEN_LEN];
    uint64_t jail_us;
    uint64_t spawned_us;  /* monotonic */
    uint64_t ready_us;    /* spawn to ready; 0: not yet */
    uint64_t log_sequence;
    uint64_t version;     /* of program and entry when it was started; 0: unknown               */
};

struct ledger_record {
    struct node_instance instance;
    struct ledger_process process;
};

struct ledger {
    int fd;
    int dir_fd;           /* of the run directory's nucleus folder; owned */
    uint64_t sequence;    /* of the next write */
    uint64_t generation;  /* highest instance generation seen or used */
    uint64_t starts;      /* of a nucleus on this ledger: 1 for the first */
    uint8_t parity[NODE_INSTANCES_MAX]; /* place of each slot's newest record */
    bool is_read;         /* the above is known */
};

/* Open the ledger in `dir` (created 0700). fresh: forget what is there. When it is of another boot,
 * another version or damaged as a whole it is started anew and *ret_why (never NULL, static) says
 * so; else it is "". ERR_IO, ERR_DENIED … when it cannot be opened. */
enum err ledger_open(struct ledger *l, const char *dir, bool fresh, const char **ret_why) MUST_CHECK;
void ledger_close(struct ledger *l);

/* Keep or remove the record of a slot; after ledger_read, unless the ledger was started anew. On an
 * error (ERR_LIMIT: no such slot, or no space; ERR_IO …) the slot has the record it had. O(1), one
 * write, about 2 us. */
enum err ledger_put(struct ledger *l, uint32_t slot, const struct ledger_record *record) MUST_CHECK;
enum err ledger_forget(struct ledger *l, uint32_t slot) MUST_CHECK;

/* Read every valid record: calls `each` in slot order. *ret_damaged counts places that had content
 * but no valid copy. */
enum err ledger_read(struct ledger *l,
                     void (*each)(void *context, uint32_t slot, const struct ledger_record *record),
                     void *context, uint32_t *ret_damaged) MUST_CHECK;

/* The manifest text in force and the path it came from (for messages). free both. ERR_NOT_FOUND. */
enum err ledger_put_manifest(struct ledger *l, const char *path, const char *text, size_t size)
    MUST_CHECK;
enum err ledger_get_manifest(struct ledger *l, char **ret_path, char **ret_text, size_t *ret_size)
    MUST_CHECK;

/* Scales: count == of removes the entry. ERR_LIMIT: more than LEDGER_SCALES_MAX; ERR_DATA_LOSS. */
enum err ledger_put_scale(struct ledger *l, const struct node_scale *scale) MUST_CHECK;
enum err ledger_get_scales(struct ledger *l, struct node_scale **ret, size_t *ret_count) MUST_CHECK;

/* Whether the node is going down, as stored. */
enum err ledger_put_down(struct ledger *l) MUST_CHECK;
bool ledger_is_down(struct ledger *l);

#endif
