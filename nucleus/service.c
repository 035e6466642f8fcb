/* Handlers of the supervisor's operations: translate, ask the core, answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/run/call.h"
#include "nucleus/events.h"
#include "nucleus/logs.h"
#include "nucleus/look.h"
#include "nucleus/rest.h"
#include "nucleus/service.h"
#include "nucleus/version.h"

enum {
    SERVICE_TAIL_LINES = 5 /* of the log of a failed instance */
};

/* ---- who may ask ------------------------------------------------------------------------------- */

/* The instance whose process the kernel says is calling; NULL: none of ours. */
static struct shell_slot *calling_slot(struct shell *s, const struct cell_call *call)
{
    struct cell_caller caller;
    uint32_t count = node_slots(s->node);

    cell_call_caller(call, &caller);
    for (uint32_t i = 0; caller.pid > 0 && i < count; i++) {
        if (s->slots[i] != NULL && s->slots[i]->process.pid == caller.pid) {
            return s->slots[i];
        }
    }
    return NULL;
}

const struct node_instance *service_caller(struct shell *s, const struct cell_call *call)
{
    const struct shell_slot *slot = calling_slot(s, call);

    return slot == NULL ? NULL : node_at(s->node, slot->slot);
}

enum err service_check_right(struct shell *s, struct cell_call *call, const char *operation)
{
    struct cell_caller caller;

    cell_call_caller(call, &caller);
    if (caller.is_operator) {
        return ERR_OK;
    }
    const struct node_instance *i = service_caller(s, call);
    if (i != NULL && i->cell < s->manifest.cell_count) {
        const struct manifest_cell *c = &s->manifest.cells[i->cell];
        for (size_t k = 0; k < c->may_call_count; k++) {
            if (name_op_covers(&c->may_call[k], "nucleus", operation) &&
                strcmp(c->may_call[k].cell, "*") != 0) {
                return ERR_OK;
            }
        }
    }
    log_warn("NUCLEUS-DENIED", "pid=%" PRId32 " cell=%s operation=%s", caller.pid,
             i != NULL ? i->name : "none", operation);
    cell_call_explain(call, "may_call of %s does not list nucleus.%s",
                      i != NULL ? i->name : "this process", operation);
    return ERR_DENIED;
}

/* ---- targets ----------------------------------------------------------------------------------- */

enum err service_find_target(struct shell *s, struct cell_call *call, const char *text,
                            uint32_t *ret_cell, int32_t *ret_instance)
{
    struct name_ref ref;
    enum err e = name_ref_parse(text, &ref);

    if (e != ERR_OK || ref.node[0] != '\0') {
        cell_call_explain(call, "\"%.80s\" is not a reference, expected [namespace/]cell[.instance]",
                          text);
        return ERR_INVALID;
    }
    int cell = manifest_resolve(&s->manifest, "default", &ref);
    int matches = cell >= 0;
    for (size_t i = 0; cell < 0 && ref.space[0] == '\0' && i < s->manifest.cell_count; i++) {
        if (strcmp(s->manifest.cells[i].name, ref.cell) == 0) {
            matches++;
            cell = matches == 1 ? (int)i : cell;
        }
    }
    for (size_t i = 0; matches == 1 && cell >= 0 && ref.space[0] == '\0' &&
                       strcmp(s->manifest.cells[cell].space, "default") != 0 &&
                       strcmp(s->manifest.cells[cell].space, "global") != 0 &&
                       i < s->manifest.cell_count; i++) {
        matches += (int)i != cell && strcmp(s->manifest.cells[i].name, ref.cell) == 0;
    }
    if (cell < 0 || matches > 1) {
        if (matches > 1) {
            cell_call_explain(call, "several namespaces have a cell %s; write namespace/%s",
                              ref.cell, ref.cell);
        } else {
            cell_call_explain(call, "no cell %s in the manifest", ref.cell);
        }
        return ERR_NOT_FOUND;
    }
    *ret_cell = (uint32_t)cell;
    *ret_instance = ref.instance;
    return ERR_OK;
}

/* ---- status ------------------------------------------------------------------------------------ */

static const char *sentence(struct cell_call *call, const char *text)
{
    return call_text_dup(&call->arena, text);
}

