/* The supervisor's end of the gap junctions. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/unpack.h"
#include "nucleus/connect.h"
#include "nucleus/events.h"
#include "nucleus/exits.h"
#include "nucleus/junction.h"
#include "nucleus/logs.h"
#include "nucleus/publish.h"
#include "nucleus/rekey.h"
#include "nucleus/shields.h"

enum {
    JUNCTION_STRANGERS_MAX = 256 /* connections that have not said who they are yet */
};

static void on_junction(void *context, unsigned bits);

/* ---- speaking ---------------------------------------------------------------------------------- */

enum err junction_say(struct shell_slot *slot, Cell__Gap__ToCell *message, const int *fds,
                      size_t fd_count)
{
    enum gap_state state = slot->gap_state;

    if (slot->gap_fd < 0) {
        return ERR_PEER_DEAD;
    }
    enum err e = gap_step_from_nucleus(&state, message);
    if (e == ERR_OK) {
        e = gap_send(slot->gap_fd, &message->base, fds, fd_count);
    }
    if (e == ERR_OK) {
        slot->gap_state = state;
    }
    return e;
}

enum err junction_replace(struct shell_slot *slot, char *name, int fd)
{
    Cell__Gap__Grant grant = CELL__GAP__GRANT__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;

    grant.descriptors = &name;
    grant.n_descriptors = 1;
    message.what_case = CELL__GAP__TO_CELL__WHAT_GRANT;
    message.grant = &grant;
    return junction_say(slot, &message, &fd, 1);
}

void junction_drain(struct shell_slot *slot, uint32_t deadline_ms)
{
    Cell__Gap__Drain drain = CELL__GAP__DRAIN__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;

    if (slot == NULL) {
        return;
    }
    drain.deadline_ms = deadline_ms;
    message.what_case = CELL__GAP__TO_CELL__WHAT_DRAIN;
    message.drain = &drain;
    enum err e = junction_say(slot, &message, NULL, 0);
    if (e != ERR_OK) { /* it does not listen: the next deadline sends the signal */
        log_debug("NUCLEUS-DRAIN-UNSAID", "slot=%" PRIu32 " error=%s", slot->slot, err_name(e));
    }
}

/* ---- hearing ----------------------------------------------------------------------------------- */

static void feed(struct shell_slot *slot, enum node_event_kind kind, const char *text)
{
    struct node_event ev = {.kind = kind, .slot = slot->slot, .generation = slot->generation,
                            .text = text};

    (void)shell_feed(slot->shell, &ev);
}

static void remember_endpoints(struct shell_slot *slot, Cell__Gap__Endpoint **list, size_t count)
{
    struct shell_endpoint *kept = NULL;

    if (count > SHELL_ENDPOINTS_MAX || (kept = calloc(count + 1, sizeof *kept)) == NULL) {
        log_warn("NUCLEUS-ENDPOINTS", "slot=%" PRIu32 " count=%zu limit=%d action=ignored",
                 slot->slot, count, SHELL_ENDPOINTS_MAX);
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const Cell__Gap__Endpoint *e = list[i];
        bool is_operator = e->cell[0] == '\0' && e->namespace_[0] == '\0';
        /* A file name, not a path: what it names is linked into other cells' directories. */
        if (e->file[0] == '\0' || e->file[0] == '.' || strchr(e->file, '/') != NULL ||
            strlen(e->file) > SP_PATH_MAX ||
            (!is_operator && (!name_valid_str(e->cell) || !name_valid_str(e->namespace_)))) {
            log_warn("NUCLEUS-ENDPOINT-BAD", "slot=%" PRIu32 " index=%zu action=ignored",
                     slot->slot, i);
            continue;
        }
        (void)snprintf(kept[used].file, sizeof kept[used].file, "%s", e->file);
        (void)snprintf(kept[used].space, NAME_SIZE, "%s", e->namespace_);
        (void)snprintf(kept[used].cell, NAME_SIZE, "%s", e->cell);
        used++;
    }
    bool was_published = slot->is_published;
    free(slot->endpoints);
    slot->endpoints = kept;
    slot->endpoint_count = used;
    if (was_published) {
        publish_slot(slot); /* the new doors join the old ones */
    }
}

