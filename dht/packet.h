/* Packets between nodes: version 1, kind 1, transaction 4, then what the kind says. Integers are little-endian. A
 * packet is refused whole or read whole; who sent it is known from the seal around it, and is not part of it.
 *
 *   PING                                     PONG
 *   FIND   target 20, most 1                 NODES   flags 1, token 8, count 1, contacts of (node 32, ip 16, port 2)
 *   GET    key 20, most 1, after 8, flags 1  VALUES  flags 1, count 1, records of (left 4, size 2, record.h)
 *   STORE  token 8, flags 1, expected 8,     STORED  status 1, seq 8, token 8 (of TOKEN; else the sender's date in s, 0: it knows none)
 *          left 4, size 2, record.h
 *   SUM    count 4, hash 8: of the records that sender and receiver should both hold
 *   OFFER  flags 1, count 1, items of (key 20, tag 8, seq 8)       WANT   token 8, count 1, items of the same form
 *
 * PING, FIND, GET and STORE are answered with their transaction, a STORE without one is not; SUM, OFFER and WANT are
 * not, and may be lost. A WANT's transaction is a date of its sender's, and the STORE of REPAIR that follows has the same:
 * whoever gets it knows how long that took. Neither is without one. */
#ifndef CELL_DHT_PACKET_H
#define CELL_DHT_PACKET_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "dht/record.h"
#include "dht/types.h"

enum {
    DHT_PACKET_VERSION = 1,
    DHT_PACKET_HEAD = 6,
    DHT_CONTACT_SIZE = DHT_NODE_SIZE + 16 + 2,
    DHT_NODES_MAX = DHT_K,          /* 1,016 bytes                              */
    DHT_ITEM_SIZE = DHT_ID_SIZE + 8 + 8,
    DHT_ITEMS_MAX = 32,             /* of an OFFER or WANT: 1,167 bytes         */
    DHT_VALUES_MAX = 8,             /* of an answer: a service record with an endpoint has about 190 bytes */
};

enum dht_packet_kind {
    DHT_PACKET_PING = 1,
    DHT_PACKET_PONG,
    DHT_PACKET_FIND,
    DHT_PACKET_NODES,
    DHT_PACKET_GET,
    DHT_PACKET_VALUES,
    DHT_PACKET_STORE,
    DHT_PACKET_STORED,
    DHT_PACKET_SUM,
    DHT_PACKET_OFFER,
    DHT_PACKET_WANT,
};

enum dht_packet_flag {
    DHT_FLAG_ABSENT = 1,    /* of NODES: an answer to GET, and the sender holds no such record */
    DHT_FLAG_MORE = 1,      /* of VALUES: there are more, after the tag of the last one        */
    DHT_FLAG_BACK = 1,      /* of OFFER: whoever gets it is to offer what it has too           */
    DHT_FLAG_CAS = 1,       /* of STORE: only if the sequence held is `expected`; 0: none      */
    DHT_FLAG_CACHE = 2,     /* of STORE: a copy on the way, not for a holder                   */
    DHT_FLAG_REPAIR = 4,    /* of STORE: from one holder to another                            */
};

/* How a STORE ended. Wire numbers. */
enum dht_status {
    DHT_STATUS_OK = 1,
    DHT_STATUS_TOKEN,       /* no valid token: the answer brings one                           */
    DHT_STATUS_OLDER,       /* a higher sequence is held, or was                               */
    DHT_STATUS_CAS,         /* another sequence is held than expected                          */
    DHT_STATUS_QUOTA,       /* the owner or the sender has as much here as it may              */
    DHT_STATUS_FULL,
    DHT_STATUS_FORGED,
    DHT_STATUS_REFUSED,     /* its end is past, or its life is none                            */
};

struct dht_item {
    struct dht_id key;
    uint64_t tag, seq;
};

struct dht_packet_record {
    uint32_t left_ms;
    uint16_t size;
    const uint8_t *bytes;   /* into the packet that was read */
};

struct dht_message {
    enum dht_packet_kind kind;
    uint32_t txn;
    uint8_t flags, most, count;
    enum dht_status status;
    struct dht_id target;
    uint64_t token, after, seq;    /* seq: held, of STORED; expected, of STORE */
    uint32_t sum_count;
    uint64_t sum_hash;
    union {
        struct dht_contact contact[DHT_NODES_MAX];
        struct dht_item item[DHT_ITEMS_MAX];
        struct dht_packet_record record[DHT_VALUES_MAX];
    };
};

struct dht_packet {
    uint16_t size;
    uint8_t bytes[DHT_PACKET_MAX];
};

/* Write a message, whose values are in their ranges. Of contacts, items and records as many are written as fit `room`
 * (bytes, up to DHT_PACKET_MAX), the first ones first; returns how many. Of a STORE whose record does not fit: 0, and
 * the packet is empty. */
uint32_t dht_packet_write(struct dht_packet *p, const struct dht_message *m, size_t room);

/* Read any bytes. *ret borrows from them. ERR_LIMIT: longer than a packet may be; ERR_INCOMPATIBLE: another version;
 * ERR_MALFORMED: anything else that is not exactly one message with every value in its range. The records inside
 * are not looked at: record.h. */
enum err dht_packet_read(const uint8_t *bytes, size_t size, struct dht_message *ret) MUST_CHECK;

/* Whether somebody can be there. */
bool dht_packet_is_address(const struct dht_address *at);

#endif
