/* Who may say what of a repository: the roles of TUF ("The Update Framework Specification", 1.0), said in lines. All but the catalogue
 * are signed (signed.h), each begins "cell-registry-KIND-1", "origin …".
 *
 *   root        version, expires; "root", "timestamp", "snapshot", "spaces": threshold and keys of each role; "revoked KEY", ascending
 *   timestamp   version, made, expires; "snapshot VERSION SIZE HASH": which is the newest. Signed by a key that is online: all it can
 *               do alone is to withhold, and not for longer than it is valid
 *   snapshot    version, expires; "spaces VERSION SIZE HASH", "catalogue SIZE HASH", "log SIZE HASH": what belongs together
 *   spaces      version, expires; "space NAME THRESHOLD KEY …", by ascending name: who may publish there; NAME "-": names without a space
 *   catalogue   "NAME VERSION STATE HASH", ascending: the hash of each record with its signatures; STATE: listed, yanked
 */
#ifndef CELL_REGISTRY_ROLES_H
#define CELL_REGISTRY_ROLES_H

#include "registry/name.h"
#include "registry/signed.h"

enum {
    /* Bytes that a document may have when nothing signed has said how many: what is fetched first. */
    REGISTRY_ROOT_MAX = 32 * 1024,
    REGISTRY_TIMESTAMP_MAX = 8 * 1024,
    /* … and what no signature can go beyond. */
    REGISTRY_SNAPSHOT_MAX = 8 * 1024,
    REGISTRY_SPACES_MAX = 4 * 1024 * 1024,
    REGISTRY_CATALOGUE_MAX = 64 * 1024 * 1024, /* some half a million versions */
};

enum registry_role { REGISTRY_ROLE_ROOT, REGISTRY_ROLE_TIMESTAMP, REGISTRY_ROLE_SNAPSHOT, REGISTRY_ROLE_SPACES, REGISTRY_ROLES };

/* What one document says of another. */
struct registry_named {
    uint64_t version, size;
    uint8_t hash[REGISTRY_HASH_SIZE];
};

struct registry_root {
    char origin[REGISTRY_ORIGIN_MAX + 1];
    uint64_t version, expires_s; /* from 1 */
    struct registry_keys role[REGISTRY_ROLES];
    struct registry_revoked revoked;
};

struct registry_timestamp {
    struct registry_slice origin;
    uint64_t version, made_s, expires_s;
    struct registry_named snapshot;
};

struct registry_snapshot {
    struct registry_slice origin;
    uint64_t version, expires_s;
    struct registry_named spaces, catalogue, log; /* the last two have no version of their own */
};

struct registry_spaces {
    struct registry_slice origin, list; /* list: the lines "space …", borrowed */
    uint64_t version, expires_s;
};

/* Each reads a body and is false unless all of it is in that form, to the byte; *ret is then undefined. A root lists no revoked key in
 * any role, and trusts at least as many keys as a threshold needs. */
bool registry_roles_read_root(struct registry_slice body, struct registry_root *ret) MUST_CHECK;
bool registry_roles_read_timestamp(struct registry_slice body, struct registry_timestamp *ret) MUST_CHECK;
bool registry_roles_read_snapshot(struct registry_slice body, struct registry_snapshot *ret) MUST_CHECK;
bool registry_roles_read_spaces(struct registry_slice body, struct registry_spaces *ret) MUST_CHECK;

/* Each writes the body; of spaces, the lines are `list`. The caller reads it back where he is not sure of its values. */
void registry_roles_add_root(struct bytes_text *t, const struct registry_root *r);
void registry_roles_add_timestamp(struct bytes_text *t, const struct registry_timestamp *s);
void registry_roles_add_snapshot(struct bytes_text *t, const struct registry_snapshot *s);
void registry_roles_add_spaces(struct bytes_text *t, const struct registry_spaces *s);

/* Who may publish `name`, a valid one. False: nobody. O(spaces). */
bool registry_roles_find_space(const struct registry_spaces *s, struct registry_slice name, struct registry_keys *ret) MUST_CHECK;

#endif
