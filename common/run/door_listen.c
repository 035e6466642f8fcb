/* The sockets of the doors: listening, whose door each is and what its caller may call. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/run/door_core.h"
#include "common/run/epipe.h"

/* ---- opening and closing ----------------------------------------------------------------------- */

/* Runs on a thread of nng: touches nothing but the two counters. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct door *door = context;

    if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&door->connections, 1);
    } else if (atomic_fetch_add(&door->connections, 1) >= DOOR_CONNECTIONS_MAX) {
        atomic_fetch_add(&door->refused, 1);
        (void)nng_pipe_close(pipe);
    }
}

enum err door_open(struct cell *cell)
{
    struct door *door = calloc(1, sizeof *door);

    if (door == NULL) {
        return ERR_NOMEM;
    }
    hist_init(&door->window);
    door->deadline_armed_ms = UINT64_MAX;
    cell->door = door;
    if (!epipe_is_in_force()) { /* this program has been linked in an unusual way */
        log_warn("DOOR-EPIPE", "why=\"nng was found before our sendmsg\" action=serving-on");
    }
    if (nng_rep0_open_raw(&door->socket) != 0) {
        return ERR_IO;
    }
    (void)nng_pipe_notify(door->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, door);
    (void)nng_pipe_notify(door->socket, NNG_PIPE_EV_REM_POST, on_pipe, door);
    if (nng_socket_set_int(door->socket, NNG_OPT_SENDBUF, DOOR_SEND_BUFFER) != 0) {
        return ERR_IO;
    }
    return ERR_OK;
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

/* Listen at `path` with mode 0600 from the first instant on. */
static enum err listen_at(struct cell *cell, const char *path, int *ret_id)
{
    char url[HOST_PATH_SIZE + 8];
    nng_listener listener;

    if (strlen(path) > SP_PATH_MAX) {
        log_error("DOOR-PATH", "path=%s limit=%d", path, SP_PATH_MAX);
        return ERR_LIMIT;
    }
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    if (nng_listener_create(&listener, cell->door->socket, url) != 0) {
        return ERR_NOMEM;
    }
    /* Twice the limit: what is a little too large gets an answer that says so, what is far too
     * large costs no memory. nng's own default is unlimited. */
    (void)nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ,
                                (size_t)cell->birth.message_bytes * 2 + 4096);
    (void)nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, S_IRUSR | S_IWUSR);
    mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR);
    int failed = nng_listener_start(listener, 0);
    (void)umask(before);
    if (failed != 0) {
        log_error("DOOR-LISTEN", "path=%s why=\"%s\"", path, nng_strerror(failed));
        (void)nng_listener_close(listener);
        return failed == NNG_EADDRINUSE ? ERR_EXISTS : ERR_IO;
    }
    *ret_id = nng_listener_id(listener);
    return ERR_OK;
}

enum err door_listen(struct cell *cell, const char *path, const char *space, const char *name,
                     char *const *operations, size_t operation_count)
{
    struct door *door = cell->door;

    if (door->caller_count == DOOR_MAX) {
        return ERR_LIMIT;
    }
    struct door_caller *caller = &door->callers[door->caller_count];
    *caller = (struct door_caller){.is_operator = name[0] == '\0'};
    (void)snprintf(caller->space, sizeof caller->space, "%s", space);
    (void)snprintf(caller->cell, sizeof caller->cell, "%s", name);
    (void)snprintf(caller->path, sizeof caller->path, "%s", path);
    enum err e = grant(caller, operations, operation_count);
    if (e == ERR_OK) {
        e = listen_at(cell, path, &caller->listener_id);
    }
    if (e != ERR_OK) {
        free(caller->granted);
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
    int fd;

    if (nng_socket_get_int(door->socket, NNG_OPT_RECVFD, &fd) != 0) {
        return ERR_IO;
    }
    door->watch = loop_watch_new(cell->loop, fd, LOOP_READ, door_on_readable, cell);
    door->deadline_timer = loop_timer_new(cell->loop, UINT32_MAX, 0, door_on_deadline, cell);
    return door->watch == NULL || door->deadline_timer == NULL ? ERR_NOMEM : door_send_open(cell);
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
    loop_watch_free(door->watch);
    loop_timer_free(door->deadline_timer);
    (void)nng_close(door->socket);
    for (struct cell_call *call = door->live; call != NULL; call = call->next) {
        door_batch_put(call->batch);
    }
    free_calls(door->live);
    free_calls(door->spare);
    door_send_close(door);
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
    ret->connections = atomic_load(&door->connections);
    ret->refused_connections = atomic_load(&door->refused);
    ret->window_p50_us = hist_permille(&door->window, 500);
    ret->window_p99_us = hist_permille(&door->window, 990);
    ret->window_count = door->window.count;
    if (reset_window) {
        hist_init(&door->window);
    }
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
