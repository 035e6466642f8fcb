#include "dht/account.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static struct dht_account *at_place(const struct dht_accounts *a, uint32_t place)
{
    return &a->row[a->row[place].ordered];
}

static uint32_t lower(const struct dht_accounts *a, uint64_t tag)
{
    uint32_t first = 0, end = a->count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (at_place(a, middle)->tag < tag) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

static bool is_at(const struct dht_accounts *a, uint32_t place, uint64_t tag)
{
    return place < a->count && at_place(a, place)->tag == tag;
}

uint32_t dht_account_bytes(const struct dht_accounts *a, uint64_t tag)
{
    uint32_t place = lower(a, tag);

    return is_at(a, place, tag) ? at_place(a, place)->bytes : 0;
}

static void open_account(struct dht_accounts *a, uint32_t place, uint64_t tag)
{
    uint16_t index = dht_pool_take(&a->rows);
    struct dht_account *row = &a->row[index];

    row->tag = tag;
    row->bytes = 0;
    row->records = 0; /* and `ordered` stays: it is another's */
    for (uint32_t i = a->count; i > place; i--) {
        a->row[i].ordered = a->row[i - 1].ordered;
    }
    a->row[place].ordered = index;
    a->count++;
}

uint16_t dht_account_charge(struct dht_accounts *a, uint64_t tag, uint32_t bytes)
{
    uint32_t place = lower(a, tag);

    if (!is_at(a, place, tag)) {
        open_account(a, place, tag);
    }
    struct dht_account *row = at_place(a, place);
    row->bytes += bytes;
    row->records++;
    return a->row[place].ordered;
}

void dht_account_credit(struct dht_accounts *a, uint16_t index, uint32_t bytes)
{
    struct dht_account *row = &a->row[index];

    assert(row->records > 0 && row->bytes >= bytes);
    row->bytes -= bytes;
    if (--row->records == 0) {
        uint32_t place = lower(a, row->tag);
        assert(is_at(a, place, row->tag) && row->bytes == 0);
        a->count--;
        for (uint32_t i = place; i < a->count; i++) {
            a->row[i].ordered = a->row[i + 1].ordered;
        }
        dht_pool_give(&a->rows, index);
    }
}
