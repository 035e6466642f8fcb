/* Asking the issuer what is new: both sides as pure machines, bytes in and bytes out, over the frames and the port of
 * joins (join.h). The first frame's magic tells them apart.
 *
 *   node                                             issuer
 *   HELLO    magic, version, Noise 1: node's id        ->
 *                                                    <-  WELCOME  Noise 2: verdict, issuer's clock
 *   REQUEST  sealed: epoch, list, certificate          ->
 *                                                    <-  ANSWER   sealed: verdict, update
 *
 * The handshake is Noise IK (noise.h) with the X25519 keys that belong to both ids: each side proves its identity, and
 * an outsider learns neither. The issuer acts upon REQUEST alone, which only who wrote HELLO just now can make:
 * a HELLO played again gets an answer that nobody can use. No certificate and no clock plays a part, so a node
 * that was away for years is served, and a removed one is not. */
#ifndef CELL_COMMON_NODE_RENEW_H
#define CELL_COMMON_NODE_RENEW_H

#include "common/node/join.h"
#include "common/node/update.h"

enum {
    RENEW_VERSION = 1,
    RENEW_PROLOGUE = 8 + 1,
    RENEW_HELLO_LEN = RENEW_PROLOGUE + NOISE_IK_FIRST + NODE_ID_LEN,
    RENEW_WELCOME_LEN = NOISE_MESSAGE + 1 + 8,
    RENEW_REQUEST_MAX = 4 + 4 + 2 + JOIN_PEM_MAX + NOISE_TAG,
    RENEW_FRAME_MAX = 1 + UPDATE_MAX + NOISE_TAG, /* bytes of any frame, without its length: ANSWER */
};

/* Whether a first frame wants this protocol (of whatever version). */
bool renew_is_hello(const uint8_t *bytes, size_t size);

/* What a node has, and whether it wants its certificate anew. */
struct renew_ask {
    uint32_t epoch, crl;
    char certificate[JOIN_PEM_MAX]; /* its own, of any age; "": none is wanted */
};

/* ---- the node ---------------------------------------------------------------------------------------- */

struct renew_client {
    enum join_state state;
    struct noise noise;
    struct noise_cipher send, receive;
    struct renew_ask ask;
    uint64_t issuer_clock_s; /* after WELCOME */
    uint32_t verdict;        /* enum token_verdict after ERR_DENIED: why; 0: none was heard */
    bool is_proven;          /* the verdict came from the issuer; else from whoever answers there */
};

/* Begin: HELLO goes to out, without its length. ephemeral: 32 fresh random bytes. ERR_MALFORMED: `issuer` is no
 * node's id. */
enum err renew_client_start(struct renew_client *c, const struct node_keys *own, const uint8_t issuer[NODE_ID_LEN],
                            const struct renew_ask *ask, const uint8_t ephemeral[NOISE_KEY],
                            uint8_t out[RENEW_FRAME_MAX], size_t *ret_size) MUST_CHECK;

/* Take the issuer's next frame: any bytes. ERR_OK: *ret_size bytes of out are to be sent, or, when is_done, they are
 * the update (still to be read). Errors of join_client_step; it has ended then. */
enum err renew_client_step(struct renew_client *c, const uint8_t *bytes, size_t size, uint8_t out[RENEW_FRAME_MAX],
                           size_t *ret_size, bool *ret_is_done) MUST_CHECK;
void renew_client_fini(struct renew_client *c);

/* ---- the issuer --------------------------------------------------------------------------------------- */

struct renew_server {
    enum join_state state;
    struct noise noise;
    struct noise_cipher send, receive;
    const struct node_keys *keys; /* the issuer's own; borrowed */
    uint8_t ephemeral[NOISE_KEY];
    uint8_t node[NODE_ID_LEN];    /* who asks; proved once REQUEST was taken */
};

void renew_server_init(struct renew_server *s, const struct node_keys *keys, const uint8_t ephemeral[NOISE_KEY]);

/* Take HELLO: any bytes. out gets WELCOME or a refusal (join_server_refusal), to be sent in any case. ERR_OK: REQUEST is
 * awaited; else it has ended:
 *   ERR_MALFORMED     no HELLO of this version
 *   ERR_FORGED        it does not open: for another issuer, or tampered with
 *   ERR_DENIED        no member; told so under the handshake */
enum err renew_server_hello(struct renew_server *s, const uint8_t *bytes, size_t size, const struct tickets *tickets,
                            uint64_t now_s, uint8_t out[RENEW_FRAME_MAX], size_t *ret_size) MUST_CHECK;

/* Take REQUEST: any bytes. ERR_OK: `node` is proved; decide, then renew_server_answer. Errors of
 * join_server_request. */
enum err renew_server_request(struct renew_server *s, const uint8_t *bytes, size_t size, struct renew_ask *ret)
    MUST_CHECK;

/* ANSWER: `update` when the verdict is GRANTED, else NULL and 0. Ends it. */
void renew_server_answer(struct renew_server *s, enum token_verdict verdict, const uint8_t *update, size_t update_size,
                         uint8_t out[RENEW_FRAME_MAX], size_t *ret_size);
void renew_server_fini(struct renew_server *s);

#endif
