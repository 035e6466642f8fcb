/* The gateway's shell: what it holds, and the two ways through it. Requests of local cells for other nodes come
 * with a route (cell_forward) and go out over TLS (outbound.c); requests of other nodes come over TLS and go to
 * exported cells of this one (inbound.c). Bodies are never looked into. */
#ifndef CELL_GATEWAY_SHELL_H
#define CELL_GATEWAY_SHELL_H

#include "common/node/nodelink.h"
#include "common/run/cell.h"
#include "gateway/config.h"
#include "gateway/offers.h"

enum {
    GATEWAY_NODES_MAX = 256,       /* nodes whose place is remembered: each may have two links              */
    GATEWAY_FRESH_MS = 2000,       /* how long membership's word is believed without asking again           */
    GATEWAY_MEMBERSHIP_MS = 500,   /* for it to answer; then what it said last is the best there is         */
    GATEWAY_ESTIMATES_AGAIN_MS = 30000, /* vivaldi is not asked for so long after it did not answer          */
    GATEWAY_ESTIMATE_MAX_MS = 60000,    /* no round trip is longer                                           */
    GATEWAY_FURTHER_MS = 1000,     /* for the dht to answer: nobody else has the cell, so its caller waits anyhow  */
    GATEWAY_FURTHER_AGAIN_MS = 5000, /* a node without a dht is not asked for it again and again               */
    GATEWAY_WATCH_MS = 20000,      /* of a long poll                                                        */
    GATEWAY_OUT_MAX = 4096,        /* requests of local cells under way                                     */
    GATEWAY_IN_MAX = 1024,         /* requests of other nodes under way                                     */
    GATEWAY_IN_NODE_MAX = 256,     /* … of one of them: no node takes the places of all                     */
    GATEWAY_BUSY_MS = 100,         /* "come back after" of those that are refused for it                    */
    GATEWAY_REPLY_OVERHEAD = 4096, /* bytes of an envelope around what it carries: texts, hints, numbers    */
};

/* Where a node is, as membership said last. */
struct gateway_node {
    char name[NAME_SIZE];
    bool is_known, is_asking;
    uint8_t id[NODE_ID_LEN];
    struct sealed_address at;
    uint64_t fresh_until_ms, used_ms;
    struct gateway_out *waiting; /* until membership has answered */
};

struct gateway_out;
struct gateway_in;
struct gateway_name;
struct cell_watch;
struct Cell__Nodosum__Found;

struct gateway_shell {
    struct cell *cell;
    struct gateway_config *config;
    struct tls_identity *identity;
    struct pki_who self;
    int listen_fd;
    struct nodelinks *links;
    struct gateway_node *nodes[GATEWAY_NODES_MAX];
    struct gateway_name *names[64];  /* GATEWAY_NAMES_MAX */
    uint64_t estimates_ms;           /* vivaldi is not asked before */
    uint64_t further_ms;             /* the dht is not asked, nor told, before */
    struct cell_watch *members;      /* who comes and goes */
    struct gateway_offers offers;
    struct gateway_out *outs; /* all of them */
    struct gateway_in *ins;
    uint32_t out_count, in_count;
    size_t message_bytes;
    uint64_t links_refused; /* as counted so far */
    struct cell_metric *metric_out, *metric_in, *metric_denied, *metric_refused, *metric_links;
};

enum err gateway_shell_open(struct cell *cell, void *state);
enum err gateway_shell_start(struct cell *cell, void *state);
void gateway_shell_tick(void *state, uint64_t now_ms);
void gateway_shell_granted(void *state, const char *name);
void gateway_shell_stop(void *state);

/* ---- nodes.c ------------------------------------------------------------------------------------- */

/* Find out where `name` is, then send `out` there or end it. It is taken in any case. */
void gateway_nodes_route(struct gateway_shell *s, const char *name, struct gateway_out *out);
/* Take in where a member is. False: that cannot be told, or there is no room. */
bool gateway_nodes_learn(struct gateway_shell *s, const struct Cell__Nodosum__Found *found);
const struct gateway_node *gateway_nodes_known(struct gateway_shell *s, const char *name); /* NULL: it is not */
/* Follow who comes and goes. ERR_NOMEM. */
enum err gateway_nodes_watch(struct gateway_shell *s) MUST_CHECK;
void gateway_nodes_free(struct gateway_shell *s);

/* ---- outbound.c ---------------------------------------------------------------------------------- */

enum err gateway_outbound_forward(void *state, struct cell_call *call, const struct cell_forward *request);
/* Its node was found (node != NULL: send it) or not (e, text: end it). */
void gateway_outbound_go(struct gateway_out *out, const struct gateway_node *node, enum err e, const char *text);
/* The next of a list of those that wait, and a place for it. */
struct gateway_out **gateway_outbound_next(struct gateway_out *out);
void gateway_outbound_free(struct gateway_shell *s);

/* ---- inbound.c ----------------------------------------------------------------------------------- */

/* nodelink_config.question. */
void gateway_inbound_question(void *context, const struct pki_who *from, const struct nodelink_ticket *ticket,
                              const uint8_t *body, size_t size);
void gateway_inbound_free(struct gateway_shell *s);

#endif
