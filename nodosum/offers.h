/* What a member offers to others: cells, and how many instances of each are ready. In bytes that go with it through
 * the cluster: count 1, then for each, in the order of names and none twice: name (1 + n), ready 2, score 1,
 * latency in microseconds 4, big-endian. Pure. */
#ifndef CELL_NODOSUM_OFFERS_H
#define CELL_NODOSUM_OFFERS_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/types.h"

enum {
    NODOSUM_OFFERS_MAX = 32,              /* cells of one node                   */
    NODOSUM_OFFERS_NAME_SIZE = 2 * NAME_SIZE,
    NODOSUM_OFFERS_READY_MAX = 65535,     /* instances: two bytes                */
    NODOSUM_OFFERS_SCORE_MAX = 100,
    NODOSUM_OFFERS_LEAST_US = 100,        /* no call takes less: here and idle, but ill, is not for nothing */
};

struct nodosum_offer {
    char name[NODOSUM_OFFERS_NAME_SIZE];  /* [namespace/]cell                                    */
    uint32_t ready;                       /* instances, 1 to NODOSUM_OFFERS_READY_MAX            */
    uint32_t score;                       /* 0 to NODOSUM_OFFERS_SCORE_MAX                       */
    uint32_t latency_us;                  /* half of the calls take no longer; 0: not known      */
};

struct nodosum_offers {
    uint32_t count;
    struct nodosum_offer item[NODOSUM_OFFERS_MAX]; /* in the order of names, none twice */
};

/* How far a list is from another. */
enum nodosum_offers_change {
    NODOSUM_OFFERS_SAME,  /* nothing, or too little to be told                                    */
    NODOSUM_OFFERS_MOVED, /* a score or latency is another by more than a quarter                 */
    NODOSUM_OFFERS_OTHER, /* other cells, or another number of instances of one is ready          */
};

/* Whether text[0..len) is [namespace/]cell. */
bool nodosum_offers_name_valid(const char *text, size_t len);

/* Put one into its place. ERR_INVALID: a value out of its range, or a name that is none or is there already;
 * ERR_LIMIT: there are NODOSUM_OFFERS_MAX. *o is unchanged then. */
enum err nodosum_offers_add(struct nodosum_offers *o, const struct nodosum_offer *item) MUST_CHECK;

/* Write them. ERR_LIMIT: more than NODOSUM_OFFERS_BYTES; *ret_size is untouched. No offers are no bytes. */
enum err nodosum_offers_pack(const struct nodosum_offers *o, uint8_t out[NODOSUM_OFFERS_BYTES],
                             uint16_t *ret_size) MUST_CHECK;

/* Read what another member sent: any bytes. ERR_MALFORMED: not in this form to the last byte; *ret is untouched. */
enum err nodosum_offers_unpack(const uint8_t *bytes, size_t size, struct nodosum_offers *ret) MUST_CHECK;

/* Whether bytes that another member sent offer `name`, and how; *ret is untouched otherwise. */
bool nodosum_offers_find(const uint8_t *bytes, size_t size, const char *name, struct nodosum_offer *ret);

/* From what was `told` to what is true `now`. */
enum nodosum_offers_change nodosum_offers_compare(const struct nodosum_offers *told, const struct nodosum_offers *now);

/* What to take a round trip to such an offer for, to choose among several: microseconds there and back and inside,
 * NODOSUM_OFFERS_LEAST_US more, over the score. */
uint64_t nodosum_offers_cost(const struct nodosum_offer *o, uint32_t rtt_us);

#endif
