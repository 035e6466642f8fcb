#include "datapath/signal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/hash.h"

enum {
    V4 = 4,
    V6 = 6,
    V4_SIZE = 4,
    KNOWN = DATAPATH_SIGNAL_LEAVES | DATAPATH_SIGNAL_FULL | DATAPATH_SIGNAL_MORE | DATAPATH_SIGNAL_WHOLE | DATAPATH_SIGNAL_REFUSED |
            DATAPATH_SIGNAL_IDLE,
};

_Static_assert((int)DATAPATH_SIGNAL_NONCE_SIZE == (int)crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "a nonce of XChaCha20");
_Static_assert((int)DATAPATH_MESSAGE_TAG == (int)crypto_aead_xchacha20poly1305_ietf_ABYTES, "its tag");


/* ---- keys ------------------------------------------------------------------------------------------- */

void datapath_signal_derive(const uint8_t shared[DATAPATH_NOISE_KEY], const uint8_t psk[DATAPATH_NOISE_KEY],
                            const uint8_t from[DATAPATH_NOISE_KEY], struct datapath_signal_keys *ret)
{
    static const char label[] = "cell signal 1";
    uint8_t input[sizeof label + 2 * DATAPATH_NOISE_KEY], out[2][DATAPATH_HASH_SIZE];

    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, from, DATAPATH_NOISE_KEY);
    memcpy(input + sizeof label + DATAPATH_NOISE_KEY, psk, DATAPATH_NOISE_KEY);
    datapath_hash_derive(shared, input, sizeof input, 1, out);
    memcpy(ret->key, out[0], sizeof ret->key);
    /* Without the psk: who it is must be known before it is known which psk he has now. */
    memset(input + sizeof label + DATAPATH_NOISE_KEY, 0xff, DATAPATH_NOISE_KEY);
    datapath_hash_derive(shared, input, sizeof input, 2, out);
    ret->who = datapath_message_get64(out[1]);
    ret->who = ret->who == 0 ? 1 : ret->who;
    sodium_memzero(input, sizeof input);
    sodium_memzero(out, sizeof out);
}

/* ---- writing and reading, with the end in sight -------------------------------------------------------- */

struct pen {
    uint8_t *at, *end;
    bool is_over;
};

static void put(struct pen *p, const void *bytes, size_t size)
{
    p->is_over = p->is_over || (size_t)(p->end - p->at) < size;
    if (!p->is_over) {
        memcpy(p->at, bytes, size);
        p->at += size;
    }
}

static void put_number(struct pen *p, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    datapath_message_put64(bytes, value);
    put(p, bytes, size);
}

/* Scopes are of one machine alone: they are not said. */
static void put_place(struct pen *p, const struct datapath_endpoint *at)
{
    bool is_v4 = datapath_message_is_v4(at->ip);

    put_number(p, is_v4 ? V4 : V6, 1);
    put(p, is_v4 ? at->ip + DATAPATH_MESSAGE_V4 : at->ip, is_v4 ? V4_SIZE : sizeof at->ip);
    put_number(p, at->port, 2);
}

struct eye {
    const uint8_t *at, *end;
    bool is_over;
};

static void take(struct eye *e, void *ret, size_t size)
{
    e->is_over = e->is_over || (size_t)(e->end - e->at) < size;
    memset(ret, 0, size);
    if (!e->is_over) {
        memcpy(ret, e->at, size);
        e->at += size;
    }
}

static uint64_t take_number(struct eye *e, size_t size)
{
    uint8_t bytes[8] = {0};

    take(e, bytes, size);
    return datapath_message_get64(bytes);
}

static void take_place(struct eye *e, struct datapath_endpoint *ret)
{
    uint64_t family = take_number(e, 1);
    uint8_t v4[V4_SIZE] = {0};

    *ret = (struct datapath_endpoint){.port = 0};
    if (family == V4) {
        take(e, v4, V4_SIZE);
        datapath_message_put_v4(ret->ip, v4);
    } else if (family == V6) {
        take(e, ret->ip, sizeof ret->ip);
    } else {
        e->is_over = true;
    }
    ret->port = (uint16_t)take_number(e, 2);
    e->is_over = e->is_over || ret->port == 0;
}

/* ---- signals ------------------------------------------------------------------------------------------ */

