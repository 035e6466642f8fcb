/* One instance from spawn to end, as traces: event in, effects out. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/nucleus/node_kit.h"

static void an_instance_comes_up_and_is_published(struct kit *k)
{
    kit_cell(k, "a", 1, "");
    CLAIM(k, kit_apply(k) == ERR_OK, "a manifest is taken");
    CLAIM(k, strcmp(k->said, "SPAWN a.0, CHANGED a.0 booting") == 0, "it is spawned at once");
    CLAIM(k, k->fx.item[0].kind == NODE_FX_STORE && k->fx.item[0].record->is_spawning,
          "the intent is stored before the spawn");
    kit_tell(k, NODE_EV_SPAWNED, "a.0");
    CLAIM(k, kit_at(k, "a.0")->is_alive, "it lives");
    kit_tell(k, NODE_EV_BOOTING, "a.0");
    kit_tell(k, NODE_EV_LISTENING, "a.0");
    CLAIM(k, kit_has(k, "CHANGED a.0 listening"), "it says where it listens");
    kit_tell(k, NODE_EV_READY, "a.0");
    CLAIM(k, strcmp(k->said, "PUBLISH a.0, CHANGED a.0 ready") == 0, "ready is published");
}

int main(void)
{
    static void (*const test[])(struct kit *) = {an_instance_comes_up_and_is_published};
    int failed = 0;

    for (size_t i = 0; i < ARRAY_LEN(test); i++) {
        struct kit k;
        kit_init(&k);
        test[i](&k);
        failed |= k.failed;
        kit_fini(&k);
    }
    return failed;
}
