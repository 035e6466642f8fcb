/* What the lookup core talks about: ids, nodes, addresses, records, and the limits of all of them. */
#ifndef CELL_DHT_TYPES_H
#define CELL_DHT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DHT_ID_SIZE = 20,          /* bytes of an id or key: 160 bits (Kademlia, section 2.1)                   */
    DHT_BITS = 160,
    DHT_NODE_SIZE = 32,        /* bytes of a node's public key                                              */
    DHT_OWNER_SIZE = 32,       /* bytes of an Ed25519 public key that signs records                         */
    DHT_SIGNATURE_SIZE = 64,   /* RFC 8032                                                                  */
    DHT_K = 20,                /* peers of a bucket and of an answer (Kademlia, section 2.2)                */
    DHT_ALPHA = 3,             /* requests of a lookup at one time (Kademlia, section 2.3)                  */
    DHT_REPLICAS = 8,          /* holders of a record: all of 8 die at once by chance of 0.3 in 1 of 15,000 */
    DHT_VALUE_MAX = 1000,      /* bytes of a value, with its salt or name: a record fits one datagram       */
    DHT_SALT_MAX = 64,         /* bytes of a salt (BEP 44) or of a service's name                           */
    DHT_PACKET_MAX = 1168,     /* bytes: with the seal 1,200, with UDP and IPv6 headers under 1,280         */
    DHT_PEERS_MAX = 16384,     /* peers a table can be made for                                             */
    DHT_RECORDS_MAX = 65000,   /* records a store can be made for: indexes have two bytes                   */
    DHT_TTL_LEAST_MS = 1000,
    DHT_TTL_MOST_MS = 7 * 24 * 3600 * 1000, /* longer needs an owner who lives and says it again           */
};

/* Beyond this one a sequence is refused, so that an owner can always go on. */
#define DHT_SEQ_MAX ((UINT64_C(1) << 53) - 1)

/* A place in the space of ids: of a node, or of a record. Compared as byte strings. */
struct dht_id {
    uint8_t byte[DHT_ID_SIZE];
};

/* A node's public key: who it is. Its id is the SHA-1 of it. */
struct dht_node {
    uint8_t byte[DHT_NODE_SIZE];
};

/* IPv6, or IPv4 as ::ffff:a.b.c.d. The port is not 0, the address not ::, 0.0.0.0 or a group. */
struct dht_address {
    uint8_t ip[16];
    uint16_t port;
};

struct dht_contact {
    struct dht_node node;
    struct dht_address at;
};

enum dht_record_kind {
    DHT_IMMUTABLE = 1, /* key = BLAKE2b-160 of the value                                                    */
    DHT_MUTABLE,       /* key = BLAKE2b-160 of owner and salt; signed; the highest sequence holds (BEP 44)  */
    DHT_SERVICE,       /* key = BLAKE2b-160 of the name (salt); signed; one record of each owner            */
};

/* A record as it travels. Pointers are borrowed: record.h says from what. */
struct dht_record {
    enum dht_record_kind kind;
    struct dht_id key;         /* follows from the rest                                                     */
    uint32_t left_ms;          /* of its life: time, not a date, so no two clocks need to agree             */
    uint64_t seq;              /* 0 of an immutable one                                                     */
    uint64_t until_s;          /* signed: no holder that knows the date keeps it longer. 0: immutable       */
    const uint8_t *owner;      /* DHT_OWNER_SIZE bytes; NULL: immutable                                     */
    const uint8_t *salt;       /* salt_size bytes                                                           */
    const uint8_t *value;      /* value_size bytes; 0 of a signed record: its owner took it back            */
    const uint8_t *signature;  /* DHT_SIGNATURE_SIZE bytes; NULL: immutable                                 */
    uint16_t value_size;
    uint8_t salt_size;
};

#endif
