/* Both ends of a channel in one process, by the real handshake, without a thread. */
#ifndef CELL_TESTS_UNIT_RUN_SHM_PAIR_H
#define CELL_TESTS_UNIT_RUN_SHM_PAIR_H

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/shm_chan.h"
#include "common/run/shm_meet.h"
#include "tests/support/check.h"

/* Small enough for sanitizers, with everything in it. */
static const struct shm_shape shm_pair_shape = {
    .slots = 4, .stride = 256, .loan_bytes = 1 << 20, .ring_bytes = 0};

static inline struct shm_meet_config shm_pair_config(const struct shm_shape *shape)
{
    struct shm_meet_config config = {.shape = *shape, .peer_uid = geteuid()};

    memset(config.key, 0x5a, sizeof config.key);
    return config;
}

static inline void shm_pair_sockets(int ends[2])
{
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a socket pair");
}

/* Step both until neither has anything to read. Each result is LATER until its side is through. */
static inline void shm_pair_run(struct shm_meet *meet[2], struct shm *ends[2], enum err result[2])
{
    for (int round = 0; round < 8; round++) {
        for (int side = 0; side < 2; side++) {
            if (meet[side] != NULL && result[side] == ERR_LATER) {
                result[side] = shm_meet_step(meet[side], &ends[side]);
            }
        }
    }
}

/* ends[0] has spoken first. */
static inline void shm_pair_open(struct shm *ends[2], const struct shm_shape *shape)
{
    struct shm_meet_config config = shm_pair_config(shape);
    struct shm_meet *meet[2] = {NULL, NULL};
    enum err result[2] = {ERR_LATER, ERR_LATER};
    int at[2];

    shm_pair_sockets(at);
    for (int side = 0; side < 2; side++) {
        enum shm_role role = side == 0 ? SHM_CONNECTOR : SHM_ACCEPTOR;
        REQUIRE(shm_meet_begin(role, &at[side], &config, &meet[side]) == ERR_OK, "side %d", side);
    }
    shm_pair_run(meet, ends, result);
    for (int side = 0; side < 2; side++) {
        REQUIRE(result[side] == ERR_OK, "side %d met: %s", side, err_name(result[side]));
        shm_meet_end(meet[side]);
    }
}

static inline void shm_pair_close(struct shm *ends[2])
{
    shm_close(ends[0]);
    shm_close(ends[1]);
}

#endif
