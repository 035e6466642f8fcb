/* Snapshots as the shell handles them: made a piece a turn and written by a thread, sent in chunks. shell_install.c has what is
 * received. */
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "raft/shell.h"
#include "raft/store_room.h"

/* ---- at the start -------------------------------------------------------------------------------- */

static bool is_rot(enum err e)
{
    return e == ERR_DATA_LOSS || e == ERR_IO; /* a disk may know itself that a sector is bad */
}

/* The newest one of which every byte is as it was written, in place of the store. ERR_NOT_FOUND: there is none. */
static enum err load_newest(struct raft_shell *s)
{
    struct raft_shell_snapshots *n = &s->snapshots;
    uint64_t before = UINT64_MAX;
    enum err e = ERR_DATA_LOSS;

    while (is_rot(e)) {
        AUTO_FD int fd = -1;
        e = raft_snapshot_file_find_before(s->store.dir_fd, s->cluster, before, &fd, &n->head, &n->size);
        if (e != ERR_OK) {
            n->head = (struct raft_snapshot_head){0};
            n->size = 0;
            raft_kv_replace(&s->kv); /* by nothing: one that is rotten may have been loaded in part */
            return is_rot(e) ? ERR_NOT_FOUND : e;
        }
        before = n->head.index;
        e = raft_shell_apply_image(&s->kv, fd);
    }
    return e;
}

enum err raft_shell_snapshot_open(struct raft_shell *s)
{
    struct raft_shell_snapshots *n = &s->snapshots;
    uint64_t newest = 0;
    enum err e = raft_snapshot_file_newest(s->store.dir_fd, &newest);

    n->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (n->event_fd < 0) {
        return ERR_LIMIT;
    }
    e = e == ERR_OK ? load_newest(s) : e;
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        return raft_store_explain(&s->store, e, "the snapshot cannot be read: %s", err_text(e));
    }
    n->index = n->head.index;
    s->store.rotten_snapshot = newest > n->index ? newest : 0;
    return ERR_OK;
}

enum err raft_shell_snapshot_put_aside(struct raft_shell *s)
{
    if (s->store.rotten_snapshot == 0) {
        return ERR_OK;
    }
    log_error("RAFT-SNAPSHOT-ROTTEN", "index=%" PRIu64 " older=%" PRIu64 " aside=damaged-snapshot-%016" PRIx64 " effect=\"%s\"",
              s->store.rotten_snapshot, s->snapshots.index, s->store.rotten_snapshot,
              s->store.ballot.repair_to != 0 ? "no vote until other members have sent all of it again" : "the log has all that it had");
    cell_metric_add(s->metric_rotten, 1);
    enum err e = raft_snapshot_file_put_aside(s->store.dir_fd, s->snapshots.index);
    e = e == ERR_OK ? raft_store_sync_names(&s->store) : e;
    return e == ERR_OK || s->store.why[0] != '\0' ? e : raft_store_explain(&s->store, e, "it cannot be put aside: %s", err_text(e));
}

/* ---- making ---------------------------------------------------------------------------------------- */

static void answer_waiting(struct raft_shell *s, enum err e)
{
    struct raft_shell_list waiting = s->snapshots.waiting;

    s->snapshots.waiting = (struct raft_shell_list){0};
    for (struct raft_pending *p = waiting.first, *next; p != NULL; p = next) {
        next = p->next;
        p->index = s->snapshots.index;
        p->done(p, e, NULL);
    }
}

static void making_failed(struct raft_shell *s, enum err e)
{
    raft_image_end(&s->snapshots.image);
    raft_snapshot_writer_stop(&s->snapshots.writer);
    s->snapshots.is_making = s->snapshots.is_ending = false;
    s->snapshots.log_bytes = 0; /* tried again when the log has grown once more */
    s->snapshots.trouble = is_rot(e) ? "no snapshot can be made, and the log grows: an old value on this member's disk has rotted; restart this member"
                                     : "no snapshot can be made, and the log grows";
    cell_metric_add(s->metric_unmade, 1);
    log_warn("RAFT-SNAPSHOT-FAILED", "reason=%s effect=\"the log grows until one succeeds\"", err_name(e));
    answer_waiting(s, e);
}