/* Percent of one core since the last look at least a quarter of a second ago. */
static double cpu_percent(struct shell_slot *slot)
{
    enum {
        LOOK_EVERY_US = 250000
    };
    uint64_t now_us = loop_now_us();

    if (slot->process.pid == 0) {
        return 0;
    }
    if (slot->cpu_at_us == 0 || now_us - slot->cpu_at_us >= LOOK_EVERY_US) {
        uint64_t cpu_us = look_cpu_us(slot->process.pid);
        uint64_t since_us = slot->cpu_at_us == 0 ? slot->process.spawned_us : slot->cpu_at_us;
        if (now_us > since_us && cpu_us >= slot->cpu_us) {
            slot->cpu_percent = 100.0 * (double)(cpu_us - slot->cpu_us) /
                                (double)(now_us - since_us);
        }
        slot->cpu_us = cpu_us;
        slot->cpu_at_us = now_us;
    }
    return slot->cpu_percent;
}

static const char *state_text(const struct node_instance *i)
{
    /* The states of the command line: what waits for its turn has not booted yet. */
    return i->state == NODE_WAITING ? (i->fails > 0 ? "failed" : "booting")
                                    : node_state_name(i->state);
}

static void fill_tail(struct shell *s, const struct node_instance *i, struct cell_call *call,
                      Cell__Nucleus__InstanceStatus *one)
{
    AUTO_FREE char *tail = NULL;

    if (logs_tail(s, i, SERVICE_TAIL_LINES, &tail) != ERR_OK) {
        return;
    }
    one->last_log = cell_call_alloc(call, SERVICE_TAIL_LINES * sizeof *one->last_log);
    char *save = NULL;
    for (char *line = one->last_log == NULL ? NULL : strtok_r(tail, "\n", &save);
         line != NULL && one->n_last_log < SERVICE_TAIL_LINES; line = strtok_r(NULL, "\n", &save)) {
        one->last_log[one->n_last_log++] = (char *)sentence(call, line);
    }
}

static void fill_process(struct shell_slot *slot, const struct node_instance *i,
                         Cell__Nucleus__InstanceStatus *one)
{
    uint64_t now_ms = loop_now_ms();

    one->pid = (uint32_t)slot->process.pid;
    one->generation = slot->generation;
    one->ready_us = slot->process.ready_us;
    one->sandbox_us = slot->process.jail_us;
    if (slot->process.pid == 0) {
        return;
    }
    one->uptime_s = i->started_ms == 0 ? 0 : (double)(now_ms - i->started_ms) / 1000;
    one->rss_bytes = look_rss_bytes(slot->process.pid);
    one->cpu_percent = cpu_percent(slot);
    one->heartbeat_age_ms = slot->beat_ms == 0 ? 0 : now_ms - slot->beat_ms;
    one->load = slot->load;
    one->calls_waiting = slot->calls_waiting;
    one->latency_p99_us = slot->latency_p99_us;
}

static void fill_version(struct shell *s, uint32_t index, struct cell_call *call,
                         Cell__Nucleus__InstanceStatus *one)
{
    const struct node_instance *i = node_at(s->node, index);
    const struct shell_slot *slot = s->slots[index];
    uint64_t running = slot == NULL ? 0 : slot->process.version;
    uint64_t on_disk = 0;
    char text[32];

    enum err e = i->cell < s->manifest.cell_count
                     ? version_now(&s->manifest.cells[i->cell], NULL, &on_disk) : ERR_NOT_FOUND;
    (void)snprintf(text, sizeof text, "%016" PRIx64, i->is_alive ? running : on_disk);
    one->version = (char *)sentence(call, text);
    one->outdated = i->is_alive && (e != ERR_OK || running != on_disk);
}

static Cell__Nucleus__InstanceStatus *fill_status(struct shell *s, uint32_t index,
                                                  struct cell_call *call)
{
    const struct node_instance *i = node_at(s->node, index);
    struct shell_slot *slot = s->slots[index];
    Cell__Nucleus__InstanceStatus *one = cell_call_alloc(call, sizeof *one);
    char text[LOGS_PATH];

