/* The record of one published version: what is signed by whoever may publish in the name's space, in one canonical form.
 *
 *   cell-registry-record-1
 *   origin example.org/cells          the repository that it is for
 *   name acme/greeter
 *   version 1.2.3
 *   made 1790000000                   seconds since 1970, UTC
 *   summary Says hello.               may be missing
 *   repository https://example.org/acme/greeter.git
 *   commit 40 or 64 digits            git's name of it, which is trusted for nothing
 *   tree 64 digits                    of all files: see tree.h
 *   build x86_64-linux-gnu 64 digits  of what the build of it gives, for each target, by ascending target; may be missing
 *   depends acme/log ^1.2             by ascending name; may be missing
 */
#ifndef CELL_REGISTRY_RECORD_H
#define CELL_REGISTRY_RECORD_H

#include "registry/name.h"
#include "registry/text.h"

enum {
    REGISTRY_RECORD_MAX = 32 * 1024, /* bytes, with its signatures */
    REGISTRY_RECORD_DEPENDS_MAX = 64,
    REGISTRY_RECORD_BUILDS_MAX = 8,
    REGISTRY_RECORD_SUMMARY_MAX = 200,
};

struct registry_record {
    struct registry_slice origin, name, summary, repository, commit; /* borrowed; no summary: its length is 0 */
    struct registry_version version;
    uint64_t made_s;
    uint8_t tree[REGISTRY_HASH_SIZE];
    uint8_t builds, depends;
    struct {
        struct registry_slice target;
        uint8_t hash[REGISTRY_HASH_SIZE];
    } build[REGISTRY_RECORD_BUILDS_MAX];
    struct {
        struct registry_slice name, range; /* range: as registry_range_parse takes it */
    } depend[REGISTRY_RECORD_DEPENDS_MAX];
};

/* Read a body, without signatures. False: it is not in that form, to the byte, or a value is past its limit; *ret is then undefined. */
bool registry_record_read(struct registry_slice body, struct registry_record *ret) MUST_CHECK;

/* Write the body of what registry_record_read would take: false: it would not; or `to` has no room. */
bool registry_record_write(const struct registry_record *r, struct bytes_text *to) MUST_CHECK;

#endif
