#include "datapath/session.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "datapath/own.h"

/* Keys are gone when their pair is. */
static void erase(struct datapath_pair *pair, struct datapath_freed *ret)
{
    if (pair->local != DATAPATH_INDEX_NONE) {
        assert(ret->count < sizeof ret->id / sizeof ret->id[0]);
        ret->id[ret->count++] = pair->local;
    }
    sodium_memzero(pair, sizeof *pair);
}

static void move(struct datapath_pair *to, struct datapath_pair *from)
{
    assert(to->local == DATAPATH_INDEX_NONE);
    *to = *from;
    sodium_memzero(from, sizeof *from);
}

void datapath_session_add(struct datapath_session *s, struct datapath_pair *pair, struct datapath_freed *ret)
{
    ret->count = 0;
    if (pair->is_initiator) {
        /* If the peer began too and we answered, what he sends under that one is still read. */
        erase(&s->previous, ret);
        if (s->next.local != DATAPATH_INDEX_NONE) {
            move(&s->previous, &s->next);
            erase(&s->current, ret);
        } else {
            move(&s->previous, &s->current);
        }
        move(&s->current, pair);
    } else {
        erase(&s->next, ret);
        erase(&s->previous, ret);
        move(&s->next, pair);
    }
}

struct datapath_pair *datapath_session_find(struct datapath_session *s, uint32_t local)
{
    struct datapath_pair *all[] = {&s->current, &s->next, &s->previous};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->local == local && local != DATAPATH_INDEX_NONE) {
            return all[i];
        }
    }
    return NULL;
}

bool datapath_session_confirm(struct datapath_session *s, const struct datapath_pair *pair,
                              struct datapath_freed *ret)
{
    ret->count = 0;
    if (pair != &s->next) {
        return false;
    }
    erase(&s->previous, ret);
    move(&s->previous, &s->current);
    move(&s->current, &s->next);
    return true;
}

bool datapath_session_may_send(const struct datapath_pair *pair, const struct datapath_pace *pace, uint64_t now_ms)
{
    return pair->local != DATAPATH_INDEX_NONE && now_ms - pair->born_ms < pace->reject_ms &&
           pair->counter < datapath_session_end(pair);
}

uint64_t datapath_session_end(const struct datapath_pair *pair)
{
    return pair->has_offer ? DATAPATH_OWN_UNFINISHED : DATAPATH_REPLAY_LIMIT;
}

bool datapath_session_may_receive(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                  uint64_t now_ms)
{
    return now_ms - pair->born_ms < pace->reject_ms;
}

bool datapath_session_is_old_to_send(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                     uint64_t now_ms)
{
    return pair->counter > pace->rekey_messages || (pair->opens_aes && pair->counter > pace->own_messages / 2) ||
           (pair->is_initiator && now_ms - pair->born_ms >= pace->rekey_ms);
}

bool datapath_session_is_old_to_receive(const struct datapath_pair *pair, const struct datapath_pace *pace,
                                        uint64_t now_ms)
{
    return pair->is_initiator && now_ms - pair->born_ms >= pace->reject_ms - pace->keepalive_ms - pace->retry_ms;
}

void datapath_session_erase(struct datapath_session *s, struct datapath_freed *ret)
{
    ret->count = 0;
    erase(&s->previous, ret);
    erase(&s->current, ret);
    erase(&s->next, ret);
}
