/* The cell around the core: what membership measured comes in, where this node is goes out, and both are kept on disk. */
#ifndef CELL_VIVALDI_SHELL_H
#define CELL_VIVALDI_SHELL_H

#include "common/base/name.h"
#include "common/run/cell_ask.h"
#include "proto/nodosum.pb-c.h"
#include "vivaldi/core.h"
#include "vivaldi/settings.h"
#include "vivaldi/verify.h"

enum {
    VIVALDI_SHELL_ID_SIZE = 32,        /* a node's public key                                                  */
    VIVALDI_SHELL_TURN_MS = 1000,      /* between looks whether there is something to tell or to keep           */
    VIVALDI_SHELL_AGAIN_MS = 10000,    /* what was told is told again: membership may have forgotten it         */
    VIVALDI_SHELL_KEEP_MS = 60000,     /* between writes to disk: what is lost is measured again                */
    VIVALDI_SHELL_POLL_MS = 20000,     /* one long poll for round trips                                         */
    VIVALDI_SHELL_PLACES_MS = 1000 * VIVALDI_OLD_S, /* between looks where members have told all that they are   */
    VIVALDI_SHELL_ASK_MS = 2000,       /* for a question to membership that nobody waits for                    */
};

struct vivaldi_shell {
    struct cell *cell;
    struct vivaldi_settings settings;
    int dir;                           /* of the state; -1: none is granted */
    bool is_known;                     /* membership has said who this node is; the core is there */
    char node[NAME_SIZE];
    uint8_t id[VIVALDI_SHELL_ID_SIZE];
    void *memory;
    struct vivaldi core;
    struct cell_watch *watch;
    Cell__Nodosum__RttsRequest poll;   /* the watch's */
    struct cell_timer *timer;
    bool is_asking;                    /* who this node is, or telling where it is */
    bool is_looking;                   /* where the others are */
    struct vivaldi_coord told, said;   /* to all; with pings */
    uint64_t told_ms, kept_ms, looked_ms; /* 0: never */
    struct vivaldi_verify *verifies;   /* routes that wait for a measurement */
    uint64_t lost, unread, untold;     /* samples that membership had forgotten; samples that were none; failures to tell */
    uint64_t observed;                 /* round trips that other cells measured */
    uint64_t verified, unverified;     /* routes that were measured before they were answered; and in vain */
    struct cell_metric *metric_error, *metric_peers, *metric_samples, *metric_refused;
};

/* Hooks of the cell; state is a struct vivaldi_shell. */
enum err vivaldi_shell_open(struct cell *cell, void *state) MUST_CHECK;
enum err vivaldi_shell_start(struct cell *cell, void *state) MUST_CHECK;
void vivaldi_shell_stop(void *state);

/* Seconds for the core. */
uint32_t vivaldi_shell_now_s(const struct vivaldi_shell *s);

#endif
