/* The life of a cell: be born, open, close the doors, start, serve, stop. */
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

#include "common/run/door_core.h"
#include "common/run/frame.h"

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
        .has_sockets = birth_has_sockets(cell),
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

/* Sockets, junction and hooks, in the order the junction's protocol asks for. */
static enum err start_phase(struct cell *cell)
{
    enum err e = cell->outlet->open(cell);

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
        e = hear_begin(cell);
    }
    if (e == ERR_OK) {
        e = beat_begin(cell);
    }
    return e == ERR_OK ? say_ready(cell) : e;
}

int cell_main_on(const struct cell_def *def, const struct door_wire *wire, int argc, char **argv)
{
    struct cell cell = {.def = def, .gap_fd = -1, .started_ms = loop_now_ms(),
                        .wire = wire, .outlet = &outlet_asks};
    struct seal_spec spec;
    int status = 1;

    (void)signal(SIGPIPE, SIG_IGN); /* a caller that went away is an error code, not our end */
    enum err e = be_born(&cell, argc, argv);
    if (e == ERR_OK && frame_refuse("booting", say_booting(&cell)) == ERR_OK &&
        frame_refuse("open", frame_open(&cell)) == ERR_OK && close_doors(&cell, &spec) == ERR_OK &&
        frame_refuse("signals", frame_catch_signals(&cell)) == ERR_OK &&
        frame_refuse("start", start_phase(&cell)) == ERR_OK) {
        status = frame_serve(&cell);
    } else {
        frame_say_stopped(&cell, "could not start");
        if (e == ERR_INVALID && !cell.is_supervised) {
            status = 64; /* EX_USAGE of sysexits(3) */
        }
    }
    frame_close(&cell);
    return status;
}
