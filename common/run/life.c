/* The life of a process on its gap junction: say how far it is, hear what it should do, live on
 * without a supervisor and find the next one. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

enum {
    LIFE_REJOIN_FIRST_MS = 2,
    LIFE_REJOIN_MAX_MS = 250,
};

static void on_gap(void *context, unsigned bits);

const char *life_state_name(const struct cell *cell)
{
    if (cell->is_draining) {
        return "draining";
    }
    return cell->is_supervised ? gap_state_name(cell->gap_state) : "ready";
}

/* ---- speaking ---------------------------------------------------------------------------------- */

enum err life_say(struct cell *cell, Cell__Gap__ToNucleus *message)
{
    enum gap_state state = cell->gap_state;
    enum err e = gap_step_from_cell(&state, message);

    assert(e == ERR_OK); /* our own order is our own fault */
    cell->gap_state = state;
    if (cell->gap_fd < 0) {
        return ERR_OK; /* the next nucleus hears it with Rejoin */
    }
    return gap_send(cell->gap_fd, &message->base, NULL, 0);
}

void life_tell(struct cell *cell, Cell__Gap__ToNucleus *message)
{
    enum err e = life_say(cell, message);

    if (e != ERR_OK) {
        log_debug("CELL-GAP-UNSENT", "what=%d error=%s", (int)message->what_case, err_name(e));
    }
}

void life_door_file(const struct cell *cell, const char *space, const char *name,
                    char out[HOST_PATH_SIZE])
{
    (void)snprintf(out, HOST_PATH_SIZE, "%" PRIu32 "%s%s%s%s", cell->birth.instance,
                   name[0] == '\0' ? "" : ".", space, name[0] == '\0' ? "" : ".", name);
}

/* Every door this process has, as Listening and Rejoin report it. Free *ret_item and *ret_slot. */
static enum err list_endpoints(const struct cell *cell, Cell__Gap__Endpoint **ret_item,
                               Cell__Gap__Endpoint ***ret_slot, char (**ret_file)[HOST_PATH_SIZE])
{
    size_t count = cell->grant_count + 1;

    *ret_item = calloc(count, sizeof **ret_item);
    *ret_slot = calloc(count, sizeof **ret_slot);
    *ret_file = calloc(count, sizeof **ret_file);
    if (*ret_item == NULL || *ret_slot == NULL || *ret_file == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        Cell__Gap__Endpoint *one = &(*ret_item)[i];
        *one = (Cell__Gap__Endpoint)CELL__GAP__ENDPOINT__INIT;
        if (i > 0) {
            one->namespace_ = cell->grants[i - 1]->namespace_;
            one->cell = cell->grants[i - 1]->cell;
        }
        life_door_file(cell, one->namespace_, one->cell, (*ret_file)[i]);
        one->file = (*ret_file)[i];
        (*ret_slot)[i] = one;
    }
    return ERR_OK;
}

enum err life_say_listening(struct cell *cell)
{
    AUTO_FREE Cell__Gap__Endpoint *item = NULL;
    AUTO_FREE Cell__Gap__Endpoint **slot = NULL;
    AUTO_FREE char(*file)[HOST_PATH_SIZE] = NULL;
    Cell__Gap__Listening listening = CELL__GAP__LISTENING__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    enum err e = list_endpoints(cell, &item, &slot, &file);
    if (e != ERR_OK) {
        return e;
    }
    listening.endpoints = slot;
    listening.n_endpoints = cell->grant_count + 1;
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_LISTENING;
    message.listening = &listening;
    return life_say(cell, &message);
}

static void say_draining(struct cell *cell)
{
    Cell__Gap__Draining draining = CELL__GAP__DRAINING__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    if (cell->is_supervised && cell->gap_state >= GAP_BOOTING &&
        cell->gap_state < GAP_DRAINING) {
        message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_DRAINING;
        message.draining = &draining;
        life_tell(cell, &message); /* a nucleus that is gone hears it with Rejoin */
    }
}

/* ---- ending ------------------------------------------------------------------------------------ */

void life_drain(struct cell *cell, const char *reason)
{
    if (cell->is_draining) {
        return;
    }
    cell->is_draining = true;
    (void)snprintf(cell->stop_reason, sizeof cell->stop_reason, "%s", reason);
    log_info("CELL-DRAIN", "why=\"%s\" calls=%" PRIu32, reason, door_calls_in_flight(cell));
    say_draining(cell);
    if (cell->def->drain != NULL) {
        cell->def->drain(cell->state);
    }
}

void cell_stop(struct cell *cell, const char *reason)
{
    life_drain(cell, reason);
    cell->has_stopped = true; /* the loop ends when no call is in flight */
}

