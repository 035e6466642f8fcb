/* What of a repository is believed: a step for each document that came, from wherever. What is trusted only grows: no document makes
 * a client believe something older than what it believed before, and nothing outlives its date.
 *
 * The order is root (each that follows the one that is trusted), timestamp, snapshot, spaces, catalogue; then records. A root that
 * changes the keys of a role takes back how far that role had counted, so that whoever stole a key cannot leave numbers behind that
 * nobody can follow.
 *
 * Source: TUF, "The Update Framework Specification", section 5 (detailed client workflow), with these differences. Other content under
 * a known number is a fault of its own (FORK). Numbers rise by at most REGISTRY_TRUST_STEP_MAX. Revoked keys are named, stay so, and count
 * for nothing in whatever was signed when. Time is the later one of this clock and the newest timestamp's, so a clock that was set back
 * makes nothing valid again; a timestamp is valid for REGISTRY_TRUST_FRESH_MAX_S at most. Pure: time comes in, bytes are borrowed. */
#ifndef CELL_REGISTRY_TRUST_H
#define CELL_REGISTRY_TRUST_H

#include "registry/catalogue.h"
#include "registry/record.h"
#include "registry/roles.h"

enum {
    REGISTRY_TRUST_STEP_MAX = 1 << 20,            /* one a minute for two years            */
    REGISTRY_TRUST_FRESH_MAX_S = 31 * 24 * 3600,
    REGISTRY_TRUST_MARGIN_S = 24 * 3600,          /* clocks may differ so much             */
    REGISTRY_TRUST_IMAGE_MAX = REGISTRY_ROOT_MAX + 1024,
};

/* What a document is; and how far the present ones are believed. */
enum registry_trust_stage { REGISTRY_TRUST_ROOT, REGISTRY_TRUST_TIMESTAMP, REGISTRY_TRUST_SNAPSHOT, REGISTRY_TRUST_SPACES, REGISTRY_TRUST_CATALOGUE };

struct registry_trust {
    /* What lasts, in an image. */
    struct registry_root root;
    uint64_t made_s;                                   /* of the newest timestamp                          */
    struct registry_named timestamp, snapshot, spaces; /* the newest of each; version 0: none yet. The hash
                                                          of a timestamp is of its body, its size is 0     */
    struct registry_named log;                         /* how many leaves, and the root hash; no version   */
    struct registry_named proved;                      /* … of those that are known to begin with all that
                                                          were seen before                                 */
    /* What is fed anew after a restart or a new root. */
    enum registry_trust_stage stage;                   /* what was believed last                           */
    uint64_t expires_s;                                /* the earliest of those that are believed          */
    struct registry_named catalogue;
    struct registry_spaces space;                      /* both borrowed                                    */
    struct registry_catalogue list;
};

/* Begin with a root that a person trusts. A root of fewer signatures than it asks for itself is refused, with the faults of a step. */
enum registry_fault registry_trust_init(struct registry_trust *t, const void *root, size_t size) MUST_CHECK;

/* A document came. now_s: the present time, seconds since 1970. Spaces and catalogue are borrowed until another takes their place, a root
 * is believed or `t` is no longer used. Of any fault the state is as before. What is believed already is believed again. */
enum registry_fault registry_trust_step(struct registry_trust *t, enum registry_trust_stage kind, const void *bytes, size_t size, uint64_t now_s) MUST_CHECK;

/* How many bytes the next document of a kind can have: what to fetch at most. 0: not its turn. */
uint64_t registry_trust_size(const struct registry_trust *t, enum registry_trust_stage kind);

/* The record of `name` in `version` came. *ret borrows from it. ORDER: no catalogue is believed yet; EXPIRED: it is, but no longer. */
enum registry_fault registry_trust_record(const struct registry_trust *t, struct registry_slice name, const struct registry_version *version,
                                          const void *bytes, size_t size, uint64_t now_s, struct registry_record *ret, bool *ret_is_yanked) MUST_CHECK;

/* A proof came that the log that the snapshot names begins with the one that was proved last (log.h). FORK: it does not show that: this is not
 * the log that others see, or its past was changed. Whoever installs asks for it first; it is kept and told to others. */
enum registry_fault registry_trust_log(struct registry_trust *t, const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count) MUST_CHECK;

/* Whether a record, with its signatures, is leaf `index` of the log as it was proved last. */
enum registry_fault registry_trust_logged(const struct registry_trust *t, const void *record, size_t size, uint64_t index,
                                          const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count) MUST_CHECK;

/* What lasts as bytes, and back; the rest is then fed again. False: damaged, or of another form. */
size_t registry_trust_write(const struct registry_trust *t, char to[REGISTRY_TRUST_IMAGE_MAX]);
bool registry_trust_read(const void *bytes, size_t size, struct registry_trust *ret) MUST_CHECK;

#endif
