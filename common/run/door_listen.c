/* The sockets of the doors: listening, whose door each is and what its caller may call. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/run/door_core.h"
#include "common/run/fd.h"

/* ---- opening and closing ----------------------------------------------------------------------- */

enum err door_open(struct cell *cell)
{
    struct door *door = calloc(1, sizeof *door);

    if (door == NULL) {
        return ERR_NOMEM;
    }
    hist_init(&door->window);
    door->deadline_armed_ms = UINT64_MAX;
    door->wire = cell->wire;
    cell->door = door;
    return door->wire->open(door);
}

static enum err grant(struct door_caller *caller, char *const *operations, size_t count)
{
    AUTO_FREE struct name_op *granted = calloc(count + 1, sizeof *granted);

    if (granted == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        enum err e = name_op_parse(operations[i], &granted[i]);
        if (e != ERR_OK) {
            return e;
        }
    }
    free(caller->granted);
    caller->granted = take_ptr(&granted);
    caller->granted_count = count;
    return ERR_OK;
}

static enum err listen_at(struct cell *cell, const char *path, int fd, int *ret_id)
{
    /* Twice the limit: what is a little too large gets an answer that says so, what is far too
     * large costs no memory. */
    size_t most = (size_t)cell->birth.message_bytes * 2 + 4096;

    if (strlen(path) > SP_PATH_MAX) {
        log_error("DOOR-PATH", "path=%s limit=%d", path, SP_PATH_MAX);
        fd_close(&fd);
        return ERR_LIMIT;
    }
    return cell->door->wire->listen(cell->door, path, fd, most, ret_id);
}

enum err door_listen(struct cell *cell, const char *path, const char *space, const char *name,
                     char *const *operations, size_t operation_count)
{
    return door_listen_on(cell, -1, path, space, name, operations, operation_count);
}

enum err door_listen_on(struct cell *cell, int fd, const char *path, const char *space,
                        const char *name, char *const *operations, size_t operation_count)
{
    struct door *door = cell->door;

    if (door->caller_count == DOOR_MAX) {
        fd_close(&fd);
        return ERR_LIMIT;
    }
    struct door_caller *caller = &door->callers[door->caller_count];
    *caller = (struct door_caller){.is_operator = name[0] == '\0'};
    (void)snprintf(caller->space, sizeof caller->space, "%s", space);
    (void)snprintf(caller->cell, sizeof caller->cell, "%s", name);
    (void)snprintf(caller->path, sizeof caller->path, "%s", path);
    enum err e = grant(caller, operations, operation_count);
    if (e == ERR_OK) {
        e = listen_at(cell, path, fd_take(&fd), &caller->listener_id);
    }
    if (e != ERR_OK) {
        free(caller->granted);
        fd_close(&fd);
        return e;
    }
    door->caller_count++;
    return ERR_OK;
}

bool door_regrant(struct cell *cell, const char *space, const char *name, char *const *operations,
                  size_t operation_count)
{
    struct door *door = cell->door;

    for (size_t i = 0; i < door->caller_count; i++) {
        struct door_caller *caller = &door->callers[i];
        if (strcmp(caller->space, space) == 0 && strcmp(caller->cell, name) == 0) {
            enum err e = grant(caller, operations, operation_count);
            if (e != ERR_OK) { /* keep less rather than more */
                caller->granted_count = 0;
                log_error("DOOR-GRANT", "caller=%s/%s error=%s action=revoked", space, name,
                          err_name(e));
            }
            return true;
        }
    }
    return false;
}

enum err door_start(struct cell *cell)
{
    struct door *door = cell->door;

    door->deadline_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, door_on_deadline, cell);
    return door->deadline_timer == NULL ? ERR_NOMEM : door->wire->start(cell);
}

/* ---- who connects ------------------------------------------------------------------------------ */

bool door_admit(const struct door *door, int listener, uint32_t uid, int32_t pid,
                struct door_peer *ret)
{
    for (size_t i = 0; i < door->caller_count; i++) {
        if (door->callers[i].listener_id == listener) {
            /* The operator's socket: its mode 0600 already keeps others out; root appears under its
             * own number outside and as the overflow id inside a user namespace that does not map
             * it. A caller's own socket is visible to that caller alone. */
            *ret = (struct door_peer){.uid = uid, .pid = pid, .door = (int)i,
                                      .is_allowed = !door->callers[i].is_operator ||
                                                    uid == geteuid() || uid == 0 ||
                                                    uid == CALL_OVERFLOW_UID};
            return true;
        }
    }
    return false;
}

