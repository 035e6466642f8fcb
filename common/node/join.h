/* Joining a cluster: both sides as pure machines, bytes in and bytes out, over any stream. One frame each
 * way, twice; a frame is a length (2, big-endian) and so many bytes.
 *
 *   node                                             issuer
 *   HELLO    magic, version, token's id, Noise 1, mac  ->
 *                                                    <-  WELCOME  Noise 2: verdict, issuer's clock
 *   REQUEST  sealed: name, id, signature, request      ->
 *                                                    <-  ANSWER   sealed: verdict, certificates, cluster
 *
 * The handshake is Noise NKpsk0 (noise.h). Its static key is the issuer's X25519 key, which follows from
 * the id in the token: nobody else can answer, not even another holder of the token. Its psk comes from the
 * token's secret: nobody without it is listened to. Neither travels, and each side's fresh key is in what
 * protects REQUEST and ANSWER: a recording proves nothing to anybody.
 *
 * A HELLO ends with a keyed hash of itself under the psk. An issuer looks at this first: a wrong guess costs it
 * a lookup and one BLAKE2b, no curve operation (the idea of mac1 in Donenfeld, "WireGuard", NDSS 2017,
 * section 5.3). A refusal before the handshake holds is 10 bytes in the clear (magic, version, verdict), and
 * an unknown token and a wrong secret are refused alike. */
#ifndef CELL_COMMON_NODE_JOIN_H
#define CELL_COMMON_NODE_JOIN_H

#include "common/node/cluster.h"
#include "common/node/identity.h"
#include "common/node/noise.h"
#include "common/node/tickets.h"

enum {
    JOIN_VERSION = 1,
    JOIN_MAC = 16,
    JOIN_PEM_MAX = 2048,          /* bytes of a certificate as text, with its terminator: PKI_PEM_MAX */
    JOIN_REQUEST_MAX = 512,       /* bytes of a certificate request: PKI_REQUEST_MAX                  */
    JOIN_HELLO_LEN = 8 + 1 + TOKEN_ID + NOISE_MESSAGE + JOIN_MAC,
    JOIN_WELCOME_LEN = NOISE_MESSAGE + 1 + 8,
    JOIN_REFUSAL_LEN = 8 + 1 + 1,
    JOIN_FRAME_MAX = 6144,        /* bytes of any frame, without its length                           */
    JOIN_SIGNATURE = 64,
};

/* ---- the node that joins ----------------------------------------------------------------------------- */

enum join_state {
    JOIN_FRESH,
    JOIN_AWAITS_HELLO,   /* issuer */
    JOIN_AWAITS_WELCOME,
    JOIN_AWAITS_REQUEST, /* issuer */
    JOIN_DECIDES,        /* issuer: its shell does */
    JOIN_AWAITS_ANSWER,
    JOIN_ENDED,          /* for ever */
};

/* What a node has after it was let in. */
struct join_grant {
    struct cluster cluster;
    char authority[JOIN_PEM_MAX];
    char certificate[JOIN_PEM_MAX];
};

struct join_client {
    enum join_state state;
    struct noise noise;
    struct noise_cipher send, receive;
    struct identity identity;
    uint8_t issuer[NODE_ID_LEN];
    uint8_t request[JOIN_REQUEST_MAX];
    size_t request_size;
    uint8_t hello[JOIN_HELLO_LEN];
    uint8_t mac_key[NOISE_KEY];
    uint8_t token_id[TOKEN_ID];
    uint64_t issuer_clock_s; /* after WELCOME */
    uint32_t verdict;        /* enum token_verdict, after an error that is one: why; 0: none was heard */
    bool is_proven;          /* the verdict came from the issuer; else from whoever answers there */
};

/* Begin. request: a certificate request (pki.h), 1 to JOIN_REQUEST_MAX bytes. ephemeral: 32 fresh random bytes.
 * ERR_MALFORMED: the token's issuer is no id of a node. */
enum err join_client_init(struct join_client *c, const struct token *token, const struct identity *identity,
                          const uint8_t *request, size_t request_size,
                          const uint8_t ephemeral[NOISE_KEY]) MUST_CHECK;

/* HELLO, without its length. */
enum err join_client_start(struct join_client *c, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size) MUST_CHECK;

/* Take the issuer's next frame: any bytes. ERR_OK: *ret_size bytes are to be sent, or, when it is 0, *ret holds
 * the grant (its certificates are text of the right size and not judged yet). Otherwise it has ended:
 *   ERR_DENIED        refused; `verdict` says why, `is_proven` who says so
 *   ERR_MALFORMED     no frame of a join
 *   ERR_FORGED        it does not open: not the issuer of this token, or tampered with
 *   ERR_PRECONDITION  it had ended before */
enum err join_client_step(struct join_client *c, const uint8_t *bytes, size_t size, uint8_t out[JOIN_FRAME_MAX],
                          size_t *ret_size, struct join_grant *ret) MUST_CHECK;
void join_client_fini(struct join_client *c);

/* ---- the issuer ---------------------------------------------------------------------------------------- */

/* What a node asks for, with everything proved that can be: it holds the token's secret, its id's key, and its
 * former id's when it has one. The certificate request is still any bytes. */
struct join_request {
    char name[NODE_NAME_MAX + 1];
    uint8_t id[NODE_ID_LEN];
    bool has_previous;
    uint8_t previous[NODE_ID_LEN];
    uint8_t token[TOKEN_ID];
    uint8_t request[JOIN_REQUEST_MAX];
    size_t request_size;
};

struct join_server {
    enum join_state state;
    struct noise noise;
    struct noise_cipher send, receive;
    struct node_keys *keys; /* the issuer's own; borrowed */
    uint8_t ephemeral[NOISE_KEY];
    uint8_t token_id[TOKEN_ID];
};

/* ephemeral: 32 fresh random bytes, for this connection alone. `keys` outlives `s`. */
void join_server_init(struct join_server *s, struct node_keys *keys, const uint8_t ephemeral[NOISE_KEY]);

/* Take HELLO: any bytes. out gets WELCOME or a refusal, *ret_size (> 0) its bytes: to be sent in any case. ERR_OK:
 * REQUEST is awaited; else it has ended and the refusal is the last word:
 *   ERR_MALFORMED     no HELLO of this version
 *   ERR_NOT_FOUND     an unknown token or a wrong secret: nothing but hashing was done
 *   ERR_FORGED        the right secret but no handshake for this issuer
 *   ERR_DENIED        the holder of a dead token: told so under the handshake */
enum err join_server_hello(struct join_server *s, const uint8_t *bytes, size_t size, struct tickets *tickets,
                           uint64_t now_s, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size) MUST_CHECK;

/* Take REQUEST: any bytes. ERR_OK: decide, then join_server_answer. ERR_MALFORMED or ERR_FORGED: it has ended and
 * nothing is to be sent. */
enum err join_server_request(struct join_server *s, const uint8_t *bytes, size_t size,
                             struct join_request *ret) MUST_CHECK;

/* ANSWER: `grant` when the verdict is GRANTED, else NULL. Ends it. */
void join_server_answer(struct join_server *s, enum token_verdict verdict, const struct join_grant *grant,
                        uint8_t out[JOIN_FRAME_MAX], size_t *ret_size);

/* A refusal in the clear, for who is not listened to: BUSY. */
size_t join_server_refusal(enum token_verdict verdict, uint8_t out[JOIN_FRAME_MAX]);
void join_server_fini(struct join_server *s);

#endif
