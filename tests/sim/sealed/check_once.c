/* Each payload is delivered at most once, to whom it was sent, under its sender's id, from where its
 * sender is or was. */
#include <string.h>

#include "common/base/bytes.h"
#include "tests/sim/sealed/world.h"

void check_once(struct world *w, uint8_t receiver, const struct sealed_payload *p, const struct sealed_address *from)
{
    uint32_t number = p->size >= 4 ? bytes_get_be32(p->bytes) : UINT32_MAX;

    if (number >= w->payloads) {
        w->fault = "a payload that nobody sent";
        return;
    }
    struct payload *sent = &w->payload[number];
    if (sent->delivered++ > 0) {
        w->fault = "a payload came twice";
    } else if (sent->receiver != WORLD_ANYBODY && sent->receiver != receiver) {
        w->fault = "a payload came to another than it was sent to";
    } else if (memcmp(p->id, w->node[sent->sender].keys.id, NODE_ID_LEN) != 0) {
        w->fault = "a payload came under another's id";
    } else if (w->owner[from->port] != sent->sender) {
        w->fault = "a payload came from where its sender was not";
    }
    w->delivered++;
    if (w->is_quiet) {
        w->has_met[sent->sender][receiver] = true;
    }
}
