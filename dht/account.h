/* Who uses how much of the store. Accounts and their order are in one list of rows, which is touched as far as it was ever used. */
#ifndef CELL_DHT_ACCOUNT_H
#define CELL_DHT_ACCOUNT_H

#include <stdint.h>

#include "dht/pool.h"

struct dht_account {
    uint64_t tag;
    uint32_t bytes;
    uint16_t records, ordered; /* ordered: not of this account: which one has this row's number in the order of tags */
};

struct dht_accounts {
    struct dht_account *row;
    struct dht_pool rows;
    uint32_t count, place_bytes; /* place_bytes: of the store, for each record there may be */
};

/* Bytes on the account of `tag`; 0: it has none. O(log n). */
uint32_t dht_account_bytes(const struct dht_accounts *a, uint64_t tag);

/* One more record; returns the account's index. There is room for one account a record. A new account is O(n) of two bytes each. */
uint16_t dht_account_charge(struct dht_accounts *a, uint64_t tag, uint32_t bytes);

/* Bytes of the site of `tag`, with `bytes` more of that. *ret_most: the account there that then has most; UINT16_MAX: whoever asks,
 * and it has nothing. What one has is its share of the bytes or of the places, whichever is larger: or small records would take all
 * places. O(log n + accounts of the site). */
uint64_t dht_account_sum(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint16_t *ret_most);

/* Whose record gives way to `bytes` more of `tag`: of the site that would then have most, the account that would. What tags have in
 * common above their lower half is a site. Those of `kept`, a site, give way only, and first, where it has more than kept_most. So
 * each may have as much as it likes as long as nobody has less and wants more: max-min fairness (Bertsekas and Gallager, "Data
 * Networks", section 6.5). Returns its index; UINT16_MAX: whoever asks, and it has nothing. O(n). */
uint16_t dht_account_payer(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint32_t kept, uint32_t kept_most);

static inline uint32_t dht_account_site(uint64_t tag)
{
    return (uint32_t)(tag >> 32);
}

/* One record less. */
void dht_account_credit(struct dht_accounts *a, uint16_t index, uint32_t bytes);

#endif
