/* Frames and packets that anybody's programs may send, and peers pass on: where they go, what is answered for others, what is said
 * of those that are too large, and what a capture keeps of them stays within its room, whatever they say of themselves.
 *
 * Input: frames, each a byte (whose: a peer in two bits, or bit 2 our own; time that passes in the others), its length in two
 * bytes, and itself. What is behind a frame's head is taken for a packet as well. */
#include <stdlib.h>
#include <string.h>

#include "datapath/bridge.h"
#include "datapath/capture.h"
#include "datapath/echo.h"
#include "datapath/inner.h"
#include "datapath/neighbour.h"
#include "datapath/toolarge.h"

enum { PEERS = 4, MACS = 16, EACH = 4, RING = 4096, SNAP = 256, MOST = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void packet(const uint8_t *bytes, size_t size)
{
    static const uint8_t address[16], token[DATAPATH_ECHO_TOKEN];
    uint8_t out[DATAPATH_TOOLARGE_MOST], *exact = malloc(size > 0 ? size : 1);
    struct datapath_inner head;

    must(exact != NULL);
    memcpy(exact, bytes, size);
    if (datapath_inner_read(exact, size, &head)) { /* nothing else gets so far */
        size_t written = datapath_toolarge_write(exact, size, 576 + (uint32_t)size % 900, out);
        must(written <= sizeof out && (written == 0 || datapath_inner_read(out, written, &head)));
        (void)datapath_echo_is_answer(exact, size, address, 4, token);
        (void)datapath_echo_is_answer(exact, size, address, 16, token);
    }
    free(exact);
}

static void answer(struct datapath_neighbours *n, uint64_t now_ms, const uint8_t *frame, size_t size)
{
    uint8_t out[DATAPATH_NEIGHBOUR_ANSWER_MAX];
    size_t written = datapath_neighbour_out(n, now_ms, frame, size, out);

    must(written <= sizeof out);
    /* To who asked, and of somebody who is no group. */
    must(written == 0 || (written >= 14 && memcmp(out, frame + 6, 6) == 0 && (out[6] & 1) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct datapath_neighbours n;
    static struct datapath_bridge b;
    static uint8_t ring[RING] __attribute__((aligned(8)));
    const uint8_t key[16] = {3};
    void *memory = malloc(datapath_bridge_size(MACS, PEERS));
    struct datapath_capture c;
    struct datapath_capture_packet p;
    uint64_t now_ms = 1000;

    must(memory != NULL);
    datapath_bridge_init(&b, memory, MACS, EACH, PEERS, key, now_ms);
    datapath_neighbour_init(&n, key);
    datapath_capture_init(&c, ring, RING, SNAP);
    for (size_t at = 0, length; at + 3 <= size; at += 3 + length) {
        length = data[at + 1] | (size_t)(data[at + 2] & 7) << 8;
        length = length > size - at - 3 ? size - at - 3 : length;
        uint8_t *frame = malloc(length > 0 ? length : 1);
        uint32_t peer = data[at] & 3, to = 0;
        must(frame != NULL);
        memcpy(frame, data + at + 3, length);
        if ((data[at] & 4) != 0) {
            enum datapath_bridge_verdict v = datapath_bridge_out(&b, now_ms, frame, length, &to);
            must(v != DATAPATH_BRIDGE_ONE || to < PEERS);
            if (v == DATAPATH_BRIDGE_ONE || v == DATAPATH_BRIDGE_ALL) {
                answer(&n, now_ms, frame, length);
            }
        } else if (datapath_bridge_in(&b, now_ms, peer, frame, length) == DATAPATH_BRIDGE_OURS) {
            datapath_neighbour_in(&n, now_ms, peer, frame, length);
        }
        must(b.count <= MACS);
        packet(frame + (length < 14 ? length : 14), length < 14 ? 0 : length - 14);
        p = (struct datapath_capture_packet){.bytes = frame, .size = (uint32_t)length, .is_out = (data[at] & 4) != 0};
        (void)datapath_capture_put(&c, &p);
        now_ms += (data[at] >> 3) * 100u;
        free(frame);
    }
    struct datapath_capture_place place = datapath_capture_begin(&c);
    uint32_t count = 0;
    while (datapath_capture_next(&c, &place, &p)) {
        must(p.kept <= SNAP && p.kept <= p.size && p.bytes >= ring && p.bytes + p.kept <= ring + RING);
        count++;
    }
    must(count == c.count && c.taken >= count);
    for (uint32_t peer = 0; peer < PEERS; peer++) {
        datapath_bridge_forget(&b, peer);
        datapath_neighbour_forget(&n, peer);
    }
    free(memory);
    return 0;
}
