/* Recovery: records a dead supervisor left become instances again. Nothing is restarted because of
 * it: a living process goes on where it was, and what was decided and perhaps not done is said
 * again. */
#include <assert.h>
#include <string.h>

#include "nucleus/node_rooms.h"

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* A record comes from a file: nothing in it is believed that could break the machine. */
static bool is_sane(const struct node_instance *r)
{
    bool runs = r->state == NODE_BOOTING || r->state == NODE_LISTENING || r->state == NODE_READY ||
                r->state == NODE_DRAINING;

    return is_text(r->space, sizeof r->space) && is_text(r->name, sizeof r->name) &&
           is_text(r->reason, sizeof r->reason) && r->state > NODE_EMPTY &&
           r->state <= NODE_CRASH_LOOP && r->ending >= NODE_END_NONE &&
           r->ending <= NODE_END_KILL && r->turn >= NODE_TURN_ROLL && r->turn <= NODE_TURN_GROUP &&
           r->instance <= NAME_INSTANCE_MAX &&
           (!r->is_alive || (runs && r->generation > 0 && r->generation < UINT64_MAX)) &&
           (r->is_trivial || !r->is_alive || (r->every_ms > 0 && r->dead_after > 0));
}

/* The cell of this name, or a new one without an entry. */
static enum err find_cell(struct node *n, const char space[NAME_SIZE], const char name[NAME_SIZE],
                          struct node_cell **ret)
{
    struct node_cell *c = node_table_cell(n, space, name);

    if (c == NULL) {
        if (node_table_reserve_cells(n, n->cell_count + 1) != ERR_OK ||
            (c = node_table_new_cell(space, name)) == NULL) {
            return ERR_NOMEM;
        }
        c->is_orphan = true; /* until a manifest has it */
        n->cell[n->cell_count++] = c;
    }
    *ret = c;
    return ERR_OK;
}

static void no_later_than(uint64_t *ms, uint64_t now_ms)
{
    *ms = *ms < now_ms ? *ms : now_ms;
}

enum err node_adopt_record(struct node *n, const struct node_event *ev)
{
    const struct node_instance *r = ev->adopt;
    struct node_cell *c;

    if (n->has_manifest) {
        return ERR_PRECONDITION;
    }
    if (r == NULL || !is_sane(r) || ev->slot >= NODE_INSTANCES_MAX) {
        return ERR_INVALID;
    }
    enum err e = find_cell(n, r->space, r->name, &c);
    if (e == ERR_OK) {
        e = node_table_grow_cell(c, r->instance + 1);
    }
    if (e == ERR_OK && (node_table_is_used(n, ev->slot) || c->slot[r->instance] != NULL)) {
        e = ERR_INVALID; /* two records of one slot or one instance */
    }
    if (e == ERR_OK) {
        e = node_table_reserve_at(n, ev->slot);
    }
    if (e != ERR_OK) {
        return e;
    }
    struct node_slot *s = node_table_take(n, ev->slot);
    s->at = *r;
    s->is_adopted = true;
    no_later_than(&s->at.started_ms, n->now_ms);
    no_later_than(&s->at.ready_at_ms, n->now_ms);
    for (uint32_t k = 0; k < NODE_CRASHES_MAX; k++) {
        no_later_than(&s->at.crash_ms[k], n->now_ms);
    }
    if (r->epoch >= c->epoch) { /* a step that was cut stored the newer one for some only */
        c->level = r->level;
        c->epoch = r->epoch;
    }
    n->epoch = r->epoch > n->epoch ? r->epoch : n->epoch;
    node_table_attach(s, c);
    n->live += s->at.is_alive;
    n->generation = r->generation >= n->generation ? r->generation + 1 : n->generation;
    return ERR_OK;
}

enum err node_adopt_scale(struct node *n, const struct node_scale *scale)
{
    struct node_cell *c;

    if (n->has_manifest) {
        return ERR_PRECONDITION;
    }
    if (scale == NULL || scale->count > MANIFEST_INSTANCES_MAX ||
        !is_text(scale->space, sizeof scale->space) || !is_text(scale->name, sizeof scale->name)) {
        return ERR_INVALID;
    }
    enum err e = find_cell(n, scale->space, scale->name, &c);
    if (e == ERR_OK) {
        c->is_scaled = true;
        c->scale = scale->count;
        c->of = scale->of;
    }
    return e;
}

/* A process we know runs. Its deadlines begin again: while nobody supervised, nobody could hear. */
static void resume_living(struct node *n, struct node_slot *s)
{
    struct node_instance *i = &s->at;

    i->is_spawning = false;
    switch (i->state) {
    case NODE_BOOTING:
    case NODE_LISTENING:
        s->said = i->state == NODE_LISTENING ? NODE_SAID_LISTENING : NODE_SAID_NOTHING;
        node_instance_arm(n, s, s->cell->ready_ms);
        if (i->is_trivial) {
            node_instance_become_ready(n, s);
        }
        break;
    case NODE_READY:
        s->said = NODE_SAID_READY;
        i->is_healthy = true;
        i->beat_ms = n->now_ms;
        i->deadline_ms = 0;
        node_beat_begin(n, s, s->cell->ready_ms); /* it has to find us first */
        node_instance_publish(n, s);
        break;
    case NODE_DRAINING:
        node_instance_resume_end(n, s);
        break;
    case NODE_EMPTY:
    case NODE_WAITING:
    case NODE_STOPPED:
    case NODE_FAILED:
    case NODE_CRASH_LOOP:
        assert(!"refused by node_adopt_record");
    }
}

static void resume_dead(struct node *n, struct node_slot *s)
{
    struct node_instance *i = &s->at;
    bool ran = i->state == NODE_BOOTING || i->state == NODE_LISTENING || i->state == NODE_READY ||
               i->state == NODE_DRAINING;

    if (ran && i->is_spawning && i->state != NODE_DRAINING) {
        /* Stored, and then the supervisor died: perhaps nothing was started. No crash. */
        i->is_spawning = i->restart_after_exit = i->is_healthy = false;
        i->deadline_ms = 0;
        node_instance_move(n, s, NODE_WAITING, "its start was interrupted");
    } else if (ran) {
        n->live++; /* as if its exit came now */
        i->is_alive = true;
        s->is_published = true; /* by the dead supervisor, as far as we know: taken back */
        node_exit_handle(n, s, "ended while nobody supervised it", false);
    } else if (i->state == NODE_FAILED) {
        uint64_t latest_ms = n->now_ms + s->cell->backoff.max_ms;
        no_later_than(&i->deadline_ms, latest_ms);
        if (i->deadline_ms < n->next_ms) {
            n->next_ms = i->deadline_ms;
        }
    } else {
        i->deadline_ms = 0;
    }
}

void node_adopt_resume(struct node *n, struct node_slot *s)
{
    if (!s->is_adopted) {
        return;
    }
    s->is_adopted = false;
    if (s->cell->entry == NODE_NONE) {
        s->at.cell = UINT32_MAX;
    }
    if (s->at.is_alive && s->cell->entry != NODE_NONE && s->at.hash != s->cell->hash &&
        s->at.state != NODE_DRAINING) {
        s->at.restart_after_exit = true; /* an apply was under way */
    }
    if (s->at.is_alive) {
        resume_living(n, s);
    } else {
        resume_dead(n, s);
    }
    node_effects_dirty(n, s);
}
