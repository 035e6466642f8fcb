/* The lock file of a project: what was resolved, by hashes, so that it is the same everywhere and later. One form, to the byte.
 *
 *   cell-registry-lock-1
 *   origin example.org/cells
 *   needs acme/log ^1.2                   what the project needed when this was written, ascending by name
 *   package acme/log 1.4.2 RECORD TREE    what it got, ascending by name: the hashes of the record with its signatures and of the files
 *
 * A record says more, but is looked up by its hash; the tree's hash is here, too, so files alone can be compared. */
#ifndef CELL_REGISTRY_LOCK_H
#define CELL_REGISTRY_LOCK_H

#include "registry/name.h"
#include "registry/text.h"

enum { REGISTRY_LOCK_MAX = 4 * 1024 * 1024 /* bytes */ };

struct registry_lock {
    struct registry_slice origin, needs, packages; /* borrowed; the last two: lines */
};

struct registry_lock_need {
    struct registry_slice name, range;
};

struct registry_lock_package {
    struct registry_slice name, version;
    uint8_t record[REGISTRY_HASH_SIZE], tree[REGISTRY_HASH_SIZE];
};

/* Whether all of bytes[0..size) is a lock file. *ret is undefined else. */
bool registry_lock_read(const void *bytes, size_t size, struct registry_lock *ret) MUST_CHECK;

/* The first of lines that registry_lock_read has seen, which go on behind it. False: there is none. */
bool registry_lock_next_need(struct registry_slice *lines, struct registry_lock_need *ret) MUST_CHECK;
bool registry_lock_next_package(struct registry_slice *lines, struct registry_lock_package *ret) MUST_CHECK;

/* The package of a name. O(packages). */
bool registry_lock_find(const struct registry_lock *l, struct registry_slice name, struct registry_lock_package *ret) MUST_CHECK;

/* Write the head, then all needs, then all packages. */
void registry_lock_add_head(struct bytes_text *t, struct registry_slice origin);
void registry_lock_add_need(struct bytes_text *t, const struct registry_lock_need *n);
void registry_lock_add_package(struct bytes_text *t, const struct registry_lock_package *p);

#endif
