/* How a process learns who it is: from the gap junction, or from its command line when it runs
 * without a supervisor. Nothing is read from the environment. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/run/counters.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/unpack.h"

enum {
    BIRTH_CONFIG_MAX = 64 * 1024,
    BIRTH_FILES = 256,
    BIRTH_MESSAGE_BYTES = 1 << 20,
    BIRTH_CALLS_WAITING = 1024,
};

static void set_defaults(struct host_birth *birth, const char *name)
{
    *birth = (struct host_birth){
        .files = BIRTH_FILES,
        .message_bytes = BIRTH_MESSAGE_BYTES,
        .calls_waiting = BIRTH_CALLS_WAITING,
        .log_level = LOG_INFO,
    };
    (void)snprintf(birth->name, sizeof birth->name, "%s", name);
    (void)snprintf(birth->space, sizeof birth->space, "default");
    (void)snprintf(birth->node, sizeof birth->node, "standalone");
}

/* Copy `text` into a fixed field; false when it does not fit. */
static bool put(char *field, size_t size, const char *text)
{
    int len = snprintf(field, size, "%s", text);

    return len >= 0 && (size_t)len < size;
}

/* A name, or two with a dot between them: "counters", "keys.tls", "listen.gossip". */
static bool is_descriptor_name(const char *text)
{
    const char *dot = strchr(text, '.');

    return dot == NULL ? name_valid_str(text) : name_valid(text, (size_t)(dot - text)) && name_valid_str(dot + 1);
}