static void put_places(struct pen *p, const struct datapath_endpoint *place, uint32_t places)
{
    put_number(p, places, 1);
    for (uint32_t i = 0; i < places; i++) {
        put_place(p, &place[i]);
    }
}

static void put_name(struct pen *p, const char *name)
{
    size_t len = strlen(name);

    put_number(p, len, 1);
    put(p, name, len);
}

/* "" where there is nothing left: who does not know of names says nothing there. */
static void take_name(struct eye *e, char ret[DATAPATH_LABEL_SIZE])
{
    size_t len = e->at == e->end ? 0 : (size_t)take_number(e, 1);

    ret[0] = '\0';
    e->is_over = e->is_over || (len > 0 && ((size_t)(e->end - e->at) < len || !datapath_label_valid((const char *)e->at, len)));
    if (!e->is_over && len > 0) {
        take(e, ret, len);
        ret[len] = '\0';
    }
}

static uint32_t take_places(struct eye *e, struct datapath_endpoint place[DATAPATH_SIGNAL_PLACES])
{
    uint32_t places = (uint32_t)take_number(e, 1);

    e->is_over = e->is_over || places > DATAPATH_SIGNAL_PLACES;
    for (uint32_t i = 0; !e->is_over && i < places; i++) {
        take_place(e, &place[i]);
    }
    return e->is_over ? 0 : places;
}

size_t datapath_signal_write(const struct datapath_signal *s, uint8_t *out, size_t room)
{
    struct pen p = {.at = out, .end = out + room};

    assert(s->places <= DATAPATH_SIGNAL_PLACES);
    put_number(&p, s->kind, 1);
    put_number(&p, s->flags, 1);
    switch (s->kind) {
    case DATAPATH_SIGNAL_PONG:
        put_place(&p, &s->seen);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_PING:
        put_number(&p, s->use, 1);
        put_number(&p, s->number, 4);
        put_number(&p, s->sent_ms, 4);
        put_number(&p, s->epoch, 8);
        break;
    case DATAPATH_SIGNAL_NEWS:
        put_place(&p, &s->seen);
        put_number(&p, s->count, 4);
        put_number(&p, s->members_size, 2);
        put(&p, s->members, s->members_size);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_ROLL:
        put_number(&p, s->epoch, 8);
        put_number(&p, s->question, 8);
        put_number(&p, s->sequence, 8);
        put_number(&p, s->cursor, 4);
        put_places(&p, s->place, s->places);
        if (s->kind == DATAPATH_SIGNAL_NEWS && s->names_size > 0) {
            put(&p, s->names, s->names_size);
        } else if (s->kind == DATAPATH_SIGNAL_ROLL && s->name[0] != '\0') {
            put_name(&p, s->name);
        }
        break;
    case DATAPATH_SIGNAL_RELAYING:
        put_number(&p, s->life, 8);
        put_number(&p, s->id, 4);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_CALL:
    case DATAPATH_SIGNAL_RELAY:
        put_number(&p, s->epoch, 8);
        put(&p, s->key, sizeof s->key);
        break;
    case DATAPATH_SIGNAL_MEET:
        put_number(&p, s->life, 8);
        put_number(&p, s->members_size, 2);
        put(&p, s->members, s->members_size);
        break;
    }
    return p.is_over ? 0 : (size_t)(p.at - out);
}

static void take_members(struct eye *e, struct datapath_signal *s)
{
    s->members_size = (size_t)take_number(e, 2);
    e->is_over = e->is_over || (size_t)(e->end - e->at) < s->members_size;
    if (!e->is_over) {
        s->members = e->at;
        e->at += s->members_size;
    }
}