static void on_written(void *context, unsigned bits)
{
    struct raft_shell *s = context;
    struct raft_shell_snapshots *n = &s->snapshots;
    uint64_t count;
    enum err e;

    (void)bits;
    (void)!read(n->event_fd, &count, sizeof count);
    if (!raft_snapshot_writer_take(&n->writer, &e)) {
        return; /* there is room: this turn goes on */
    }
    if (e != ERR_OK) {
        making_failed(s, e);
        return;
    }
    n->is_making = n->is_ending = false;
    n->trouble = NULL;
    if (n->writer.file.head.index > n->index) { /* a newer one may have been installed meanwhile */
        n->index = n->writer.file.head.index;
        n->size = n->writer.file.at;
    }
    log_info("RAFT-SNAPSHOT", "index=%" PRIu64 " bytes=%" PRIu64, n->index, n->size);
    answer_waiting(s, ERR_OK);
    (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_SNAPSHOT_MADE, .index = n->index});
}

static void begin_making(struct raft_shell *s)
{
    struct raft_shell_snapshots *n = &s->snapshots;

    n->is_wanted = false;
    n->log_bytes = n->made = 0;
    if (s->applied == n->index || s->applied == 0) {
        answer_waiting(s, ERR_OK); /* there is one of just this */
        return;
    }
    n->head = (struct raft_snapshot_head){.cluster = s->cluster, .index = s->applied};
    if (!raft_core_term_of(s->core, s->applied, &n->head.term)) {
        answer_waiting(s, ERR_PRECONDITION);
        return;
    }
    n->head.config_size = (uint32_t)raft_config_pack(&s->applied_config, n->head.config);
    n->is_making = true;
    n->watch = n->watch != NULL ? n->watch : loop_watch_new(host_loop(s->cell), n->event_fd, LOOP_READ, on_written, s);
    enum err e = raft_image_begin(&n->image, &s->kv);
    e = e == ERR_OK && n->watch == NULL ? ERR_NOMEM : e;
    e = e == ERR_OK ? raft_snapshot_writer_begin(&n->writer, s->store.dir_fd, &n->head, n->event_fd) : e;
    if (e != ERR_OK) {
        making_failed(s, e);
    }
}

/* Bytes of the image that are to be made in this turn; 0: none. As many are due as the log's growth asks for: what is replaced
 * since the image was begun is kept until it is made, and the log is not cut. More are made when there is time. */
static size_t next_size(struct raft_shell *s, uint64_t now_us)
{
    struct raft_shell_snapshots *n = &s->snapshots;
    uint64_t until = RAFT_SHELL_IMAGE_TIMES * n->log_bytes, due = until > n->made ? until - n->made : 0, again_us;
    bool is_time = raft_pace_may(&n->pace, now_us, s->applied, &again_us);

    if (!is_time && due < RAFT_SHELL_IMAGE_MIN) {
        raft_shell_return(s, again_us);
        return 0;
    }
    due = due < RAFT_SHELL_IMAGE_MIN ? RAFT_SHELL_IMAGE_MIN : due;
    return due < RAFT_SHELL_IMAGE_MAX ? due : RAFT_SHELL_IMAGE_MAX;
}

/* A piece takes as long as a batch of puts, for it has old values read from a file. All members make their snapshots at about
 * the same time: one piece after the other would keep the processors from the puts until they are done. */
