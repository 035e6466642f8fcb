#include "nucleus/demand.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/cell_call.h"
#include "nucleus/events.h"
#include "nucleus/service.h"

/* One caller that waits. By name: the manifest may change meanwhile. */
struct demand {
    struct demand *next;
    struct shell *shell;
    struct cell_call *call;
    char space[NAME_SIZE];
    char name[NAME_SIZE];
    int32_t instance; /* -1: any */
};

/* ---- how far a cell is ------------------------------------------------------------------------- */

struct progress {
    uint32_t ready, coming, held;
    const char *trouble; /* why one of them does not come; NULL: none says */
};

static struct progress look_at(const struct shell *s, int cell, int32_t instance)
{
    struct progress p = {0};

    for (uint32_t k = 0; k < node_slots(s->node); k++) {
        const struct node_instance *i = node_at(s->node, k);
        if (i == NULL || (int)i->cell != cell || (instance >= 0 && i->instance != (uint32_t)instance)) {
            continue;
        }
        if (i->state == NODE_READY && i->is_healthy) {
            p.ready++;
        } else if (i->state == NODE_CRASH_LOOP) {
            p.trouble = i->reason;
        } else if (i->is_held) {
            p.held++;
        } else {
            p.coming++;
        }
    }
    return p;
}

/* ---- those who wait ---------------------------------------------------------------------------- */

static void forget(struct demand *d)
{
    struct demand **at = &d->shell->demands;

    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    d->shell->demand_count--;
    free(d);
}

/* Its caller waits no longer. The cell starts all the same: the next one finds it. */
static void on_cancel(void *context, enum err e)
{
    struct demand *d = context;
    struct cell_call *call = d->call;

    forget(d);
    cell_reply_error(call, e, NULL, NULL);
}

static void answer_ready(struct cell_call *call, uint32_t instances, uint32_t ready)
{
    Cell__Nucleus__StartReply reply = CELL__NUCLEUS__START_REPLY__INIT;

    reply.instances = instances;
    reply.ready = ready;
    if (cell_reply(call, &reply) != ERR_OK) {
        log_debug("NUCLEUS-DEMAND-LATE", "action=dropped"); /* its caller knows why already */
    }
}

/* Answer `call` if there is something to say; false: it has to wait. */
static bool settle(struct shell *s, struct cell_call *call, const char *space, const char *name, int32_t instance)
{
    int cell = manifest_find(&s->manifest, space, name);
    struct progress p = look_at(s, cell, instance);

    if (p.ready > 0) {
        answer_ready(call, p.ready + p.coming + p.held, p.ready);
        return true;
    }
    if (cell >= 0 && p.coming > 0) {
        return false;
    }
    cell_call_explain(call, "%s: %s", name, p.trouble != NULL ? p.trouble : "no instance of it is to run");
    cell_reply_error(call, ERR_UNAVAILABLE, NULL, NULL);
    return true;
}

void demand_look(struct shell *s)
{
    struct demand *next;

    for (struct demand *d = s->demands; d != NULL; d = next) {
        next = d->next;
        if (settle(s, d->call, d->space, d->name, d->instance)) {
            forget(d);
        }
    }
}

void demand_close(struct shell *s)
{
    while (s->demands != NULL) {
        struct demand *d = s->demands;
        cell_reply_error(d->call, ERR_UNAVAILABLE, "the node is going down", NULL);
        forget(d);
    }
}

static enum err wait_for(struct shell *s, struct cell_call *call, uint32_t cell, int32_t instance)
{
    const struct manifest_cell *c = &s->manifest.cells[cell];

    if (settle(s, call, c->space, c->name, instance)) {
        return ERR_LATER; /* answered */
    }
    if (s->demand_count >= DEMAND_WAITERS_MAX) {
        cell_call_retry_after(call, DEMAND_BUSY_MS);
        cell_call_explain(call, "%d callers wait for cells to start already", DEMAND_WAITERS_MAX);
        return ERR_LIMIT;
    }
    struct demand *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return ERR_NOMEM;
    }
    *d = (struct demand){.next = s->demands, .shell = s, .call = call, .instance = instance};
    memcpy(d->space, c->space, sizeof d->space);
    memcpy(d->name, c->name, sizeof d->name);
    s->demands = d;
    s->demand_count++;
    cell_call_on_cancel(call, on_cancel, d);
    return ERR_LATER;
}

/* ---- starting ---------------------------------------------------------------------------------- */

/* The cell that `text` means to a caller which may have it started: it may call it, by name, and the entry says
 * `start: on-demand`. -1: it must have nucleus.Start like everybody. */
static int demanded(struct shell *s, struct cell_call *call, const char *text)
{
    const struct node_instance *i = service_caller(s, call);
    struct name_ref ref;

    if (i == NULL || i->cell >= s->manifest.cell_count || name_ref_parse(text, &ref) != ERR_OK ||
        ref.node[0] != '\0' || ref.instance >= 0 || !manifest_may_call(&s->manifest.cells[i->cell], ref.cell)) {
        return -1;
    }
    int cell = manifest_resolve(&s->manifest, i->space, &ref);
    return cell >= 0 && s->manifest.cells[cell].on_demand ? cell : -1;
}

/* Somebody asks for it. What runs already, or gave up, is left as it is: only a person starts that anew. */
static enum err start_demanded(struct shell *s, uint32_t cell)
{
    const struct manifest_cell *c = &s->manifest.cells[cell];
    struct progress p = look_at(s, (int)cell, -1);

    if (p.ready + p.coming > 0 || p.trouble != NULL) {
        return ERR_OK;
    }
    const struct node_event ev = {.kind = NODE_EV_START, .cell = cell, .instance = -1};
    enum err e = shell_feed(s, &ev);
    if (e == ERR_OK) {
        events_add(s, c->space, c->name, 0, "demand", "%s is asked for", c->name);
    }
    return e;
}

enum err demand_serve_start(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__StartRequest *ask = request;
    Cell__Nucleus__StartReply reply = CELL__NUCLEUS__START_REPLY__INIT;
    struct node_event ev = {.kind = NODE_EV_START, .instance = -1};
    int cell = demanded(s, call, ask->target);
    enum err e;

    if (cell >= 0) {
        ev.cell = (uint32_t)cell;
        e = start_demanded(s, ev.cell);
    } else {
        e = service_order(s, call, "Start", ask->target, &ev);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (ask->wait) {
        return wait_for(s, call, ev.cell, ev.instance);
    }
    reply.instances = service_count_instances(s, ev.cell, ev.instance);
    reply.ready = look_at(s, (int)ev.cell, ev.instance).ready;
    return cell_reply(call, &reply);
}
