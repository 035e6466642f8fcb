/* What a process hears on its gap junction, and how it lives on without a supervisor and finds the
 * next one. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/door.h"
#include "common/run/unpack.h"

enum {
    HEAR_REJOIN_FIRST_MS = 2,
    HEAR_REJOIN_MAX_MS = 250,
};

static void on_gap(void *context, unsigned bits);

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

/* Take *fd as what is granted under `name`. */
static bool keep_descriptor(struct host_birth *birth, const char *name, int *fd)
{
    size_t i = 0;

    while (i < birth->descriptor_count && strcmp(birth->descriptor_name[i], name) != 0) {
        i++;
    }
    if (i == GAP_DESCRIPTORS_MAX || strlen(name) >= sizeof birth->descriptor_name[0]) {
        return false;
    }
    if (i == birth->descriptor_count) {
        birth->descriptor[birth->descriptor_count++] = -1;
        (void)snprintf(birth->descriptor_name[i], sizeof birth->descriptor_name[0], "%s", name);
    }
    fd_close(&birth->descriptor[i]);
    birth->descriptor[i] = fd_take(fd);
    return true;
}

/* Descriptors that replace what was handed over at birth. */
static void hear_descriptors(struct cell *cell, const Cell__Gap__Grant *grant, int *fds, size_t fd_count)
{
    for (size_t i = 0; i < grant->n_descriptors; i++) {
        const char *name = grant->descriptors[i];
        if (i >= fd_count || !keep_descriptor(&cell->birth, name, &fds[i])) {
            log_error("CELL-GRANT-DESCRIPTOR", "name=%.80s action=refused", name);
        } else if (cell->def->granted != NULL) {
            cell->def->granted(cell->state, name);
        }
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
        life_say_draining(cell);
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
        hear_descriptors(cell, message->grant, fds, fd_count);
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
    case CELL__GAP__TO_CELL__WHAT_CHANNEL:
        cell->outlet->hear_channel(cell, message->channel, fd_count > 0 ? &fds[0] : NULL);
        if (message->channel->key.len > 0) { /* a refusal has none */
            explicit_bzero(message->channel->key.data, message->channel->key.len);
        }
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

    enum err e = life_list_endpoints(cell, &item, &slot, &file);
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
    if (cell->rejoin_wait_ms > HEAR_REJOIN_MAX_MS) {
        cell->rejoin_wait_ms = HEAR_REJOIN_MAX_MS;
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
        cell->rejoin_wait_ms = HEAR_REJOIN_FIRST_MS;
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
        ProtobufCMessage *message;
        char why[UNPACK_WHY_SIZE];
        e = unpack_message(&cell__gap__to_cell__descriptor, NULL, data, len, &message, why);
        if (e != ERR_OK) {
            log_warn("CELL-GAP-UNPARSED", "error=%s size=%zu why=\"%s\" action=ignored", err_name(e), len, why);
        } else {
            hear(cell, (Cell__Gap__ToCell *)message, fds, fd_count);
            protobuf_c_message_free_unpacked(message, NULL);
        }
        explicit_bzero(data, len); /* a Channel holds its key */
        for (size_t i = 0; i < fd_count; i++) {
            fd_close(&fds[i]);
        }
    }
}

enum err hear_begin(struct cell *cell)
{
    if (!cell->is_supervised) {
        return ERR_OK;
    }
    cell->gap_watch = loop_watch_new(cell->loop, cell->gap_fd, LOOP_READ, on_gap, cell);
    return cell->gap_watch == NULL ? ERR_NOMEM : ERR_OK;
}
