#include "dht/store.h"

#include <assert.h>
#include <sodium.h>

#include "dht/account.h"
#include "dht/token.h"

enum { NO_CHUNK = UINT32_MAX };

static_assert(sizeof(struct dht_entry) + 2 * sizeof(struct dht_account) + sizeof(uint16_t) == DHT_RECORD_BYTES,
              "what a record costs is documented");

/* ---- memory ---------------------------------------------------------------------------------------- */

void dht_store_init(struct dht *d)
{
    d->records.base = (const uint8_t *)d->entry;
    d->records.stride = sizeof *d->entry;
    d->vacant_chunk = NO_CHUNK; /* then those that were never used */
    d->sources.place_bytes = d->records_max == 0 ? 0 : d->chunks_max / d->records_max * (uint32_t)sizeof(struct dht_chunk);
    dht_pool_init(&d->entry_rows, d->entry, sizeof *d->entry, d->records_max);
    dht_pool_init(&d->owners.rows, d->owners.row, sizeof *d->owners.row, d->records_max);
    dht_pool_init(&d->sources.rows, d->sources.row, sizeof *d->sources.row, d->records_max);
}

static uint32_t chunks_of(size_t size)
{
    return (uint32_t)((size + DHT_CHUNK - 1) / DHT_CHUNK);
}

/* What a record is counted with: its memory. */
static uint32_t cost(size_t size)
{
    return chunks_of(size) * (uint32_t)sizeof(struct dht_chunk) + DHT_RECORD_BYTES;
}

static uint32_t write_chunks(struct dht *d, const uint8_t *bytes, size_t size)
{
    uint32_t first = NO_CHUNK, *link = &first;

    while (size > 0) {
        size_t part = size < DHT_CHUNK ? size : DHT_CHUNK;
        uint32_t at = d->vacant_chunk != NO_CHUNK ? d->vacant_chunk : d->chunks_touched;
        assert(at < d->chunks_max);
        if (d->vacant_chunk != NO_CHUNK) {
            d->vacant_chunk = d->chunk[at].next;
        } else {
            d->chunks_touched++;
        }
        d->chunks_used++;
        memcpy(d->chunk[at].bytes, bytes, part);
        d->chunk[at].next = NO_CHUNK;
        *link = at;
        link = &d->chunk[at].next;
        bytes += part;
        size -= part;
    }
    return first;
}

static void free_chunks(struct dht *d, uint32_t at)
{
    while (at != NO_CHUNK) {
        uint32_t next = d->chunk[at].next;
        d->chunk[at].next = d->vacant_chunk;
        d->vacant_chunk = at;
        d->chunks_used--;
        at = next;
    }
}

/* ---- ends: a heap ---------------------------------------------------------------------------------- */

static struct dht_entry *heap_entry(const struct dht *d, uint32_t at)
{
    return &d->entry[d->entry[at].heap];
}

static void heap_set(struct dht *d, uint32_t at, uint16_t index)
{
    d->entry[at].heap = index;
    d->entry[index].heap_at = (uint16_t)at;
}

static void heap_up(struct dht *d, uint32_t at)
{
    uint16_t index = d->entry[at].heap;

    while (at > 0 && heap_entry(d, (at - 1) / 2)->expire_us > d->entry[index].expire_us) {
        heap_set(d, at, d->entry[(at - 1) / 2].heap);
        at = (at - 1) / 2;
    }
    heap_set(d, at, index);
}

static void heap_down(struct dht *d, uint32_t at, uint32_t count)
{
    uint16_t index = d->entry[at].heap;

    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && heap_entry(d, child + 1)->expire_us < heap_entry(d, child)->expire_us;
        if (heap_entry(d, child)->expire_us >= d->entry[index].expire_us) {
            break;
        }
        heap_set(d, at, d->entry[child].heap);
        at = child;
    }
    heap_set(d, at, index);
}

