#include "dht/account.h"

#include <assert.h>

static uint32_t lower(const struct dht_accounts *a, uint64_t tag)
{
    uint32_t first = 0, end = a->count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (a->row[a->order[middle]].tag < tag) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

static bool is_at(const struct dht_accounts *a, uint32_t place, uint64_t tag)
{
    return place < a->count && a->row[a->order[place]].tag == tag;
}

uint32_t dht_account_bytes(const struct dht_accounts *a, uint64_t tag)
{
    uint32_t place = lower(a, tag);

    return is_at(a, place, tag) ? a->row[a->order[place]].bytes : 0;
}

uint16_t dht_account_charge(struct dht_accounts *a, uint64_t tag, uint32_t bytes)
{
    uint32_t place = lower(a, tag);

    if (!is_at(a, place, tag)) {
        assert(a->count < a->most);
        uint16_t index = a->vacant[a->most - a->count - 1];
        a->row[index] = (struct dht_account){.tag = tag};
        memmove(a->order + place + 1, a->order + place, (a->count - place) * sizeof *a->order);
        a->order[place] = index;
        a->count++;
    }
    struct dht_account *row = &a->row[a->order[place]];
    row->bytes += bytes;
    row->records++;
    return a->order[place];
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
        memmove(a->order + place, a->order + place + 1, (a->count - place) * sizeof *a->order);
        a->vacant[a->most - a->count - 1] = index;
    }
}
