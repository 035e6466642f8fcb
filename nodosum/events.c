#include "nodosum/events.h"

#include "nodosum/sync.h"

void nodosum_events_add(struct nodosum *n, enum nodosum_change change, uint16_t index)
{
    const struct nodosum_member *m = &n->member[index];

    n->event[n->revision % NODOSUM_EVENTS_MAX] = (struct nodosum_event){
        .revision = n->revision + 1, .change = change, .id = m->id, .incarnation = m->incarnation};
    n->revision++;
    /* Telling is a matter of luck: of a hundred pieces of news in 64 nodes two miss one of them. */
    nodosum_sync_hurry(n);
}

/* Declared in core.h: what a watcher asks for. */
enum err nodosum_core_events(const struct nodosum *n, uint64_t revision, struct nodosum_event *to,
                             uint32_t most, uint32_t *ret_count)
{
    uint64_t kept = n->revision < NODOSUM_EVENTS_MAX ? n->revision : NODOSUM_EVENTS_MAX;

    if (revision > n->revision || n->revision - revision > kept) {
        return ERR_RANGE;
    }
    uint64_t left = n->revision - revision;
    uint32_t count = left < most ? (uint32_t)left : most;
    for (uint32_t i = 0; i < count; i++) {
        to[i] = n->event[(revision + i) % NODOSUM_EVENTS_MAX];
    }
    *ret_count = count;
    return ERR_OK;
}