/* count: with the one that leaves. */
static void heap_remove(struct dht *d, uint32_t at, uint32_t count)
{
    uint16_t last = d->entry[count - 1].heap;

    if (at < count - 1) {
        heap_set(d, at, last);
        heap_up(d, at);
        heap_down(d, d->entry[last].heap_at, count - 1);
    }
}

uint64_t dht_store_due_us(const struct dht *d)
{
    return d->records.count == 0 ? UINT64_MAX : heap_entry(d, 0)->expire_us;
}

/* ---- places ---------------------------------------------------------------------------------------- */

void dht_store_places(const struct dht *d, const struct dht_id *key, uint32_t *first, uint32_t *end)
{
    *first = *end = dht_order_lower(&d->records, key);
    while (*end < d->records.count && dht_id_equal(dht_order_id(&d->records, *end), key)) {
        (*end)++; /* at most DHT_OWNERS_MAX */
    }
}

const struct dht_entry *dht_store_entry(const struct dht *d, uint32_t place)
{
    assert(place < d->records.count);
    return &d->entry[d->records.index[place]];
}

static void drop(struct dht *d, uint32_t place)
{
    uint16_t index = d->records.index[place];
    struct dht_entry *e = &d->entry[index];

    if (e->owner != DHT_NOTHING) {
        dht_account_credit(&d->owners, e->owner, cost(e->size));
    }
    dht_account_credit(&d->sources, e->source, cost(e->size));
    d->copies -= (e->flags & DHT_ENTRY_CACHED) != 0;
    free_chunks(d, e->chunk);
    heap_remove(d, e->heap_at, d->records.count);
    dht_order_remove(&d->records, place);
    dht_pool_give(&d->entry_rows, index);
}

static uint32_t place_of(const struct dht *d, uint16_t index)
{
    uint32_t first, end;

    dht_store_places(d, &d->entry[index].key, &first, &end);
    while (d->records.index[first] != index) {
        first++;
    }
    assert(first < end);
    return first;
}

void dht_store_expire(struct dht *d)
{
    while (d->records.count > 0 && heap_entry(d, 0)->expire_us <= d->now_us) {
        drop(d, place_of(d, d->entry[0].heap));
        d->counters.expired++;
    }
}

uint32_t dht_store_left_ms(const struct dht *d, const struct dht_entry *e)
{
    return e->expire_us <= d->now_us ? 0 : (uint32_t)((e->expire_us - d->now_us) / DHT_US);
}

size_t dht_store_read(const struct dht *d, uint32_t place, uint8_t *bytes, struct dht_record *ret)
{
    const struct dht_entry *e = dht_store_entry(d, place);
    size_t done = 0;

    for (uint32_t at = e->chunk; at != NO_CHUNK; at = d->chunk[at].next) {
        size_t part = e->size - done < DHT_CHUNK ? e->size - done : DHT_CHUNK;
        memcpy(bytes + done, d->chunk[at].bytes, part);
        done += part;
    }
    assert(done == e->size);
    enum err is_good = dht_record_read(bytes, done, ret);
    assert(is_good == ERR_OK);
    (void)is_good;
    ret->left_ms = dht_store_left_ms(d, e);
    return done;
}

uint32_t dht_store_used(const struct dht *d)
{
    return d->chunks_used * (uint32_t)sizeof(struct dht_chunk);
}

/* ---- room ------------------------------------------------------------------------------------------ */

static bool is_copy(const void *context, uint16_t index)
{
    const struct dht *d = context;

    return (d->entry[index].flags & DHT_ENTRY_CACHED) != 0;
}

struct payer {
    const struct dht *d;
    uint16_t account;
};

static bool is_payers(const void *context, uint16_t index)
{
    const struct payer *p = context;

    return p->d->entry[index].source == p->account;
}

/* What members' repairs and an earlier life brought, whoever chose that: these two have half of the store when others want it. */
static const struct dht_node kept_site = {"kept"}, repairs = {"repair"}, held = {"held"};

static uint32_t kept(const struct dht *d)
{
    return dht_account_site(dht_token_source(d, &kept_site, &repairs));
}

