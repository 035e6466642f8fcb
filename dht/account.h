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
    uint32_t count;
};

/* Bytes on the account of `tag`; 0: it has none. O(log n). */
uint32_t dht_account_bytes(const struct dht_accounts *a, uint64_t tag);

/* One more record; returns the account's index. There is room for one account a record. A new account is O(n) of two bytes each. */
uint16_t dht_account_charge(struct dht_accounts *a, uint64_t tag, uint32_t bytes);

/* One record less. */
void dht_account_credit(struct dht_accounts *a, uint16_t index, uint32_t bytes);

#endif