static void on_lingered(void *context)
{
    struct cell *cell = context;

    loop_stop(cell->loop);
}

/* Called after each turn of the loop: leave once everything is answered. */
void life_end(struct cell *cell)
{
    if (cell->has_stopped && cell->end_timer == NULL && door_calls_in_flight(cell) == 0) {
        cell->end_timer = loop_timer_new(cell->loop, HOST_LINGER_MS, 0, on_lingered, cell);
        if (cell->end_timer == NULL) {
            loop_stop(cell->loop);
        }
    }
}

/* ---- hearing ----------------------------------------------------------------------------------- */

static enum err open_door(struct cell *cell, Cell__Gap__CallerGrant *grant)
{
    char file[HOST_PATH_SIZE];
    char path[2 * HOST_PATH_SIZE];

    life_door_file(cell, grant->namespace_, grant->cell, file);
    (void)snprintf(path, sizeof path, "%s/%s", cell->birth.bind_dir, file);
    return door_listen(cell, path, grant->namespace_, grant->cell, grant->operations,
                       grant->n_operations);
}

/* Grants that came after birth: change a door's rights, or open a new door and report it. */
static void hear_grant(struct cell *cell, Cell__Gap__Grant *grant)
{
    bool is_new = false;

    for (size_t i = 0; i < grant->n_callers; i++) {
        Cell__Gap__CallerGrant *one = grant->callers[i];
        if (door_regrant(cell, one->namespace_, one->cell, one->operations, one->n_operations) ||
            one->n_operations == 0) { /* nothing granted, or taken back from a stranger: no door */
            continue;
        }
        void *grown = realloc(cell->grants, (cell->grant_count + 1) * sizeof *cell->grants);
        if (grown == NULL || !name_valid_str(one->cell) || !name_valid_str(one->namespace_) ||
            open_door(cell, one) != ERR_OK) {
            cell->grants = grown != NULL ? grown : cell->grants;
            log_error("CELL-GRANT", "caller=%s/%s action=refused", one->namespace_, one->cell);
            continue;
        }
        cell->grants = grown;
        cell->grants[cell->grant_count++] = one;
        grant->callers[i] = NULL; /* ours now */
        is_new = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < grant->n_callers; i++) {
        if (grant->callers[i] != NULL) {
            grant->callers[kept++] = grant->callers[i];
        }
    }
    grant->n_callers = kept;
    if (is_new && life_say_listening(cell) != ERR_OK) {
        log_warn("CELL-GAP-SEND", "what=listening");
    }
}

/* From now on lines go to another file: one dup3 each, so that no line is lost or split. */
static void hear_log_file(struct cell *cell, const Cell__Gap__LogFile *file, int fd)
{
    Cell__Gap__LogFileTaken taken = CELL__GAP__LOG_FILE_TAKEN__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    if (fd < 0 || dup3(fd, STDERR_FILENO, 0) < 0 || dup3(fd, STDOUT_FILENO, 0) < 0) {
        log_error("CELL-LOG-FILE", "sequence=%" PRIu64 " action=kept-the-old", file->sequence);
        return;
    }
    taken.sequence = file->sequence;
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_LOG_FILE_TAKEN;
    message.log_file_taken = &taken;
    life_tell(cell, &message); /* unheard: the nucleus offers the next file later */
}

static void hear_welcome(struct cell *cell, enum gap_state before)
{
    cell->gap_state = before;
    log_info("CELL-REJOINED", "after_ms=%" PRIu64, loop_now_ms() - cell->lost_ms);
    cell->lost_ms = 0;
    loop_timer_free(cell->rejoin_timer);
    cell->rejoin_timer = NULL;
    if (cell->is_draining && before < GAP_DRAINING) {
        say_draining(cell);
    }
}

