/* One question to the issuer: connecting, the frames of renew.h, a deadline. */
#ifndef CELL_RENEWER_FETCH_H
#define CELL_RENEWER_FETCH_H

#include "common/node/address.h"
#include "common/node/renew.h"
#include "common/run/loop.h"

enum {
    RENEWER_FETCH_MS = 6000, /* a little more than an issuer gives a connection */
    RENEWER_FETCH_WHY_SIZE = 96,
};

struct renewer_fetch;

/* How it ended: called once, later, from the loop. ERR_OK: `update` is what the issuer sent, still to be read; it is wiped
 * when this returns. ERR_DENIED: `verdict`, and whether the issuer itself said so. Others: renew_client_step, or of the
 * connection. It may begin another. */
typedef void (*renewer_fetch_done)(void *context, enum err e, const uint8_t *update, size_t size, uint32_t verdict,
                                   bool is_proven);

/* Ask the issuer `issuer` at `to`. ERR_NOMEM, ERR_MALFORMED (no id of a node), or as connecting fails at once: then
 * `done` is not called. */
enum err renewer_fetch_begin(struct loop *loop, const struct sealed_address *to, const struct node_keys *own,
                             const uint8_t issuer[NODE_ID_LEN], const struct renew_ask *ask, renewer_fetch_done done,
                             void *context, struct renewer_fetch **ret) MUST_CHECK;

/* End it without a word; NULL is fine. */
void renewer_fetch_free(struct renewer_fetch *f);

#endif
