/* What a start writes before anything else happens: the end of the log once more, zeros for what was torn, a new beginning
 * where something is lost. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "raft/store.h"
#include "raft/store_room.h"

/* The last batch once more, as it is read. */
static enum err write_again(struct raft_store *s, const struct raft_wal *w, const struct raft_wal_found *found)
{
    AUTO_FD int fd = -1;
    uint32_t size = found->batch_segment == w->segment ? w->at - found->batch_at : 0;
    AUTO_FREE uint8_t *bytes = malloc(size + 1);
    size_t got = 0;

    if (size == 0) {
        return ERR_OK;
    }
    enum err e = bytes == NULL ? ERR_NOMEM : raft_store_segment(s, w->segment, &fd);
    e = e == ERR_OK ? raft_store_pread(fd, bytes, size, found->batch_at, &got) : e;
    e = e == ERR_OK && got < size ? ERR_IO : e;
    e = e == ERR_OK ? raft_store_write(fd, bytes, size, found->batch_at) : e;
    return e != ERR_OK ? e : fdatasync(fd) == 0 ? ERR_OK : ERR_IO;
}

/* A sync that failed leaves in the cache what it was for, and there it looks clean: whoever starts next reads it, and a
 * loss of power takes it (Rebello et al., ATC 2020, section 3). The process before may have ended for just that. So what
 * it wrote last is written again before it counts. */
enum err raft_store_confirm(struct raft_store *s, const struct raft_wal *w, const struct raft_wal_found *found, bool heal)
{
    enum err e = write_again(s, w, found);

    for (int slot = 0; slot < (heal ? 2 : 1) && e == ERR_OK; slot++) {
        e = raft_store_save(s);
    }
    e = e == ERR_OK ? raft_store_sync_names(s) : e;
    return e == ERR_OK || s->why[0] != '\0' ? e : raft_store_explain(s, e, "the end of the log is not written again: %s", err_text(e));
}

/* Zeros again where a batch was torn. */
enum err raft_store_clear_torn(struct raft_store *s, const struct raft_wal_found *found)
{
    AUTO_FD int fd = -1;
    uint32_t size = found->void_to - found->void_from;
    AUTO_FREE uint8_t *zeros = calloc(1, size);
    enum err e = zeros == NULL ? ERR_NOMEM : raft_store_segment(s, found->segment, &fd);

    e = e == ERR_OK ? raft_store_write(fd, zeros, size, found->void_from) : e;
    return e != ERR_OK ? e : fdatasync(fd) == 0 ? ERR_OK : ERR_IO;
}

/* There were entries up to `index`, and there may have been up to that of a snapshot that is not readable. */
static void owe(struct raft_store *s, uint64_t index)
{
    index = index > s->rotten_snapshot ? index : s->rotten_snapshot;
    s->ballot.repair_to = index > s->ballot.repair_to ? index : s->ballot.repair_to;
}

/* Put aside what is behind the damage, and begin a segment that says so. The ballot first: whatever happens in between,
 * the next start knows that there is no vote. */
enum err raft_store_cut_damage(struct raft_store *s, struct raft_wal *w, struct raft_places *p, const struct raft_wal_found *found)
{
    char name[RAFT_STORE_NAME], aside[2 * RAFT_STORE_NAME];
    struct raft_wal_piece piece;
    AUTO_FD int fd = -1;

    owe(s, found->later_last > w->last ? found->later_last : w->last + 1);
    s->ballot.segment = w->segment;
    enum err e = raft_store_save(s);
    for (uint64_t n = s->newest; n > w->segment && e == ERR_OK; n--) {
        raft_store_name(n, name);
        (void)snprintf(aside, sizeof aside, "damaged-%s", name);
        e = renameat(s->dir_fd, name, s->dir_fd, aside) == 0 ? ERR_OK : err_from_errno(errno);
        s->newest = n - 1;
    }
    e = e == ERR_OK ? raft_store_sync_names(s) : e;
    e = e == ERR_OK ? raft_store_make(s, NULL, NULL) : e;
    e = e == ERR_OK ? raft_wal_repair(w, &piece) : e;
    e = e == ERR_OK ? raft_store_segment(s, piece.segment, &fd) : e;
    if (e == ERR_OK) {
        uint8_t bytes[RAFT_FRAME_HEAD + RAFT_FRAME_TAIL_MAX];
        memcpy(bytes, piece.head, RAFT_FRAME_HEAD);
        memcpy(bytes + RAFT_FRAME_HEAD, piece.tail, piece.tail_size);
        e = raft_store_write(fd, bytes, RAFT_FRAME_HEAD + piece.tail_size, piece.at);
    }
    if (e == ERR_OK && fdatasync(fd) != 0) {
        e = ERR_IO;
    }
    raft_wal_synced(w);
    return e == ERR_OK ? raft_places_add(p, &piece.frame, piece.segment, piece.at)
                       : raft_store_explain(s, e, "a damaged log cannot be cut: %s", err_text(e));
}

static enum err rebase(struct raft_store *s, struct raft_wal *w, struct raft_places *p, uint64_t base, uint64_t base_term)
{
    uint8_t frame[RAFT_FRAME_HEAD + RAFT_FRAME_TAIL_MAX];
    struct raft_wal_piece piece;
    AUTO_FD int fd = -1;

    while (s->newest < w->segment + 1) {
        enum err e = raft_store_make(s, NULL, NULL);
        if (e != ERR_OK) {
            return e;
        }
    }
    enum err e = raft_wal_rebase(w, base, base_term, &piece);
    if (e != ERR_OK) {
        return e;
    }
    memcpy(frame, piece.head, RAFT_FRAME_HEAD);
    memcpy(frame + RAFT_FRAME_HEAD, piece.tail, piece.tail_size);
    e = raft_store_segment(s, piece.segment, &fd);
    e = e == ERR_OK ? raft_store_write(fd, frame, RAFT_FRAME_HEAD + piece.tail_size, piece.at) : e;
    if (e == ERR_OK && fdatasync(fd) != 0) {
        e = ERR_IO;
    }
    raft_wal_synced(w);
    return e == ERR_OK ? raft_places_add(p, &piece.frame, piece.segment, piece.at) : e;
}

enum err raft_store_rebase(struct raft_store *s, struct raft_wal *w, struct raft_places *p, uint64_t base, uint64_t base_term)
{
    enum err e = rebase(s, w, p, base, base_term);

    return e == ERR_OK || s->why[0] != '\0' ? e : raft_store_explain(s, e, "the log does not begin anew: %s", err_text(e));
}

enum err raft_store_forget(struct raft_store *s, struct raft_wal *w, struct raft_places *p)
{
    owe(s, w->last);
    enum err e = raft_store_save(s);
    return e == ERR_OK ? raft_store_rebase(s, w, p, 0, 0) : e;
}
