/* Sealed datagrams between the nodes of a cluster: one UDP socket, many peers by node id.
 *
 * What is handed over is encrypted and authenticated end to end, arrives at most once, and only from who
 * holds the key of the id it bears (sealed.h has the protocol). It may be lost, or come in another order, as
 * datagrams do. Peers need not be introduced: the first payload for one waits for two round trips of
 * acquaintance, in which each side proves that it is awake, holds its key and receives at its address; so
 * nothing larger than a question ever goes to an address that has not proved itself.
 *
 * One thread: the loop's. A flood of garbage costs a bounded share of each turn of the loop. */
#ifndef CELL_COMMON_NODE_DATAGRAM_H
#define CELL_COMMON_NODE_DATAGRAM_H

#include "common/node/keys.h"
#include "common/node/sealed.h"
#include "common/run/loop.h"

enum {
    DATAGRAM_PAYLOAD_MAX = SEALED_PAYLOAD_MAX, /* bytes of one payload: with everything 1,200 on the wire  */
    DATAGRAM_BATCH = 64,        /* datagrams of one system call: past 32 the gain is under 2 %             */
    DATAGRAM_TURN_MAX = 512,    /* datagrams read before the loop's other work gets its turn               */
    DATAGRAM_QUEUE_MAX = 1024,  /* sealed datagrams that the socket has not taken: 1.2 MiB                 */
    DATAGRAM_SOCKET_BYTES = 4 << 20, /* asked of the kernel each way; it may give less                     */
};

struct datagram;

/* Who sent a payload. Borrowed until the callback returns. */
struct datagram_from {
    const uint8_t *id;               /* NODE_ID_LEN bytes, proved: not a claim                             */
    struct sealed_address address;   /* where it came from, proved to receive what is sent there           */
    uint64_t arrived_us;             /* monotonic, when its batch was read                                 */
    uint64_t session;                /* in which it came: not 0. One of a peer's, at however many addresses, is one life of it */
};

struct datagram_config {
    uint32_t peers_max; /* remembered at once, 1 to SEALED_PEERS_MAX; the longest unused one goes first    */
    /* A payload, 1 to DATAGRAM_PAYLOAD_MAX bytes, borrowed. It may send, and must not close. */
    void (*receive)(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size);
    /* Somebody who is awake at `from` and of this cluster has our own id: a copied key. NULL: nobody is told. */
    void (*twin)(void *context, const struct sealed_address *from);
    void *context;
};

/* What happened since the start. Every datagram that arrived is received, delivered or refused for one
 * reason; every payload handed over is sent, waiting, or dropped and counted. */
struct datagram_numbers {
    struct sealed_numbers sealed;      /* by reason                                                        */
    uint64_t datagrams_in, bytes_in;   /* from the socket, garbage included                                */
    uint64_t datagrams_out, bytes_out; /* taken by the socket                                              */
    uint64_t cut;                      /* arrived longer than 1,200 bytes: refused unread                  */
    uint64_t queue_full;               /* not queued: DATAGRAM_QUEUE_MAX waited                            */
    uint64_t unsendable;               /* the kernel refused the address (no route, too large, forbidden)  */
    uint64_t kernel_drops;             /* lost in the socket's buffer, as the kernel counts them           */
    uint32_t queued;                   /* wait for the socket now                                          */
};

/* Speak over `*fd`, a bound UDP socket (IPv4, or IPv6 with or without IPv4), for instance one that the
 * supervisor handed over; it is taken, also when this fails. keys: copied, wiped at the end. Errors:
 * ERR_INVALID: no datagram socket, keys or numbers out of range; ERR_NOMEM; ERR_IO.
 * System calls afterwards: recvmmsg, sendmmsg, and what the loop needs. */
enum err datagram_open(struct loop *loop, int *fd, const struct node_keys *keys,
                       const struct datagram_config *config, struct datagram **ret) MUST_CHECK;

/* Send `bytes` (1 to DATAGRAM_PAYLOAD_MAX, copied) to node `id` at `address`. It leaves at the end of this
 * turn of the loop, together with others; or when the acquaintance is made, or never: that is UDP's.
 * id NULL: to whoever of this cluster is at the address, once it has said who it is (a seed).
 * ERR_INVALID: a size or address out of range, or our own id; ERR_LIMIT: a queue is full (of this peer:
 * SEALED_WAIT_PEER_MAX payloads wait for acquaintance; of all: SEALED_WAIT_MAX; of the socket), nothing was
 * taken. */
enum err datagram_send(struct datagram *d, const uint8_t id[NODE_ID_LEN], const struct sealed_address *address,
                       const uint8_t *bytes, size_t size) MUST_CHECK;

/* Hand the socket what waits now instead of at the end of the turn. */
void datagram_flush(struct datagram *d);

/* Other cluster keys, after a rotation: sessions under keys that are no longer among them end at once, those
 * under an older key are renewed when next used. Id and dh keys must be the same. ERR_INVALID: they are
 * not, or the numbers are out of range; nothing is changed. */
enum err datagram_rekey(struct datagram *d, const struct node_keys *keys) MUST_CHECK;

/* Where the socket is bound; port in the machine's order. */
enum err datagram_local(const struct datagram *d, struct sealed_address *ret) MUST_CHECK;

/* Numbers of all. */
void datagram_count(const struct datagram *d, struct datagram_numbers *ret);

/* Numbers of one peer; false: it is not remembered. */
bool datagram_count_peer(const struct datagram *d, const uint8_t id[NODE_ID_LEN], struct sealed_peer_numbers *ret);

/* Every remembered peer, in no order; `each` must not send. */
void datagram_each_peer(const struct datagram *d,
                        void (*each)(void *context, const struct sealed_peer_numbers *peer), void *context);

/* Flush once more, wipe the keys, free everything. NULL is fine. */
void datagram_close(struct datagram *d);

#endif