    if (one == NULL) {
        return NULL;
    }
    *one = (Cell__Nucleus__InstanceStatus)CELL__NUCLEUS__INSTANCE_STATUS__INIT;
    one->cell = (char *)i->name;
    one->namespace_ = (char *)i->space;
    one->instance = i->instance;
    one->state = (char *)state_text(i);
    one->restarts = i->restarts;
    one->reason = (char *)i->reason;
    one->healthy = i->is_healthy;
    if (slot != NULL) {
        fill_process(slot, i, one);
        (void)snprintf(text, sizeof text, "%s/%s/%s.%" PRIu32 ".sock", s->run_dir, i->space, i->name,
                       i->instance);
        one->endpoint = (char *)(slot->is_published ? sentence(call, text) : "");
    }
    fill_version(s, index, call, one);
    logs_path(s, i, text);
    one->log_path = (char *)sentence(call, text);
    if (i->state == NODE_FAILED || i->state == NODE_CRASH_LOOP ||
        (i->state == NODE_WAITING && i->fails > 0)) {
        uint64_t now_ms = loop_now_ms();
        one->next_restart_ms = i->deadline_ms > now_ms ? i->deadline_ms - now_ms : 0;
        fill_tail(s, i, call, one);
    }
    return one;
}

enum err service_status(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__StatusRequest *ask = request;
    Cell__Nucleus__StatusReply reply = CELL__NUCLEUS__STATUS_REPLY__INIT;
    uint32_t cell = UINT32_MAX;
    int32_t instance = -1;

    enum err e = service_check_right(s, call, "Status");
    if (e == ERR_OK && ask->target[0] != '\0') {
        e = service_find_target(s, call, ask->target, &cell, &instance);
    }
    if (e != ERR_OK) {
        return e;
    }
    uint32_t slots = node_slots(s->node);
    Cell__Nucleus__InstanceStatus **list = cell_call_alloc(call, (slots + 1) * sizeof *list);
    if (list == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t k = 0; k < slots; k++) {
        const struct node_instance *i = node_at(s->node, k);
        if (i == NULL || (cell != UINT32_MAX && i->cell != cell) ||
            (instance >= 0 && i->instance != (uint32_t)instance)) {
            continue;
        }
        list[reply.n_cells] = fill_status(s, k, call);
        reply.n_cells += list[reply.n_cells] != NULL;
    }
    if (instance >= 0 && reply.n_cells == 0) {
        cell_call_explain(call, "no instance %" PRId32 " of %s", instance,
                          s->manifest.cells[cell].name);
        return ERR_NOT_FOUND;
    }
    reply.cells = list;
    reply.node = s->manifest.node;
    reply.manifest = s->manifest_path;
    reply.nucleus_generation = s->ledger.starts;
    reply.nucleus_pid = (uint32_t)getpid();
    reply.guard_pid = (uint32_t)s->guard_pid;
    rest_after_status(s);
    return cell_reply(call, &reply);
}

/* ---- apply ------------------------------------------------------------------------------------- */

static void describe_change(const struct manifest *now, const struct manifest *next,
                            const struct manifest_change *change, struct cell_call *call,
                            Cell__Nucleus__Change *out)
{
    static const char *const kind[] = {"add", "remove", "change", "scale"};
    const struct manifest_cell *before = change->before < 0 ? NULL : &now->cells[change->before];
    const struct manifest_cell *after = change->after < 0 ? NULL : &next->cells[change->after];
    char text[160] = "";

    *out = (Cell__Nucleus__Change)CELL__NUCLEUS__CHANGE__INIT;
    out->kind = (char *)kind[change->kind];
    out->cell = (char *)sentence(call, after != NULL ? after->name : before->name);
    out->namespace_ = (char *)sentence(call, after != NULL ? after->space : before->space);
    switch (change->kind) {
    case MANIFEST_ADD:
        (void)snprintf(text, sizeof text, "instances 0 -> %" PRIu32, after->instances);
        break;
    case MANIFEST_REMOVE:
        (void)snprintf(text, sizeof text, "instances %" PRIu32 " -> 0", before->instances);
        break;
    case MANIFEST_CHANGE:
        (void)snprintf(text, sizeof text,
                       "version %016" PRIx64 " -> %016" PRIx64 ", instances %" PRIu32 " -> %" PRIu32
                       ", restarted one by one", before->hash, after->hash, before->instances,
                       after->instances);
        break;
    case MANIFEST_SCALE:
        (void)snprintf(text, sizeof text, "instances %" PRIu32 " -> %" PRIu32, before->instances,
                       after->instances);
        break;
    }
    out->what = (char *)sentence(call, text);
}