static uint32_t kept_most(const struct dht *d)
{
    return d->chunks_max / 2 * (uint32_t)sizeof(struct dht_chunk);
}

/* Which record gives way to one of `key` from that source. False: all that may is the source's own, and nearer to this node. */
static bool find_victim(const struct dht *d, const struct dht_id *key, size_t size, uint64_t source, bool is_cached, uint16_t *ret)
{
    struct payer p = {.d = d};

    if (d->copies > 0) {
        return dht_order_nearest(&d->records, &d->id, true, is_copy, d, ret, 1) == 1;
    }
    p.account = is_cached ? DHT_NOTHING : dht_account_payer(&d->sources, source, cost(size), kept(d), kept_most(d));
    return p.account != DHT_NOTHING && dht_order_nearest(&d->records, &d->id, true, is_payers, &p, ret, 1) == 1 &&
           (d->sources.row[p.account].tag != source || dht_id_is_nearer(&d->id, key, &d->entry[*ret].key));
}

/* Make room for `size` bytes of `key`. */
static bool make_room(struct dht *d, const struct dht_id *key, size_t size, uint64_t source, bool is_cached)
{
    uint32_t chunks = chunks_of(size);

    if (chunks > d->chunks_max || d->records_max == 0) {
        return false;
    }
    while (d->records.count == d->records_max || d->chunks_max - d->chunks_used < chunks) {
        uint16_t index;
        if (!find_victim(d, key, size, source, is_cached, &index)) {
            return false;
        }
        drop(d, place_of(d, index));
        d->counters.evicted++;
    }
    return true;
}

/* ---- storing --------------------------------------------------------------------------------------- */

/* Where the record of this key and tag is, or would be. */
static bool find_place(const struct dht *d, const struct dht_record *r, uint64_t tag, uint32_t *ret_place)
{
    uint32_t first, end;

    dht_store_places(d, &r->key, &first, &end);
    while (first < end && dht_store_entry(d, first)->tag < tag) {
        first++;
    }
    *ret_place = first;
    return first < end && dht_store_entry(d, first)->tag == tag;
}

static bool is_held(const struct dht *d, const struct dht_entry *e, const uint8_t *bytes, size_t size)
{
    size_t done = 0;

    for (uint32_t at = e->chunk; e->size == size && at != NO_CHUNK; at = d->chunk[at].next) {
        size_t part = size - done < DHT_CHUNK ? size - done : DHT_CHUNK;
        if (memcmp(bytes + done, d->chunk[at].bytes, part) != 0) {
            return false;
        }
        done += part;
    }
    return done == size;
}

/* The same record again: from its owner for a longer life, or from a holder who does not know that it is here. */
static enum dht_status renew(struct dht *d, struct dht_entry *e, uint64_t expire_us, uint8_t flags)
{
    if (expire_us > e->expire_us) {
        e->expire_us = expire_us;
        heap_down(d, e->heap_at, d->records.count);
    }
    if ((flags & DHT_FLAG_CACHE) == 0) {
        d->copies -= (e->flags & DHT_ENTRY_CACHED) != 0;
        e->flags &= (uint16_t)~DHT_ENTRY_CACHED;
    }
    return DHT_STATUS_OK;
}

/* Whether the record may come in the place of `old` (NULL: nothing). */
static enum dht_status judge(const struct dht_record *r, const struct dht_entry *old, uint8_t flags, uint64_t expected)
{
    if ((flags & DHT_FLAG_CAS) != 0 && expected != (old == NULL ? 0 : old->seq)) {
        return DHT_STATUS_CAS;
    }
    return old != NULL && r->seq <= old->seq ? DHT_STATUS_OLDER : DHT_STATUS_OK;
}

/* Members' repairs have an account of their own, half of the store: who repairs did not choose what there is, and whoever fills
 * others' stores fills this one through them, but no more of it. */
static uint64_t source_tag(const struct dht *d, uint64_t source, uint8_t flags)
{
    return (flags & DHT_FLAG_REPAIR) != 0 ? dht_token_source(d, &kept_site, &repairs)
           : (flags & DHT_STORE_HELD) != 0 ? dht_token_source(d, &kept_site, &held)
                                           : source;
}

