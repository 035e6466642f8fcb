/* Keys and certificates as this issuer gives them out: what is new for a node, and telling the own node. */
#ifndef CELL_ISSUER_ROLL_H
#define CELL_ISSUER_ROLL_H

#include "common/node/renew.h"
#include "issuer/shell.h"

enum {
    ISSUER_ROTATE_GRACE_S = 300, /* how long the key before stays after a rotation: for nodes that are slow to hear       */
    ISSUER_REMOVE_GRACE_S = 10,  /* … after a removal: the removed node has it too, and those that hear in time lose nothing */
    ISSUER_RENEW_AGAIN_S = 86400, /* a node that does not know its newest certificate gets another one after so long        */
    ISSUER_TELL_AGAIN_MS = 1000, /* between attempts to tell the own node; doubles to a minute                             */
    ISSUER_TELL_MAX_MS = 60000,
};

/* The update for node `id`, which is a member and has proved it. out: UPDATE_MAX bytes, secret. GRANTED, or FAILED, which is
 * logged. Blocks for a signature or two, and the disk when there is a certificate in it. */
enum token_verdict issuer_roll_update(struct issuer_shell *s, const uint8_t id[NODE_ID_LEN], const struct renew_ask *ask,
                                      uint8_t *out, size_t *ret_size);

/* Remember the certificate that was just made for the member `id`; to be kept by whoever began the change. Errors of
 * tickets_certify, or of one that is not ours. */
enum err issuer_roll_certified(struct issuer_shell *s, const uint8_t id[NODE_ID_LEN], const char *certificate) MUST_CHECK;

/* Draw a new key for the cluster; within a change that the caller began and keeps. ERR_RANGE: no epoch is left. */
enum err issuer_roll_rotate(struct issuer_shell *s, uint32_t grace_s) MUST_CHECK;

/* Something has changed: tell the own node, and all others hear of it from there. */
void issuer_roll_tell(struct issuer_shell *s);
void issuer_roll_end(struct issuer_shell *s);

#endif
