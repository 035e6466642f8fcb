/* The life of a process: say on the junction how far it is, and end in order. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/door.h"

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
enum err life_list_endpoints(const struct cell *cell, Cell__Gap__Endpoint **ret_item,
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

    enum err e = life_list_endpoints(cell, &item, &slot, &file);
    if (e != ERR_OK) {
        return e;
    }
    listening.endpoints = slot;
    listening.n_endpoints = cell->grant_count + 1;
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_LISTENING;
    message.listening = &listening;
    return life_say(cell, &message);
}

void life_say_draining(struct cell *cell)
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
    life_say_draining(cell);
    if (cell->def->drain != NULL) {
        cell->def->drain(cell->state);
    }
}

void cell_stop(struct cell *cell, const char *reason)
{
    life_drain(cell, reason);
    cell->has_stopped = true; /* the loop ends when no call is in flight */
}

void cell_set_trouble(struct cell *cell, const char *what)
{
    cell->trouble = what;
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
