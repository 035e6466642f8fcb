/* The store follows the log: committed entries in their order, images. */
#include <inttypes.h>
#include <malloc.h>

#include "common/run/log.h"
#include "raft/past_file.h"
#include "raft/shell.h"

static void apply_one(struct raft_shell *s, uint64_t index, const struct raft_entry *entry)
{
    struct raft_answer answer;

    s->snapshots.log_bytes += RAFT_ENTRY_HEAD + entry->size;
    s->applied = index;
    if (entry->kind == RAFT_ENTRY_CONFIG && raft_config_unpack(entry->bytes, entry->size, &s->applied_config) != ERR_OK) {
        raft_shell_fail(s, "a committed configuration does not parse");
    }
    if (entry->kind != RAFT_ENTRY_COMMAND) {
        raft_kv_skip(&s->kv, index);
        raft_shell_ask_applied(s, index, NULL);
        return;
    }
    enum err e = raft_kv_apply(&s->kv, index, entry->bytes, entry->size, &answer);
    if (e == ERR_NOMEM) {
        raft_shell_fail(s, "no memory for what is committed");
    }
    if (e != ERR_OK) {
        /* All members refuse it alike: nothing is done with it anywhere. */
        log_error("RAFT-COMMAND-UNKNOWN", "index=%" PRIu64 " reason=%s", index, err_name(e));
    }
    raft_shell_ask_applied(s, index, e == ERR_OK ? &answer : NULL);
}

/* Entries of one run from `applied` on; at most `most`. */
static uint32_t apply_run(struct raft_shell *s, const struct raft_run *run, uint32_t most)
{
    struct raft_entry entry;
    uint32_t at = 0, count = 0;

    while (count < most && count < run->count && s->applied < s->commit && raft_packet_entry(run, &at, &entry)) {
        apply_one(s, run->first + count, &entry);
        count++;
    }
    return count;
}

bool raft_shell_apply(struct raft_shell *s)
{
    uint64_t before = s->applied;

    for (uint32_t left = RAFT_SHELL_APPLY_MAX; left > 0 && s->applied < s->commit;) {
        struct raft_run run;
        uint64_t index = s->applied + 1;
        if (raft_cache_find(&s->cache, index, RAFT_RUN_MAX, &run)) {
            raft_cache_pin(&s->cache, index); /* answers may lead to new commands, which want room there */
        } else {
            enum err e = raft_store_read(&s->store, &s->places, &s->apply_cursor, index, &run);
            if (e == ERR_NOT_FOUND) {
                break; /* committed by others before it is durable here, and no longer in memory: when it is */
            }
            if (e != ERR_OK) {
                raft_shell_fail(s, "a committed entry cannot be read");
            }
        }
        left -= apply_run(s, &run, left);
        raft_cache_pin(&s->cache, 0);
    }
    if (s->applied == s->commit && s->apply_cursor.bytes != NULL) {
        raft_store_cursor_fini(&s->apply_cursor); /* what comes now comes from memory */
    }
    if (s->applied > before) {
        cell_metric_add(s->metric_applied, (double)(s->applied - before));
        cell_metric_set(s->metric_past, (double)raft_past_bytes(s->kv.past));
        raft_service_applied(&s->service);
    }
    return s->applied > before;
}

/* Messages of a crowd come and go among records that stay, and leave holes: half of the heap after a thousand clients. The
 * kernel gets them back when the crowd is gone, not before: a page that is wanted again costs 10 to 20 us on a virtual
 * machine, and a batch has hundreds. */
void raft_shell_trim(struct raft_shell *s, uint64_t now_ms)
{
    if (now_ms < s->heap.look_ms) {
        return;
    }
    bool is_quiet = s->applied - s->heap.looked <= RAFT_SHELL_TRIM_QUIET;
    if (is_quiet && s->applied - s->heap.trimmed >= RAFT_SHELL_TRIM_WORTH) {
        (void)malloc_trim(0);
        s->heap.trimmed = s->applied;
    }
    s->heap.looked = s->applied;
    s->heap.look_ms = now_ms + RAFT_SHELL_TRIM_MS;
}

void raft_shell_tell_past(struct raft_shell *s)
{
    const struct raft_past *past = s->kv.past;

    if (past == NULL) {
        return;
    }
    if (s->told.past != past) { /* of a store that was installed */
        s->told.past = past;
        s->told.rotten = s->told.unwritten = 0;
    }
    cell_metric_add(s->metric_past_rotten, (double)(past->rotten - s->told.rotten));
    cell_metric_add(s->metric_past_unwritten, (double)(past->failed_writes - s->told.unwritten));
    s->told.rotten = past->rotten;
    s->told.unwritten = past->failed_writes;
}

void raft_shell_keep_past(struct raft_shell *s, struct raft_kv *kv)
{
    struct raft_past_tuning usual = raft_past_usual();
    struct raft_past_disk disk;
    enum err e = raft_past_file_open(s->store.dir_fd, &disk);

    if (e == ERR_OK) {
        e = raft_kv_keep_past(kv, &disk, &usual);
        if (e != ERR_OK) {
            disk.close(disk.context);
        }
    }
    if (e != ERR_OK) {
        log_warn("RAFT-PAST-REFUSED", "reason=%s effect=\"old values stay in memory\"", err_name(e));
    }
}

struct loading {
    struct raft_kv *kv;
    bool is_done;
};

static enum err load_chunk(void *context, const uint8_t *bytes, size_t size)
{
    struct loading *l = context;

    return raft_image_load(l->kv, bytes, size, &l->is_done);
}

enum err raft_shell_apply_image(struct raft_kv *kv, int fd)
{
    struct loading l = {.kv = kv};

    raft_kv_replace(kv);
    raft_image_expect(kv);
    enum err e = raft_snapshot_file_read(fd, load_chunk, &l);
    return e == ERR_OK && !l.is_done ? ERR_DATA_LOSS : e;
}