static void hear(struct shell_slot *slot, const Cell__Gap__ToNucleus *message)
{
    enum gap_state before = slot->gap_state;

    if (gap_step_from_cell(&slot->gap_state, message) != ERR_OK) {
        log_warn("NUCLEUS-GAP-ORDER", "slot=%" PRIu32 " what=%d state=%s action=ignored",
                 slot->slot, (int)message->what_case, gap_state_name(before));
        return;
    }
    switch (message->what_case) {
    case CELL__GAP__TO_NUCLEUS__WHAT_BOOTING:
        if (message->booting->protocol != GAP_PROTOCOL) {
            log_error("NUCLEUS-GAP-PROTOCOL", "slot=%" PRIu32 " theirs=%" PRIu32 " ours=%d "
                      "action=killed", slot->slot, message->booting->protocol, GAP_PROTOCOL);
            exits_signal(slot, SIGKILL);
            return;
        }
        feed(slot, NODE_EV_BOOTING, NULL);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_LISTENING:
        remember_endpoints(slot, message->listening->endpoints, message->listening->n_endpoints);
        if (before == GAP_BOOTING) {
            feed(slot, NODE_EV_LISTENING, NULL);
        }
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_READY:
        feed(slot, NODE_EV_READY, NULL);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_DRAINING:
        feed(slot, NODE_EV_DRAINING, NULL);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_STOPPED:
        feed(slot, NODE_EV_STOPPED, message->stopped->reason);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_LOG_FILE_TAKEN:
        logs_taken(slot, message->log_file_taken->sequence);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_CONNECT:
        connect_ask(slot, message->connect);
        break;
    case CELL__GAP__TO_NUCLEUS__WHAT_REJOIN: /* only as the first message: see on_stranger */
    case CELL__GAP__TO_NUCLEUS__WHAT__NOT_SET:
    case _CELL__GAP__TO_NUCLEUS__WHAT__CASE_IS_INT_SIZE:
        break;
    }
}

static uint8_t packet[GAP_MESSAGE_MAX]; /* one thread */

/* One message from `fd`; NULL with *ret_error and `why` say why not. Descriptors sent to us are closed: no
 * cell has any to give. */
static Cell__Gap__ToNucleus *receive(int fd, enum err *ret_error, char why[UNPACK_WHY_SIZE])
{
    int fds[GAP_DESCRIPTORS_MAX];
    size_t len, fd_count = 0;

    why[0] = '\0';
    *ret_error = gap_recv(fd, packet, &len, fds, &fd_count);
    if (*ret_error != ERR_OK) {
        return NULL;
    }
    while (fd_count > 0) {
        fd_close(&fds[--fd_count]);
    }
    ProtobufCMessage *message = NULL;
    *ret_error = unpack_message(&cell__gap__to_nucleus__descriptor, NULL, packet, len, &message, why);
    return (Cell__Gap__ToNucleus *)message;
}

static void on_junction(void *context, unsigned bits)
{
    enum {
        PER_TURN = 32 /* a cell that talks without end must not keep the loop */
    };
    struct shell_slot *slot = context;
    struct shell *s = slot->shell;
    uint32_t index = slot->slot;
    uint64_t generation = slot->generation;

    (void)bits;
    for (int i = 0; i < PER_TURN; i++) {
        char why[UNPACK_WHY_SIZE];
        enum err e;
        Cell__Gap__ToNucleus *message = receive(slot->gap_fd, &e, why);
        if (message != NULL) {
            hear(slot, message);
            cell__gap__to_nucleus__free_unpacked(message, NULL);
        } else if (e == ERR_UNAVAILABLE) {
            return;
        } else if (e == ERR_LIMIT || e == ERR_MALFORMED) {
            log_warn("NUCLEUS-GAP-BAD", "slot=%" PRIu32 " error=%s why=\"%s\" action=ignored", index, err_name(e), why);
        } else {
            junction_end(slot); /* it ends or has closed fd 3: the pidfd and the beats decide */
            return;
        }
        if (s->slots[index] != slot || slot->gap_fd < 0 || slot->generation != generation) {
            return; /* what it said ended it */
        }
    }
}

