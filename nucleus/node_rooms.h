/* What the files of the supervisor's machine do for one another, file by file. Nobody else includes
 * this; the data is in nucleus/node_core.h. */
#ifndef CELL_NUCLEUS_NODE_ROOMS_H
#define CELL_NUCLEUS_NODE_ROOMS_H

#include "nucleus/node_core.h"

/* ---- node_effects.c: the list -------------------------------------------------------------- */

/* Make room for everything a step can say about the slots in use and `more` others. */
enum err node_effects_reserve(const struct node *n, struct node_effects *fx, uint32_t more) MUST_CHECK;
struct node_effect *node_effects_add(struct node *n, enum node_effect_kind kind);
struct node_effect *node_effects_slot(struct node *n, enum node_effect_kind kind,
                                      const struct node_slot *s);
struct node_effect *node_effects_cell(struct node *n, enum node_effect_kind kind,
                                      const struct node_cell *c);
void node_effects_dirty(struct node *n, struct node_slot *s);
void node_effects_finish(struct node *n); /* put the STOREs of dirty slots first */

/* ---- node_table.c: slots and cells --------------------------------------------------------- */

enum err node_table_reserve(struct node *n, uint32_t slots) MUST_CHECK;
enum err node_table_reserve_at(struct node *n, uint32_t index) MUST_CHECK;
enum err node_table_reserve_cells(struct node *n, uint32_t count) MUST_CHECK;
struct node_cell *node_table_new_cell(const char space[NAME_SIZE], const char name[NAME_SIZE]);
enum err node_table_grow_cell(struct node_cell *c, uint32_t instances) MUST_CHECK;
bool node_table_is_used(const struct node *n, uint32_t index);
struct node_slot *node_table_next(const struct node *n, uint32_t from); /* used slot >= from */
struct node_slot *node_table_take(struct node *n, uint32_t index);
struct node_slot *node_table_add(struct node *n, struct node_cell *c, uint32_t instance);
void node_table_attach(struct node_slot *s, struct node_cell *c);
void node_table_forget(struct node *n, struct node_slot *s);
struct node_cell *node_table_cell(const struct node *n, const char *space, const char *name);
void node_table_free_cell(struct node_cell *c);
void node_table_drop_cell(struct node *n, struct node_cell *c);
uint32_t node_table_wanted(const struct node_cell *c);
uint32_t node_table_used(const struct node *n);

/* ---- node_manifest.c: a new manifest comes into force -------------------------------------- */

enum err node_manifest_take(struct node *n, const struct manifest *m, struct node_effects *fx)
    MUST_CHECK;

/* Add the instances of `c` that are wanted and missing; memory is reserved. */
void node_manifest_fill(struct node *n, struct node_cell *c);

/* ---- node_adopt.c: recovery ---------------------------------------------------------------- */

enum err node_adopt_record(struct node *n, const struct node_event *ev) MUST_CHECK;
enum err node_adopt_scale(struct node *n, const struct node_scale *scale) MUST_CHECK;
void node_adopt_resume(struct node *n, struct node_slot *s); /* first MANIFEST: go on from here */

/* ---- node_instance.c: one instance --------------------------------------------------------- */

bool node_instance_is_live(const struct node_slot *s);    /* alive or being spawned   */
bool node_instance_is_serving(const struct node_slot *s); /* READY and healthy        */
void node_instance_move(struct node *n, struct node_slot *s, enum node_state state,
                        const char *reason);
void node_instance_arm(struct node *n, struct node_slot *s, uint64_t in_ms);
void node_instance_spawn(struct node *n, struct node_slot *s);
void node_instance_spawned(struct node *n, struct node_slot *s);
enum err node_instance_said(struct node *n, struct node_slot *s, const struct node_event *ev)
    MUST_CHECK;
enum err node_instance_rejoin(struct node *n, struct node_slot *s, enum node_state state) MUST_CHECK;
void node_instance_become_ready(struct node *n, struct node_slot *s);
void node_instance_publish(struct node *n, struct node_slot *s);
void node_instance_end(struct node *n, struct node_slot *s, const char *reason);
void node_instance_resume_end(struct node *n, struct node_slot *s);
void node_instance_kill(struct node *n, struct node_slot *s, const char *reason);
void node_instance_deadline(struct node *n, struct node_slot *s);

/* ---- node_exit.c: an instance has ended ---------------------------------------------------- */

/* Whether its end says that another attempt would end the same way. */
bool node_exit_is_hopeless(const struct node_slot *s, const struct node_event *ev);

/* reason: what it died of; used unless we ended it for a fault of its own. */
void node_exit_handle(struct node *n, struct node_slot *s, const char *reason, bool is_hopeless);

/* ---- node_beat.c: heartbeats --------------------------------------------------------------- */

/* Expect heartbeats from now on, after pass_ms of grace. */
void node_beat_begin(struct node *n, struct node_slot *s, uint64_t pass_ms);
void node_beat_heard(struct node *n, struct node_slot *s);
void node_beat_sampled(struct node *n, struct node_slot *s, const struct node_event *ev);
void node_beat_clock(struct node *n, struct node_slot *s);

/* ---- node_order.c: what a person asks for -------------------------------------------------- */

enum err node_order_step(struct node *n, const struct node_event *ev, struct node_effects *fx)
    MUST_CHECK;

/* ---- node_plan.c: from what is wanted to what is done --------------------------------------- */

void node_plan_touch(struct node *n, struct node_cell *c);
void node_plan_touch_around(struct node *n, const struct node_slot *s); /* all it may unblock */
void node_plan_touch_below(struct node *n, struct node_cell *c);        /* and what it requires */
void node_plan_touch_all(struct node *n);

/* What is wanted of this cell may have changed. All refreshes of a step come before its pass:
 * whether one may end depends on whether others stay. */
void node_plan_refresh(struct node *n, struct node_cell *c);
bool node_plan_is_in_group(const struct node_slot *s); /* alive, and to end with its group */
bool node_plan_group(struct node *n, struct node_slot *crashed); /* false: it restarts alone */
void node_plan_run(struct node *n);

/* ---- node_text.c --------------------------------------------------------------------------- */

void node_text_exit(const struct node_event *ev, bool was_ready, char out[NODE_REASON_SIZE]);
void node_text_printable(const char *text, char out[NODE_REASON_SIZE]);

#endif