static void go_on_making(struct raft_shell *s)
{
    static uint8_t piece[RAFT_IMAGE_ROOM];
    struct raft_shell_snapshots *n = &s->snapshots;
    uint64_t began_us = loop_now_us(), again_us;
    size_t want = next_size(s, began_us), size;

    if (want == 0 || !raft_snapshot_writer_has_room(&n->writer)) {
        return; /* on_written is a turn, too */
    }
    enum err e = raft_image_next(&n->image, piece, sizeof piece, want, &size);
    if (e != ERR_OK) {
        making_failed(s, e);
        return;
    }
    if (size == 0) {
        raft_image_end(&n->image);
        n->is_ending = true;
        raft_snapshot_writer_end(&n->writer);
        return;
    }
    n->made += size;
    raft_snapshot_writer_give(&n->writer, piece, size);
    raft_pace_did(&n->pace, began_us, loop_now_us(), &again_us);
    raft_shell_return(s, again_us);
}

/* ---- sending --------------------------------------------------------------------------------------- */

static struct raft_shell_sending *sending_to(struct raft_shell *s, uint64_t peer)
{
    struct raft_shell_sending *free_one = NULL;

    for (size_t i = 0; i < ARRAY_LEN(s->snapshots.sending); i++) {
        struct raft_shell_sending *one = &s->snapshots.sending[i];
        if (one->peer == peer) {
            return one;
        }
        free_one = one->peer == 0 ? one : free_one;
    }
    return free_one;
}

static void stop_sending(struct raft_shell_sending *one)
{
    fd_close(&one->fd);
    *one = (struct raft_shell_sending){.fd = -1};
}

/* Where it is noted which one a member got whole: its own place, or any, for a note that is lost costs no more than that the
 * file is looked at one round later. */
static uint64_t *sent_to(struct raft_shell *s, uint64_t peer)
{
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(s->snapshots.sent); i++) {
        at = s->snapshots.sent[i].peer == peer || (s->snapshots.sent[at].peer != peer && s->snapshots.sent[i].peer == 0) ? i : at;
    }
    if (s->snapshots.sent[at].peer != peer) {
        s->snapshots.sent[at].peer = peer;
        s->snapshots.sent[at].index = 0;
    }
    return &s->snapshots.sent[at].index;
}

/* Whoever got all of it and asks again did not find it whole: the file may have rotted since it was written. What this
 * process has in memory is good, so another one is made of that, and takes the name away from the rotten one only when it
 * is there: until then the log may begin behind it. */
static bool has_rotted(struct raft_shell *s, const struct raft_shell_sending *one)
{
    if (*sent_to(s, one->peer) != one->index || !is_rot(raft_snapshot_file_check(one->fd))) {
        return false;
    }
    log_error("RAFT-SNAPSHOT-ROTS", "index=%" PRIu64 " effect=\"another one is made\"", one->index);
    cell_metric_add(s->metric_rotten, 1);
    s->snapshots.index = s->snapshots.index == one->index ? 0 : s->snapshots.index;
    s->snapshots.is_wanted = true;
    return true;
}

void raft_shell_snapshot_send(struct raft_shell *s, uint64_t peer)
{
    struct raft_shell_sending *one = sending_to(s, peer);
    AUTO_FREE struct raft_snapshot_head *head = malloc(sizeof *head);

    if (one == NULL || head == NULL) {
        return; /* the core asks again when nothing comes of it */
    }
    fd_close(&one->fd);
    *one = (struct raft_shell_sending){.peer = peer, .fd = -1, .resent = UINT64_MAX};
    enum err e = raft_snapshot_file_find(s->store.dir_fd, s->cluster, &one->fd, head, &one->size);
    one->index = head->index;
    one->term = head->term;
    one->is_due = true;
    if (e != ERR_OK) {
        log_warn("RAFT-SNAPSHOT-UNREADABLE", "reason=%s", err_name(e));
        one->size = 0;
    } else if (has_rotted(s, one)) {
        one->size = 0;
    }
}

/* One chunk. */
static enum err send_chunk(struct raft_shell *s, struct raft_shell_sending *one)
{
    AUTO_FREE uint8_t *bytes = malloc(RAFT_SHELL_CHUNK);
    size_t got = 0;
    enum err e = bytes == NULL ? ERR_NOMEM : raft_store_pread(one->fd, bytes, RAFT_SHELL_CHUNK, one->sent, &got);

