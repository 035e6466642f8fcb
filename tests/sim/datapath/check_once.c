/* Claims about delivery. */
#include <inttypes.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/sim/datapath/check.h"

void check_delivered(struct world *w, uint32_t node, uint32_t from, const uint8_t *packet, size_t size)
{
    struct tenant_truth *t = tenant_truth(w);
    uint64_t serial = size < 28 ? UINT64_MAX : bytes_get_be64(packet + 20);

    if (serial >= t->packets) {
        world_fail(w, "node %" PRIu32 " got a packet that nobody sent", node);
        return;
    }
    struct tenant_packet *p = &t->packet[serial];
    if (p->to != node || p->from != from || p->size != size) {
        world_fail(w, "packet %" PRIu64 " of %" PRIu32 " bytes from %" PRIu32 " to %" PRIu32 " came as %zu from %" PRIu32
                   " to %" PRIu32, serial, p->size, p->from, p->to, size, from, node);
    }
    for (size_t i = 28; i < size; i++) {
        if (packet[i] != (uint8_t)(serial + i)) {
            world_fail(w, "packet %" PRIu64 " was changed", serial);
            return;
        }
    }
    if (p->got++ > 0) {
        world_fail(w, "packet %" PRIu64 " came twice", serial);
    }
    t->got++;
}