/* How much of the store may be on that account. */
static uint32_t source_most(const struct dht *d, uint8_t flags)
{
    return (flags & DHT_STORE_HELD) != 0    ? UINT32_MAX
           : (flags & DHT_FLAG_REPAIR) != 0 ? kept_most(d)
                                            : d->source_bytes;
}

static bool has_quota(const struct dht *d, const struct dht_entry *old, uint64_t owner, uint64_t source, uint8_t flags, size_t size)
{
    uint32_t owned = owner == 0 ? 0 : dht_account_bytes(&d->owners, owner), most = source_most(d, flags);
    bool is_kept = (flags & (DHT_FLAG_REPAIR | DHT_STORE_HELD)) != 0;
    uint16_t payer;
    uint64_t sent = is_kept ? (uint64_t)dht_account_bytes(&d->sources, source) + cost(size)
                            : dht_account_sum(&d->sources, source, cost(size), &payer);

    if (old != NULL && old->owner != DHT_NOTHING && d->owners.row[old->owner].tag == owner) {
        owned -= cost(old->size);
    }
    if (old != NULL && (is_kept ? d->sources.row[old->source].tag == source
                                : dht_account_site(d->sources.row[old->source].tag) == dht_account_site(source))) {
        sent -= cost(old->size);
    }
    bool is_shared = !is_kept && payer != DHT_NOTHING && d->sources.row[payer].tag != source; /* who has most there gives way */
    return (owner == 0 || owned + cost(size) <= d->owner_bytes) && (sent <= most || is_shared);
}

/* The sources of a site share its quota, as all share the store. False: whoever asks has most of it. */
static bool make_quota(struct dht *d, uint64_t source, uint8_t flags, size_t size)
{
    struct payer p = {.d = d};
    uint16_t index;

    if ((flags & (DHT_FLAG_REPAIR | DHT_STORE_HELD)) != 0) {
        return true;
    }
    while (dht_account_sum(&d->sources, source, cost(size), &p.account) > source_most(d, flags)) {
        if (p.account == DHT_NOTHING || d->sources.row[p.account].tag == source ||
            dht_order_nearest(&d->records, &d->id, true, is_payers, &p, &index, 1) == 0) {
            return false;
        }
        drop(d, place_of(d, index));
        d->counters.evicted++;
    }
    return true;
}

static uint64_t tag_at(const struct dht *d, uint32_t place)
{
    return d->sources.row[dht_store_entry(d, place)->source].tag;
}

/* How many of the records at places [first, end) are of a site. */
static uint32_t count_site(const struct dht *d, uint32_t first, uint32_t end, uint32_t site)
{
    uint32_t count = 0;

    for (uint32_t i = first; i < end; i++) {
        count += dht_account_site(tag_at(d, i)) == site;
    }
    return count;
}

/* All places of a service are taken: which of them gives way, of the site that has most, what ends first; `end`: none does, for who
 * asks would have as many. */
static uint32_t find_giver(const struct dht *d, uint32_t first, uint32_t end, uint64_t source)
{
    uint32_t most = count_site(d, first, end, dht_account_site(source)) + 1, giver = end, of_kept = kept(d);

    for (uint32_t i = first; i < end; i++) {
        uint32_t site = dht_account_site(tag_at(d, i)), count = count_site(d, first, end, site);
        if (site == of_kept) {
            count = count > DHT_OWNERS_MAX / 2 ? UINT32_MAX : 0;
        }
        bool is_sooner = giver < end && count == most && dht_store_entry(d, i)->expire_us < dht_store_entry(d, giver)->expire_us;
        if (site != dht_account_site(source) && (count > most || is_sooner)) {
            most = count;
            giver = i;
        }
    }
    return giver;
}

