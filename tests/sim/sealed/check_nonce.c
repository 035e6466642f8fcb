/* No key seals two datagrams under one nonce, whatever restarts, rotates or jumps; and none is used that its
 * cluster key has gone from. */
#include "common/base/bytes.h"
#include "tests/sim/sealed/world.h"

void check_nonce(struct world *w, uint8_t sender, const uint8_t *bytes, size_t size)
{
    struct sealed_header header;
    struct sealed_peer *peer;

    if (bytes[0] != SEALED_DATA || size < SEALED_DATA_MIN || w->nonces >= WORLD_NONCES_MAX / 2) {
        return;
    }
    sealed_wire_get_header(bytes, &header);
    const struct sealed_session *session = sealed_peer_session(w->node[sender].sealed, header.from, &peer);
    if (session == NULL || !session->is_live) {
        w->fault = "a datagram of no session";
        return;
    }
    const struct node_keys *keys = &w->node[sender].keys;
    if (session->epoch != keys->cluster_epoch[0] && (keys->cluster_keys == 1 || session->epoch != keys->cluster_epoch[1])) {
        w->fault = "a datagram under a key that has gone";
        return;
    }
    /* 64 bits of the key name it; what meets by chance among 10^5 has a chance of 10^-9. */
    uint64_t name = (bytes_get_be64(session->send_key) ^ header.counter * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    uint64_t at = name * UINT64_C(0xd1342543de82ef95) >> 32;
    for (;; at++) {
        uint64_t *place = &w->nonce[at % WORLD_NONCES_MAX];
        if (*place == name) {
            w->fault = "a key and a nonce came twice";
            return;
        }
        if (*place == 0) {
            *place = name;
            w->nonces++;
            return;
        }
    }
}
