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

/* Of the accounts of one site, which begin at *place: what they have with `bytes` more of `tag`, and which has most; *place is then
 * behind them. On a tie it is whoever asks: or two would take from each other for ever. */
static uint64_t sum_site(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint32_t *place, uint16_t *ret_most)
{
    uint32_t site = dht_account_site(at_place(a, *place)->tag);
    bool is_own = site == dht_account_site(tag);
    uint64_t sum = is_own ? bytes : 0, most = is_own ? bytes : 0;

    *ret_most = UINT16_MAX;
    for (; *place < a->count && dht_account_site(at_place(a, *place)->tag) == site; (*place)++) {
        const struct dht_account *row = at_place(a, *place);
        uint64_t has = row->tag == tag ? (uint64_t)row->bytes + bytes : row->bytes;
        sum += row->bytes;
        if (has > most || (has == most && row->tag == tag)) {
            most = has;
            *ret_most = a->row[*place].ordered;
        }
    }
    return sum;
}

uint64_t dht_account_sum(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint16_t *ret_most)
{
    uint32_t place = lower(a, (uint64_t)dht_account_site(tag) << 32);

    *ret_most = UINT16_MAX;
    return place < a->count && dht_account_site(at_place(a, place)->tag) == dht_account_site(tag) ? sum_site(a, tag, bytes, &place, ret_most) : bytes;
}

uint16_t dht_account_payer(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint32_t kept, uint32_t kept_most)
{
    uint64_t most = bytes; /* of whoever asks, should it have nothing */
    uint16_t payer = UINT16_MAX;

    for (uint32_t place = 0; place < a->count;) {
        uint32_t site = dht_account_site(at_place(a, place)->tag);
        uint16_t one;
        uint64_t sum = sum_site(a, tag, bytes, &place, &one);
        if (site == kept) {
            sum = sum > kept_most ? UINT64_MAX : 0;
        }
        if (sum > most || (sum == most && site == dht_account_site(tag))) {
            most = sum;
            payer = one;
        }
    }
    return payer;
}
