/* SHM-1, SHM-3, SHM-9: any bytes as the header of a half, as messages of a handshake to both sides, and
 * as words of slots. Nothing crashes; whatever is believed is what an honest peer would have written.
 *
 * Input: a byte that chooses, then the header, the messages one after another, or words of eight. */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/shm_auth.h"
#include "common/run/shm_slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct shm_shape most = {16, 2048, 1 << 20, 1 << 20};
static const uint8_t key[SHM_AUTH_KEY] = "a key that no input knows       ";
static const uint8_t nonce[SHM_AUTH_NONCE] = "a nonce";

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void as_header(const uint8_t *data, size_t size)
{
    struct shm_shape_header h;
    struct shm_shape shape = {0};
    uint64_t file_size;

    if (size < sizeof h + sizeof file_size) {
        return;
    }
    memcpy(&h, data, sizeof h);
    memcpy(&file_size, data + sizeof h, sizeof file_size);
    if (shm_shape_read(&h, file_size, &shape) != ERR_OK) {
        must(shape.slots == 0);
        return;
    }
    struct shm_plan p = shm_shape_plan(&shape);
    must(shm_shape_check(&shape) == ERR_OK && p.half_bytes == file_size && p.ring_at + shape.ring_bytes == file_size);
    must(p.requests_at + (uint64_t)shape.slots * shape.stride <= p.responses_at);
    struct shm_shape_header again = shm_shape_header(&shape, h.session, (enum shm_role)h.role);
    must(memcmp(&again, &h, sizeof h) == 0);
}

static void as_messages(enum shm_role role, const uint8_t *data, size_t size)
{
    struct shm_auth a;
    struct shm_auth_message out;

    shm_auth_init(&a, role, key, &most, nonce);
    if (role == SHM_CONNECTOR) {
        shm_auth_start(&a, &out);
    }
    while (size > 0) {
        size_t len = size < sizeof out ? size : sizeof out;
        enum shm_auth_state before = a.state;
        enum err e = shm_auth_step(&a, data, len, &out);
        /* Without the key nobody comes further than a HELLO. */
        must(e != ERR_OK || (before == SHM_AUTH_AWAITS_HELLO && a.state == SHM_AUTH_AWAITS_PROOF));
        must(e == ERR_OK || a.state == SHM_AUTH_FAILED);
        must(e != ERR_OK || shm_shape_check(&a.shape) == ERR_OK);
        data += len;
        size -= len;
    }
    shm_auth_fini(&a);
}

/* A server and an asker among words of a liar. */
static void as_words(const uint8_t *data, size_t size)
{
    struct shm_slot_served s = {0};
    uint64_t word, response, mine = 0;
    bool is_late;

    for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
        memcpy(&word, data, sizeof word);
        enum shm_slot_sight sight = shm_slot_see(mine, word);
        must(sight == SHM_SLOT_NOT_YET || (mine ^ word) >> SHM_SLOT_STATE_BITS == 0);
        mine = shm_slot_state(mine) != SHM_SLOT_ASK || sight >= SHM_SLOT_ANSWERED ? shm_slot_ask(mine)
                                                                                  : shm_slot_disown(mine);
        enum shm_slot_phase before = s.phase;
        enum shm_slot_find found = shm_slot_find(&s, word, &response);
        must(found != SHM_SLOT_TAKE || before == SHM_SLOT_IDLE);
        if (s.phase != SHM_SLOT_IDLE && (word >> 60) % 2 == 1) {
            response = shm_slot_close(&s, SHM_SLOT_ANSWER, word, &is_late);
            must(s.phase == SHM_SLOT_IDLE);
            must(shm_slot_state(response) == (is_late ? SHM_SLOT_DONE : SHM_SLOT_ANSWER));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    must(sodium_init() >= 0);
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        as_header(data + 1, size - 1);
        break;
    case 1:
        as_messages(SHM_ACCEPTOR, data + 1, size - 1);
        break;
    case 2:
        as_messages(SHM_CONNECTOR, data + 1, size - 1);
        break;
    default:
        as_words(data + 1, size - 1);
        break;
    }
    return 0;
}