static void hear(struct cell *cell, Cell__Gap__ToCell *message, int *fds, size_t fd_count)
{
    /* A junction made by Rejoin starts over; the cell itself is where it was. */
    enum gap_state before = cell->gap_state;
    enum gap_state state = cell->lost_ms != 0 ? GAP_NEW : before;

    if (gap_step_from_nucleus(&state, message) != ERR_OK ||
        message->what_case == CELL__GAP__TO_CELL__WHAT_GENESIS) { /* it came at birth */
        log_warn("CELL-GAP-ORDER", "what=%d state=%s action=ignored", (int)message->what_case,
                 gap_state_name(before));
        return;
    }
    switch (message->what_case) {
    case CELL__GAP__TO_CELL__WHAT_GRANT:
        hear_grant(cell, message->grant);
        break;
    case CELL__GAP__TO_CELL__WHAT_DRAIN:
        cell_stop(cell, "told to drain");
        break;
    case CELL__GAP__TO_CELL__WHAT_TERMINATE:
        log_info("CELL-TERMINATE", "why=\"%s\"", message->terminate->reason);
        cell->has_stopped = true;
        loop_stop(cell->loop);
        break;
    case CELL__GAP__TO_CELL__WHAT_LOG_FILE:
        hear_log_file(cell, message->log_file, fd_count > 0 ? fds[0] : -1);
        break;
    case CELL__GAP__TO_CELL__WHAT_WELCOME:
        hear_welcome(cell, before);
        break;
    case CELL__GAP__TO_CELL__WHAT_GENESIS: /* refused above */
    case CELL__GAP__TO_CELL__WHAT__NOT_SET:
    case _CELL__GAP__TO_CELL__WHAT__CASE_IS_INT_SIZE:
        break;
    }
}

/* ---- losing and finding the nucleus ------------------------------------------------------------ */

