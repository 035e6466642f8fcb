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

/* What an account has, with `more` records of `bytes` altogether: see dht_account_sum. */
static uint64_t weigh(const struct dht_accounts *a, const struct dht_account *row, uint32_t bytes, uint32_t more)
{
    uint64_t all = (row != NULL ? row->bytes : 0) + (uint64_t)bytes, places = (row != NULL ? row->records : 0) + (uint64_t)more;

    return all > places * a->place_bytes ? all : places * a->place_bytes;
}

struct site {
    uint64_t bytes, weight, most; /* most: of one account */
    uint16_t account;             /* … which; UINT16_MAX: whoever asks, and has none */
};

/* Of the accounts of one site, which begin at *place, with `bytes` more of `tag`; *place is then behind them. On a tie it is whoever
 * asks: or two would take from each other for ever. */
static struct site sum_site(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint32_t *place)
{
    uint32_t site = dht_account_site(at_place(a, *place)->tag);
    struct site s = {.account = UINT16_MAX};
    bool is_new = site == dht_account_site(tag);

    for (; *place < a->count && dht_account_site(at_place(a, *place)->tag) == site; (*place)++) {
        const struct dht_account *row = at_place(a, *place);
        bool is_it = row->tag == tag;
        uint64_t has = weigh(a, row, is_it ? bytes : 0, is_it);
        is_new = is_new && !is_it;
        s.bytes += row->bytes + (is_it ? bytes : 0);
        s.weight += has;
        if (has > s.most || (has == s.most && is_it)) {
            s.most = has;
            s.account = a->row[*place].ordered;
        }
    }
    if (is_new) {
        s.bytes += bytes;
        s.weight += weigh(a, NULL, bytes, 1);
        s.account = weigh(a, NULL, bytes, 1) >= s.most ? UINT16_MAX : s.account;
    }
    return s;
}

uint64_t dht_account_sum(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint16_t *ret_most)
{
    uint32_t place = lower(a, (uint64_t)dht_account_site(tag) << 32);
    bool is_there = place < a->count && dht_account_site(at_place(a, place)->tag) == dht_account_site(tag);
    struct site s = is_there ? sum_site(a, tag, bytes, &place) : (struct site){.bytes = bytes, .account = UINT16_MAX};

    *ret_most = s.account;
    return s.bytes;
}

uint16_t dht_account_payer(const struct dht_accounts *a, uint64_t tag, uint32_t bytes, uint32_t kept, uint32_t kept_most)
{
    uint64_t most = weigh(a, NULL, bytes, 1); /* of whoever asks, should its site have nothing */
    uint16_t payer = UINT16_MAX;

    for (uint32_t place = 0; place < a->count;) {
        uint32_t site = dht_account_site(at_place(a, place)->tag);
        struct site s = sum_site(a, tag, bytes, &place);
        uint64_t weight = site != kept ? s.weight : s.weight > kept_most ? UINT64_MAX : 0;
        if (weight > most || (weight == most && site == dht_account_site(tag))) {
            most = weight;
            payer = s.account;
        }
    }
    return payer;
}
