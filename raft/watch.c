#include "raft/watch.h"

#include <assert.h>

#include "raft/chain.h"
#include "raft/span.h"

enum {
    EVENT_COST = 128, /* what an event costs in an answer beside keys and values */
    LOAD_LOOKS = 16,  /* a record that is read back counts as so many looked at  */
};

static bool is_wanted(const struct raft_watch *w, const struct raft_record *r)
{
    bool is_masked = raft_record_is_delete(r) ? w->without_deletes : w->without_puts;

    return !is_masked && raft_span_has(&w->span, raft_record_key(r));
}

static size_t event_bytes(const struct raft_record *r, const struct raft_record *previous)
{
    size_t bytes = (size_t)EVENT_COST + r->key_size + r->value_size;

    return previous != NULL ? bytes + previous->key_size + previous->value_size : bytes;
}

/* An event and what was before it, each perhaps from a disk. */
struct looking {
    const struct raft_kv *kv;
    struct raft_chain event, before;
    const struct raft_record *r, *previous; /* r NULL: it is not wanted */
};

static enum err look(struct looking *l, const struct raft_watch *w, uint64_t at)
{
    enum err e = raft_chain_load(&l->event, raft_journal_at(&l->kv->journal, at)->record, &l->r);

    l->previous = NULL;
    if (e != ERR_OK) {
        return e;
    }
    if (!is_wanted(w, l->r)) {
        l->r = NULL;
        return ERR_OK;
    }
    return w->with_previous ? raft_chain_before(&l->before, l->r, &l->previous) : ERR_OK;
}

/* The page ends before event `at`. */
static void end_at(const struct raft_journal *j, uint64_t at, struct raft_seen *seen)
{
    seen->next = raft_journal_revision(j, at);
    seen->next_part = raft_journal_part(j, at);
    seen->has_more = true;
}

static uint64_t looks(const struct looking *l, uint64_t events)
{
    return events + LOAD_LOOKS * (l->event.loads + l->before.loads);
}

static enum err keep(struct looking *l)
{
    enum err e = raft_chain_show(&l->event, l->r);

    return e == ERR_OK ? raft_chain_show(&l->before, l->previous) : e;
}

enum err raft_watch_collect(const struct raft_kv *kv, const struct raft_watch *w, size_t bytes,
                            void (*show)(void *context, const struct raft_record *r, const struct raft_record *previous),
                            void *context, struct raft_seen *ret)
{
    const struct raft_journal *j = &kv->journal;
    struct looking l = {.kv = kv, .event = {.journal = j, .past = kv->past}, .before = {.journal = j, .past = kv->past}};
    uint64_t from = w->from != 0 ? w->from : kv->revision + 1;
    size_t used = 0;
    enum err e = ERR_OK;

    if (from <= j->compacted) {
        return ERR_RANGE;
    }
    raft_past_hide(kv->past);
    struct raft_seen seen = {.next = from > kv->revision ? from : kv->revision + 1,
                             .next_part = from > kv->revision ? w->from_part : 0};
    uint64_t first = raft_journal_seek(j, from, w->from_part);
    for (uint64_t at = first; at < j->end; at++) {
        e = look(&l, w, at);
        if (e == ERR_DATA_LOSS || e == ERR_IO) {
            end_at(j, at, &seen);
            seen.lost = seen.next;
            e = ERR_OK;
            break;
        }
        if (e != ERR_OK) {
            break;
        }
        size_t more = l.r != NULL ? event_bytes(l.r, l.previous) : 0;
        if ((at > first && looks(&l, at - first) >= RAFT_WATCH_LOOKED) || (seen.events > 0 && used + more > bytes)) {
            end_at(j, at, &seen);
            break;
        }
        if (l.r != NULL) {
            used += more;
            seen.events++;
            e = keep(&l);
            if (e != ERR_OK) {
                break;
            }
            show(context, l.r, l.previous);
        }
    }
    raft_chain_fini(&l.event);
    raft_chain_fini(&l.before);
    if (e == ERR_OK) {
        *ret = seen;
    }
    return e;
}
