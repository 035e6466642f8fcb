/* Claims about nonces: counters under an id only grow, and from 0 on, however a packet is sealed; an id that another
 * followed is over. Nobody gets what is sealed with AES who does not have it. */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/datapath/check.h"

void check_sent(struct world *w, uint32_t from, uint32_t to, const uint8_t *bytes, size_t size)
{
    struct tenant_nonces *n = &tenant_truth(w)->nonce[from][to];

    if (datapath_message_kind(bytes, size) != DATAPATH_KIND_DATA) {
        return;
    }
    uint32_t id = datapath_message_get32(bytes + DATAPATH_MESSAGE_RECEIVER);
    uint64_t marked = datapath_message_get64(bytes + DATAPATH_MESSAGE_COUNTER), counter = marked & ~DATAPATH_OWN_MARK;
    if (counter != marked) {
        tenant_truth(w)->marked++;
        if (counter >= tenant_truth(w)->pace.own_messages) {
            world_fail(w, "node %" PRIu32 " seals message %" PRIu64 " of a session with AES", from, counter);
        }
        if (!tenant_truth(w)->has_own[to]) {
            world_fail(w, "node %" PRIu32 " seals with AES for %" PRIu32 ", who does not have it", from, to);
        }
    }
    if (id == n->id[0]) {
        if (counter <= n->counter) {
            world_fail(w, "node %" PRIu32 " sends counter %" PRIu64 " after %" PRIu64, from, counter, n->counter);
        }
        n->counter = counter;
        return;
    }
    for (int i = 1; i < TENANT_IDS; i++) {
        if (id == n->id[i]) {
            world_fail(w, "node %" PRIu32 " goes back to a session that it had left", from);
        }
    }
    if (counter != 0) {
        world_fail(w, "node %" PRIu32 " begins a session with counter %" PRIu64, from, counter);
    }
    memmove(n->id + 1, n->id, (TENANT_IDS - 1) * sizeof n->id[0]);
    n->id[0] = id;
    n->counter = counter;
}
