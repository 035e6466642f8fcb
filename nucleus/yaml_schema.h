/* The shape of a manifest: which fields there are, which are lists or mappings. libcyaml fills
 * these structs from it; what the texts mean is decided afterwards (yaml_value.h). */
#ifndef CELL_NUCLEUS_YAML_SCHEMA_H
#define CELL_NUCLEUS_YAML_SCHEMA_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nucleus/yaml_marks.h"

/* Every value as it was written; NULL: not given. */
struct yaml_schema_listen {
    char *name;
    char *at;
    char *shield;
    char *mark;
};

struct yaml_schema_tun {
    char *name;
    char *interface;
    char *mtu;
    char **address;
    unsigned address_count;
};

struct yaml_schema_sandbox {
    char *network;
    char **read;
    unsigned read_count;
    char **write;
    unsigned write_count;
    char **keys;
    unsigned keys_count;
    struct yaml_schema_listen *listen;
    unsigned listen_count;
    struct yaml_schema_tun *tun;
    unsigned tun_count;
    struct yaml_schema_tun *tap;
    unsigned tap_count;
};

struct yaml_schema_limits {
    char *memory;
    char *cpu;
    char *files;
    char *message;
    char *calls_waiting;
    char *log;
    char *log_files;
};

struct yaml_schema_heartbeat {
    char *every;
    char *dead_after;
};

struct yaml_schema_restart {
    char *first;
    char *max;
    char *give_up;
    char *stable;
    char *strategy;
};

struct yaml_schema_deadlines {
    char *ready;
    char *drain;
    char *term;
};

struct yaml_schema_placement {
    char *labels; /* stays NULL: any keys may stand there, so the tree is read instead */
};

struct yaml_schema_cell {
    char *name;
    char *space;
    char *exec;
    char *instances;
    char *root;
    char **requires;
    unsigned requires_count;
    char **serves;
    unsigned serves_count;
    char **may_call;
    unsigned may_call_count;
    struct yaml_schema_sandbox sandbox;
    struct yaml_schema_limits limits;
    struct yaml_schema_heartbeat heartbeat;
    struct yaml_schema_restart restart;
    struct yaml_schema_deadlines deadlines;
    struct yaml_schema_placement placement;
    char *spare;
    char *start;
    char *protocol;
};

struct yaml_schema_doc {
    char *node;
    struct yaml_schema_cell *cells;
    unsigned cells_count;
};

/* Check the tree against the schema: unknown or missing fields, a list where a text is expected,
 * too many entries. The first violation in the file is told. ERR_MALFORMED, ERR_LIMIT. Opaque nodes
 * are not looked into. */
enum err yaml_schema_check(const struct yaml_marks *m) MUST_CHECK;

/* Load a checked tree. Free *ret with yaml_schema_free. ERR_NOMEM; ERR_INTERNAL with libcyaml's own
 * words: it refused what yaml_schema_check had passed. */
enum err yaml_schema_load(const struct yaml_marks *m, struct yaml_schema_doc **ret) MUST_CHECK;
void yaml_schema_free(struct yaml_schema_doc *doc);

#endif
