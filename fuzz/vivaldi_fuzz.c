/* Any bytes as a coordinate, and any round trips with any coordinates: what is read is valid and is written back the same,
 * and after each step the node's own coordinate is finite and within its range, whatever came before.
 *
 * Input: events one after another, each a byte of what happens, a byte that says who, eight of a round trip in microseconds
 * (little-endian; seldom all of them matter), a byte of seconds that pass, a byte of length, and the coordinate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vivaldi/image.h"
#include "vivaldi/route.h"

enum { PEERS = 8, HEAD = 12, SELF = 3, RAW = sizeof(struct vivaldi_coord) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void look(const struct vivaldi *v)
{
    const struct vivaldi_coord *both[] = {vivaldi_core_live(v), vivaldi_core_stable(v)};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        for (uint32_t k = 0; k < VIVALDI_DIMS_MAX; k++) {
            must(isfinite(both[i]->at[k]) && fabsf(both[i]->at[k]) <= VIVALDI_COORD_SIDE_MAX);
        }
        must(isfinite(both[i]->height) && both[i]->height >= 0 && isfinite(both[i]->error) && vivaldi_coord_is_valid(both[i]));
    }
    must(v->peers.count <= PEERS && vivaldi_peers_find(&v->peers, SELF) == NULL);
    must(isfinite(v->usual_ms) && v->usual_ms >= 0 && v->usual_ms <= VIVALDI_RTT_MAX_MS);
}

/* What is read is written back to the same bytes. */
static bool read_coord(const uint8_t *bytes, size_t size, struct vivaldi_coord *ret)
{
    uint8_t again[VIVALDI_COORD_BYTES];

    if (vivaldi_coord_unpack(bytes, size, ret) != ERR_OK) {
        return false;
    }
    must(vivaldi_coord_is_valid(ret));
    must(vivaldi_coord_pack(ret, bytes[1], again) == size && memcmp(again, bytes, size) == 0);
    return true;
}

static void choose(const struct vivaldi *v, uint32_t now_s, const struct vivaldi_coord *c)
{
    struct vivaldi_candidate list[PEERS + 1];
    struct vivaldi_choice ret[PEERS + 1];

    for (uint32_t i = 0; i <= PEERS; i++) {
        list[i] = (struct vivaldi_candidate){.id = i, .has_coord = c != NULL && i % 2 == 0, .is_alive = i % 3 != 0, .score = i * 20};
        list[i].coord = c != NULL ? *c : list[i].coord;
    }
    uint32_t count = vivaldi_route_choose(v, now_s, NULL, list, PEERS + 1, PEERS, ret);
    must(count == PEERS);
    for (uint32_t i = 0; i < count; i++) {
        must(isfinite(ret[i].estimate.rtt_ms) && ret[i].estimate.rtt_ms >= 0 && ret[i].estimate.confidence >= 0 &&
             ret[i].estimate.confidence <= 1);
        must(i == 0 || list[ret[i].candidate].is_alive <= list[ret[i - 1].candidate].is_alive);
    }
}

static void step(struct vivaldi *v, const uint8_t *head, uint32_t now_s, const uint8_t *bytes, size_t size)
{
    struct vivaldi_counters before = v->counters;
    struct vivaldi_coord c = {0};
    uint64_t rtt_us;
    bool is_raw = (head[0] & 4) != 0 && size >= RAW; /* a caller's mistake: a struct of any bits */
    bool has_coord = is_raw || read_coord(bytes, size, &c);

    memcpy(&rtt_us, head + 2, sizeof rtt_us);
    if (is_raw) {
        memcpy(&c, bytes, RAW);
    }
    enum err e = ERR_OK;
    switch (head[0] & 3) {
    case 0:
    case 1:
        e = vivaldi_core_sample(v, now_s, head[1], rtt_us, has_coord ? &c : NULL);
        must((e == ERR_OK) == (v->counters.samples == before.samples + 1));
        break;
    case 2:
        e = has_coord ? vivaldi_core_heard(v, now_s, head[1], &c) : ERR_OK;
        if ((head[0] & 8) != 0) {
            vivaldi_core_told(v, now_s, head[1], has_coord && vivaldi_coord_is_valid(&c) ? &c : NULL);
            must(vivaldi_core_doubted(v) <= v->peers.count);
        }
        break;
    case 3:
        vivaldi_core_forget(v, now_s);
        choose(v, now_s, has_coord && vivaldi_coord_is_valid(&c) ? &c : NULL);
        break;
    }
    must(e == ERR_OK || e == ERR_INVALID || e == ERR_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vivaldi_config config = {.self = SELF, .seed = 1, .dims = VIVALDI_DIMS_MAX, .has_height = true, .peers_max = PEERS};
    void *memory = malloc(vivaldi_core_size(PEERS));
    uint32_t now_s = 0;
    struct vivaldi v;

    must(memory != NULL && vivaldi_core_init(&v, &config, memory) == ERR_OK);
    if (vivaldi_image_read(&v, now_s, 0, data, size) == ERR_OK) {
        look(&v);
    }
    while (size >= HEAD) {
        size_t len = data[11] < size - HEAD ? data[11] : size - HEAD;
        now_s += data[10];
        step(&v, data, now_s, data + HEAD, len);
        look(&v);
        data += HEAD + len;
        size -= HEAD + len;
    }
    uint8_t *image = malloc(vivaldi_image_size(&v));
    must(image != NULL);
    size_t written = vivaldi_image_write(&v, now_s, 5, image);
    must(written == vivaldi_image_size(&v));
    must(vivaldi_core_init(&v, &config, memory) == ERR_OK && vivaldi_image_read(&v, now_s, 5, image, written) == ERR_OK);
    look(&v);
    free(image);
    free(memory);
    return 0;
}
