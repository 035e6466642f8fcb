/* What sync's own files share. */
#ifndef CELL_MYCEL_SYNC_INSIDE_H
#define CELL_MYCEL_SYNC_INSIDE_H

#include "mycel/sync.h"

/* What a step works with. */
struct mycel_sync_turn {
    struct mycel_sync *s;
    uint64_t now_ms, wall_ms;
    struct mycel_sync_effects *fx;
};

/* A message to the member at a place; false: there is no room for it in this step. */
bool mycel_sync_say(struct mycel_sync_turn *t, uint32_t to, struct mycel_sync_message m);

/* Whether those who are there know all that was acknowledged, as far as this member can tell. */
bool mycel_sync_is_whole(const struct mycel_sync *s, uint64_t now_ms);

/* Begin a pass; go on with it. */
void mycel_sync_pass_begin(struct mycel_sync_turn *t);
void mycel_sync_pass_step(struct mycel_sync_turn *t);
void mycel_sync_pass_answered(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m);

/* Another one's pass comes here. */
void mycel_sync_offered(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m);
void mycel_sync_copied(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m);

#endif
