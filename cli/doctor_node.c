/* Directories, sockets and the nucleus of the node that --run and --state mean. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/doctor.h"
#include "cli/place.h"
#include "common/base/unit.h"

enum {
    SOCKET_TAIL = 35,                /* "/default/", a name of 16 and ".1000.sock"       */
    DISK_FAIL_BYTES = 64 << 20,      /* less and the first log rotation fills the disk   */
    DISK_WARN_BYTES = 1 << 30,
    SLOW_MS = 250,                   /* an idle nucleus answers in one                   */
    CONNECT_MS = 500,
    SOCKETS_MAX = 4096,
};

/* A directory that others could change would let them stand in for cells. */
static enum cli_doctor_result look_dir(const char *path, const char *kind,
                                       char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct stat st;

    if (*path == '\0') {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "the %s directory is unknown", kind);
        return CLI_DOCTOR_FAIL;
    }
    if (stat(path, &st) != 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%.300s: %s", path,
                 errno == ENOENT ? "not there yet; cell up makes it" : strerror(errno));
        return errno == ENOENT ? CLI_DOCTOR_OK : CLI_DOCTOR_FAIL;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%.300s: mode %04o, owner %u", path,
             (unsigned)st.st_mode & 07777, (unsigned)st.st_uid);
    if (!S_ISDIR(st.st_mode) || (st.st_mode & 0022) != 0) {
        return CLI_DOCTOR_FAIL;
    }
    return st.st_uid == geteuid() ? CLI_DOCTOR_OK : CLI_DOCTOR_WARN;
}

static enum cli_doctor_result look_run(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    return look_dir(cli->run_dir, "run", what);
}

static enum cli_doctor_result look_state(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    return look_dir(cli->state_dir, "state", what);
}

static enum cli_doctor_result look_path(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    size_t len = strlen(cli->run_dir);

    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "the run directory's path has %zu characters", len);
    return len + SOCKET_TAIL <= SP_PATH_MAX ? CLI_DOCTOR_OK : CLI_DOCTOR_FAIL;
}

static enum cli_doctor_result look_disk(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    char path[CLI_PATH_SIZE], text[UNIT_TEXT_MAX];
    struct statvfs fs;

    memcpy(path, cli->state_dir, sizeof path);
    /* The nearest directory that exists: the state directory may not have been made yet. */
    while (statvfs(*path != '\0' ? path : "/", &fs) != 0) {
        char *slash = strrchr(path, '/');

        if (slash == NULL) {
            snprintf(what, CLI_DOCTOR_WHAT_SIZE, "unknown: %s", strerror(errno));
            return CLI_DOCTOR_WARN;
        }
        *slash = '\0';
    }
    uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    unit_size_format(bytes, text);
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%s free for logs and state", text);
    if (bytes < DISK_FAIL_BYTES) {
        return CLI_DOCTOR_FAIL;
    }
    return bytes < DISK_WARN_BYTES ? CLI_DOCTOR_WARN : CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_programs(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    static const char *const names[] = {"cell-guard", "cell-nucleus"};
    char path[CLI_PATH_SIZE];

    (void)cli;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!cli_place_program(names[i], path)) {
            snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%s is neither beside this program nor in %s",
                     names[i], CELL_LIBEXECDIR);
            return CLI_DOCTOR_FAIL;
        }
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%.400s", path);
    return CLI_DOCTOR_OK;
}

static enum cli_doctor_result look_nucleus(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE] = "";
    ProtobufCMessage *reply = NULL;
    uint64_t begun_ms = cli_clock_ms();
    enum err e = cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask);

    if (e == ERR_NOT_FOUND) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "no node runs here; cell up starts one");
        return CLI_DOCTOR_OK;
    }
    if (e == ERR_OK) {
        e = cli_ask_try(&ask, &cell__nucleus__nucleus__descriptor, "Status",
                        CELL__NUCLEUS__OP__OP_STATUS, &request.base, CLI_DEADLINE_MS, &reply, text);
    }
    if (e != ERR_OK) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "does not answer: %s: %.300s", err_name(e),
                 *text != '\0' ? text : err_text(e));
        return CLI_DOCTOR_FAIL;
    }
    uint64_t took_ms = cli_clock_ms() - begun_ms;
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "answered in %" PRIu64 " ms, %zu instances", took_ms,
             ((Cell__Nucleus__StatusReply *)reply)->n_cells);
    cli_ask_free(reply);
    return took_ms > SLOW_MS ? CLI_DOCTOR_WARN : CLI_DOCTOR_OK;
}

/* ---- stale sockets --------------------------------------------------------------------------- */

struct sockets {
    size_t seen;
    size_t dead;
    char first[CLI_PATH_SIZE];
};

static void try_socket(const char *path, struct sockets *s)
{
    int fd = -1;

    if (s->seen == SOCKETS_MAX) {
        return;
    }
    s->seen++;
    if (sp_connect(path, CONNECT_MS, &fd) == ERR_UNAVAILABLE && s->dead++ == 0) {
        snprintf(s->first, sizeof s->first, "%s", path);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Socket files in `dir` and, one level down, in the directories of namespaces. */
static void try_sockets(const char *dir, bool deeper, struct sockets *s)
{
    DIR *d = opendir(dir);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[CLI_PATH_SIZE];
        struct stat st;

        if (e->d_name[0] == '.' || !cli_place_join(path, dir, e->d_name) || lstat(path, &st) != 0) {
            continue;
        }
        if (S_ISSOCK(st.st_mode)) {
            try_socket(path, s);
        } else if (S_ISDIR(st.st_mode) && deeper && name_valid_str(e->d_name)) {
            try_sockets(path, false, s);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

static enum cli_doctor_result look_sockets(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE])
{
    struct sockets s = {0};

    if (*cli->run_dir != '\0') {
        try_sockets(cli->run_dir, true, &s);
    }
    if (s.dead > 0) {
        snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%zu of %zu have nobody behind them, first %.300s",
                 s.dead, s.seen, s.first);
        return CLI_DOCTOR_WARN;
    }
    snprintf(what, CLI_DOCTOR_WHAT_SIZE, "%zu, all with somebody behind them", s.seen);
    return CLI_DOCTOR_OK;
}

const struct cli_doctor_check cli_doctor_node_checks[] = {
    {"programs", "Without guard and nucleus no node starts.",
     "build with ninja, or install the package again", look_programs},
    {"run directory", "Whoever can write to it can stand in for a cell; whoever does not own it "
     "cannot use its sockets.", "chmod go-w, or choose one of your own with --run", look_run},
    {"socket paths", "The kernel takes at most 107 characters for a socket's path.",
     "choose a shorter --run directory", look_path},
    {"state directory", "Logs and the data of cells are kept there.",
     "chmod go-w, or choose one of your own with --state", look_state},
    {"disk", "A full disk stops logs, raft and the cache from keeping anything.",
     "free some space, or move the state directory with --state", look_disk},
    {"nucleus", "Nothing is restarted and nothing can be changed while it does not answer.",
     "see `cell logs nucleus`; its guard restarts it, `cell down` and `cell up` begin anew",
     look_nucleus},
    {"sockets", "Left behind by a crash; they only cost a failed connection.",
     "remove them when no node runs here, or restart the cells they belong to", look_sockets},
    {0},
};
