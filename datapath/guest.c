#include "datapath/guest.h"

void datapath_guest_init(struct datapath_guest *g, uint64_t now_ms)
{
    *g = (struct datapath_guest){.due_ms = now_ms, .wait_ms = DATAPATH_GUEST_WAIT_MS};
}

void datapath_guest_ask(struct datapath_guest *g, uint64_t now_ms, struct datapath_random *random, struct datapath_signal *ret,
                        size_t *ret_size)
{
    if (g->wants_all) {
        g->wants_all = g->is_full = false;
        g->sequence = 0;
    }
    do { /* another each time: a late answer to an earlier one says what was */
        datapath_random_draw(random, &g->question, sizeof g->question);
    } while (g->question == 0);
    *ret = (struct datapath_signal){.kind = DATAPATH_SIGNAL_ROLL, .epoch = g->epoch, .question = g->question,
                                    .sequence = g->sequence, .cursor = g->cursor,
                                    .flags = g->is_full && g->sequence > 0 ? DATAPATH_SIGNAL_FULL : 0};
    /* An answer is never longer than its question. */
    *ret_size = g->wants_more ? DATAPATH_SIGNAL_MOST : DATAPATH_SIGNAL_LEAST;
    g->due_ms = now_ms + g->wait_ms;
    if (++g->tries >= DATAPATH_GUEST_TRIES) {
        g->wait_ms = g->wait_ms * 2 < DATAPATH_GUEST_WAIT_MS_MAX ? g->wait_ms * 2 : DATAPATH_GUEST_WAIT_MS_MAX;
    }
}

bool datapath_guest_hear(struct datapath_guest *g, uint64_t now_ms, const struct datapath_signal *news, bool *ret_is_whole)
{
    if (g->question == 0 || news->question != g->question) {
        return false;
    }
    bool is_new_life = news->epoch != g->epoch;
    /* A list of all begins, in the middle of nothing or of one that is worth nothing any more. */
    if (is_new_life || ((news->flags & DATAPATH_SIGNAL_FULL) != 0 && (g->sequence == 0 || !g->is_full))) {
        g->is_full = true;
        g->round++;
    }
    g->epoch = news->epoch;
    g->sequence = news->sequence;
    g->cursor = news->cursor;
    g->count = news->count;
    g->seen = news->seen;
    g->heard_ms = now_ms;
    g->question = 0;
    g->wait_ms = DATAPATH_GUEST_WAIT_MS;
    g->tries = 0;
    g->wants_more = (news->flags & DATAPATH_SIGNAL_MORE) != 0;
    g->due_ms = g->wants_more ? now_ms : now_ms + DATAPATH_GUEST_BEAT_MS;
    *ret_is_whole = g->is_full && !g->wants_more;
    g->is_full = g->is_full && g->wants_more;
    return true;
}

void datapath_guest_forget(struct datapath_guest *g)
{
    g->wants_all = true;
}

bool datapath_guest_is_there(const struct datapath_guest *g, uint64_t now_ms)
{
    return g->heard_ms != 0 && now_ms - g->heard_ms < DATAPATH_GUEST_LOST_MS;
}