static enum err fill_changes(struct shell *s, const struct manifest *next, struct cell_call *call,
                             Cell__Nucleus__ApplyReply *reply)
{
    size_t most = s->manifest.cell_count + next->cell_count + 1;
    struct manifest_change *change = cell_call_alloc(call, most * sizeof *change);
    Cell__Nucleus__Change *item = cell_call_alloc(call, most * sizeof *item);
    reply->changes = cell_call_alloc(call, most * sizeof *reply->changes);

    if (change == NULL || item == NULL || reply->changes == NULL) {
        return ERR_NOMEM;
    }
    reply->n_changes = manifest_diff(&s->manifest, next, change, most);
    for (size_t i = 0; i < reply->n_changes; i++) {
        describe_change(&s->manifest, next, &change[i], call, &item[i]);
        reply->changes[i] = &item[i];
    }
    return ERR_OK;
}

enum err service_apply(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__ApplyRequest *ask = request;
    Cell__Nucleus__ApplyReply reply = CELL__NUCLEUS__APPLY_REPLY__INIT;
    struct manifest next = {0};
    char why[MANIFEST_WHY_SIZE] = "";
    const char *path = ask->path[0] != '\0' ? ask->path : "manifest";

    enum err e = service_check_right(s, call, "Apply");
    if (e != ERR_OK) {
        return e;
    }
    if (strlen(path) >= SHELL_PATH_SIZE) {
        cell_call_explain(call, "path is longer than %d bytes", SHELL_PATH_SIZE - 1);
        return ERR_LIMIT;
    }
    e = shell_parse(s, ask->manifest, strlen(ask->manifest), path, &next, why);
    if (e == ERR_OK) {
        e = fill_changes(s, &next, call, &reply);
        manifest_fini(&next);
    }
    if (e == ERR_OK && !ask->dry_run) {
        e = shell_apply(s, ask->manifest, strlen(ask->manifest), path, why);
        if (e == ERR_OK) {
            (void)snprintf(s->manifest_path, sizeof s->manifest_path, "%s", path);
            events_add(s, "", "", 0, "apply", "%s: %zu changes", path, reply.n_changes);
        }
    }
    if (e != ERR_OK) {
        cell_call_explain(call, "%s", why);
        return e;
    }
    reply.applied = !ask->dry_run;
    return cell_reply(call, &reply);
}

/* ---- stop, restart, scale (demand.c: start) --------------------------------------------------------------- */

uint32_t service_count_instances(struct shell *s, uint32_t cell, int32_t instance)
{
    uint32_t count = 0;

    for (uint32_t k = 0; k < node_slots(s->node); k++) {
        const struct node_instance *i = node_at(s->node, k);
        count += i != NULL && i->cell == cell &&
                 (instance < 0 || i->instance == (uint32_t)instance);
    }
    return count;
}

enum err service_order(struct shell *s, struct cell_call *call, const char *name, const char *target,
                      struct node_event *ev)
{
    enum err e = service_check_right(s, call, name);

    if (e == ERR_OK) {
        e = service_find_target(s, call, target, &ev->cell, &ev->instance);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = shell_feed(s, ev);
    if (e != ERR_OK) {
        cell_call_explain(call, "%s: %s", target, err_text(e));
        return e;
    }
    events_add(s, s->manifest.cells[ev->cell].space, s->manifest.cells[ev->cell].name,
               ev->instance < 0 ? 0 : (uint32_t)ev->instance, "order", "%s %s", name, target);
    return ERR_OK;
}

enum err service_stop(void *state, struct cell_call *call, const void *request)
{
    const Cell__Nucleus__StopRequest *ask = request;
    Cell__Nucleus__StopReply reply = CELL__NUCLEUS__STOP_REPLY__INIT;
    struct node_event ev = {.kind = NODE_EV_STOP};

