/* What happened in a world, or in many: a simulation in which something never happens has not tested it. */
#ifndef CELL_TESTS_SIM_WORLD_COUNT_H
#define CELL_TESTS_SIM_WORLD_COUNT_H

#include <stdint.h>

#define COUNT_MAP(X)                                                                               \
    X(STEPS, "steps")                                                                              \
    X(SENT, "packets sent")                                                                        \
    X(DELIVERED, "delivered")                                                                      \
    X(LOST, "lost")                                                                                \
    X(DUPLICATED, "doubled")                                                                       \
    X(OVERTAKEN, "overtaken")                                                                      \
    X(CUT_OFF, "stopped by partitions")                                                            \
    X(CLOGGED, "held by clogs")                                                                    \
    X(OVERFLOWN, "refused by full inboxes")                                                        \
    X(PARTITIONS, "partitions")                                                                    \
    X(ONE_WAY, "one-way partitions")                                                               \
    X(CLOGS, "clogs")                                                                              \
    X(CRASHES, "crashes")                                                                          \
    X(CRASHES_INSIDE, "crashes between effects")                                                   \
    X(POWER_LOSSES, "losses of power")                                                             \
    X(WIPES, "disks lost")                                                                         \
    X(RESTARTS, "restarts")                                                                        \
    X(PAUSES, "pauses")                                                                            \
    X(WRITES, "writes")                                                                            \
    X(SYNCS, "syncs")                                                                              \
    X(SYNCS_FAILED, "failed syncs")                                                                \
    X(WRITES_LOST, "writes lost")                                                                  \
    X(WRITES_TORN, "writes torn")                                                                  \
    X(BITS_ROTTEN, "bits rotten")                                                                  \
    X(DISKS_FULL, "writes to full disks")                                                          \
    X(JUMPS, "jumps of wall clocks")                                                               \
    X(ORDERS, "orders")                                                                            \
    X(TOLD, "told")

enum count_kind {
#define X(name, text) COUNT_##name,
    COUNT_MAP(X)
#undef X
};

/* Not a member of the enum, as in err.h. */
#define X(name, text) +1
enum {
    COUNT_KINDS = 0 COUNT_MAP(X)
};
#undef X

struct count {
    uint64_t of[COUNT_KINDS];
};

const char *count_name(enum count_kind kind);
void count_add(struct count *to, const struct count *from);

/* One line of all that is not zero, to stdout. */
void count_print(const struct count *c);

#endif
