/* What a peer may say about frames: whatever comes in whatever order, nobody keeps more than his share, what is whole lies
 * within what may be, and what is written is read again.
 *
 * Input: messages, each a byte (its sender in two bits, time that passes in the others), its length in two bytes, and itself
 * behind the word that all begin with. */
#include <stdlib.h>
#include <string.h>

#include "datapath/bridge.h"
#include "datapath/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MTU = 600, PEERS = 4, MACS = 16 };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void look(struct datapath_bridge *b, uint64_t now_ms, uint32_t peer, const uint8_t *frame, size_t size)
{
    uint32_t to = 0;
    uint8_t *exact = malloc(size);

    must(exact != NULL && size >= DATAPATH_PIECES_FRAME_MIN && size <= MTU + DATAPATH_PIECES_OVER);
    memcpy(exact, frame, size);
    (void)datapath_bridge_in(b, now_ms, peer, exact, size);
    must(datapath_bridge_out(b, now_ms, exact, size, &to) != DATAPATH_BRIDGE_ONE || to < PEERS);
    must(b->count <= MACS);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t word[4] = {0xce, 'l', 'l', 2}, key[DATAPATH_BRIDGE_KEY];
    struct datapath_pieces p;
    struct datapath_bridge b;
    void *memory = malloc(datapath_pieces_size(MTU)), *table = malloc(datapath_bridge_size(MACS, PEERS));
    uint64_t now_ms = 1;

    must(memory != NULL && table != NULL);
    datapath_pieces_init(&p, memory, MTU);
    datapath_bridge_init(&b, table, MACS, MACS / 2, PEERS, key, now_ms);
    while (size >= 3) {
        uint32_t peer = data[0] & 3;
        size_t bytes = (size_t)data[1] | (size_t)data[2] << 8, found;
        const uint8_t *frame;
        now_ms += (uint64_t)(data[0] >> 2) * 20;
        data += 3;
        size -= 3;
        bytes = bytes < size ? bytes : size;
        uint8_t *exact = malloc(sizeof word + bytes);
        must(exact != NULL);
        memcpy(exact, word, sizeof word);
        memcpy(exact + sizeof word, data, bytes);
        if (datapath_pieces_is(exact, sizeof word + bytes) &&
            datapath_pieces_take(&p, now_ms, peer, exact, sizeof word + bytes, &frame, &found) == DATAPATH_PIECES_WHOLE) {
            look(&b, now_ms, peer, frame, found);
        }
        uint32_t his = 0;
        for (uint32_t i = 0; i < p.count; i++) {
            his += p.frame[i].peer == peer;
        }
        must(his <= DATAPATH_PIECES_EACH && p.count <= DATAPATH_PIECES_FRAMES);
        free(exact);
        data += bytes;
        size -= bytes;
    }
    free(memory);
    free(table);
    return 0;
}