    enum err e = service_order(state, call, "Stop", ask->target, &ev);
    if (e != ERR_OK) {
        return e;
    }
    reply.instances = service_count_instances(state, ev.cell, ev.instance);
    return cell_reply(call, &reply);
}

enum err service_restart(void *state, struct cell_call *call, const void *request)
{
    const Cell__Nucleus__RestartRequest *ask = request;
    Cell__Nucleus__RestartReply reply = CELL__NUCLEUS__RESTART_REPLY__INIT;
    struct node_event ev = {.kind = NODE_EV_RESTART};

    enum err e = service_order(state, call, "Restart", ask->target, &ev);
    if (e != ERR_OK) {
        return e;
    }
    reply.instances = service_count_instances(state, ev.cell, ev.instance);
    return cell_reply(call, &reply);
}

enum err service_scale(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__ScaleRequest *ask = request;
    Cell__Nucleus__ScaleReply reply = CELL__NUCLEUS__SCALE_REPLY__INIT;
    struct node_event ev = {.kind = NODE_EV_SCALE, .count = ask->instances};
    uint32_t cell;
    int32_t instance;

    if (ask->instances > MANIFEST_INSTANCES_MAX) {
        cell_call_explain(call, "%" PRIu32 " instances, at most %d", ask->instances,
                          MANIFEST_INSTANCES_MAX);
        return ERR_RANGE;
    }
    enum err e = service_find_target(s, call, ask->target, &cell, &instance);
    if (e == ERR_OK && instance >= 0) {
        cell_call_explain(call, "scale takes a cell, not an instance");
        e = ERR_INVALID;
    }
    if (e != ERR_OK) {
        return e;
    }
    reply.before = node_wanted(s->node, cell);
    e = service_order(s, call, "Scale", ask->target, &ev);
    if (e != ERR_OK) {
        return e;
    }
    reply.after = node_wanted(s->node, cell);
    return cell_reply(call, &reply);
}

enum err service_down(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;

    (void)request;
    enum err e = service_check_right(s, call, "Down");
    if (e != ERR_OK) {
        return e;
    }
    if (s->down_call != NULL) {
        cell_call_explain(call, "the node is going down already");
        return ERR_EXISTS;
    }
    s->down_call = call;
    for (uint32_t i = 0; i < node_slots(s->node); i++) {
        const struct node_instance *instance = node_at(s->node, i);
        s->down_count += instance != NULL && instance->is_alive;
    }
    shell_drain(s);
    return ERR_LATER;
}

/* ---- registrar --------------------------------------------------------------------------------- */

/* 1 healthy and answering, less when calls fail, 0 when not to be called. */
static double score(const struct shell_slot *slot, const struct node_instance *i)
{
    if (!i->is_healthy || i->state != NODE_READY) {
        return 0;
    }
    return slot->requests == 0 ? 1.0
                               : 1.0 - (double)slot->errors / (double)(slot->requests);
}

static Cell__Nucleus__Resolved *fill_resolved(struct shell *s, uint32_t index,
                                              struct cell_call *call)
{
    const struct node_instance *i = node_at(s->node, index);
    const struct shell_slot *slot = s->slots[index];
    Cell__Nucleus__Resolved *one = cell_call_alloc(call, sizeof *one);
    char text[4 * NAME_SIZE];