enum err junction_begin(struct shell_slot *slot, int fd, enum gap_state state)
{
    junction_end(slot);
    slot->gap_fd = fd;
    slot->gap_state = state;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        junction_end(slot);
        return ERR_IO;
    }
    slot->gap_watch = loop_watch_new(host_loop(slot->shell->cell), fd, LOOP_READ, on_junction, slot);
    if (slot->gap_watch == NULL) {
        junction_end(slot);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

void junction_end(struct shell_slot *slot)
{
    loop_watch_free(slot->gap_watch);
    slot->gap_watch = NULL;
    fd_close(&slot->gap_fd);
    slot->log_is_offered = false;
    fd_close(&slot->log_fd);
}

/* ---- grants ------------------------------------------------------------------------------------ */

/* The operations of `callee` that `caller` may use: its patterns whose name means this very cell
 * from where the caller stands. */
static Cell__Gap__CallerGrant *grant_of(const struct manifest *m, const struct manifest_cell *caller,
                                        uint32_t callee)
{
    Cell__Gap__CallerGrant *g = NULL;

    for (size_t i = 0; i < caller->may_call_count; i++) {
        const struct name_op *op = &caller->may_call[i];
        struct name_ref ref = {.instance = -1};
        char text[NAME_REF_SIZE];
        bool is_here = op->node[0] == '\0';
        /* A cell of another node is reached by the gateway's door. */
        (void)snprintf(ref.cell, sizeof ref.cell, "%s", is_here ? op->cell : NAME_GATEWAY);
        bool is_any = is_here && strcmp(op->cell, "*") == 0 &&
                      strcmp(caller->space, m->cells[callee].space) == 0;
        if (!is_any && manifest_resolve(m, caller->space, &ref) != (int)callee &&
            manifest_resolve_next(m, caller->space, &ref) != (int)callee) {
            continue;
        }
        if (g == NULL) {
            g = calloc(1, sizeof *g);
            if (g == NULL) {
                return NULL;
            }
            *g = (Cell__Gap__CallerGrant)CELL__GAP__CALLER_GRANT__INIT;
            g->namespace_ = strdup(caller->space);
            g->cell = strdup(caller->name);
            g->operations = calloc(caller->may_call_count, sizeof *g->operations);
            if (g->namespace_ == NULL || g->cell == NULL || g->operations == NULL) {
                cell__gap__caller_grant__free_unpacked(g, NULL);
                return NULL;
            }
        }
        name_op_format(op, text);
        g->operations[g->n_operations] = strdup(text);
        g->n_operations += g->operations[g->n_operations] != NULL;
    }
    return g;
}

enum err junction_grants(const struct shell *s, uint32_t cell, Cell__Gap__CallerGrant ***ret,
                         size_t *ret_count)
{
    const struct manifest *m = &s->manifest;
    Cell__Gap__CallerGrant **list = calloc(m->cell_count + 1, sizeof *list);
    size_t count = 0;

    if (list == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < m->cell_count; i++) {
        Cell__Gap__CallerGrant *g = grant_of(m, &m->cells[i], cell);
        if (g != NULL) {
            list[count++] = g;
        }
    }
    *ret = list;
    *ret_count = count;
    return ERR_OK;
}

void junction_free_grants(Cell__Gap__CallerGrant **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cell__gap__caller_grant__free_unpacked(list[i], NULL);
    }
    free(list);
}

static bool is_listed(Cell__Gap__CallerGrant *const *list, size_t count,
                      const struct shell_endpoint *door)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i]->cell, door->cell) == 0 &&
            strcmp(list[i]->namespace_, door->space) == 0) {
            return true;
        }
    }
    return false;
}

/* Tell one running cell who may call it now; doors of callers that may no longer call stay, with
 * nothing behind them. */
