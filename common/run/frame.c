/* The frame that cells and the supervisor share: facts, timers, and the phases around their work. */
#include "common/run/frame.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/run/counters.h"
#include "common/run/door.h"
#include "common/run/fd.h"
#include "common/run/tidy.h"

enum {
    /* After Ready: acquaintance with others has been made, callers have come; each time so many times as long, while it is young. */
    SETTLED_MS = 2000,
    SETTLED_FACTOR = 4,
    SETTLED_LAST_MS = 32000,
};

struct cell_timer {
    struct loop_timer *timer;
    void (*fire)(void *context);
    void *context;
    bool is_once;
};

/* ---- small public facts ------------------------------------------------------------------------ */

uint64_t cell_now_ms(const struct cell *cell)
{
    (void)cell;
    return loop_now_ms();
}

const char *cell_name(const struct cell *cell)
{
    return cell->birth.name;
}

const char *cell_space(const struct cell *cell)
{
    return cell->birth.space;
}

uint32_t cell_instance(const struct cell *cell)
{
    return cell->birth.instance;
}

const char *cell_labels(const struct cell *cell)
{
    return cell->birth.labels != NULL ? cell->birth.labels : "";
}

const char *cell_config(const struct cell *cell)
{
    return cell->birth.config != NULL ? cell->birth.config : "";
}

const char *cell_run_dir(const struct cell *cell)
{
    return cell->birth.run_dir;
}

const char *cell_state_dir(const struct cell *cell)
{
    return cell->birth.state_dir;
}

struct loop *host_loop(struct cell *cell)
{
    return cell->loop;
}

int cell_take_descriptor(struct cell *cell, const char *name)
{
    for (size_t i = 0; i < cell->birth.descriptor_count; i++) {
        if (strcmp(cell->birth.descriptor_name[i], name) == 0) {
            return fd_take(&cell->birth.descriptor[i]);
        }
    }
    return -1;
}

static void on_cell_timer(void *context)
{
    struct cell_timer *t = context;

    if (t->is_once) {
        /* Free first: `fire` may start it anew, and the owner must not stop a dead one. */
        loop_timer_free(t->timer);
        t->timer = NULL;
    }
    t->fire(t->context);
}