void door_tell_unread(const struct door *door, const struct door_peer *peer, size_t answers,
                      size_t bytes)
{
    const struct door_caller *caller = &door->callers[peer->door];

    log_warn("DOOR-UNREAD", "caller=%s/%s pid=%" PRId32 " answers=%zu bytes=%zu "
             "action=disconnected", caller->space, caller->cell, peer->pid, answers, bytes);
}

size_t door_held_bytes(const struct cell *cell)
{
    size_t most = (size_t)cell->birth.message_bytes * DOOR_HELD_MESSAGES;

    return most < DOOR_HELD_BYTES ? DOOR_HELD_BYTES : most;
}

static void free_calls(struct cell_call *list)
{
    while (list != NULL) {
        struct cell_call *next = list->next;
        arena_fini(&list->arena);
        free(list);
        list = next;
    }
}

void door_close(struct cell *cell)
{
    struct door *door = cell->door;

    if (door == NULL) {
        return;
    }
    loop_timer_free(door->deadline_timer);
    door->wire->close(door);
    for (struct cell_call *call = door->live; call != NULL; call = call->next) {
        door_batch_put(call->batch);
    }
    free_calls(door->live);
    free_calls(door->spare);
    arena_fini(&door->envelope);
    while (door->spare_batch != NULL) {
        struct call_batch *batch = door->spare_batch;
        door->spare_batch = batch->next;
        arena_fini(&batch->arena);
        free(batch);
    }
    for (size_t i = 0; i < door->caller_count; i++) {
        free(door->callers[i].granted);
    }
    free(door);
    cell->door = NULL;
}

/* ---- looking in -------------------------------------------------------------------------------- */

uint32_t door_calls_in_flight(const struct cell *cell)
{
    return cell->door == NULL ? 0 : cell->door->live_count - cell->door->expired_count;
}

void door_read(struct cell *cell, struct door_numbers *ret, bool reset_window)
{
    struct door *door = cell->door;

    *ret = door->numbers;
    door->wire->count(door, ret);
    ret->window_p50_us = hist_permille(&door->window, 500);
    ret->window_p99_us = hist_permille(&door->window, 990);
    ret->window_count = door->window.count;
    if (reset_window) {
        hist_init(&door->window);
    }
}

void door_glance(const struct cell *cell, struct door_numbers *ret)
{
    *ret = cell->door->numbers;
    cell->door->wire->count(cell->door, ret);
}

static char **format_granted(const struct door_caller *caller, struct cell_call *call)
{
    char **list = cell_call_alloc(call, (caller->granted_count + 1) * sizeof *list);

    for (size_t i = 0; list != NULL && i < caller->granted_count; i++) {
        char text[2 * NAME_SIZE + 2];
        (void)snprintf(text, sizeof text, "%s.%s", caller->granted[i].cell,
                       caller->granted[i].operation);
        list[i] = (char *)call_text_dup(&call->arena, text);
    }
    return list;
}

void door_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call)
{
    struct door *door = cell->door;
    Cell__Inspect__Caller *item = cell_call_alloc(call, door->caller_count * sizeof *item);
    Cell__Inspect__Caller **slot = cell_call_alloc(call, door->caller_count * sizeof *slot);

    if (item == NULL || slot == NULL) {
        return; /* the reply is shorter, and honest about what it has */
    }
    for (size_t i = 0; i < door->caller_count; i++) {
        const struct door_caller *caller = &door->callers[i];
        item[i] = (Cell__Inspect__Caller)CELL__INSPECT__CALLER__INIT;
        item[i].namespace_ = (char *)caller->space;
        item[i].cell = (char *)(caller->is_operator ? "operator" : caller->cell);
        item[i].operations = format_granted(caller, call);
        item[i].n_operations = item[i].operations == NULL ? 0 : caller->granted_count;
        slot[i] = &item[i];
    }
    reply->callers = slot;
    reply->n_callers = door->caller_count;
}