static enum err connect_gap(struct cell *cell, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return err_from_errno(errno);
    }
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%s/gap.sock",
                       cell->birth.run_dir);
    if (len < 0 || (size_t)len >= sizeof address.sun_path) {
        return ERR_LIMIT;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        return err_from_errno(errno);
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static enum err say_rejoin(struct cell *cell)
{
    AUTO_FREE Cell__Gap__Endpoint *item = NULL;
    AUTO_FREE Cell__Gap__Endpoint **slot = NULL;
    AUTO_FREE char(*file)[HOST_PATH_SIZE] = NULL;
    Cell__Gap__Rejoin rejoin = CELL__GAP__REJOIN__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    enum err e = list_endpoints(cell, &item, &slot, &file);
    if (e != ERR_OK) {
        return e;
    }
    rejoin.cell = cell->birth.name;
    rejoin.namespace_ = cell->birth.space;
    rejoin.instance = cell->birth.instance;
    rejoin.generation = cell->birth.generation;
    rejoin.token.data = cell->birth.token;
    rejoin.token.len = HOST_TOKEN_LEN;
    rejoin.state = (char *)life_state_name(cell);
    rejoin.endpoints = slot;
    rejoin.n_endpoints = cell->gap_state >= GAP_LISTENING ? cell->grant_count + 1 : 0;
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_REJOIN;
    message.rejoin = &rejoin;
    return gap_send(cell->gap_fd, &message.base, NULL, 0);
}

static void on_rejoin(void *context);

static void try_later(struct cell *cell, uint64_t delay_ms)
{
    loop_timer_free(cell->rejoin_timer);
    cell->rejoin_timer = loop_timer_new(cell->loop, delay_ms, 0, on_rejoin, cell);
    if (cell->rejoin_timer == NULL) {
        cell_stop(cell, "out of memory while looking for the supervisor");
    }
}

static void plan_rejoin(struct cell *cell)
{
    try_later(cell, cell->rejoin_wait_ms);
    cell->rejoin_wait_ms *= 2;
    if (cell->rejoin_wait_ms > LIFE_REJOIN_MAX_MS) {
        cell->rejoin_wait_ms = LIFE_REJOIN_MAX_MS;
    }
}

/* Connect and say who we are. False: there is nobody yet. */
static bool rejoin(struct cell *cell)
{
    int fd = -1;

    if (connect_gap(cell, &fd) != ERR_OK) {
        return false;
    }
    cell->gap_fd = fd;
    cell->gap_watch = loop_watch_new(cell->loop, fd, LOOP_READ, on_gap, cell);
    if (cell->gap_watch != NULL && say_rejoin(cell) == ERR_OK) {
        return true;
    }
    loop_watch_free(cell->gap_watch);
    cell->gap_watch = NULL;
    fd_close(&cell->gap_fd);
    return false;
}

static void on_rejoin(void *context)
{
    struct cell *cell = context;
    uint64_t lost_for_ms = loop_now_ms() - cell->lost_ms;
    uint32_t grace_ms = cell->birth.rejoin_grace_ms;

    loop_timer_free(cell->rejoin_timer);
    cell->rejoin_timer = NULL;
    if (lost_for_ms >= grace_ms && cell->has_stopped) {
        return; /* it finishes its calls and ends by itself */
    }
    if (lost_for_ms >= grace_ms) {
        log_error("CELL-ORPHANED", "grace_ms=%" PRIu32 " action=exit", grace_ms);
        cell->exit_status = 2;
        cell_stop(cell, "no supervisor");
    } else if (cell->gap_fd >= 0 || rejoin(cell)) {
        /* Until it says Welcome there is none: one that hangs must not keep us for ever. The end
         * of file before that plans the next attempt. */
        try_later(cell, grace_ms - lost_for_ms);
    } else {
        plan_rejoin(cell);
    }
}

static void lose_gap(struct cell *cell)
{
    loop_watch_free(cell->gap_watch);
    cell->gap_watch = NULL;
    fd_close(&cell->gap_fd);
    if (cell->lost_ms == 0) {
        cell->lost_ms = loop_now_ms();
        cell->rejoin_wait_ms = LIFE_REJOIN_FIRST_MS;
        log_warn("CELL-NUCLEUS-LOST", "action=serving-on grace_ms=%" PRIu32,
                 cell->birth.rejoin_grace_ms);
    }
    plan_rejoin(cell);
}

static void on_gap(void *context, unsigned bits)
{
    static uint8_t data[GAP_MESSAGE_MAX]; /* one thread, one junction */
    struct cell *cell = context;
    int fds[GAP_DESCRIPTORS_MAX];
    size_t len, fd_count;

    (void)bits;
    while (cell->gap_fd >= 0) {
        enum err e = gap_recv(cell->gap_fd, data, &len, fds, &fd_count);
        if (e == ERR_UNAVAILABLE) {
            return;
        }
        if (e == ERR_LIMIT || e == ERR_MALFORMED) {
            log_warn("CELL-GAP-BAD", "error=%s action=ignored", err_name(e));
            continue;
        }
        if (e != ERR_OK) {
            lose_gap(cell);
            return;
        }
        Cell__Gap__ToCell *message = cell__gap__to_cell__unpack(NULL, len, data);
        if (message == NULL) {
            log_warn("CELL-GAP-UNPARSED", "error=MALFORMED size=%zu action=ignored", len);
        } else {
            hear(cell, message, fds, fd_count);
            cell__gap__to_cell__free_unpacked(message, NULL);
        }
        for (size_t i = 0; i < fd_count; i++) {
            fd_close(&fds[i]);
        }
    }
}

/* ---- heartbeat --------------------------------------------------------------------------------- */

static void on_beat_answered(void *context, enum err e, const struct ProtobufCMessage *reply,
                             const char *text)
{
    (void)context;
    (void)reply;
    if (e != ERR_OK) {
        log_debug("CELL-BEAT", "error=%s text=\"%s\"", err_name(e), text);
    }
}

static void on_beat(void *context)
{
    struct cell *cell = context;
    Cell__Nucleus__HeartbeatRequest beat = CELL__NUCLEUS__HEARTBEAT_REQUEST__INIT;
    struct door_numbers numbers;
    struct rusage usage;

    if (cell->lost_ms != 0) {
        return; /* nobody hears it; the new nucleus counts from Rejoin */
    }
    door_read(cell, &numbers, true);
    (void)getrusage(RUSAGE_SELF, &usage);
    beat.token.data = cell->birth.token;
    beat.token.len = HOST_TOKEN_LEN;
    beat.sequence = ++cell->beat_sequence;
    beat.generation = cell->birth.generation;
    beat.load = (double)numbers.window_count * 1000.0 / cell->birth.heartbeat_ms;
    beat.calls_waiting = door_calls_in_flight(cell);
    beat.latency_p50_us = numbers.window_p50_us;
    beat.latency_p99_us = numbers.window_p99_us;
    beat.rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    beat.requests_total = numbers.requests;
    beat.errors_total = numbers.errors;

    struct cell_ask ask = {
        .target = "nucleus",
        .operation = CELL__NUCLEUS__OP__OP_HEARTBEAT,
        .request = &beat.base,
        .reply = &cell__nucleus__heartbeat_reply__descriptor,
        .deadline_ms = cell->birth.heartbeat_ms,
        .is_idempotent = CELL__NUCLEUS__HEARTBEAT__IS_IDEMPOTENT,
        .done = on_beat_answered,
    };
    enum err e = cell_ask(cell, &ask);
    if (e != ERR_OK) {
        log_warn("CELL-BEAT-UNSENT", "error=%s", err_name(e));
    }
}

enum err life_begin(struct cell *cell)
{
    if (!cell->is_supervised) {
        return ERR_OK;
    }
    cell->gap_watch = loop_watch_new(cell->loop, cell->gap_fd, LOOP_READ, on_gap, cell);
    cell->beat_timer = loop_timer_new(cell->loop, 0, cell->birth.heartbeat_ms, on_beat, cell);
    return cell->gap_watch == NULL || cell->beat_timer == NULL ? ERR_NOMEM : ERR_OK;
}
