/* What nodes of the overlay are called, and answers to questions about that: `b.cell.internal` is where b is in the overlay,
 * and who is at one of its addresses can be asked for (in-addr.arpa, ip6.arpa). Pure.
 *
 * A name is a label of a host (RFC 1123, 2.1) that our operator gave to a key, or else one that a peer wants and a rendezvous
 * told of, or heard (ways.h): what our operator said stands before these. Its addresses are the prefixes of that peer
 * that are one address each, so whatever takes these from him takes them from his name. The zone's default is of the domain
 * that is set aside for private use (`internal`, ICANN 2024). */
#ifndef CELL_DATAPATH_NAMES_H
#define CELL_DATAPATH_NAMES_H

#include "common/node/dns_serve.h"
#include "datapath/ways.h"

enum {
    DATAPATH_NAME_SIZE = DATAPATH_LABEL_SIZE,
    DATAPATH_NAMES_ADDRESSES = DNS_SERVE_RECORDS_MAX, /* of a name; others are not told */
    DATAPATH_NAMES_TTL_S = 10,                        /* peers come, go and move        */
};

struct datapath_names_entry {
    char name[DATAPATH_NAME_SIZE];
    uint8_t public[DATAPATH_NOISE_KEY];
};

struct datapath_names {
    const struct datapath *core;
    const struct datapath_ways *ways; /* NULL: nobody tells of names */
    char zone[DNS_NAME_MAX + 1];
    char own[DATAPATH_NAME_SIZE];   /* of this node; "": it has none */
    uint32_t own_count;
    struct datapath_prefix own_at[DATAPATH_NAMES_ADDRESSES]; /* … whose addresses are these, whatever follows in their prefixes */
    uint32_t count, room;
    struct datapath_names_entry *entry; /* the caller's memory */
};

/* Whether text may be a zone: names with dots between them, at most 189 characters, so that a node's fits in front. */
bool datapath_names_zone_valid(const char *text);

/* Give a peer's key a name. ERR_INVALID: it is none; ERR_EXISTS: another key has it, or this node; ERR_LIMIT: no room. */
enum err datapath_names_set(struct datapath_names *n, const uint8_t public[DATAPATH_NOISE_KEY], const char *name) MUST_CHECK;

/* What our operator calls a key; else `wish`, but NULL if another has it by his word, or this node. names: a struct
 * datapath_names (datapath_ways_config, settle). O(names of the operator). */
const char *datapath_names_settle(const void *names, const uint8_t public[DATAPATH_NOISE_KEY], const char *wish);

/* The name of a key, whoever said it; "": it has none. */
const char *datapath_names_of(const struct datapath_names *n, const uint8_t public[DATAPATH_NOISE_KEY]);

/* One address of who has this name (in any letters, with the zone or without), of IPv4 if there is one: a prefix of all its bits.
 * ERR_INVALID: nobody can have it; ERR_NOT_FOUND: nobody has it who has an address of his own. */
enum err datapath_names_place(const struct datapath_names *n, const char *name, struct datapath_prefix *ret) MUST_CHECK;

/* The answer to a question: any bytes. Its size; 0: there is nothing to be said. O(names + prefixes of all peers). */
size_t datapath_names_answer(const struct datapath_names *n, const uint8_t *question, size_t size, uint8_t out[DNS_SERVE_MOST]);

#endif