/* Whether there is a place for one more owner at the key, at places [first, end). *ret_giver: who gives it up; `end`: it is vacant. */
static bool has_place(const struct dht *d, uint32_t first, uint32_t end, uint64_t source, uint8_t flags, uint32_t *ret_giver)
{
    uint32_t sent = 0;

    *ret_giver = end;
    for (uint32_t i = first; i < end; i++) {
        sent += dht_account_site(tag_at(d, i)) == dht_account_site(source);
    }
    if ((flags & (DHT_FLAG_REPAIR | DHT_STORE_HELD)) == 0 && sent >= DHT_OWNERS_SOURCE) {
        return false;
    }
    if (end - first == DHT_OWNERS_MAX) {
        *ret_giver = find_giver(d, first, end, source);
    }
    return end - first < DHT_OWNERS_MAX || *ret_giver < end;
}

static void insert(struct dht *d, const struct dht_record *r, const uint8_t *bytes, size_t size, uint64_t tag,
                   uint64_t owner, uint64_t source, uint64_t expire_us, uint8_t flags)
{
    uint32_t place;
    uint16_t index = dht_pool_take(&d->entry_rows);
    struct dht_entry *e = &d->entry[index];

    (void)find_place(d, r, tag, &place);
    *e = (struct dht_entry){.key = r->key, .size = (uint16_t)size, .tag = tag, .seq = r->seq, .expire_us = expire_us,
                            .owner = DHT_NOTHING, .heap = e->heap};
    e->flags = (flags & DHT_FLAG_CACHE) != 0 ? DHT_ENTRY_CACHED : 0;
    e->flags |= r->kind != DHT_IMMUTABLE && r->value_size == 0 ? DHT_ENTRY_WITHDRAWN : 0;
    e->chunk = write_chunks(d, bytes, size);
    if (owner != 0) {
        e->owner = dht_account_charge(&d->owners, owner, cost(size));
    }
    e->source = dht_account_charge(&d->sources, source, cost(size));
    d->copies += (e->flags & DHT_ENTRY_CACHED) != 0;
    dht_order_insert(&d->records, place, index);
    d->entry[d->records.count - 1].heap = index;
    heap_up(d, d->records.count - 1);
}

enum dht_status dht_store_put(struct dht *d, const struct dht_record *r, const uint8_t *bytes, size_t size,
                              uint64_t source, uint8_t flags, uint64_t expected, uint64_t *ret_seq)
{
    uint64_t tag = dht_record_tag(r), expire_us = d->now_us + (uint64_t)r->left_ms * DHT_US;
    uint64_t owner = r->owner == NULL ? 0 : dht_token_tag(d, r->owner, DHT_OWNER_SIZE);
    uint64_t sender = source_tag(d, source, flags);
    uint32_t place, first, end, giver;
    bool is_known = find_place(d, r, tag, &place);
    struct dht_entry *old = is_known ? &d->entry[d->records.index[place]] : NULL;

    *ret_seq = old == NULL ? 0 : old->seq;
    if (old != NULL && is_held(d, old, bytes, size)) {
        return renew(d, old, expire_us, flags);
    }
    enum dht_status status = judge(r, old, flags, expected);
    if (status != DHT_STATUS_OK) {
        return status;
    }
    dht_store_places(d, &r->key, &first, &end);
    giver = end;
    if (!has_quota(d, old, owner, sender, flags, size) || (old == NULL && !has_place(d, first, end, sender, flags, &giver))) {
        return DHT_STATUS_QUOTA;
    }
    if (old != NULL || giver < end) {
        drop(d, old != NULL ? place : giver); /* whether there is room for the new one or not: an old value is worth less than none */
    }
    if (!make_quota(d, sender, flags, size)) {
        return DHT_STATUS_QUOTA;
    }
    if (!make_room(d, &r->key, size, sender, (flags & DHT_FLAG_CACHE) != 0)) {
        return DHT_STATUS_FULL;
    }
    insert(d, r, bytes, size, tag, owner, sender, expire_us, flags);
    *ret_seq = r->seq;
    d->counters.stored++;
    return DHT_STATUS_OK;
}
