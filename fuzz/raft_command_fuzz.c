/* Commands as a member of the cluster could have written them: what reads is applied, to a store that has something in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "raft/kv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: u16 size and command, again and again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct raft_kv kv;
    struct raft_answer answer;

    raft_kv_init(&kv);
    while (size >= 2) {
        size_t command = (size_t)(data[0] | data[1] << 8);

        command = command < size - 2 ? command : size - 2;
        if (raft_kv_apply(&kv, kv.applied + 1, data + 2, command, &answer) == ERR_NOMEM) {
            break;
        }
        data += 2 + command;
        size -= 2 + command;
    }
    raft_kv_fini(&kv);
    return 0;
}
