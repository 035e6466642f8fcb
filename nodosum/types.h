/* What the membership core talks about: ids, addresses, members, and the limits of all of them. */
#ifndef CELL_NODOSUM_TYPES_H
#define CELL_NODOSUM_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/name.h"

enum {
    NODOSUM_ID_SIZE = 32,        /* bytes of a node's public key                                         */
    NODOSUM_META_MAX = 255,      /* bytes of a member's metadata                                         */
    NODOSUM_OFFERS_BYTES = 640,  /* bytes of a member's offers: 20 for each of 32. With everything else a
                                  * member says, and a suspicion of it, they fit one packet              */
    NODOSUM_MEMBERS_MAX = 8192,  /* members a table can be made for: indexes have two bytes               */
    NODOSUM_PACKET_MAX = 1168,   /* bytes: with the seal 1,200, with UDP and IPv6 headers under 1,280      */
    NODOSUM_SEEDS_MAX = 16,
    NODOSUM_ACCUSERS_MAX = 4,    /* K + 1: the first accuser and K = 3 that confirm (Lifeguard, IV-B)      */
    NODOSUM_WORD_SIZE = 64,      /* bytes of a member's own word that it leaves                            */
};

/* Incarnations start at 1. Beyond this one is refused, so that a member can always refute. */
#define NODOSUM_INCARNATION_MAX ((UINT64_C(1) << 53) - 1)

/* A node's public key: who it is. Ids are compared as byte strings. */
struct nodosum_id {
    uint8_t byte[NODOSUM_ID_SIZE];
};

/* IPv6, or IPv4 as ::ffff:a.b.c.d. The port is not 0, the address not ::. */
struct nodosum_address {
    uint8_t ip[16];
    uint16_t port;
};

/* In the order in which one overrides the other within one incarnation (SWIM, section 4.2). */
enum nodosum_state {
    NODOSUM_ALIVE,
    NODOSUM_SUSPECT,
    NODOSUM_DEAD,
    NODOSUM_LEFT, /* it said so itself: with its word */
};

/* What a member says about itself. */
struct nodosum_about {
    struct nodosum_address address;
    uint64_t meta_version;       /* incarnation at which metadata or offers last changed */
    uint16_t meta_size, offers_size;
    uint8_t name_len;
    char name[NAME_SIZE];        /* terminated */
    uint8_t meta[NODOSUM_META_MAX];       /* meta.h   */
    uint8_t offers[NODOSUM_OFFERS_BYTES]; /* offers.h */
};

enum nodosum_change {
    NODOSUM_JOINED,  /* also: is back */
    NODOSUM_FAILED,
    NODOSUM_WENT,    /* left of its own will */
    NODOSUM_UPDATED, /* other metadata, offers, address or name */
};

/* One change, for watchers. Revisions are of this node alone, without gaps, from 1. */
struct nodosum_event {
    uint64_t revision;
    enum nodosum_change change;
    struct nodosum_id id;
    uint64_t incarnation;
};

#endif
