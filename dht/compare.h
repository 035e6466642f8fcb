/* A value that is to replace one sequence alone: a look at what is held, then a put. Pure.
 *
 * Holders compare too (BEP 44, "cas"), each for itself. That is not enough: of two who race some holders have one's and
 * some the other's, both may be refused, and the higher sequence spreads over the other one's later, refused or not. So a
 * node says one value of a name at a time, and looks before it puts: with enough reads to see every put that was done
 * (Gifford, "Weighted Voting for Replicated Data", SOSP 1979) nothing is sent that must be refused.
 *
 * A request that is repeated, for its answer was lost, is known by what is held: the low bits of its sequence tell who
 * asked, in this life of the node or an earlier one. Then what is held is put again, so that all its holders have it. */
#ifndef CELL_DHT_COMPARE_H
#define CELL_DHT_COMPARE_H

#include "common/base/err.h"
#include "dht/record.h"

enum {
    DHT_COMPARE_BITS = 16,    /* of a sequence: it is up to 65 s ahead of the date; one in 65,536 others is taken for the same */
    DHT_COMPARE_LOOKS = 4,    /* of one request: between look and put somebody may have come, and holders too  */
    DHT_REQUEST_MAX = 32,     /* bytes of a request's name                                                     */
};

enum dht_compare_next {
    DHT_COMPARE_LOOK,         /* get the records of the key, with dht_compare_look reads                 */
    DHT_COMPARE_PUT,          /* put the new value, expecting `expected`, signed with a sequence of dht_compare_seq; the very
                               * same bytes when it comes to that again                                  */
    DHT_COMPARE_AGAIN,        /* put compare.held as it is and expecting nothing: it is this request's   */
    DHT_COMPARE_END,          /* with compare.status                                                     */
};

/* Not to be moved: `held` borrows from `bytes`. */
struct dht_compare {
    uint64_t expected;
    uint16_t tag;             /* who asks for which value */
    uint32_t looks, reads;
    enum err status;
    bool is_there;
    struct dht_record held;   /* what the last look found */
    uint8_t bytes[DHT_RECORD_MAX];
};

/* request: DHT_REQUEST_MAX bytes at most that name it, the same when it is repeated; 0: whoever puts this value after this
 * sequence is the same. It goes on with a look. */
void dht_compare_init(struct dht_compare *c, uint64_t expected, const void *request, size_t size, const uint8_t *value,
                      size_t value_size);

/* A look begins, where so many nodes are known, this one among them. So many must answer with a record: with the majority of
 * a put they are more than all holders. */
uint32_t dht_compare_look(struct dht_compare *c, uint32_t nodes);

/* It found this record of the key. */
void dht_compare_found(struct dht_compare *c, const struct dht_record *r);

/* It has ended so, with so many answers that had one. value: the one that is to be put. PUT, AGAIN or END. */
enum dht_compare_next dht_compare_looked(struct dht_compare *c, enum err e, uint32_t answers, const uint8_t *value, size_t size);

/* A put has ended so. LOOK or END. */
enum dht_compare_next dht_compare_put(struct dht_compare *c, enum err e);

/* The lowest sequence that is no lower than `least`, higher than the expected one, and this request's. */
uint64_t dht_compare_seq(const struct dht_compare *c, uint64_t least);

/* The sequence that the last look found; 0: none. */
uint64_t dht_compare_held(const struct dht_compare *c);

#endif