bool datapath_signal_read(const uint8_t *bytes, size_t size, struct datapath_signal *ret)
{
    struct eye e = {.at = bytes, .end = bytes + size};
    uint64_t kind = take_number(&e, 1);

    *ret = (struct datapath_signal){.kind = (enum datapath_signal_kind)kind, .flags = (uint8_t)take_number(&e, 1)};
    if (kind < DATAPATH_SIGNAL_PING || kind > DATAPATH_SIGNAL_RELAYING || (ret->flags & ~KNOWN) != 0) {
        return false;
    }
    switch (ret->kind) {
    case DATAPATH_SIGNAL_PONG:
        take_place(&e, &ret->seen);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_PING:
        ret->use = (uint8_t)take_number(&e, 1);
        ret->number = (uint32_t)take_number(&e, 4);
        ret->sent_ms = (uint32_t)take_number(&e, 4);
        ret->epoch = take_number(&e, 8);
        break;
    case DATAPATH_SIGNAL_NEWS:
        take_place(&e, &ret->seen);
        ret->count = (uint32_t)take_number(&e, 4);
        take_members(&e, ret);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_ROLL:
        ret->epoch = take_number(&e, 8);
        ret->question = take_number(&e, 8);
        ret->sequence = take_number(&e, 8);
        ret->cursor = (uint32_t)take_number(&e, 4);
        ret->places = take_places(&e, ret->place);
        if (ret->kind == DATAPATH_SIGNAL_NEWS) {
            ret->names = e.at;
            ret->names_size = (size_t)(e.end - e.at);
        } else {
            take_name(&e, ret->name);
        }
        break;
    case DATAPATH_SIGNAL_RELAYING:
        ret->life = take_number(&e, 8);
        ret->id = (uint32_t)take_number(&e, 4);
        __attribute__((fallthrough));
    case DATAPATH_SIGNAL_CALL:
    case DATAPATH_SIGNAL_RELAY:
        ret->epoch = take_number(&e, 8);
        take(&e, ret->key, sizeof ret->key);
        break;
    case DATAPATH_SIGNAL_MEET:
        ret->life = take_number(&e, 8);
        take_members(&e, ret);
        break;
    }
    return !e.is_over;
}

/* ---- members ------------------------------------------------------------------------------------------ */

size_t datapath_signal_put_member(const struct datapath_signal_member *m, uint8_t *out, size_t room)
{
    struct pen p = {.at = out, .end = out + room};

    assert(m->places <= DATAPATH_SIGNAL_PLACES && m->prefixes <= DATAPATH_SIGNAL_PREFIXES);
    put_number(&p, m->state, 1);
    put(&p, m->key, sizeof m->key);
    if (m->state == DATAPATH_SIGNAL_GONE) {
        return p.is_over ? 0 : (size_t)(p.at - out);
    }
    put_places(&p, m->place, m->places);
    put_number(&p, m->prefixes, 1);
    for (uint32_t i = 0; i < m->prefixes; i++) {
        put_number(&p, m->prefix[i].size == DATAPATH_ALLOWED_V4 ? V4 : V6, 1);
        put_number(&p, m->prefix[i].bits, 1);
        put(&p, m->prefix[i].ip, m->prefix[i].size);
    }
    return p.is_over ? 0 : (size_t)(p.at - out);
}

static void take_prefix(struct eye *e, struct datapath_prefix *ret)
{
    uint64_t family = take_number(e, 1);

    *ret = (struct datapath_prefix){.size = family == V4 ? DATAPATH_ALLOWED_V4 : DATAPATH_ALLOWED_V6};
    ret->bits = (uint8_t)take_number(e, 1);
    e->is_over = e->is_over || (family != V4 && family != V6) || ret->bits > 8 * ret->size;
    take(e, ret->ip, ret->size);
}

bool datapath_signal_take_member(const uint8_t *bytes, size_t size, size_t *at, struct datapath_signal_member *ret)
{
    struct eye e = {.at = bytes + *at, .end = bytes + size};
    uint64_t state;

    if (*at >= size) {
        return false;
    }
    state = take_number(&e, 1);
    *ret = (struct datapath_signal_member){.state = (enum datapath_signal_state)state};
    take(&e, ret->key, sizeof ret->key);
    if (state == DATAPATH_SIGNAL_HERE || state == DATAPATH_SIGNAL_AWAY) {
        ret->places = take_places(&e, ret->place);
        ret->prefixes = (uint32_t)take_number(&e, 1);
        e.is_over = e.is_over || ret->prefixes > DATAPATH_SIGNAL_PREFIXES;
        for (uint32_t i = 0; !e.is_over && i < ret->prefixes; i++) {
            take_prefix(&e, &ret->prefix[i]);
        }
    } else {
        e.is_over = e.is_over || state != DATAPATH_SIGNAL_GONE;
    }
    *at = e.is_over ? size : (size_t)(e.at - bytes);
    return !e.is_over;
}

size_t datapath_signal_put_name(const char *name, uint8_t *out, size_t room)
{
    struct pen p = {.at = out, .end = out + room};

    put_name(&p, name);
    return p.is_over ? 0 : (size_t)(p.at - out);
}

