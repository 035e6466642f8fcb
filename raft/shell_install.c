/* One thing at a time is done by the thread, and told by an eventfd. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "raft/shell.h"
#include "raft/store_room.h"

/* ---- the thread ------------------------------------------------------------------------------------ */

static void *work(void *context)
{
    struct raft_shell *s = context;
    struct raft_shell_installing *n = &s->installing;
    uint64_t one = 1;

    switch (n->work) {
    case RAFT_SHELL_IDLE:
        break;
    case RAFT_SHELL_CHECKING:
        n->result = raft_snapshot_file_received(&n->receiving, s->cluster);
        break;
    case RAFT_SHELL_LOADING:
        n->result = raft_shell_apply_image(&n->kv, n->fd);
        break;
    case RAFT_SHELL_FREEING:
        raft_kv_fini(&n->kv);
        break;
    }
    (void)!write(n->event_fd, &one, sizeof one); /* the loop joins before it looks at the result */
    return NULL;
}

static void on_done(void *context, unsigned bits);

/* false: there is no thread to be had, and nothing has begun. */
static bool begin_work(struct raft_shell *s, enum raft_shell_work what)
{
    struct raft_shell_installing *n = &s->installing;

    if (n->event_fd < 0) {
        n->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (n->watch == NULL && n->event_fd >= 0) {
        n->watch = loop_watch_new(host_loop(s->cell), n->event_fd, LOOP_READ, on_done, s);
    }
    n->work = what;
    n->result = ERR_OK;
    if (n->watch == NULL || pthread_create(&n->thread, NULL, work, s) != 0) {
        n->work = RAFT_SHELL_IDLE;
        return false;
    }
    return true;
}

/* ---- receiving ------------------------------------------------------------------------------------- */

static void answer_chunk(struct raft_shell *s, uint64_t index, uint64_t have, bool is_ok)
{
    struct raft_message m = raft_core_chunk_answer(s->core, index, have, is_ok);

    raft_peers_send(s, &m);
}

static void give_up(struct raft_shell *s, enum err e)
{
    struct raft_shell_installing *n = &s->installing;

    log_warn("RAFT-SNAPSHOT-RECEIVE", "reason=%s", err_name(e));
    raft_snapshot_file_drop(&n->receiving);
    n->is_receiving = false;
    answer_chunk(s, n->received_index, 0, false);
}

/* While the thread has one in hand no other is taken: what is not answered comes again. The last chunk is answered when all
 * of it is checked, for then the leader goes on with entries behind it. */
void raft_shell_install_chunk(struct raft_shell *s, const struct raft_message *m)
{
    struct raft_shell_installing *n = &s->installing;
    enum err e = ERR_OK;

    if (n->work != RAFT_SHELL_IDLE || n->is_received) {
        return;
    }
    if (!n->is_receiving || n->received_index != m->index) {
        raft_snapshot_file_drop(&n->receiving);
        n->received_index = m->index;
        e = raft_snapshot_file_receive(&n->receiving, s->store.dir_fd);
        n->is_receiving = e == ERR_OK;
    }
    if (e == ERR_OK && m->round == n->receiving.at) {
        e = raft_snapshot_file_more(&n->receiving, m->round, m->run.bytes, m->run.size);
    } /* another place: it is told which one is wanted */
    if (e == ERR_OK && n->receiving.at == m->commit) {
        n->is_receiving = false;
        e = begin_work(s, RAFT_SHELL_CHECKING) ? ERR_OK : ERR_LIMIT;
    } else if (e == ERR_OK) {
        answer_chunk(s, m->index, n->receiving.at, true);
    }
    if (e != ERR_OK) {
        give_up(s, e);
    }
}

static void checked(struct raft_shell *s)
{
    struct raft_shell_installing *n = &s->installing;

    log_info("RAFT-SNAPSHOT-RECEIVED", "index=%" PRIu64 " bytes=%" PRIu64 " ok=%d", n->received_index, n->receiving.at,
             n->result == ERR_OK);
    if (n->result != ERR_OK) {
        give_up(s, n->result);
        return;
    }
    n->is_received = true;
    answer_chunk(s, n->received_index, n->receiving.at, true);
    raft_shell_hurry(s);
}

void raft_shell_install_turn(struct raft_shell *s)
{
    struct raft_shell_installing *n = &s->installing;
    struct raft_config config;

    if (!n->is_received) {
        return;
    }
    n->is_received = false;
    if (raft_config_unpack(n->receiving.head.config, n->receiving.head.config_size, &config) == ERR_OK) {
        (void)raft_shell_step(s, &(struct raft_event){.kind = RAFT_EV_SNAPSHOT_RECEIVED, .index = n->receiving.head.index,
                                                      .term = n->receiving.head.term, .config = &config});
    }
}

void raft_shell_install_abort(struct raft_shell *s)
{
    struct raft_shell_installing *n = &s->installing;

    assert(n->work != RAFT_SHELL_CHECKING); /* its file is the thread's; the core gives up what it was told is received */
    n->is_receiving = n->is_received = false;
    raft_snapshot_file_drop(&n->receiving);
}

/* ---- installing ------------------------------------------------------------------------------------ */

bool raft_shell_install_is_loading(const struct raft_shell *s)
{
    return s->installing.work == RAFT_SHELL_LOADING;
}

/* The log begins behind it from here on, and that it is durable may be said: its file is, and whoever starts anew loads
 * that. The store follows. */
void raft_shell_install_begin(struct raft_shell *s, const struct raft_effect *fx)
{
    struct raft_shell_snapshots *n = &s->snapshots;
    struct raft_shell_installing *i = &s->installing;
    AUTO_FREE struct raft_snapshot_head *head = malloc(sizeof *head);
    enum err e = head == NULL ? ERR_NOMEM : raft_snapshot_file_find(s->store.dir_fd, s->cluster, &i->fd, head, &n->size);

    e = e == ERR_OK && head->index != fx->index ? ERR_DATA_LOSS : e;
    e = e == ERR_OK ? raft_config_unpack(head->config, head->config_size, &i->config) : e;
    raft_kv_init(&i->kv);
    raft_shell_keep_past(s, &i->kv);
    if (e != ERR_OK || !begin_work(s, RAFT_SHELL_LOADING)) {
        raft_shell_fail(s, "a snapshot that was whole cannot be installed");
    }
    n->index = i->index = fx->index;
    s->commit = fx->index > s->commit ? fx->index : s->commit;
    raft_shell_install_log(s, fx);
}

/* All that pointed into the old store is void by its generation; its memory takes its time, too. */
static void loaded(struct raft_shell *s)
{
    struct raft_shell_installing *n = &s->installing;

    fd_close(&n->fd);
    if (n->result != ERR_OK) {
        raft_shell_fail(s, "a snapshot that was whole cannot be installed");
    }
    struct raft_kv old = s->kv;
    n->kv.generation = old.generation + 1;
    s->kv = n->kv;
    n->kv = old;
    s->applied = n->index;
    s->applied_config = n->config;
    log_info("RAFT-SNAPSHOT-LOADED", "index=%" PRIu64, n->index);
    if (!begin_work(s, RAFT_SHELL_FREEING)) {
        raft_kv_fini(&n->kv);
    }
    raft_service_applied(&s->service);
    raft_shell_hurry(s); /* what was committed since */
}

static void on_done(void *context, unsigned bits)
{
    struct raft_shell *s = context;
    struct raft_shell_installing *n = &s->installing;
    enum raft_shell_work done = n->work;
    uint64_t count;

    (void)bits;
    (void)!read(n->event_fd, &count, sizeof count);
    if (done == RAFT_SHELL_IDLE) {
        return;
    }
    pthread_join(n->thread, NULL);
    n->work = RAFT_SHELL_IDLE;
    if (done == RAFT_SHELL_CHECKING) {
        checked(s);
    } else if (done == RAFT_SHELL_LOADING) {
        loaded(s);
    }
}

void raft_shell_install_close(struct raft_shell *s)
{
    struct raft_shell_installing *n = &s->installing;

    if (n->work != RAFT_SHELL_IDLE) {
        pthread_join(n->thread, NULL);
    }
    if (n->work == RAFT_SHELL_LOADING) {
        raft_kv_fini(&n->kv);
    }
    n->work = RAFT_SHELL_IDLE;
    raft_snapshot_file_drop(&n->receiving);
    fd_close(&n->fd);
    loop_watch_free(n->watch);
    n->watch = NULL;
    fd_close(&n->event_fd);
}
