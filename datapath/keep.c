#include "datapath/keep.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/uapi.h"

enum {
    TEXT_FIRST = 4096,
    DONE_SIZE = 64, /* the end of an answer, where it says whether all was done */
};

/* ---- loading ---------------------------------------------------------------------------------------- */

struct answer {
    char text[DONE_SIZE];
    size_t size;
};

static void hear(void *context, const char *text, size_t size)
{
    struct answer *a = context;

    if (a->size + size <= sizeof a->text) {
        memcpy(a->text + a->size, text, size);
        a->size += size;
    }
}

void datapath_keep_recall(const void *memory, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret)
{
    datapath_store_heard(memory, public, ret);
}

enum err datapath_keep_load(struct datapath_store *store, struct datapath *core, int socket, struct datapath_time now)
{
    static const uint8_t no_secret[DATAPATH_NOISE_KEY]; /* a file that brings one is refused: it is not ours */
    struct answer a = {.size = 0};
    struct datapath_uapi u = {.core = core, .secret = no_secret, .socket = socket, .is_recalled = true,
                              .recall = datapath_keep_recall, .memory = store, .put = hear, .context = &a};
    char *text;
    size_t size;
    enum err e = datapath_store_get_peers(store, &text, &size);

    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (size == 0 || datapath_uapi_first(text, size) != size) {
        e = ERR_DATA_LOSS;
    } else {
        (void)datapath_uapi_answer(&u, now, text, size);
        e = datapath_uapi_is_done(a.text, a.size) ? ERR_OK : ERR_DATA_LOSS;
    }
    sodium_memzero(text, size);
    free(text);
    return e;
}

/* ---- saving ----------------------------------------------------------------------------------------- */

struct page {
    char *text;
    size_t size, room;
    bool is_lost; /* no memory */
};

static void put(void *context, const char *text, size_t size)
{
    struct page *p = context;

    while (!p->is_lost && p->size + size > p->room) {
        size_t room = p->room == 0 ? TEXT_FIRST : 2 * p->room;
        char *larger = malloc(room);
        if (larger == NULL) {
            p->is_lost = true;
            return;
        }
        if (p->size > 0) {
            memcpy(larger, p->text, p->size);
            sodium_memzero(p->text, p->size);
        }
        free(p->text);
        p->text = larger;
        p->room = room;
    }
    if (!p->is_lost) {
        memcpy(p->text + p->size, text, size);
        p->size += size;
    }
}

struct others {
    const struct datapath_settings *settings;
    const struct datapath_kin *kin;
    const struct datapath_ways *ways;
};

/* Whether he comes again by himself: of the configuration, or by a rendezvous or membership. */
static bool is_listed(void *context, const uint8_t public[DATAPATH_NOISE_KEY])
{
    const struct others *o = context;
    const struct datapath_settings *s = o->settings;
    uint32_t peer;

    if (datapath_core_find(o->ways->core, public, &peer)) {
        const struct datapath_way *way = datapath_ways_of(o->ways, peer);
        if ((way != NULL && way->introduced != 0) || datapath_kin_is(o->kin, peer)) {
            return true;
        }
    }

    for (uint32_t i = 0; i < s->listed; i++) {
        if (memcmp(s->peer[i].peer.public, public, DATAPATH_NOISE_KEY) == 0) {
            return true;
        }
    }
    return false;
}

enum err datapath_keep_save(struct datapath_store *store, const struct datapath *core, int socket, uint32_t peers_max,
                            const struct datapath_settings *settings, const struct datapath_kin *kin,
                            const struct datapath_ways *ways)
{
    struct page p = {.room = 0};
    struct others o = {.settings = settings, .kin = kin, .ways = ways};
    struct datapath_uapi u = {.core = (struct datapath *)core, .peers_max = peers_max, .socket = socket, .put = put, .context = &p};
    char *old = NULL;
    size_t old_size = 0;

    datapath_uapi_recall(&u, is_listed, &o);
    enum err e = p.is_lost ? ERR_NOMEM : ERR_OK;
    if (e == ERR_OK) {
        /* `wg set` of what is so already, and of peers of the configuration, need not wait for a disk. */
        bool is_there = datapath_store_get_peers(store, &old, &old_size) == ERR_OK;
        bool is_same = is_there && old_size == p.size && memcmp(old, p.text, p.size) == 0;
        e = is_same ? ERR_OK : datapath_store_put_peers(store, p.text, p.size);
    }
    if (old != NULL) {
        sodium_memzero(old, old_size);
        free(old);
    }
    if (p.text != NULL) {
        sodium_memzero(p.text, p.size);
        free(p.text);
    }
    return e;
}