bool birth_has_sockets(const struct cell *cell)
{
    static const char prefix[] = "listen.";

    for (size_t i = 0; i < cell->birth.descriptor_count; i++) {
        if (strncmp(cell->birth.descriptor_name[i], prefix, sizeof prefix - 1) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_absolute(const char *path)
{
    return path[0] == '/';
}

static bool paths_valid(char *const *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_absolute(path[i]) || path[i][1] == '\0' || strlen(path[i]) >= GAP_PATH_SIZE) {
            return false;
        }
    }
    return count <= GAP_PATHS_MAX;
}

static bool are_interfaces_valid(const Cell__Gap__Genesis *g)
{
    enum { V4 = 4, V6 = 16 };

    for (size_t i = 0; i < g->n_interfaces; i++) {
        const Cell__Gap__Interface *f = g->interfaces[i];
        if (f->n_addresses > TUN_ADDRESSES_MAX || !is_descriptor_name(f->descriptor)) {
            return false;
        }
        for (size_t k = 0; k < f->n_addresses; k++) {
            const ProtobufCBinaryData *a = &f->addresses[k];
            if ((a->len != V4 + 1 && a->len != V6 + 1) || a->data[a->len - 1] > 8 * (a->len - 1)) {
                return false;
            }
        }
    }
    return g->n_interfaces <= GAP_INTERFACES_MAX;
}

/* What is wrong with a Genesis, NULL when nothing is. It comes from our own supervisor; one that is
 * wrong means that the two were built apart, and a cell with half an identity must not start. */
static const char *judge_genesis(const Cell__Gap__Genesis *g, size_t fd_count)
{
    if (!name_valid_str(g->cell) || !name_valid_str(g->namespace_) || !name_valid_str(g->node) ||
        g->instance > NAME_INSTANCE_MAX) {
        return "cell, namespace, node or instance is no name";
    }
    if (g->token.len != HOST_TOKEN_LEN) {
        return "the token has another length";
    }
    if (!is_absolute(g->run_dir) || !is_absolute(g->bind_dir) ||
        (g->state_dir[0] != '\0' && !is_absolute(g->state_dir))) {
        return "a directory is not absolute";
    }
    if (!paths_valid(g->read, g->n_read) || !paths_valid(g->write, g->n_write)) {
        return "too many paths are granted, or one is not absolute, everything, or too long";
    }
    if (g->limits == NULL || g->limits->calls_waiting == 0 || g->limits->message_bytes == 0 ||
        g->limits->message_bytes > SP_MESSAGE_MAX || g->heartbeat_ms == 0) {
        return "a limit is missing or out of range";
    }
    if (g->n_descriptors != fd_count) {
        return "descriptors and their names differ in number";
    }
    for (size_t i = 0; i < fd_count; i++) {
        if (!is_descriptor_name(g->descriptors[i])) {
            return "a descriptor's name is no name";
        }
    }
    if (!are_interfaces_valid(g)) {
        return "too many interfaces, or an address of one is none";
    }
    for (size_t i = 0; i < g->n_callers; i++) {
        if (!name_valid_str(g->callers[i]->cell) || !name_valid_str(g->callers[i]->namespace_)) {
            return "a caller's name is no name";
        }
    }
    return NULL;
}

static enum err take_texts(struct host_birth *b, const Cell__Gap__Genesis *g)
{
    if (!put(b->space, sizeof b->space, g->namespace_) ||
        !put(b->node, sizeof b->node, g->node) || !put(b->run_dir, sizeof b->run_dir, g->run_dir) ||
        !put(b->bind_dir, sizeof b->bind_dir, g->bind_dir) ||
        !put(b->state_dir, sizeof b->state_dir, g->state_dir)) {
        return ERR_LIMIT;
    }
    b->config = strdup(g->config);
    b->labels = strdup(g->labels);
    return b->config == NULL || b->labels == NULL ? ERR_NOMEM : log_level_parse(g->log_level, &b->log_level);
}

static void take_interfaces(struct host_birth *b, const Cell__Gap__Genesis *g)
{
    for (size_t i = 0; i < g->n_interfaces; i++) {
        const Cell__Gap__Interface *f = g->interfaces[i];
        struct cell_tun *to = &b->tun[b->tun_count++];
        (void)put(to->descriptor, sizeof to->descriptor, f->descriptor); /* two names fit */
        for (size_t k = 0; k < f->n_addresses; k++) {
            size_t size = f->addresses[k].len - 1;
            struct tun_address *a = &to->address[to->count++];
            *a = (struct tun_address){.is_v6 = size == sizeof a->ip, .bits = f->addresses[k].data[size]};
            memcpy(a->ip, f->addresses[k].data, size);
        }
    }
}

static enum err take_genesis(struct cell *cell, const Cell__Gap__Genesis *g, int *fds,
                             size_t fd_count)
{
    struct host_birth *b = &cell->birth;
    const char *why = judge_genesis(g, fd_count);

    if (why != NULL) {
        log_error("CELL-GENESIS", "why=\"%s\" action=not-started", why);
        return ERR_INVALID;
    }
    set_defaults(b, g->cell);
    b->instance = g->instance;
    b->generation = g->generation;
    memcpy(b->token, g->token.data, HOST_TOKEN_LEN);
    b->has_token = true;
    b->files = g->limits->files;
    b->message_bytes = g->limits->message_bytes;
    b->calls_waiting = g->limits->calls_waiting;
    b->heartbeat_ms = g->heartbeat_ms;
    b->heartbeat_misses = g->heartbeat_misses;
    b->rejoin_grace_ms = g->rejoin_grace_ms;
    b->network = g->network;
    for (size_t i = 0; i < fd_count; i++) {
        (void)put(b->descriptor_name[i], sizeof b->descriptor_name[i], g->descriptors[i]); /* two names fit */
        b->descriptor[i] = fd_take(&fds[i]);
        b->descriptor_count++;
    }
    take_interfaces(b, g);
    return take_texts(b, g);
}

/* Keep the grants: the doors are opened, and the others closed, later. */
static void take_grants(struct cell *cell, Cell__Gap__Genesis *g)
{
    cell->grants = g->callers;
    cell->grant_count = g->n_callers;
    g->callers = NULL;
    g->n_callers = 0;
    cell->birth.read = g->read;
    cell->birth.read_count = g->n_read;
    cell->birth.write = g->write;
    cell->birth.write_count = g->n_write;
    g->read = g->write = NULL;
    g->n_read = g->n_write = 0;
}

/* The page of counters comes among the descriptors; without one nothing is counted there. */
static void take_page(struct cell *cell)
{
    int fd = cell_take_descriptor(cell, COUNTERS_DESCRIPTOR);

    if (fd >= 0) {
        cell->page = counters_map(fd);
        fd_close(&fd);
    }
}

enum err birth_from_gap(struct cell *cell)
{
    AUTO_FREE uint8_t *data = malloc(GAP_MESSAGE_MAX);
    int fds[GAP_DESCRIPTORS_MAX];
    size_t len, fd_count = 0;

    if (data == NULL) {
        return ERR_NOMEM;
    }
    cell->gap_fd = GAP_FD;
    enum err e = gap_recv(GAP_FD, data, &len, fds, &fd_count);
    if (e != ERR_OK) {
        return e;
    }
    ProtobufCMessage *read = NULL;
    char why[UNPACK_WHY_SIZE];
    e = unpack_message(&cell__gap__to_cell__descriptor, NULL, data, len, &read, why);
    if (e != ERR_OK) {
        log_error("CELL-GENESIS-UNREAD", "why=\"%s\" action=not-started", why);
    }
    Cell__Gap__ToCell *message = (Cell__Gap__ToCell *)read;
    e = e == ERR_OK ? gap_step_from_nucleus(&cell->gap_state, message) : e;
    if (e == ERR_OK && message->what_case != CELL__GAP__TO_CELL__WHAT_GENESIS) {
        e = ERR_PRECONDITION;
    }
    if (e == ERR_OK) {
        e = take_genesis(cell, message->genesis, fds, fd_count);
    }
    if (e == ERR_OK) {
        take_grants(cell, message->genesis);
        take_page(cell);
    }
    for (size_t i = 0; i < fd_count; i++) {
        fd_close(&fds[i]); /* those not taken */
    }
    if (message != NULL && message->what_case == CELL__GAP__TO_CELL__WHAT_GENESIS) {
        explicit_bzero(message->genesis->token.data, message->genesis->token.len);
    }
    cell__gap__to_cell__free_unpacked(message, NULL);
    explicit_bzero(data, len);
    if (e == ERR_OK && fcntl(GAP_FD, F_SETFL, O_NONBLOCK) != 0) {
        e = ERR_IO;
    }
    return e;
}

/* ---- without a supervisor ---------------------------------------------------------------------- */

static int usage(const char *name, const char *what)
{
    (void)fprintf(stderr,
                  "cell-%s: %s\n"
                  "usage: cell-%s --standalone [--config FILE] [--run DIR] [--state DIR] "
                  "[--read PATH …] [--write PATH …] [--namespace NAME] [--instance N] "
                  "[--log-level error|warn|info|debug]\n"
                  "A cell is normally started by the nucleus; see cell(1).\n",
                  name, what, name);
    return ERR_INVALID;
}

/* The same grants as a manifest's `sandbox: {read, write}`, one a time. */
static enum err add_path(char ***paths, size_t *count, const char *path)
{
    char *kept = strdup(path);
    char **more = reallocarray(*paths, *count + 1, sizeof *more);

    if (more != NULL) {
        *paths = more;
    }
    if (more == NULL || kept == NULL) {
        free(kept);
        return ERR_NOMEM;
    }
    more[(*count)++] = kept;
    return paths_valid(more, *count) ? ERR_OK : ERR_INVALID;
}

static enum err take_option(struct cell *cell, const char *option, const char *value)
{
    struct host_birth *b = &cell->birth;
    char *end;

    if (strcmp(option, "--run") == 0 && value[0] == '/') {
        return put(b->run_dir, sizeof b->run_dir, value) ? ERR_OK : ERR_LIMIT;
    }
    if (strcmp(option, "--state") == 0 && value[0] == '/') {
        return put(b->state_dir, sizeof b->state_dir, value) ? ERR_OK : ERR_LIMIT;
    }
    if (strcmp(option, "--read") == 0) {
        return add_path(&b->read, &b->read_count, value);
    }
    if (strcmp(option, "--write") == 0) {
        return add_path(&b->write, &b->write_count, value);
    }
    if (strcmp(option, "--namespace") == 0 && name_valid_str(value)) {
        return put(b->space, sizeof b->space, value) ? ERR_OK : ERR_LIMIT;
    }
    if (strcmp(option, "--log-level") == 0) {
        return log_level_parse(value, &b->log_level);
    }
    if (strcmp(option, "--instance") == 0) {
        unsigned long n = strtoul(value, &end, 10);
        b->instance = (uint32_t)n;
        return *value >= '0' && *value <= '9' && *end == '\0' && n <= NAME_INSTANCE_MAX
                   ? ERR_OK : ERR_INVALID;
    }
    if (strcmp(option, "--config") == 0) {
        size_t len;
        free(b->config);
        b->config = NULL;
        return fd_read_file(AT_FDCWD, value, BIRTH_CONFIG_MAX, &b->config, &len);
    }
    return ERR_INVALID;
}

enum err birth_from_argv(struct cell *cell, int argc, char **argv)
{
    const char *name = cell->def->name;

    set_defaults(&cell->birth, name);
    cell->birth.network = true;
    if (argc < 2 || strcmp(argv[1], "--standalone") != 0) {
        return (enum err)usage(name, argc < 2 ? "no gap junction on fd 3" : "unknown argument");
    }
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc) {
            return (enum err)usage(name, "an option lacks its value");
        }
        enum err e = take_option(cell, argv[i], argv[i + 1]);
        if (e != ERR_OK) {
            (void)fprintf(stderr, "cell-%s: %s %s: %s\n", name, argv[i], argv[i + 1], err_text(e));
            return (enum err)usage(name, "bad option or value");
        }
    }
    if (cell->birth.run_dir[0] == '\0') {
        const char *user = getuid() == 0 ? NULL : getenv("XDG_RUNTIME_DIR");
        (void)snprintf(cell->birth.run_dir, HOST_PATH_SIZE, "%s%s", user != NULL ? user : "/run",
                       "/cell");
    }
    char public_dir[HOST_PATH_SIZE + NAME_SIZE + 2];
    (void)snprintf(public_dir, sizeof public_dir, "%s/%s", cell->birth.run_dir, cell->birth.space);
    enum err e = fd_make_dirs(public_dir, 0700);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "cell-%s: %s: %s; choose another with --run DIR\n", name, public_dir,
                      err_text(e));
    }
    return e;
}

static void free_paths(char **path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(path[i]);
    }
    free(path);
}

void birth_fini(struct host_birth *birth)
{
    free_paths(birth->read, birth->read_count);
    free_paths(birth->write, birth->write_count);
    for (size_t i = 0; i < birth->descriptor_count; i++) {
        fd_close(&birth->descriptor[i]);
    }
    free(birth->config);
    free(birth->labels);
    explicit_bzero(birth->token, sizeof birth->token);
    *birth = (struct host_birth){0};
}
