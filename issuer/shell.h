/* The issuer's state and hands: keys, memory on disk, the socket that joins come in by. */
#ifndef CELL_ISSUER_SHELL_H
#define CELL_ISSUER_SHELL_H

#include <stdbool.h>

#include "common/node/identity.h"
#include "common/node/join.h"
#include "common/node/pki.h"
#include "common/node/update.h"
#include "common/run/cell.h"
#include "common/run/loop.h"
#include "issuer/config.h"
#include "issuer/gate.h"

enum {
    ISSUER_LINKS_MAX = 64,        /* joins at once; the next one is told that we are busy       */
    ISSUER_LINKS_SOURCE_MAX = 8,  /* of them, of one source                                     */
    ISSUER_LINK_MS = 5000,        /* from connecting to the last byte                           */
    ISSUER_VALID_DEFAULT_S = 3600,
    ISSUER_VALID_MAX_S = 31 * 86400, /* a token that nobody remembers should not open anything */
};

#define ISSUER_FILE "issuer" /* in the cell's state directory */

struct issuer_link;

struct issuer_shell {
    struct cell *cell;
    struct issuer_config config;
    struct identity identity;
    struct cluster cluster;
    struct node_keys keys;
    char authority_key[JOIN_PEM_MAX];
    char authority[JOIN_PEM_MAX];
    char own_certificate[JOIN_PEM_MAX]; /* of this node; followed by another in time */
    uint32_t list_number;               /* of `list`; 0: not made yet                */
    size_t list_size;
    char list[PKI_LIST_MAX];
    bool is_telling, tells_again;       /* the own node is being told; something changed since */
    struct cell_timer *tell_timer;
    uint32_t tell_ms;                   /* until it is tried again                   */
    uint8_t text[UPDATE_MAX];           /* of the update that is being made          */
    struct tickets tickets;
    struct tickets before; /* as it was before a change that may fail to be stored */
    int state_fd;
    int listen_fd;
    struct loop_watch *listen_watch;
    uint32_t contacts; /* where this issuer is reached */
    char contact[TOKEN_CONTACTS_MAX][CONTACT_SIZE];
    struct issuer_gate gate;
    struct issuer_link *links; /* list */
    uint32_t link_count;
    struct cell_metric *connections, *held_back, *joined, *renewed, *refused, *failed;
};

enum err issuer_shell_open(struct cell *cell, void *state);
enum err issuer_shell_start(struct cell *cell, void *state);
void issuer_shell_granted(void *state, const char *name);
void issuer_shell_stop(void *state);

/* Begin a change of `tickets`; then keep it (stored on disk, or undone with an error) or undo it. */
void issuer_shell_begin(struct issuer_shell *s);
enum err issuer_shell_keep(struct issuer_shell *s) MUST_CHECK;
void issuer_shell_undo(struct issuer_shell *s);

/* Seconds since 1970, by this machine's clock. */
uint64_t issuer_shell_now_s(void);

/* Let a node in whose request was proved: certificate, memory on disk, what to tell it. GRANTED: *ret is to be
 * told. Blocks for the signature and the disk, a few ms. */
enum token_verdict issuer_shell_admit(struct issuer_shell *s, const struct join_request *r, struct join_grant *ret);

#endif
