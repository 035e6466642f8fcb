/* The catalogue: every version that there is, and the hash of its record. Its lines are in order, so one is found in log time and those
 * of a name stand together.
 *
 *   cell-registry-catalogue-1
 *   origin example.org/cells
 *   acme/greeter 1.2.3 listed HASH     by name (bytes), then by version (precedence; one that differs in build metadata alone is the same)
 *   acme/greeter 1.3.0 yanked HASH
 */
#ifndef CELL_REGISTRY_CATALOGUE_H
#define CELL_REGISTRY_CATALOGUE_H

#include "registry/name.h"
#include "registry/text.h"

struct registry_catalogue {
    struct registry_slice origin, list; /* borrowed; list: the lines behind the origin */
};

struct registry_entry {
    struct registry_slice name, version; /* borrowed */
    bool is_yanked;                      /* for nobody new; who has it in his lock file gets it */
    uint8_t hash[REGISTRY_HASH_SIZE];    /* of the record with its signatures */
};

/* Whether all of bytes[0..size) is a catalogue, to the byte. O(size). *ret is undefined else. */
bool registry_catalogue_read(const void *bytes, size_t size, struct registry_catalogue *ret) MUST_CHECK;

/* The entry of this name and version, or false. O(log size). */
bool registry_catalogue_find(const struct registry_catalogue *c, struct registry_slice name, const struct registry_version *version,
                             struct registry_entry *ret) MUST_CHECK;

/* The lines of a name: empty if there are none. O(log size + versions). */
struct registry_slice registry_catalogue_of(const struct registry_catalogue *c, struct registry_slice name);

/* The first entry of lines that registry_catalogue_read has seen, which go on behind it. False: there is none. */
bool registry_catalogue_next(struct registry_slice *lines, struct registry_entry *ret) MUST_CHECK;

/* Write the head, and one line. */
void registry_catalogue_add_head(struct bytes_text *t, struct registry_slice origin);
void registry_catalogue_add(struct bytes_text *t, const struct registry_entry *e);

#endif
