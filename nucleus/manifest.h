/* The manifest as plain data: what should run on this node, with which rights and limits.
 * Filled from YAML by nucleus/yaml.h, checked by manifest_check, then never changed. */
#ifndef CELL_NUCLEUS_MANIFEST_H
#define CELL_NUCLEUS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/base/name.h"
#include "nucleus/manifest_grant.h"

enum {
    MANIFEST_CELLS_MAX = 1024,        /* entries; one process table and one screen a node       */
    MANIFEST_LIST_MAX = 64,           /* entries of requires, serves, may_call and labels       */
    MANIFEST_PATHS_MAX = 14,          /* of read and of write: with the cell's own they fit the mounts of a jail */
    MANIFEST_BYTES_MAX = 1024 * 1024, /* of YAML text                                           */
    MANIFEST_CONFIG_MAX = 32 * 1024,  /* of one cell's config; must fit a gap message           */
    MANIFEST_PATH_MAX = 1024,         /* with the terminator                                    */
    MANIFEST_WHY_SIZE = 1024,         /* a cycle of some twenty cells in full, on one line      */
    MANIFEST_VERSION_LEN = 16,        /* hex digits of an entry's hash                          */
};

#define MANIFEST_SPACE_DEFAULT "default"
#define MANIFEST_SPACE_SHARED "global" /* looked up after a cell's own namespace */

/* Defaults and ranges of the quantities of an entry; docs/MANIFEST.md lists the same numbers. An
 * upper end is where a larger value is surely a slip of the pen, unless another reason is given. */
enum {
    MANIFEST_INSTANCES_DEFAULT = 1,
    MANIFEST_INSTANCES_MAX = 1000,
    MANIFEST_FILES_DEFAULT = 256,
    MANIFEST_FILES_MIN = 16, /* junction, log, loop and doors need about ten */
    MANIFEST_FILES_MAX = 65536,
    MANIFEST_MESSAGE_DEFAULT = 1024 * 1024,
    MANIFEST_MESSAGE_MIN = 1024,
    MANIFEST_MESSAGE_MAX = 16 * 1024 * 1024, /* the envelope's own limit */
    MANIFEST_CALLS_WAITING_DEFAULT = 1024,
    MANIFEST_CALLS_WAITING_MIN = 1,
    MANIFEST_CALLS_WAITING_MAX = 65536,
    MANIFEST_LOG_DEFAULT = 8 * 1024 * 1024,
    MANIFEST_LOG_MIN = 64 * 1024, /* holds any single burst of lines between two rotations */
    MANIFEST_LOG_MAX = 1024 * 1024 * 1024,
    MANIFEST_LOG_FILES_DEFAULT = 4,
    MANIFEST_LOG_FILES_MIN = 1,
    MANIFEST_LOG_FILES_MAX = 64,
    MANIFEST_MEMORY_MIN = 1024 * 1024, /* no program starts with less */
    MANIFEST_CPU_MIN_MILLI = 10,       /* 1 ms of a 100 ms period: the kernel's smallest quota */
    MANIFEST_CPU_MAX_MILLI = 1024 * 1000,
    MANIFEST_EVERY_MS_DEFAULT = 1000,
    MANIFEST_EVERY_MS_MIN = 10,
    MANIFEST_EVERY_MS_MAX = 60 * 1000,
    MANIFEST_DEAD_AFTER_DEFAULT = 3,
    MANIFEST_DEAD_AFTER_MIN = 1,
    MANIFEST_DEAD_AFTER_MAX = 100,
    MANIFEST_FIRST_MS_DEFAULT = 0, /* at once */
    MANIFEST_BACKOFF_MS_DEFAULT = 10 * 1000,
    MANIFEST_BACKOFF_MS_MIN = 1,
    MANIFEST_BACKOFF_MS_MAX = 3600 * 1000, /* of restart.first too */
    MANIFEST_GIVE_UP_DEFAULT = 5,
    MANIFEST_GIVE_UP_MIN = 1,
    MANIFEST_GIVE_UP_MAX = 16, /* times of crashes the supervisor keeps of an instance */
    MANIFEST_GIVE_UP_MS_DEFAULT = 60 * 1000,
    MANIFEST_GIVE_UP_MS_MIN = 10,
    MANIFEST_GIVE_UP_MS_MAX = 24 * 3600 * 1000,
    MANIFEST_STABLE_MS_DEFAULT = 10 * 1000,
    MANIFEST_STABLE_MS_MIN = 1,
    MANIFEST_STABLE_MS_MAX = 24 * 3600 * 1000,
    MANIFEST_READY_MS_DEFAULT = 10 * 1000,
    MANIFEST_READY_MS_MIN = 10,
    MANIFEST_DRAIN_MS_DEFAULT = 5 * 1000, /* 0: no time to finish */
    MANIFEST_TERM_MS_DEFAULT = 2 * 1000,  /* 0: killed at once    */
    MANIFEST_DEADLINE_MS_MAX = 3600 * 1000,
};
#define MANIFEST_MEMORY_MAX (UINT64_C(16) << 40) /* no node has more */

enum manifest_strategy {
    MANIFEST_ONE_FOR_ONE,  /* restart only what died                                */
    MANIFEST_ONE_FOR_ALL,  /* restart every instance of this cell                   */
    MANIFEST_REST_FOR_ONE, /* restart it and all that require it, directly or not   */
};