static void regrant(struct shell_slot *slot, uint32_t cell)
{
    Cell__Gap__CallerGrant **list;
    Cell__Gap__CallerGrant revoked[SHELL_ENDPOINTS_MAX];
    Cell__Gap__CallerGrant *all[SHELL_ENDPOINTS_MAX + MANIFEST_CELLS_MAX];
    Cell__Gap__Grant grant = CELL__GAP__GRANT__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    size_t count, revoked_count = 0;

    if (junction_grants(slot->shell, cell, &list, &count) != ERR_OK) {
        return;
    }
    memcpy(all, list, count * sizeof *list);
    grant.n_callers = count;
    for (size_t i = 0; i < slot->endpoint_count; i++) {
        const struct shell_endpoint *door = &slot->endpoints[i];
        if (door->cell[0] != '\0' && !is_listed(list, count, door)) {
            revoked[revoked_count] = (Cell__Gap__CallerGrant)CELL__GAP__CALLER_GRANT__INIT;
            revoked[revoked_count].cell = (char *)door->cell;
            revoked[revoked_count].namespace_ = (char *)door->space;
            all[grant.n_callers++] = &revoked[revoked_count++];
        }
    }
    grant.callers = all;
    message.what_case = CELL__GAP__TO_CELL__WHAT_GRANT;
    message.grant = &grant;
    enum err e = grant.n_callers == 0 ? ERR_OK : junction_say(slot, &message, NULL, 0);
    if (e != ERR_OK) {
        log_warn("NUCLEUS-GRANT-UNSAID", "slot=%" PRIu32 " error=%s", slot->slot, err_name(e));
    }
    junction_free_grants(list, count);
}

void junction_regrant(struct shell *s)
{
    for (uint32_t i = 0; i < node_slots(s->node); i++) {
        const struct node_instance *instance = node_at(s->node, i);
        struct shell_slot *slot = s->slots[i];
        if (instance != NULL && slot != NULL && slot->gap_fd >= 0 &&
            instance->cell < s->manifest.cell_count &&
            !s->manifest.cells[instance->cell].trivial) {
            regrant(slot, instance->cell);
        }
    }
}

/* ---- cells that look for their new nucleus ----------------------------------------------------- */

struct stranger {
    struct shell *shell;
    int fd;
    int32_t pid; /* as the kernel attests */
    struct loop_watch *watch;
};

static unsigned stranger_count;

static void stranger_free(struct stranger *x)
{
    loop_watch_free(x->watch);
    fd_close(&x->fd);
    free(x);
    stranger_count--;
}

/* The slot whose process this is: same name, same generation, the same pid as the kernel saw, and
 * the token that only it and we know. */
static struct shell_slot *find_claimed(struct shell *s, const struct stranger *x,
                                       const Cell__Gap__Rejoin *r)
{
    if (!name_valid_str(r->cell) || !name_valid_str(r->namespace_) ||
        r->token.len != LEDGER_TOKEN_LEN) {
        return NULL;
    }
    int32_t index = node_find(s->node, r->namespace_, r->cell, r->instance);
    struct shell_slot *slot = index < 0 ? NULL : s->slots[index];
    if (slot == NULL || slot->generation != r->generation || slot->process.pid != x->pid ||
        sodium_memcmp(slot->process.token, r->token.data, LEDGER_TOKEN_LEN) != 0) {
        return NULL;
    }
    return slot;
}

static enum gap_state parse_state(const char *text, enum node_state *ret_node)
{
    static const struct {
        enum gap_state gap;
        enum node_state node;
    } known[] = {{GAP_BOOTING, NODE_BOOTING},
                 {GAP_LISTENING, NODE_LISTENING},
                 {GAP_READY, NODE_READY},
                 {GAP_DRAINING, NODE_DRAINING}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(text, gap_state_name(known[i].gap)) == 0) {
            *ret_node = known[i].node;
            return known[i].gap;
        }
    }
    *ret_node = NODE_BOOTING;
    return GAP_GENESIS;
}

