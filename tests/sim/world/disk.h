/* The disk of one machine: numbered files behind a write cache.
 *
 * What was written is seen by reads at once and kept only when the file was synced. A loss of power takes
 * from the cache what it likes: each sector of each write is kept or lost by itself, in any order (torn and
 * reordered writes; Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, section 2). After a
 * sync that failed the cached bytes count as clean and never reach the medium, though reads see them until
 * the power goes (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020, section 3).
 *
 * A file may bear a name, a number that its owner chooses; all names are in one directory, which is synced by itself. A
 * name that was given or taken away and not synced is kept or lost by itself when the power goes. */
#ifndef CELL_TESTS_SIM_WORLD_DISK_H
#define CELL_TESTS_SIM_WORLD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "tests/sim/world/dice.h"

enum {
    DISK_FILES = 32,    /* files of one node, all tenants together */
    DISK_NAMES = DISK_FILES, /* in the place of a file's number: the names of all, to be synced */
    DISK_SECTOR = 512,  /* bytes that are written whole or not at all */
};

struct disk_write; /* one entry of the cache */

struct disk_file {
    uint8_t *seen, *kept; /* what reads see; what the medium holds */
    size_t seen_size, kept_size;
    struct disk_write *cache;
    uint32_t cached, cache_room;
};

struct disk {
    struct disk_file file[DISK_FILES];
    uint64_t name_seen[DISK_FILES], name_kept[DISK_FILES]; /* 0: none */
    size_t room_bytes;  /* of all files together; 0: no bound */
    bool lies;          /* says of a sync that it is done, and does nothing */
    uint64_t lost, torn, rotten; /* writes, writes, bits: what the faults did so far */
};

/* Zero-initialised is an empty disk without bound. */
void disk_fini(struct disk *d);

/* Write into the cache; past the end the gap reads as zeros. ERR_LIMIT: the disk is full, and nothing was
 * written. */
enum err disk_write(struct disk *d, uint32_t file, size_t offset, const void *bytes, size_t size)
    MUST_CHECK;

/* Cut or extend the file, in the cache. ERR_LIMIT as above. */
enum err disk_resize(struct disk *d, uint32_t file, size_t size) MUST_CHECK;

/* The file bears this name from now on; 0: none. Others of the same name are the caller's affair. */
void disk_name(struct disk *d, uint32_t file, uint64_t name);
uint64_t disk_name_of(const struct disk *d, uint32_t file);

/* Move the file's cache to the medium, or, when `fails`, lose it there (ERR_IO). Names that fail to be synced are so
 * still: a file system keeps what it owes its journal. */
enum err disk_sync(struct disk *d, uint32_t file, bool fails) MUST_CHECK;

/* Read up to `size` bytes; returns how many there were. */
size_t disk_read(const struct disk *d, uint32_t file, size_t offset, void *bytes, size_t size);
size_t disk_size(const struct disk *d, uint32_t file);

/* The power goes and comes back: what is seen is what was kept. */
void disk_lose_power(struct disk *d, struct dice *dice);

/* Flip one bit of what is kept and seen; nothing when the disk is empty. */
void disk_rot(struct disk *d, struct dice *dice);

/* Another, empty disk is put in. */
void disk_wipe(struct disk *d);

#endif