    if (one == NULL || slot == NULL) {
        return NULL;
    }
    *one = (Cell__Nucleus__Resolved)CELL__NUCLEUS__RESOLVED__INIT;
    (void)snprintf(text, sizeof text, "%s/%s.%" PRIu32 ".sock", i->space, i->name, i->instance);
    one->cell = (char *)i->name;
    one->namespace_ = (char *)i->space;
    one->instance = i->instance;
    one->endpoint = (char *)sentence(call, text);
    one->healthy = i->is_healthy && i->state == NODE_READY;
    one->latency_us = slot->latency_p50_us;
    one->score = score(slot, i);
    one->calls_waiting = slot->calls_waiting;
    return one;
}

/* The namespace a name is looked up in first: the caller's own. */
static const char *space_of(const struct node_instance *caller)
{
    return caller == NULL ? "default" : caller->space;
}

/* Add a cell's ready instances; how many of them will do. */
static size_t add_instances(struct shell *s, struct cell_call *call, int cell, int32_t instance,
                            Cell__Nucleus__ResolveReply *reply)
{
    uint32_t slots = node_slots(s->node);
    size_t good = 0;

    for (uint32_t k = 0; cell >= 0 && k < slots; k++) {
        const struct node_instance *i = node_at(s->node, k);
        if (i != NULL && i->cell == (uint32_t)cell && i->state == NODE_READY &&
            (instance < 0 || i->instance == (uint32_t)instance)) {
            reply->instances[reply->n_instances] = fill_resolved(s, k, call);
            reply->n_instances += reply->instances[reply->n_instances] != NULL;
            good += i->is_healthy;
        }
    }
    return good;
}

/* NOD-5, this node's part: the cell of the caller's namespace, then the one of "global"; what else the caller may
 * try, the reply says. */
enum err service_resolve(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__ResolveRequest *ask = request;
    Cell__Nucleus__ResolveReply reply = CELL__NUCLEUS__RESOLVE_REPLY__INIT;
    const struct node_instance *caller = service_caller(s, call);
    const struct manifest_cell *entry = caller == NULL || caller->cell >= s->manifest.cell_count
                                            ? NULL : &s->manifest.cells[caller->cell];
    struct name_ref ref;

    if (name_ref_parse(ask->target, &ref) != ERR_OK || ref.node[0] != '\0') {
        cell_call_explain(call, "\"%.80s\" is not a reference", ask->target);
        return ERR_INVALID;
    }
    int cell = manifest_resolve(&s->manifest, space_of(caller), &ref);
    int next = manifest_resolve_next(&s->manifest, space_of(caller), &ref);
    bool may_leave = ref.instance < 0 && (entry == NULL || manifest_may_leave(entry, ref.cell));
    if (cell < 0 && !may_leave) {
        cell_call_explain(call, "no cell %s here", ref.cell);
        return ERR_NOT_FOUND;
    }
    reply.instances = cell_call_alloc(call, (node_slots(s->node) + 1) * sizeof *reply.instances);
    if (reply.instances == NULL) {
        return ERR_NOMEM;
    }
    /* Who may ask other nodes for it and not this one has no door here to be sent to. */
    bool is_only_there = entry != NULL && may_leave && !manifest_may_call(entry, ref.cell);
    if (!is_only_there && add_instances(s, call, cell, ref.instance, &reply) == 0) {
        (void)add_instances(s, call, next, ref.instance, &reply);
    }
    reply.elsewhere = may_leave;
    reply.on_demand = cell >= 0 && s->manifest.cells[cell].on_demand &&
                      (entry == NULL || manifest_may_call(entry, ref.cell));
    return cell_reply(call, &reply);
}

enum err service_heartbeat(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__HeartbeatRequest *beat = request;
    Cell__Nucleus__HeartbeatReply reply = CELL__NUCLEUS__HEARTBEAT_REPLY__INIT;
    struct shell_slot *slot = calling_slot(s, call);
    struct node_event ev = {.kind = NODE_EV_BEAT};

    /* Both the kernel's word (pid) and the token: a process that is not this instance cannot keep
     * it alive, not even its own child. */
    if (slot == NULL || beat->token.len != LEDGER_TOKEN_LEN ||
        beat->generation != slot->generation ||
        sodium_memcmp(beat->token.data, slot->process.token, LEDGER_TOKEN_LEN) != 0) {
        struct cell_caller caller;
        cell_call_caller(call, &caller);
        log_warn("NUCLEUS-BEAT-FORGED", "pid=%" PRId32, caller.pid);
        return ERR_FORGED;
    }
    slot->beat_ms = loop_now_ms();
    slot->load = beat->load;
    slot->calls_waiting = beat->calls_waiting;
    slot->latency_p50_us = beat->latency_p50_us;
    slot->latency_p99_us = beat->latency_p99_us;
    slot->requests = beat->requests_total;
    slot->errors = beat->errors_total;
    ev.slot = slot->slot;
    ev.generation = slot->generation;
    (void)shell_feed(s, &ev); /* refusals are logged there; the beat itself was taken */
    reply.sequence = beat->sequence;
    return cell_reply(call, &reply);
}