static void welcome(struct stranger *x, struct shell_slot *slot, const Cell__Gap__Rejoin *r)
{
    Cell__Gap__Welcome hello = CELL__GAP__WELCOME__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    struct node_event ev = {.kind = NODE_EV_REJOIN, .slot = slot->slot,
                            .generation = slot->generation};
    enum gap_state state = parse_state(r->state, &ev.state);

    loop_watch_free(x->watch); /* a descriptor has one watch at a time */
    x->watch = NULL;
    enum err e = junction_begin(slot, fd_take(&x->fd), GAP_NEW);
    hello.generation = slot->generation;
    message.what_case = CELL__GAP__TO_CELL__WHAT_WELCOME;
    message.welcome = &hello;
    if (e == ERR_OK) {
        e = junction_say(slot, &message, NULL, 0);
    }
    if (e != ERR_OK) {
        log_warn("NUCLEUS-REJOIN-LOST", "slot=%" PRIu32 " error=%s", slot->slot, err_name(e));
        return;
    }
    slot->gap_state = state;
    remember_endpoints(slot, r->endpoints, r->n_endpoints);
    rekey_hand(slot); /* they may have changed while nobody could tell it */
    shields_rejoined(slot);
    log_info("NUCLEUS-REJOIN", "cell=%s/%s.%" PRIu32 " state=%s", r->namespace_, r->cell,
             r->instance, r->state);
    (void)shell_feed(slot->shell, &ev);
}

static void on_stranger(void *context, unsigned bits)
{
    struct stranger *x = context;
    struct shell *s = x->shell;
    char why[UNPACK_WHY_SIZE];
    enum err e;

    (void)bits;
    Cell__Gap__ToNucleus *message = receive(x->fd, &e, why);
    if (e == ERR_UNAVAILABLE) {
        return;
    }
    struct shell_slot *slot = NULL;
    if (message != NULL && message->what_case == CELL__GAP__TO_NUCLEUS__WHAT_REJOIN) {
        slot = find_claimed(s, x, message->rejoin);
    }
    if (slot != NULL) {
        welcome(x, slot, message->rejoin);
    } else {
        log_warn("NUCLEUS-STRANGER", "pid=%" PRId32 " error=%s why=\"%s\" action=refused", x->pid,
                 err_name(e == ERR_OK ? ERR_FORGED : e), why);
        events_add(s, "", "", 0, "refuse", "pid %" PRId32 " is no instance of this node", x->pid);
    }
    cell__gap__to_nucleus__free_unpacked(message, NULL);
    stranger_free(x);
}

static void on_connect(void *context, unsigned bits)
{
    struct shell *s = context;

    (void)bits;
    for (;;) {
        struct ucred who = {0};
        socklen_t size = sizeof who;
        AUTO_FD int fd = accept4(s->gap_listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        struct stranger *x = stranger_count < JUNCTION_STRANGERS_MAX ? calloc(1, sizeof *x) : NULL;
        if (x == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
            log_warn("NUCLEUS-STRANGERS", "waiting=%u action=refused", stranger_count);
            free(x);
            continue; /* it tries again */
        }
        stranger_count++;
        *x = (struct stranger){.shell = s, .fd = fd_take(&fd), .pid = who.pid};
        x->watch = loop_watch_new(host_loop(s->cell), x->fd, LOOP_READ, on_stranger, x);
        if (x->watch == NULL) {
            stranger_free(x);
        }
    }
}

enum err junction_open(struct shell *s)
{
    s->gap_listen_fd = s->door_fd[GUARD_DOOR_GAP];
    s->gap_listen_watch = loop_watch_new(host_loop(s->cell), s->gap_listen_fd, LOOP_READ, on_connect,
                                         s);
    return s->gap_listen_watch == NULL ? ERR_NOMEM : ERR_OK;
}

void junction_close(struct shell *s)
{
    loop_watch_free(s->gap_listen_watch);
    s->gap_listen_watch = NULL;
    fd_close(&s->gap_listen_fd);
}
