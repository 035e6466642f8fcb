/* The hostile program: tries to get out of its sandbox in every way we know, and says what came of
 * each attempt. Compiled twice: as a plain program that a jail must hold (escape), and as one that
 * seals itself first (escape_sealed). */
#ifndef CELL_TESTS_CELL_ESCAPE_ESCAPE_H
#define CELL_TESTS_CELL_ESCAPE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What there is outside that the program should not reach. */
struct escape_target {
    pid_t victim;         /* a process of the host, of the same user       */
    const char *outside;  /* a directory of the host with a readable file  */
    const char *inside;   /* a directory we may write to                   */
    const char *abstract; /* name of an abstract socket somebody listens on */
    const char *setuid;   /* a root-owned setuid copy of this program      */
    int port;             /* of a TCP listener on the host's loopback      */
    bool has_network;     /* granted: internet sockets are no escape       */
};
extern struct escape_target target;

/* One way out. try returns >= 0 when it got through, or -1 with errno. It cleans up after a
 * success, so that it may be tried where nothing stops it. */
struct escape_attempt {
    const char *name;
    long (*try)(void);
    bool root_can;      /* an unconfined root succeeds: shows that the attempt is a real one */
    bool needs_network; /* pointless when the network is granted                             */
};

extern const struct escape_attempt escape_kernel[];  /* kernel interfaces     */
extern const size_t escape_kernel_count;
extern const struct escape_attempt escape_outside[]; /* files, processes, net */
extern const size_t escape_outside_count;

#endif