    if (e != ERR_OK || got == 0) {
        return e != ERR_OK ? e : ERR_IO;
    }
    struct raft_message m = {.kind = RAFT_MESSAGE_SNAPSHOT, .from = s->member, .to = one->peer,
                             .term = raft_core_view(s->core).term, .index = one->index, .index_term = one->term,
                             .round = one->sent, .commit = one->size,
                             .run = {.size = (uint32_t)got, .bytes = bytes}};
    raft_peers_send(s, &m);
    one->sent += got;
    return ERR_OK;
}

/* The next chunks, or word that it came to an end; in the turn after the one that asked for it. */
static void send_chunks(struct raft_shell *s, struct raft_shell_sending *one)
{
    enum err e = one->size == 0 ? ERR_IO : ERR_OK;
    uint64_t peer = one->peer;

    one->is_due = false;
    while (e == ERR_OK && one->sent < one->size && one->sent < one->offset + RAFT_SHELL_CHUNKS * RAFT_SHELL_CHUNK) {
        e = send_chunk(s, one);
    }
    if (e != ERR_OK || one->offset == one->size) {
        *sent_to(s, peer) = e == ERR_OK ? one->index : 0;
        stop_sending(one);
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_SNAPSHOT_SENT, .peer = peer, .is_up = e == ERR_OK});
    }
}

/* ---- what the core asks for ------------------------------------------------------------------------- */

void raft_shell_snapshot_more(struct raft_shell *s, const struct raft_effect *fx)
{
    struct raft_shell_sending *one = sending_to(s, fx->peer);

    bool is_its = one != NULL && one->peer == fx->peer;
    if (!is_its || !fx->is_ok) {
        if (is_its && one->sent == one->size) {
            *sent_to(s, fx->peer) = one->index; /* all of it, and it was not found whole */
        }
        raft_shell_snapshot_send(s, fx->peer);
        return;
    }
    uint64_t has = fx->index < one->size ? fx->index : one->size;
    /* The same place again, or an earlier one: what was to come there is lost. Those behind it say so too, each. */
    if (has <= one->offset && one->resent != has) {
        one->resent = one->sent = has;
    }
    one->sent = has > one->sent ? has : one->sent;
    one->offset = has;
    one->is_due = true;
}

void raft_shell_snapshot_abort(struct raft_shell *s, uint64_t peer)
{
    struct raft_shell_sending *one = peer == 0 ? NULL : sending_to(s, peer);

    if (peer == 0) {
        raft_shell_install_abort(s);
    } else if (one != NULL && one->peer == peer) {
        stop_sending(one);
    }
}

void raft_shell_snapshot_turn(struct raft_shell *s)
{
    struct raft_shell_snapshots *n = &s->snapshots;

    raft_shell_install_turn(s);
    for (size_t i = 0; i < ARRAY_LEN(n->sending); i++) {
        if (n->sending[i].peer != 0 && n->sending[i].is_due) {
            send_chunks(s, &n->sending[i]);
        }
    }
    uint64_t most = (uint64_t)s->settings.log_mib << 20;
    /* As much log as the last snapshot has bytes: what snapshots cost is never more than what the log does. */
    if (!n->is_making && !raft_shell_install_is_loading(s) && (n->is_wanted || n->log_bytes > (n->size > most ? n->size : most))) {
        begin_making(s);
    }
    if (n->is_making && !n->is_ending) {
        go_on_making(s);
    }
}

void raft_shell_snapshot_close(struct raft_shell *s)
{
    struct raft_shell_snapshots *n = &s->snapshots;

    raft_snapshot_writer_stop(&n->writer);
    if (n->is_making) {
        raft_image_end(&n->image);
    }
    n->is_making = n->is_ending = false;
    raft_shell_install_close(s);
    for (size_t i = 0; i < ARRAY_LEN(n->sending); i++) {
        fd_close(&n->sending[i].fd);
    }
    loop_watch_free(n->watch);
    n->watch = NULL;
    fd_close(&n->event_fd);
}
