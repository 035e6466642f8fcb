/* Warm spares: initialised twins that wait, without a name, for an instance to become. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/look.h"
#include "nucleus/spawn.h"
#include "nucleus/spawn_room.h"
#include "nucleus/version.h"

/* Those that were let go and have not ended yet: each is waited for, or it would stay a zombie for as
 * long as we run, and its group with it. */
static struct shell_spare *leaving;

/* It has ended: nothing of it stays. */
static void bury_spare(struct shell_spare *spare)
{
    siginfo_t info;

    loop_watch_free(spare->pid_watch);
    (void)waitid((idtype_t)P_PIDFD, (id_t)spare->pidfd, &info, WEXITED);
    cgroup_remove(spare->group);
    fd_close(&spare->gap_fd);
    fd_close(&spare->pidfd);
    free(spare);
}

/* A twin ended: while it waited, or as it should. The next one is made when the core asks again, not at
 * once: a program that cannot start would otherwise be started for ever. */
static void on_spare_ended(void *context, unsigned bits)
{
    struct shell_spare *spare = context;
    struct shell *s = spare->shell;

    (void)bits;
    if (spare->cell < MANIFEST_CELLS_MAX && s->spares[spare->cell] == spare) {
        log_warn("NUCLEUS-SPARE-ENDED", "cell=%" PRIu32 " pid=%d", spare->cell, spare->pid);
        s->spares[spare->cell] = NULL;
    } else {
        struct shell_spare **at = &leaving;
        while (*at != spare) {
            at = &(*at)->next;
        }
        *at = spare->next;
    }
    bury_spare(spare);
}

/* Killed, not asked: it has no Genesis, so it has nothing to finish, and a program that does not heed
 * the end of its junction would run on unseen. */
void spawn_spare_end(struct shell *s, uint32_t cell)
{
    struct shell_spare *spare = s->spares[cell];

    if (spare == NULL) {
        return;
    }
    s->spares[cell] = NULL;
    spare->next = leaving;
    leaving = spare;
    (void)syscall(SYS_pidfd_send_signal, spare->pidfd, SIGKILL, NULL, 0); /* fails if it just ended */
}

void spawn_spare_close(struct shell *s)
{
    for (uint32_t i = 0; i < MANIFEST_CELLS_MAX; i++) {
        spawn_spare_end(s, i);
    }
    while (leaving != NULL) {
        struct shell_spare *spare = leaving;
        leaving = spare->next;
        bury_spare(spare);
    }
}

void spawn_spare_keep(struct shell *s, uint32_t cell, bool is_wanted)
{
    char why[JAIL_WHY_SIZE] = "";

    if (!is_wanted) {
        spawn_spare_end(s, cell);
        return;
    }
    if (cell >= s->manifest.cell_count || s->spares[cell] != NULL) {
        return;
    }
    struct spawn_birth b = {.cell = &s->manifest.cells[cell], .is_spare = true, .gap_fd = -1, .addresses = -1};
    struct shell_spare *spare = calloc(1, sizeof *spare);
    char state;
    enum err e = spare == NULL ? ERR_NOMEM : spawn_bear(s, &b, why);
    if (e != ERR_OK) {
        free(spare);
        log_warn("NUCLEUS-SPARE", "cell=%s/%s error=%s why=\"%s\" action=restarts-are-cold",
                 b.cell->space, b.cell->name, err_name(e), why);
        return;
    }
    *spare = (struct shell_spare){.cell = cell, .hash = b.cell->hash, .pid = b.started.pid,
                                  .pidfd = b.started.pidfd, .gap_fd = b.gap_fd,
                                  .jail_us = b.started.jail_us, .version = spawn_version(&b), .shell = s};
    memcpy(spare->group, b.seat.name, sizeof spare->group);
    /* Looked at while there is time; should it fail, it is looked at again when the twin is needed. */
    if (look_start_ticks(spare->pid, &spare->start_ticks, &state) != ERR_OK) {
        spare->start_ticks = 0;
    }
    spare->pid_watch = loop_watch_new(host_loop(s->cell), spare->pidfd, LOOP_READ, on_spare_ended,
                                      spare);
    s->spares[cell] = spare;
}

bool spawn_spare_take(struct shell *s, struct spawn_birth *b, uint32_t cell)
{
    struct shell_spare *spare = s->spares[cell];
    uint64_t now;

    if (spare == NULL || spare->hash != b->cell->hash) {
        return false;
    }
    if (version_now(b->cell, NULL, &now) != ERR_OK || spare->version != now) {
        /* Started from a program that is no longer there: a restart runs what is. */
        spawn_spare_end(s, cell);
        return false;
    }
    b->version = spare->version;
    b->started = (struct jail_started){.pid = spare->pid, .pidfd = spare->pidfd,
                                       .jail_us = spare->jail_us};
    b->gap_fd = spare->gap_fd;
    memcpy(b->seat.name, spare->group, sizeof b->seat.name);
    b->start_ticks = spare->start_ticks;
    loop_watch_free(spare->pid_watch);
    free(spare);
    s->spares[cell] = NULL;
    return true;
}
