/* The renewer's state and hands: whom it asks, what it passes on. */
#ifndef CELL_RENEWER_SHELL_H
#define CELL_RENEWER_SHELL_H

#include "common/run/cell.h"
#include "renewer/config.h"
#include "renewer/fetch.h"
#include "renewer/keys.h"
#include "renewer/plan.h"

enum {
    RENEWER_CLAIMS_MS = 30000,     /* one wait for a claim                                                     */
    RENEWER_CLAIMS_AGAIN_MS = 1000, /* after an answer that nothing can be done about yet, or none              */
    RENEWER_CONTACTS_MAX = RENEWER_CONFIG_CONTACTS_MAX + CLUSTER_SEEDS_MAX + 1,
    RENEWER_HAND_MS = 5000,        /* for the supervisor to write three files                                  */
};

struct renewer_shell {
    struct cell *cell;
    struct renewer_config config;
    struct renewer_keys keys;
    struct renewer_plan plan;
    struct loop_timer *timer;
    struct renewer_fetch *fetch;     /* one at a time */
    uint32_t contacts, contact;      /* candidates of this round, and which is tried */
    struct sealed_address at[RENEWER_CONTACTS_MAX];
    bool has_reached;
    struct sealed_address reached;   /* where the issuer answered last: tried first  */
    bool knows_member;
    struct sealed_address member;    /* where membership says that it is             */
    uint64_t asked, answered, failed;
    bool is_removed;
    char why[RENEWER_FETCH_WHY_SIZE];
    struct cell_metric *metric_answered, *metric_failed;
};

enum err renewer_shell_open(struct cell *cell, void *state);
enum err renewer_shell_start(struct cell *cell, void *state);
void renewer_shell_granted(void *state, const char *name);
void renewer_shell_stop(void *state);

/* Seconds since 1970, by this machine's clock. */
uint64_t renewer_shell_now_s(void);

#endif
