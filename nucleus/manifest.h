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

enum {
    MANIFEST_CELLS_MAX = 1024,        /* entries; one process table and one screen a node       */
    MANIFEST_INSTANCES_MAX = 1000,    /* of one cell                                            */
    MANIFEST_LIST_MAX = 64,           /* entries of requires, serves, may_call, paths           */
    MANIFEST_BYTES_MAX = 1024 * 1024, /* of YAML text                                           */
    MANIFEST_CONFIG_MAX = 32 * 1024,  /* of one cell's config; must fit a gap message           */
    MANIFEST_PATH_MAX = 1024,
    MANIFEST_WHY_SIZE = 320,
    MANIFEST_VERSION_LEN = 16,        /* hex digits of an entry's hash                          */
};

enum manifest_strategy {
    MANIFEST_ONE_FOR_ONE,  /* restart only what died                                */
    MANIFEST_ONE_FOR_ALL,  /* restart every instance of this cell                   */
    MANIFEST_REST_FOR_ONE, /* restart it and every cell that requires it, directly
                            * or not                                                */
};

/* A path granted by the sandbox: "state" (the cell's own state directory) or an absolute path. */
struct manifest_path {
    char path[MANIFEST_PATH_MAX];
    bool is_state;
};

struct manifest_cell {
    char name[NAME_SIZE];
    char space[NAME_SIZE];            /* default "default"                                     */
    char exec[MANIFEST_PATH_MAX];     /* as written; default "cell-<name>"                     */
    uint32_t line;                    /* of the entry in its file                              */
    uint32_t instances;               /* 0..MANIFEST_INSTANCES_MAX, default 1                  */
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
        size_t read_count;
        struct manifest_path *write;
        size_t write_count;
    } sandbox;
    struct {
        uint64_t memory_bytes;        /* 0: no limit                                           */
        double cpu;                   /* cores; 0: no limit                                    */
        uint32_t files;               /* default 256, 16..65536                                */
        uint32_t message_bytes;       /* default 1 MiB, 1 KiB..16 MiB                          */
        uint32_t calls_waiting;       /* default 1024, 1..65536                                */
        uint64_t log_bytes;           /* rotation size, default 8 MiB, 64 KiB..1 GiB           */
        uint32_t log_files;           /* kept, default 4, 1..64                                */
    } limits;
    struct {
        uint32_t every_ms;            /* default 1000, 10..60000                               */
        uint32_t dead_after;          /* misses, default 3, 1..100                             */
    } heartbeat;
    struct {
        uint32_t first_ms;            /* first back-off, default 0: at once                    */
        uint32_t max_ms;              /* cap, default 10 s                                     */
        uint32_t give_up_count;       /* default 5 …                                           */
        uint64_t give_up_ms;          /* … in 60 s: then crash-loop                            */
        uint64_t stable_ms;           /* a run this long resets the back-off, default 10 s     */
        enum manifest_strategy strategy;
    } restart;
    struct {
        uint32_t ready_ms;            /* to say Ready after spawn, default 10 s                */
        uint32_t drain_ms;            /* to finish calls in flight, default 5 s                */
        uint32_t term_ms;             /* from SIGTERM to SIGKILL, default 2 s                  */
    } deadlines;
    bool spare;                       /* keep an initialised twin waiting, default false       */
    bool trivial;                     /* `protocol: none`: the program does not speak on fd 3;
                                       * ready as soon as it runs                              */
    char *labels;                     /* "key=value,key=value", sorted; NULL: none             */
    char *config;                     /* YAML text, NULL: none                                 */
    uint64_t hash;                    /* of the entry without instances: NUC-12                */
};

struct manifest {
    char node[NAME_SIZE];             /* default: the host's name, made to fit                 */
    struct manifest_cell *cells;
    size_t cell_count;
};

/* Free everything; a zeroed or half-filled manifest is fine. */
void manifest_fini(struct manifest *m);

/* Index of the entry, or -1. */
int manifest_find(const struct manifest *m, const char *space, const char *cell);

/* Index of the cell that `ref` means when written in a cell of namespace `space`: own namespace
 * first, then "global", unless it names one. -1: none. */
int manifest_resolve(const struct manifest *m, const char *space, const struct name_ref *ref);

/* Check what concerns several entries: duplicate names, requirements that do not exist, cycles
 * (named in full), more than MANIFEST_CELLS_MAX cells. ERR_INVALID with one line in `why`
 * ("line 12: cells[2].requires: …, expected …"). */
enum err manifest_check(const struct manifest *m, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Start order: order[0..cell_count) is a permutation of the indices in which every cell comes
 * after all it requires; ties in manifest order. The manifest has passed manifest_check. */
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

/* Fill at most `max` changes, ADD and CHANGE in `next` order, then REMOVE; returns how many there
 * are. */
size_t manifest_diff(const struct manifest *now, const struct manifest *next,
                     struct manifest_change *ret, size_t max);

#endif
