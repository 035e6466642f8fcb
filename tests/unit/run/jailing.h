/* What the tests of jail and seal share: a little host to escape to, and programs run to their end. */
#ifndef CELL_TESTS_UNIT_RUN_JAILING_H
#define CELL_TESTS_UNIT_RUN_JAILING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/run/jail.h"
#include "common/run/seal.h"

enum {
    JAILING_OUTPUT_MAX = 64 * 1024,
    JAILING_DEADLINE_MS = 60000, /* a program that runs longer is ended and fails the test */
    JAILING_SKIP = 77,
    JAILING_USER = 65534,
};

/* A temporary directory with root/ (to mount on), outside/ (with a secret and a listening socket),
 * inside/ (granted writable), bin/ (copies of the programs, reachable by every user); a process to
 * attack; an abstract and a TCP listener. */
struct jailing {
    char dir[64];
    char root[96], outside[96], inside[96], bin[96], setuid[112];
    char abstract[64];
    pid_t victim;
    int abstract_fd, tcp_fd, outside_fd;
    int port;
    uid_t uid; /* programs run as */
    gid_t gid;
    bool is_owner; /* of dir: removes it */
};

/* How a program ended, or why it was not started. */
struct jailing_end {
    enum err e;
    char why[JAIL_WHY_SIZE];
    bool is_killed; /* status is a signal, else an exit status */
    int status;
    uint64_t jail_us;
    char output[JAILING_OUTPUT_MAX];
};

/* Become the user the test runs as: "root" (skips when we are not) or "user" (nobody when we are root,
 * else ourselves), and build the host. `program`s are copied to bin/, the first also as a root-owned
 * setuid file where we may. */
void jailing_open(struct jailing *j, const char *as, char *const *program, int program_count);
void jailing_close(struct jailing *j);

/* Path of a copied program. Valid until the next call. */
const char *jailing_bin(const struct jailing *j, const char *name);

/* A confined spec with what every test wants; paths and flags are the caller's to change. */
struct jail_spec jailing_spec(const struct jailing *j, const char *const *argv);

/* Run it to its end; gap_fd and log_fd of spec are filled in here. */
void jailing_run(const struct jail_spec *spec, struct jailing_end *ret);
/* The same without waiting: *ret_log is its output so far. ERR as jail_start. */
enum err jailing_start(const struct jail_spec *spec, struct jail_started *ret, int *ret_log,
                       char why[JAIL_WHY_SIZE]);
void jailing_kill(struct jail_started *started);

/* Run a claim in a process of its own, since sealing is for ever; it must not fail there. */
void jailing_in_child(void (*claim)(void), const char *name);

/* A spec that grants nothing but to bind in host->inside; and close the doors of this process by one. */
struct seal_spec jailing_seal_spec(const struct jailing *j);
void jailing_seal(const struct seal_spec *spec);

/* Report a claim that does not hold; jailing_failed counts them. */
void jailing_claim(bool holds, const char *format, ...) PRINTF_LIKE(2, 3);
int jailing_failed(void);

/* Whether this process has children, and its open descriptors (but for what the jail keeps ready),
 * signal mask and dumpable flag: call before and after something that must leave nothing. */
struct jailing_trace {
    int descriptors;
    int dumpable;
    uint64_t blocked;
    bool has_children;
};
void jailing_look(struct jailing_trace *ret);
bool jailing_same(const struct jailing_trace *a, const struct jailing_trace *b);

#endif