/* A path granted by the sandbox: "state" (the cell's own state directory) or an absolute path. */
struct manifest_path {
    char path[MANIFEST_PATH_MAX];
    bool is_state;
};

struct manifest_cell {
    char name[NAME_SIZE];
    char space[NAME_SIZE];            /* namespace                                             */
    char *exec;                       /* owned: file name or path; default "cell-<name>"       */
    uint32_t line;                    /* of the entry in its file                              */
    uint32_t instances;               /* 0..MANIFEST_INSTANCES_MAX                             */
    bool is_root;                     /* `root: true`: prune never removes it                  */
    struct name_ref *requires;        /* cells that must be ready first                        */
    size_t requires_count;
    struct name_op *serves;
    size_t serves_count;
    struct name_op *may_call;
    size_t may_call_count;
    struct {
        bool none;                    /* `sandbox: none`                                       */
        bool network;
        struct manifest_path *read;
        struct manifest_path *write;
        uint32_t keys;                /* MANIFEST_KEYS_…                                       */
        struct manifest_listen *listen;
        struct manifest_tun *tun;     /* and those of `tap` behind them                        */
        size_t read_count, write_count, listen_count, tun_count;
    } sandbox;
    struct {
        uint64_t memory_bytes;        /* 0: no limit                                           */
        double cpu;                   /* cores; 0: no limit                                    */
        uint32_t files;               /* descriptors                                           */
        uint32_t message_bytes;       /* of one request or answer                              */
        uint32_t calls_waiting;
        uint64_t log_bytes;           /* a log file this large is rotated                      */
        uint32_t log_files;           /* kept                                                  */
    } limits;
    struct {
        uint32_t every_ms;            /* period                                                */
        uint32_t dead_after;          /* periods missed                                        */
    } heartbeat;
    struct {
        uint32_t first_ms;            /* first back-off, 0: at once; never above max_ms        */
        uint32_t max_ms;              /* doubling stops here                                   */
        uint32_t give_up_count;       /* so many crashes …                                     */
        uint64_t give_up_ms;          /* … in this time: crash-loop                            */
        uint64_t stable_ms;           /* a run this long resets the back-off                   */
        enum manifest_strategy strategy;
    } restart;
    struct {
        uint32_t ready_ms;            /* to say Ready after spawn                              */
        uint32_t drain_ms;            /* to finish calls in flight                             */
        uint32_t term_ms;             /* from SIGTERM to SIGKILL                               */
    } deadlines;
    bool spare;                       /* keep an initialised twin waiting                      */
    bool on_demand;                   /* `start: on-demand`: not before somebody asks for it   */
    bool trivial;                     /* `protocol: none`: not on fd 3; ready when it runs     */
    char *labels;                     /* "key=value,key=value", sorted; NULL: none             */
    char *config;                     /* YAML text, NULL: none                                 */
    uint64_t hash;                    /* of the entry without instances and line               */
};

struct manifest {
    char node[NAME_SIZE];             /* default: the host's name, made to fit                 */
    bool has_node;                    /* the file says it                                      */
    struct manifest_cell *cells;
    size_t cell_count;
};

/* An entry with every default and without name, exec and lists. */
void manifest_cell_init(struct manifest_cell *c);

/* Free everything; a zeroed or half-filled manifest is fine. */
void manifest_fini(struct manifest *m);

/* Index of the entry, or -1. */
int manifest_find(const struct manifest *m, const char *space, const char *cell);

/* Index of the cell that `ref` means when written in a cell of namespace `space`: own namespace first, then "global",
 * unless it names one. An instance does not matter here; another node's name finds nothing. -1: none. O(cells). */
int manifest_resolve(const struct manifest *m, const char *space, const struct name_ref *ref);

/* The next one when that has no instance: of "global", if it is another. -1: none, or `ref` names a namespace. */
int manifest_resolve_next(const struct manifest *m, const char *space, const struct name_ref *ref);

/* Check what concerns several entries. ERR_INVALID: a name is used twice in a namespace, a requirement that is not a
 * cell of this manifest or starts on demand, a cell that requires itself, a cycle (named in full; one that no line can
 * hold without its middle); ERR_LIMIT: more than MANIFEST_CELLS_MAX cells. `why` is then one line, "line 12:
 * cells[2].requires[0]: …, expected …". About 140 KiB of stack; O(cells^2 + requirements * log cells). */
enum err manifest_check(const struct manifest *m, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Start order: order[0..cell_count) is a permutation of the indices in which every cell comes after all it requires; of
 * those that may come next, the first in the manifest does. Read it backwards to stop. The manifest has passed
 * manifest_check. Cost as there. */
void manifest_order(const struct manifest *m, uint32_t *order);

/* What applying `next` over `now` would do, for a person and for the reconciler. */
enum manifest_change_kind {
    MANIFEST_ADD,
    MANIFEST_REMOVE,
    MANIFEST_CHANGE, /* the entry's hash differs: instances are replaced */
    MANIFEST_SCALE,  /* only the number of instances differs             */
};
struct manifest_change {
    enum manifest_change_kind kind;
    int before; /* index in `now`, -1 for ADD     */
    int after;  /* index in `next`, -1 for REMOVE */
};

/* Fill at most `max` changes: ADD, CHANGE and SCALE in `next` order, then REMOVE in `now` order;
 * returns how many there are. Both hold every name once. */
size_t manifest_diff(const struct manifest *now, const struct manifest *next, struct manifest_change *ret, size_t max);

#endif
