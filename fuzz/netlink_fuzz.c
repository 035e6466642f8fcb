/* Any bytes as what the kernel answered: read to its end in as many steps as it has messages, never past it. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/run/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct netlink_message *m, const uint8_t *data, size_t size)
{
    uint8_t value[16], sum = 0;

    assert(m->type >= NLMSG_MIN_TYPE && m->body >= data + NLMSG_HDRLEN && m->size <= size && m->body + m->size <= data + size);
    for (size_t body = 0; body <= 16; body++) {
        assert((netlink_body(m, body) != NULL) == (body <= m->size));
        for (uint16_t kind = 0; kind < 8; kind++) {
            bool is_there = netlink_has(m, body, kind);
            for (size_t of = 0; of <= sizeof value; of += 2) {
                bool is_taken = netlink_take(m, body, kind, value, of);
                assert(is_there || !is_taken);
                sum = (uint8_t)(sum + (is_taken && of > 0 ? value[of - 1] : 0)); /* read: it is memory of ours */
            }
        }
    }
    (void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t sequences[] = {0, 1};

    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        struct netlink_reader r = {.at = data, .left = size, .sequence = sequences[i]};
        struct netlink_message m;
        size_t count = 0;
        while (netlink_next(&r, &m)) {
            look(&m, data, size);
            count++;
        }
        assert(count <= size / NLMSG_HDRLEN && r.left == 0);
        assert(r.error == NETLINK_MORE || r.error >= 0);
        assert(!netlink_next(&r, &m));
    }
    return 0;
}
