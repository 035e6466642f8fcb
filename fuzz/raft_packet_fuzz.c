/* What members say: whatever is read may be written again and is then the same, and a core that gets it stays whole. */
#include <stdlib.h>
#include <string.h>

#include "raft/core.h"

enum { CLUSTER = 7, SELF = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *memory;

static struct raft *make(struct raft_effects *fx)
{
    struct raft_setup s = {.cluster = CLUSTER, .self = SELF, .seed = 1, .tuning = raft_core_usual()};
    struct raft *core;

    for (uint64_t id = 1; id <= 3; id++) {
        s.config.member[s.config.count++] = (struct raft_member){.id = id, .flags = RAFT_VOTER};
    }
    memory = memory == NULL ? malloc(raft_core_size()) : memory;
    if (memory == NULL || raft_core_init(memory, &s, &core) != ERR_OK) {
        abort();
    }
    raft_core_start(core, 1, fx);
    return core;
}

static void check_bytes(const uint8_t *data, const struct raft_message *m)
{
    uint8_t front[RAFT_PACKET_FRONT_MAX];
    size_t size = raft_packet_front(m, CLUSTER, front);

    if (memcmp(front, data, size) != 0) {
        abort();
    }
}

/* Packets, each with a length of three bytes in front. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct raft_effects fx;
    struct raft *core = make(&fx);
    uint64_t now_us = 1;

    while (size >= 3) {
        size_t length = (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16;
        struct raft_message m;
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        if (raft_packet_read(data, length, CLUSTER, SELF, &m) == ERR_OK) {
            check_bytes(data, &m);
            struct raft_event e = {.kind = RAFT_EV_MESSAGE, .message = &m};
            (void)raft_core_step(core, now_us, &e, &fx);
        }
        data += length;
        size -= length;
        now_us = now_us > fx.due_us ? now_us : fx.due_us;
        (void)raft_core_step(core, now_us, &(struct raft_event){.kind = RAFT_EV_CLOCK}, &fx);
        struct raft_view v = raft_core_view(core);
        (void)raft_core_step(core, now_us, &(struct raft_event){.kind = RAFT_EV_VOTE_STORED,
                             .vote = {.term = v.term, .voted_for = v.voted_for}}, &fx);
        (void)raft_core_step(core, now_us, &(struct raft_event){.kind = RAFT_EV_STORED, .index = v.last, .term = v.last_term,
                             .epoch = v.epoch}, &fx);
    }
    raft_core_fini(core);
    return 0;
}
