#include "raft/watch.h"

#include <assert.h>

#include "raft/span.h"

enum { EVENT_COST = 128 }; /* what an event costs in an answer beside keys and values */

static bool is_wanted(const struct raft_watch *w, const struct raft_record *r)
{
    bool is_masked = raft_record_is_delete(r) ? w->without_deletes : w->without_puts;

    return !is_masked && raft_span_has(&w->span, raft_record_key(r));
}

static size_t event_bytes(const struct raft_watch *w, const struct raft_record *r)
{
    size_t bytes = (size_t)EVENT_COST + r->key_size + r->value_size;

    return w->with_previous && r->prev != NULL ? bytes + r->prev->key_size + r->prev->value_size : bytes;
}

enum err raft_watch_collect(const struct raft_kv *kv, const struct raft_watch *w, size_t bytes,
                            void (*show)(void *context, const struct raft_record *r), void *context,
                            struct raft_seen *ret)
{
    const struct raft_journal *j = &kv->journal;
    uint64_t from = w->from != 0 ? w->from : kv->revision + 1;
    size_t used = 0, looked = 0;

    if (from <= j->compacted) {
        return ERR_RANGE;
    }
    *ret = (struct raft_seen){.next = from > kv->revision ? from : kv->revision + 1,
                              .next_part = from > kv->revision ? w->from_part : 0};
    for (uint64_t at = raft_journal_seek(j, from, w->from_part); at < j->end; at++) {
        const struct raft_record *r = raft_journal_at(j, at);
        bool wanted = is_wanted(w, r);
        size_t more = wanted ? event_bytes(w, r) : 0;

        if (looked++ >= RAFT_WATCH_LOOKED || (ret->events > 0 && used + more > bytes)) {
            ret->next = r->modified;
            ret->next_part = r->part;
            ret->has_more = true;
            break;
        }
        if (wanted) {
            used += more;
            ret->events++;
            show(context, r);
        }
    }
    return ERR_OK;
}
