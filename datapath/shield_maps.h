/* The shield's maps as the cell has them: memory that its programs read and write, through which they are told what to
 * let through and say what they saw. Without a call into the kernel, and without a privilege: who has the descriptors of
 * the maps may do all of this, and nothing to what is not the overlay's (struct datapath_shield_place is elsewhere). */
#ifndef CELL_DATAPATH_SHIELD_MAPS_H
#define CELL_DATAPATH_SHIELD_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/live.h"
#include "datapath/message.h"
#include "datapath/shield_shape.h"

/* Descriptors, in this order. */
enum datapath_shield_map {
    DATAPATH_SHIELD_CONFIG,
    DATAPATH_SHIELD_LIVE,
    DATAPATH_SHIELD_COUNTS,
    DATAPATH_SHIELD_CALLERS,
    DATAPATH_SHIELD_SHOWN,
};

enum {
    DATAPATH_SHIELD_MAPS = 5,
    DATAPATH_SHIELD_PROCESSORS_MAX = 8192, /* NR_CPUS of the largest kernels */
};

struct datapath_shield_mapping {
    void *at;
    size_t size;
};

struct datapath_shield_maps {
    struct datapath_shield_mapping map[DATAPATH_SHIELD_MAPS];
    struct datapath_live ids;     /* that are let through: add to and drop from it */
    struct datapath_live callers; /* numbers by which peers, and those for whom we relay, are known in messages of our own */
    uint32_t processors;
};

/* Map them; the descriptors are borrowed until this returns. sets: of live.h, a power of two; processors: that count. The
 * shield judges nothing before a mode is set. mac1_key: of struct datapath_cookie_keys; source_key: fresh. ERR_INVALID:
 * a number is out of its range; errors of mmap. After an error `m` has nothing. */
enum err datapath_shield_maps_open(struct datapath_shield_maps *m, const int fd[DATAPATH_SHIELD_MAPS], uint32_t sets,
                                   uint32_t processors, const uint8_t mac1_key[32], const uint8_t source_key[16]) MUST_CHECK;
/* Other maps, of a shield that was loaded in place of the one before: what stood in those stands in these, and they are used
 * from now on. After an error it is as it was. */
enum err datapath_shield_maps_again(struct datapath_shield_maps *m, const int fd[DATAPATH_SHIELD_MAPS], uint32_t sets,
                                    uint32_t processors) MUST_CHECK;
void datapath_shield_maps_close(struct datapath_shield_maps *m); /* also what was zeroed; secrets are wiped */

/* What it does, and which of the two hooks judges. From the next packet on. */
void datapath_shield_maps_set(struct datapath_shield_maps *m, enum datapath_shield_mode mode, enum datapath_shield_hook hook);

/* Whether messages of our own kinds pass (PROTOCOL.md); until this is said they do not. */
void datapath_shield_maps_own(struct datapath_shield_maps *m, bool is_taken);

/* Whether what passes XDP goes to the sockets past the host's stack, where its queue has one. */
void datapath_shield_maps_frames(struct datapath_shield_maps *m, bool is_taken);

/* A signal that opened came from there: what else comes from there is a peer's, for DATAPATH_SHIELD_PLACE_S. 100 ns. */
void datapath_shield_maps_shown(struct datapath_shield_maps *m, const struct datapath_endpoint *from, uint64_t now_ms);

/* Secrets of cookies in use, newest first; count 0 to 2. */
void datapath_shield_maps_cookies(struct datapath_shield_maps *m, const uint8_t secret[][32], uint32_t count);

/* What it saw since it was loaded, by verdict, of all processors together. */
void datapath_shield_maps_count(const struct datapath_shield_maps *m, uint64_t ret[DATAPATH_SHIELD_VERDICTS]);

#endif
