/* What a peer may say, and what a stranger may send: whatever reads says the same after it was written, and after it was sealed;
 * so do members, which are read to the end of their list and no further; and no datagram of a stranger opens.
 *
 * Input: what is said in a signal, after its life and counter. */
#include <stdlib.h>
#include <string.h>

#include "datapath/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_same_place(const struct datapath_endpoint *a, const struct datapath_endpoint *b)
{
    return datapath_message_is_same(a, b);
}

static bool is_same_member(const struct datapath_signal_member *a, const struct datapath_signal_member *b)
{
    bool is = a->state == b->state && memcmp(a->key, b->key, sizeof a->key) == 0 && a->places == b->places && a->prefixes == b->prefixes;

    for (uint32_t i = 0; is && i < a->places; i++) {
        is = is_same_place(&a->place[i], &b->place[i]);
    }
    for (uint32_t i = 0; is && i < a->prefixes; i++) {
        is = memcmp(&a->prefix[i], &b->prefix[i], sizeof a->prefix[i]) == 0;
    }
    return is;
}

static bool is_same(const struct datapath_signal *a, const struct datapath_signal *b)
{
    bool is = a->kind == b->kind && a->flags == b->flags && a->use == b->use && a->number == b->number && a->sent_ms == b->sent_ms &&
              is_same_place(&a->seen, &b->seen) && a->epoch == b->epoch && a->life == b->life && a->question == b->question &&
              a->sequence == b->sequence && a->cursor == b->cursor && a->id == b->id && a->count == b->count &&
              memcmp(a->key, b->key, sizeof a->key) == 0 && a->places == b->places && a->members_size == b->members_size &&
              (a->members_size == 0 || memcmp(a->members, b->members, a->members_size) == 0);

    for (uint32_t i = 0; is && i < a->places; i++) {
        is = is_same_place(&a->place[i], &b->place[i]);
    }
    return is;
}

static void read_members(const uint8_t *bytes, size_t size)
{
    uint8_t again[DATAPATH_SIGNAL_MEMBER_MOST];
    struct datapath_signal_member m, n;
    size_t at = 0, before = 0;

    while (datapath_signal_take_member(bytes, size, &at, &m)) {
        size_t end = 0, written = datapath_signal_put_member(&m, again, sizeof again);
        must(at > before && at <= size && m.places <= DATAPATH_SIGNAL_PLACES && m.prefixes <= DATAPATH_SIGNAL_PREFIXES);
        must(written > 0 && written <= at - before); /* an IPv4 address may have come in the long form */
        must(datapath_signal_take_member(again, written, &end, &n) && end == written && is_same_member(&m, &n));
        before = at;
    }
    must(at == 0 || at == size);
}

/* Sealed it opens, once, and is what it was; with a bit of it changed it is nobody's. */
static void seal_again(const struct datapath_signal *s, size_t size)
{
    static const struct datapath_signal_keys keys = {.key = {5}, .who = 7};
    static const uint8_t seed[DATAPATH_RANDOM_SEED] = {1};
    uint8_t whole[DATAPATH_SIGNAL_MOST], copy[DATAPATH_SIGNAL_MOST];
    struct datapath_signal_window w = {.life = 3, .newest = 4, .seen = 1}, before = w;
    struct datapath_random random;
    struct datapath_signal t;
    size_t total, flipped = s->number % DATAPATH_SIGNAL_LEAST;

    datapath_random_init(&random, seed);
    if (!datapath_signal_seal(&keys, 3, 5, &random, s, 0, whole, &total)) {
        must(size + DATAPATH_SIGNAL_OVER > DATAPATH_SIGNAL_MOST);
        return;
    }
    must(total >= DATAPATH_SIGNAL_LEAST && total <= sizeof whole && datapath_signal_who(whole, total) == keys.who);
    memcpy(copy, whole, total);
    copy[flipped] ^= 0x10;
    must(!datapath_signal_open(&keys, &w, copy, total, &t) && memcmp(&w, &before, sizeof w) == 0);
    memcpy(copy, whole, total);
    must(datapath_signal_open(&keys, &w, copy, total, &t) && is_same(s, &t));
    must(!datapath_signal_open(&keys, &w, whole, total, &t));
}

static void read_again(const uint8_t *exact, size_t size)
{
    uint8_t once[DATAPATH_SIGNAL_MOST];
    struct datapath_signal s, t;

    if (!datapath_signal_read(exact, size, &s)) {
        return;
    }
    read_members(s.members, s.members_size);
    size_t written = datapath_signal_write(&s, once, sizeof once);
    must((written > 0 || size > sizeof once) && written <= size);
    must(written == 0 || (datapath_signal_read(once, written, &t) && is_same(&s, &t)));
    seal_again(&s, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct datapath_signal_keys keys = {.who = 7};
    struct datapath_signal_window w = {0};
    struct datapath_signal s;
    uint8_t *exact = malloc(size + 1);

    must(exact != NULL);
    memcpy(exact, data, size);
    read_again(exact, size);
    read_members(exact, size);
    (void)datapath_message_own(exact, size);
    (void)datapath_signal_who(exact, size);
    must(!datapath_signal_open(&keys, &w, exact, size, &s) && w.life == 0);
    free(exact);
    return 0;
}
