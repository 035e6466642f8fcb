/* Inside of spawn: what its two rooms share. spawn.c starts processes and tells them who they are,
 * spawn_spare.c has some started before anybody needs them. */
#ifndef CELL_NUCLEUS_SPAWN_ROOM_H
#define CELL_NUCLEUS_SPAWN_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/run/jail.h"
#include "nucleus/keys.h"
#include "nucleus/shell.h"
#include "nucleus/shields.h"
#include "nucleus/sockets.h"
#include "nucleus/tuns.h"
#include "nucleus/version.h"

/* A process being born: what jail_start needs and what it gave. */
struct spawn_birth {
    const struct manifest_cell *cell;
    uint32_t instance;
    bool is_spare;        /* instance not known yet */
    int gap_fd;           /* our end */
    struct cgroup_seat seat;
    struct keys_grant keys; /* what its Genesis hands over */
    struct sockets_grant sockets;
    struct tuns_grant tuns;
    struct shields_grant shield;
    int addresses;        /* sockets_addresses, ours to close; -1: none */
    struct version_file program; /* as it was right before the start */
    uint64_t version;     /* of a twin; 0: not looked at yet */
    uint64_t log_from;    /* size of its log file so far */
    uint64_t start_ticks; /* 0: not looked at yet */
    struct jail_started started;
};

/* Start a process of b->cell, in a control group where it has limits: fills the rest of `b`, whose
 * descriptors are the caller's then. `why` is one line. Blocks until exec. */
enum err spawn_bear(struct shell *s, struct spawn_birth *b, char why[JAIL_WHY_SIZE]) MUST_CHECK;

/* Version of the program that was started and of its entry; 0: not to be told. */
uint64_t spawn_version(const struct spawn_birth *b);

/* Take the twin that waits for this cell's entry and program as they are now: its process becomes the
 * instance. false: none does. */
bool spawn_spare_take(struct shell *s, struct spawn_birth *b, uint32_t cell);

#endif
