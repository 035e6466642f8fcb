/* The log beside what is trusted: it only grows, and everybody sees the same one. */
#include <string.h>

#include "registry/log.h"
#include "registry/trust.h"

static struct registry_log_head head_of(const struct registry_named *named)
{
    struct registry_log_head head = {.size = named->size};

    memcpy(head.hash, named->hash, sizeof head.hash);
    return head;
}

enum registry_fault registry_trust_log(struct registry_trust *t, const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count)
{
    struct registry_log_head before = head_of(&t->proved), now = head_of(&t->log);

    if (t->stage < REGISTRY_TRUST_SNAPSHOT) {
        return REGISTRY_FAULT_ORDER;
    }
    if (now.size < before.size) {
        return REGISTRY_FAULT_ROLLBACK;
    }
    if (!registry_log_is_extended(&before, &now, proof, count)) {
        return REGISTRY_FAULT_FORK;
    }
    t->proved = t->log;
    return REGISTRY_FAULT_NONE;
}

enum registry_fault registry_trust_logged(const struct registry_trust *t, const void *record, size_t size, uint64_t index,
                                          const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count)
{
    struct registry_log_head head = head_of(&t->proved);
    uint8_t leaf[REGISTRY_HASH_SIZE];

    if (size > REGISTRY_RECORD_MAX) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    registry_log_leaf(record, size, leaf);
    return registry_log_is_included(&head, index, leaf, proof, count) ? REGISTRY_FAULT_NONE : REGISTRY_FAULT_NOT_LOGGED;
}