struct cell_timer *cell_timer_start(struct cell *cell, uint64_t delay_ms, uint64_t period_ms,
                                    void (*fire)(void *context), void *context)
{
    struct cell_timer *t = calloc(1, sizeof *t);

    if (t == NULL) {
        return NULL;
    }
    t->fire = fire;
    t->context = context;
    t->is_once = period_ms == 0;
    t->timer = loop_timer_new(cell->loop, delay_ms, period_ms, on_cell_timer, t);
    if (t->timer == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

void cell_timer_stop(struct cell_timer *timer)
{
    if (timer != NULL) {
        loop_timer_free(timer->timer);
        free(timer);
    }
}

/* ---- phases ------------------------------------------------------------------------------------ */

enum err frame_refuse(const char *phase, enum err e)
{
    if (e != ERR_OK) {
        log_error("CELL-START", "phase=%s error=%s text=\"%s\" action=not-started", phase,
                  err_name(e), err_text(e));
    }
    return e;
}

enum err frame_open(struct cell *cell)
{
    cell->loop = loop_new();
    cell->state = calloc(1, cell->def->state_size + 1);
    if (cell->loop == NULL || cell->state == NULL) {
        return ERR_NOMEM;
    }
    enum err e = host_ops_build(cell);
    if (e == ERR_OK && cell->def->open != NULL) {
        e = cell->def->open(cell, cell->state);
    }
    return e;
}

static void on_asked_to_end(void *context)
{
    cell_stop(context, "signal");
}

/* The supervisor ends when its cells have: its drain hook leads there. */
static void on_supervisor_asked(void *context)
{
    struct cell *cell = context;

    cell->def->drain(cell->state);
}

enum err frame_catch_signals(struct cell *cell)
{
    void (*fire)(void *context) = cell->is_supervisor ? on_supervisor_asked : on_asked_to_end;
    enum err e = loop_signal(cell->loop, SIGTERM, fire, cell);

    return e == ERR_OK ? loop_signal(cell->loop, SIGINT, fire, cell) : e;
}

static void end_turn(struct cell *cell, uint64_t now_ms)
{
    if (cell->def->tick != NULL) {
        cell->def->tick(cell->state, now_ms);
    }
    if (cell->outlet != NULL) {
        cell->outlet->flush(cell, now_ms);
    }
}

static void on_turn(void *context, uint64_t now_ms)
{
    struct cell *cell = context;

    end_turn(cell, now_ms);
    if (cell->outlet != NULL) {
        /* What came through channels is a turn of its own: the loop may sleep when there is nothing more of it. */
        for (bool is_first = true; cell->outlet->linger(cell, is_first); is_first = false) {
            end_turn(cell, loop_now_ms());
        }
        if (cell->page != NULL) {
            cell->outlet->count(cell, cell->page);
        }
    }
    life_end(cell);
}

void frame_say_stopped(struct cell *cell, const char *reason)
{
    Cell__Gap__Stopped stopped = CELL__GAP__STOPPED__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    if (cell->gap_fd >= 0 && cell->gap_state >= GAP_GENESIS && cell->gap_state < GAP_STOPPED) {
        stopped.reason = (char *)reason;
        message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_STOPPED;
        message.stopped = &stopped;
        life_tell(cell, &message); /* the exit status says the same a moment later */
    }
}

void frame_close(struct cell *cell)
{
    if (cell->outlet != NULL) {
        cell->outlet->cancel(cell); /* before `stop`: the callbacks use what it frees */
    }
    if (cell->def->stop != NULL && cell->state != NULL) {
        cell->def->stop(cell->state);
    }
    if (cell->loop != NULL) {
        loop_watch_free(cell->gap_watch);
        loop_timer_free(cell->beat_timer);
        loop_timer_free(cell->rejoin_timer);
        loop_timer_free(cell->tidy_timer);
        loop_timer_free(cell->end_timer);
        if (cell->outlet != NULL) {
            cell->outlet->close(cell);
        }
        door_close(cell);
        loop_free(cell->loop);
    }
    for (size_t i = 0; i < cell->grant_count; i++) {
        cell__gap__caller_grant__free_unpacked(cell->grants[i], NULL);
    }
    free(cell->grants);
    host_metrics_free(cell);
    if (cell->page != NULL) {
        counters_unmap(cell->page);
        cell->page = NULL;
    }
    for (size_t i = 0; cell->ops != NULL && i < host_ops_counted(cell); i++) {
        free(cell->ops[i].duration_us);
    }
    free(cell->ops);
    free(cell->state);
    fd_close(&cell->gap_fd);
    birth_fini(&cell->birth);
}

static void settle(struct cell *cell, uint64_t after_ms);

static void on_settled(void *context)
{
    struct cell *cell = context;

    tidy_started();
    settle(cell, cell->settled_ms * SETTLED_FACTOR);
}

static void settle(struct cell *cell, uint64_t after_ms)
{
    loop_timer_free(cell->tidy_timer);
    cell->tidy_timer = NULL;
    cell->settled_ms = after_ms;
    if (after_ms <= SETTLED_LAST_MS) {
        cell->tidy_timer = loop_timer_new(cell->loop, after_ms, 0, on_settled, cell); /* NULL: then it stays as it is */
    }
}

int frame_serve(struct cell *cell)
{
    log_info("CELL-READY", "generation=%" PRIu64 " took_ms=%" PRIu64, cell->birth.generation,
             loop_now_ms() - cell->started_ms);
    if (!cell->is_supervisor) { /* it has its own time for that */
        tidy_started();
        settle(cell, SETTLED_MS);
    }
    loop_run(cell->loop, on_turn, cell);
    frame_say_stopped(cell, cell->stop_reason);
    log_info("CELL-STOPPED", "why=\"%s\"", cell->stop_reason);
    return cell->exit_status;
}
