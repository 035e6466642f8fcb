#include "datapath/shield_maps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath/message.h"
#include "datapath/shield_hash.h"

_Static_assert((int)DATAPATH_SHIELD_INITIATION_SIZE == (int)DATAPATH_MESSAGE_INITIATION &&
                   (int)DATAPATH_SHIELD_RESPONSE_SIZE == (int)DATAPATH_MESSAGE_RESPONSE &&
                   (int)DATAPATH_SHIELD_COOKIE_SIZE == (int)DATAPATH_MESSAGE_COOKIE &&
                   (int)DATAPATH_SHIELD_DATA_SIZE == (int)DATAPATH_MESSAGE_DATA &&
                   (int)DATAPATH_SHIELD_MACS_SIZE == (int)DATAPATH_MESSAGE_MACS,
               "the protocol's");
_Static_assert(DATAPATH_SHIELD_VERDICTS <= ARRAY_LEN(((struct datapath_shield_counts *)0)->verdict), "all are counted");
_Static_assert(sizeof(struct datapath_shield_set) == 64, "a line of the cache");

/* BLAKE2s when it has taken in a key of 32 bytes. */
static void midstate(const uint8_t key[32], uint32_t ret[8])
{
    uint32_t block[16] = {0};

    memcpy(block, key, 32);
    shield_hash_key(ret, block, 32);
    explicit_bzero(block, sizeof block);
}

static enum err map_one(int fd, size_t size, struct datapath_shield_mapping *ret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    void *at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED) {
        return err_from_errno(errno);
    }
    *ret = (struct datapath_shield_mapping){.at = at, .size = whole};
    return ERR_OK;
}

static struct datapath_shield_config *config_of(const struct datapath_shield_maps *m)
{
    return m->map[DATAPATH_SHIELD_CONFIG].at;
}

enum err datapath_shield_maps_open(struct datapath_shield_maps *m, const int fd[DATAPATH_SHIELD_MAPS], uint32_t sets,
                                   uint32_t processors, const uint8_t mac1_key[32], const uint8_t source_key[16])
{
    const size_t size[DATAPATH_SHIELD_MAPS] = {
        [DATAPATH_SHIELD_CONFIG] = sizeof(struct datapath_shield_config),
        [DATAPATH_SHIELD_LIVE] = (size_t)sets * sizeof(struct datapath_shield_set),
        [DATAPATH_SHIELD_COUNTS] = (size_t)processors * sizeof(struct datapath_shield_counts),
        [DATAPATH_SHIELD_CALLERS] = (size_t)sets * sizeof(struct datapath_shield_set),
        [DATAPATH_SHIELD_SHOWN] = (size_t)sets * sizeof(struct datapath_shield_places),
    };
    enum err e = ERR_OK;

    *m = (struct datapath_shield_maps){.processors = processors};
    if (sets == 0 || (sets & (sets - 1)) != 0 || processors == 0 || processors > DATAPATH_SHIELD_PROCESSORS_MAX) {
        return ERR_INVALID;
    }
    for (int i = 0; e == ERR_OK && i < DATAPATH_SHIELD_MAPS; i++) {
        e = map_one(fd[i], size[i], &m->map[i]);
    }
    if (e != ERR_OK) {
        datapath_shield_maps_close(m);
        return e;
    }
    struct datapath_shield_config *c = config_of(m);
    midstate(mac1_key, c->mac1);
    memcpy(c->source_key, source_key, sizeof c->source_key);
    datapath_live_init(&m->ids, m->map[DATAPATH_SHIELD_LIVE].at, sets);
    datapath_live_init(&m->callers, m->map[DATAPATH_SHIELD_CALLERS].at, sets);
    return ERR_OK;
}

enum err datapath_shield_maps_again(struct datapath_shield_maps *m, const int fd[DATAPATH_SHIELD_MAPS], uint32_t sets, uint32_t processors)
{
    const uint8_t none[32] = {0}; /* keys come with the rest */
    struct datapath_shield_maps now;
    enum err e = datapath_shield_maps_open(&now, fd, sets, processors, none, none);