bool datapath_signal_take_name(const uint8_t *bytes, size_t size, size_t *at, char ret[DATAPATH_LABEL_SIZE])
{
    struct eye e = {.at = bytes + *at, .end = bytes + size};

    ret[0] = '\0';
    if (*at >= size) {
        return false;
    }
    take_name(&e, ret);
    *at = e.is_over ? size : (size_t)(e.at - bytes);
    return !e.is_over;
}

/* ---- sealing ------------------------------------------------------------------------------------------ */

bool datapath_signal_seal(const struct datapath_signal_keys *k, uint64_t life, uint64_t counter,
                          struct datapath_random *random, const struct datapath_signal *s, size_t size, uint8_t *out,
                          size_t *ret_size)
{
    uint8_t *text = out + DATAPATH_SIGNAL_TEXT;
    size_t most = size > DATAPATH_SIGNAL_MOST ? size : DATAPATH_SIGNAL_MOST;
    size_t said = datapath_signal_write(s, text + DATAPATH_SIGNAL_STAMP, most - DATAPATH_SIGNAL_OVER);

    if (said == 0) {
        return false;
    }
    size_t total = said + DATAPATH_SIGNAL_OVER;
    total = total < DATAPATH_SIGNAL_LEAST ? DATAPATH_SIGNAL_LEAST : total;
    total = total < size ? size : total;
    size_t text_size = total - DATAPATH_SIGNAL_TEXT - DATAPATH_MESSAGE_TAG;
    memset(text + DATAPATH_SIGNAL_STAMP + said, 0, text_size - DATAPATH_SIGNAL_STAMP - said);
    datapath_message_put64(text, life);
    datapath_message_put64(text + 8, counter);
    datapath_message_begin(out, DATAPATH_KIND_SIGNAL);
    datapath_message_put64(out + DATAPATH_SIGNAL_WHO, k->who);
    datapath_random_draw(random, out + DATAPATH_SIGNAL_NONCE, DATAPATH_SIGNAL_NONCE_SIZE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(text, NULL, text, text_size, out, DATAPATH_SIGNAL_NONCE, NULL,
                                                     out + DATAPATH_SIGNAL_NONCE, k->key);
    *ret_size = total;
    return true;
}

uint64_t datapath_signal_who(const uint8_t *bytes, size_t size)
{
    return size < DATAPATH_SIGNAL_LEAST ? 0 : datapath_message_get64(bytes + DATAPATH_SIGNAL_WHO);
}

/* A later life of his is newer than all of an earlier one; within a life RFC 6479's window. */
static bool look(const struct datapath_signal_window *w, uint64_t life, uint64_t counter, struct datapath_signal_window *ret)
{
    uint64_t behind = w->newest - counter;

    *ret = (struct datapath_signal_window){.life = life, .newest = counter, .seen = 1};
    if (life > w->life) {
        return true;
    }
    if (life < w->life) {
        return false;
    }
    if (counter > w->newest) {
        ret->seen = counter - w->newest < DATAPATH_SIGNAL_WINDOW ? w->seen << (counter - w->newest) | 1 : 1;
        return true;
    }
    if (behind >= DATAPATH_SIGNAL_WINDOW || (w->seen >> behind & 1) != 0) {
        return false;
    }
    *ret = (struct datapath_signal_window){.life = life, .newest = w->newest, .seen = w->seen | UINT64_C(1) << behind};
    return true;
}

bool datapath_signal_open(const struct datapath_signal_keys *k, struct datapath_signal_window *w, uint8_t *bytes,
                          size_t size, struct datapath_signal *ret)
{
    uint8_t *text = bytes + DATAPATH_SIGNAL_TEXT;
    struct datapath_signal_window after;

    if (size < DATAPATH_SIGNAL_LEAST ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(text, NULL, NULL, text, size - DATAPATH_SIGNAL_TEXT, bytes,
                                                   DATAPATH_SIGNAL_NONCE, bytes + DATAPATH_SIGNAL_NONCE, k->key) != 0 ||
        !look(w, datapath_message_get64(text), datapath_message_get64(text + 8), &after)) {
        return false;
    }
    *w = after; /* whatever it says: it was said */
    return datapath_signal_read(text + DATAPATH_SIGNAL_STAMP,
                                size - DATAPATH_SIGNAL_TEXT - DATAPATH_SIGNAL_STAMP - DATAPATH_MESSAGE_TAG, ret);
}
