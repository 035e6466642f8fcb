/* The frame of every process: be born, open, close the doors, start, serve, stop. */
#include "common/run/cell.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/call.h"
#include "common/run/fd.h"
#include "common/run/host.h"

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

/* ---- birth ------------------------------------------------------------------------------------- */

static bool has_gap_junction(void)
{
    int type = 0;
    socklen_t size = sizeof type;

    return getsockopt(GAP_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* Whether the supervisor's jail is around us already: then nothing is left that threads could
 * keep, and nng may start before we know who we are (a warm spare waits with everything ready). */
static bool is_jailed(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
}

static enum err be_born(struct cell *cell, int argc, char **argv)
{
    enum err e = ERR_OK;

    if (argc > 1 || !has_gap_junction()) {
        e = birth_from_argv(cell, argc, argv);
    } else {
        cell->is_supervised = true;
        if (is_jailed()) {
            e = door_open(cell);
        }
        if (e == ERR_OK) {
            e = birth_from_gap(cell);
        }
    }
    if (e != ERR_OK) {
        if (cell->is_supervised) { /* a wrong command line was explained already */
            log_error("CELL-BIRTH", "error=%s text=\"%s\" action=not-started", err_name(e),
                      err_text(e));
        }
        return e;
    }
    log_init(cell->birth.space, cell->birth.name, cell->birth.instance);
    log_set_level(cell->birth.log_level);
    return ERR_OK;
}

/* ---- doors close, sockets open ----------------------------------------------------------------- */

static enum err close_doors(struct cell *cell, struct seal_spec *spec)
{
    const struct host_birth *b = &cell->birth;
    char why[SEAL_WHY_SIZE] = "";

    *spec = (struct seal_spec){
        .calls = cell->def->syscalls,
        .call_count = cell->def->syscall_count,
        .bind_dir = b->bind_dir[0] != '\0' ? b->bind_dir : b->run_dir,
        .run_dir = b->run_dir,
        .state_dir = b->state_dir[0] != '\0' ? b->state_dir : NULL,
        .read = (const char *const *)b->read,
        .read_count = b->read_count,
        .write = (const char *const *)b->write,
        .write_count = b->write_count,
        .network = b->network,
    };
    enum err e = seal_enter(spec, why);
    if (e == ERR_OK) {
        e = seal_look_open();
    }
    if (e == ERR_OK && cell->door == NULL) {
        e = door_open(cell);
    }
    if (e == ERR_OK) {
        e = seal_filter(spec, why);
    }
    if (e != ERR_OK) {
        log_error("CELL-SEAL", "error=%s why=\"%s\" action=not-started", err_name(e), why);
    }
    return e;
}

static enum err listen_everywhere(struct cell *cell)
{
    const struct host_birth *b = &cell->birth;
    char file[HOST_PATH_SIZE];
    char path[2 * HOST_PATH_SIZE];

    if (b->bind_dir[0] == '\0') {
        (void)snprintf(path, sizeof path, "%s/%s/%s.%" PRIu32 ".sock", b->run_dir, b->space,
                       b->name, b->instance);
    } else {
        life_door_file(cell, "", "", file);
        (void)snprintf(path, sizeof path, "%s/%s", b->bind_dir, file);
        (void)unlink(path); /* of an earlier process of this instance; the name is ours alone */
    }
    enum err e = door_listen(cell, path, "", "", NULL, 0);
    for (size_t i = 0; e == ERR_OK && i < cell->grant_count; i++) {
        Cell__Gap__CallerGrant *g = cell->grants[i];
        life_door_file(cell, g->namespace_, g->cell, file);
        (void)snprintf(path, sizeof path, "%s/%s", b->bind_dir, file);
        (void)unlink(path);
        e = door_listen(cell, path, g->namespace_, g->cell, g->operations, g->n_operations);
    }
    return e;
}

static enum err say_booting(struct cell *cell)
{
    Cell__Gap__Booting booting = CELL__GAP__BOOTING__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    booting.protocol = GAP_PROTOCOL;
    booting.version = (char *)(cell->def->version != NULL ? cell->def->version : HOST_VERSION);
    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_BOOTING;
    message.booting = &booting;
    return cell->is_supervised ? life_say(cell, &message) : ERR_OK;
}

static enum err say_ready(struct cell *cell)
{
    Cell__Gap__Ready ready = CELL__GAP__READY__INIT;
    Cell__Gap__ToNucleus message = CELL__GAP__TO_NUCLEUS__INIT;

    message.what_case = CELL__GAP__TO_NUCLEUS__WHAT_READY;
    message.ready = &ready;
    return cell->is_supervised ? life_say(cell, &message) : ERR_OK;
}

/* ---- phases ------------------------------------------------------------------------------------ */

static enum err refuse(const char *phase, enum err e)
{
    if (e != ERR_OK) {
        log_error("CELL-START", "phase=%s error=%s text=\"%s\" action=not-started", phase,
                  err_name(e), err_text(e));
    }
    return e;
}

static enum err open_phase(struct cell *cell)
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

/* Sockets, junction and hooks, in the order the junction's protocol asks for. */
static enum err start_phase(struct cell *cell)
{
    enum err e = asks_open(cell);

    if (e == ERR_OK) {
        e = listen_everywhere(cell);
    }
    if (e == ERR_OK) {
        e = door_start(cell);
    }
    if (e == ERR_OK && cell->is_supervised) {
        e = life_say_listening(cell);
    }
    if (e == ERR_OK && cell->def->start != NULL) {
        e = cell->def->start(cell, cell->state);
    }
    if (e == ERR_OK) {
        e = life_begin(cell);
    }
    return e == ERR_OK ? say_ready(cell) : e;
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

static enum err catch_signals(struct cell *cell)
{
    void (*fire)(void *context) = cell->is_supervisor ? on_supervisor_asked : on_asked_to_end;
    enum err e = loop_signal(cell->loop, SIGTERM, fire, cell);

    return e == ERR_OK ? loop_signal(cell->loop, SIGINT, fire, cell) : e;
}

static void on_turn(void *context, uint64_t now_ms)
{
    struct cell *cell = context;

    if (cell->def->tick != NULL) {
        cell->def->tick(cell->state, now_ms);
    }
    asks_flush(cell, now_ms);
    life_end(cell);
}

static void say_stopped(struct cell *cell, const char *reason)
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

static void close_phase(struct cell *cell)
{
    asks_cancel(cell); /* before `stop`: the callbacks use what it frees */
    if (cell->def->stop != NULL && cell->state != NULL) {
        cell->def->stop(cell->state);
    }
    if (cell->loop != NULL) {
        loop_watch_free(cell->gap_watch);
        loop_timer_free(cell->beat_timer);
        loop_timer_free(cell->rejoin_timer);
        loop_timer_free(cell->end_timer);
        asks_close(cell);
        door_close(cell);
        loop_free(cell->loop);
    }
    for (size_t i = 0; i < cell->grant_count; i++) {
        cell__gap__caller_grant__free_unpacked(cell->grants[i], NULL);
    }
    free(cell->grants);
    host_metrics_free(cell);
    free(cell->ops);
    free(cell->state);
    fd_close(&cell->gap_fd);
    birth_fini(&cell->birth);
}

static int serve(struct cell *cell)
{
    log_info("CELL-READY", "generation=%" PRIu64 " took_ms=%" PRIu64, cell->birth.generation,
             loop_now_ms() - cell->started_ms);
    loop_run(cell->loop, on_turn, cell);
    say_stopped(cell, cell->stop_reason);
    log_info("CELL-STOPPED", "why=\"%s\"", cell->stop_reason);
    return cell->exit_status;
}

int cell_main(const struct cell_def *def, int argc, char **argv)
{
    struct cell cell = {.def = def, .gap_fd = -1, .started_ms = loop_now_ms()};
    struct seal_spec spec;
    int status = 1;

    (void)signal(SIGPIPE, SIG_IGN); /* a caller that went away is an error code, not our end */
    enum err e = be_born(&cell, argc, argv);
    if (e == ERR_OK && refuse("booting", say_booting(&cell)) == ERR_OK &&
        refuse("open", open_phase(&cell)) == ERR_OK && close_doors(&cell, &spec) == ERR_OK &&
        refuse("signals", catch_signals(&cell)) == ERR_OK &&
        refuse("start", start_phase(&cell)) == ERR_OK) {
        status = serve(&cell);
    } else {
        say_stopped(&cell, "could not start");
        if (e == ERR_INVALID && !cell.is_supervised) {
            status = 64; /* EX_USAGE of sysexits(3) */
        }
    }
    close_phase(&cell);
    return status;
}

int host_supervisor_main(const struct cell_def *def, const struct host_birth *birth)
{
    struct cell cell = {.def = def, .gap_fd = -1, .started_ms = loop_now_ms(),
                        .is_supervisor = true, .birth = *birth};
    int status = 1;

    (void)signal(SIGPIPE, SIG_IGN);
    log_init(cell.birth.space, cell.birth.name, cell.birth.instance);
    log_set_level(cell.birth.log_level);
    enum err e = door_open(&cell);
    if (refuse("door", e) == ERR_OK && refuse("open", open_phase(&cell)) == ERR_OK &&
        refuse("signals", catch_signals(&cell)) == ERR_OK &&
        refuse("asks", asks_open(&cell)) == ERR_OK &&
        refuse("receive", door_start(&cell)) == ERR_OK &&
        (def->start == NULL || refuse("start", def->start(&cell, cell.state)) == ERR_OK)) {
        status = serve(&cell);
    }
    close_phase(&cell);
    return status;
}