    for (int i = 0; e == ERR_OK && i < DATAPATH_SHIELD_MAPS; i++) {
        if (now.map[i].size != m->map[i].size) {
            datapath_shield_maps_close(&now);
            return ERR_INVALID;
        }
        memcpy(now.map[i].at, m->map[i].at, m->map[i].size);
    }
    if (e == ERR_OK) {
        now.ids.spilled = m->ids.spilled;
        now.callers.spilled = m->callers.spilled;
        datapath_shield_maps_close(m);
        *m = now;
    }
    return e;
}

void datapath_shield_maps_close(struct datapath_shield_maps *m)
{
    if (config_of(m) != NULL) {
        explicit_bzero(config_of(m), sizeof(struct datapath_shield_config));
    }
    for (int i = 0; i < DATAPATH_SHIELD_MAPS; i++) {
        if (m->map[i].at != NULL) {
            (void)munmap(m->map[i].at, m->map[i].size);
        }
    }
    *m = (struct datapath_shield_maps){0};
}

void datapath_shield_maps_set(struct datapath_shield_maps *m, enum datapath_shield_mode mode, enum datapath_shield_hook hook)
{
    struct datapath_shield_config *c = config_of(m);

    /* Who judges first: for a moment both or neither do, never the wrong way. */
    __atomic_store_n(&c->hook, (uint32_t)hook, __ATOMIC_RELEASE);
    __atomic_store_n(&c->mode, (uint32_t)mode, __ATOMIC_RELEASE);
}

void datapath_shield_maps_own(struct datapath_shield_maps *m, bool is_taken)
{
    __atomic_store_n(&config_of(m)->takes_own, (uint32_t)is_taken, __ATOMIC_RELEASE);
}

void datapath_shield_maps_frames(struct datapath_shield_maps *m, bool is_taken)
{
    __atomic_store_n(&config_of(m)->takes_frames, (uint32_t)is_taken, __ATOMIC_RELEASE);
}

/* The place itself, or the one that ends first. One word, so that whoever reads it at this moment reads either. */
void datapath_shield_maps_shown(struct datapath_shield_maps *m, const struct datapath_endpoint *from, uint64_t now_ms)
{
    struct datapath_shield_places *sets = m->map[DATAPATH_SHIELD_SHOWN].at;
    uint64_t ip[2];

    memcpy(ip, from->ip, sizeof ip);
    uint64_t hash = shield_hash_place(config_of(m)->source_key, ip[0], ip[1], from->port);
    uint64_t *place = sets[(uint32_t)hash & m->ids.mask].place, *at = place;
    for (int i = 0; i < DATAPATH_SHIELD_PLACES && *at >> 32 != hash >> 32; i++) {
        at = place[i] >> 32 == hash >> 32 || (uint32_t)place[i] < (uint32_t)*at ? &place[i] : at;
    }
    __atomic_store_n(at, (hash >> 32) << 32 | (uint32_t)(now_ms / 1000 + DATAPATH_SHIELD_PLACE_S), __ATOMIC_RELAXED);
}

void datapath_shield_maps_cookies(struct datapath_shield_maps *m, const uint8_t secret[][32], uint32_t count)
{
    struct datapath_shield_config *c = config_of(m);

    __atomic_store_n(&c->cookie_count, 0, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < count && i < ARRAY_LEN(c->cookie); i++) {
        midstate(secret[i], c->cookie[i]);
    }
    __atomic_store_n(&c->cookie_count, count, __ATOMIC_RELEASE);
}

void datapath_shield_maps_count(const struct datapath_shield_maps *m, uint64_t ret[DATAPATH_SHIELD_VERDICTS])
{
    const struct datapath_shield_counts *counts = m->map[DATAPATH_SHIELD_COUNTS].at;

    memset(ret, 0, DATAPATH_SHIELD_VERDICTS * sizeof *ret);
    for (uint32_t i = 0; i < m->processors; i++) {
        for (int v = 0; v < DATAPATH_SHIELD_VERDICTS; v++) {
            ret[v] += __atomic_load_n(&counts[i].verdict[v], __ATOMIC_RELAXED);
        }
    }
}
