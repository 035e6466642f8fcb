/* Notes, checkpoints, keys and proofs of a log as a stranger writes them.
 * Input: a byte of the kind; for a proof, sizes and an index of a byte each, then hashes of the tree of a byte's worth of leaves, of which all are
 * "a". What is no proof does not hold; what was read is written the same. */
#include <stdlib.h>
#include <string.h>

#include "registry/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PROOF = 3 };

static uint8_t row[600][REGISTRY_HASH_SIZE];
static struct registry_log all;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool get(void *context, uint64_t place, uint8_t ret[REGISTRY_HASH_SIZE])
{
    (void)context;
    memcpy(ret, row[place], REGISTRY_HASH_SIZE);
    return true;
}

/* Every proof but the one is refused, where there is one at all. */
static void try_proof(const uint8_t *data, size_t size)
{
    uint8_t leaf[REGISTRY_HASH_SIZE], real[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE];
    const uint8_t (*proof)[REGISTRY_HASH_SIZE] = (const void *)(data + PROOF);
    size_t count = (size - PROOF) / REGISTRY_HASH_SIZE;
    struct registry_log_head before, head;
    unsigned real_count = 0;

    registry_log_leaf("a", 1, leaf);
    must(registry_log_root(&all, data[0], &before) == ERR_OK && registry_log_root(&all, data[1], &head) == ERR_OK);
    bool is_there = registry_log_include(&all, data[2], data[1], real, &real_count) == ERR_OK;
    must(!is_there || registry_log_is_included(&head, data[2], leaf, real, real_count));
    bool is_real = is_there && real_count == count && memcmp(real, proof, count * REGISTRY_HASH_SIZE) == 0;
    must(registry_log_is_included(&head, data[2], leaf, proof, count) == is_real);
    is_there = registry_log_extend(&all, data[0], data[1], real, &real_count) == ERR_OK;
    must(!is_there || registry_log_is_extended(&before, &head, real, real_count));
    is_real = is_there && real_count == count && memcmp(real, proof, count * REGISTRY_HASH_SIZE) == 0;
    must(registry_log_is_extended(&before, &head, proof, count) == is_real);
}

static void try_note(struct registry_slice note)
{
    static const char peter[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    struct registry_note_key key;
    struct registry_slice text;

    must(registry_note_read_key(peter, sizeof peter - 1, &key));
    if (registry_note_open(note.at, note.len, &key, &text) == REGISTRY_FAULT_NONE) { /* he has signed one thing that is known */
        must(text.len == 99 && memcmp(text.at, "If you think", 12) == 0);
    }
}

static void try_texts(struct registry_slice text)
{
    struct registry_checkpoint c, again;
    struct registry_note_key key;
    struct bytes_text t;
    char written[512];

    bytes_text_init(&t, written, sizeof written);
    if (registry_note_read_key(text.at, text.len, &key)) {
        registry_note_add_key(&t, &key);
        must(t.len == text.len && memcmp(written, text.at, text.len) == 0);
    } else if (registry_note_read_checkpoint(text, &c)) {
        registry_note_add_checkpoint(&t, &c);
        must(t.len <= text.len && memcmp(written, text.at, t.len) == 0);
        must(registry_note_read_checkpoint((struct registry_slice){.at = written, .len = t.len}, &again) && again.head.size == c.head.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (all.size < UINT8_MAX) {
        uint8_t leaf[REGISTRY_HASH_SIZE], more[REGISTRY_LOG_APPEND_MAX][REGISTRY_HASH_SIZE];
        unsigned count = 0;

        all.get = get;
        registry_log_leaf("a", 1, leaf);
        must(registry_log_append(&all, leaf, more, &count) == ERR_OK);
        memcpy(row[registry_log_hashes(all.size)], more, count * sizeof more[0]);
        all.size++;
    }
    if (size == 0) {
        return 0;
    }
    if (data[0] % 3 == 0) {
        if (size > PROOF) {
            try_proof(data + 1, size - 1);
        }
    } else if (data[0] % 3 == 1) {
        try_note((struct registry_slice){.at = (const char *)data + 1, .len = size - 1});
    } else {
        try_texts((struct registry_slice){.at = (const char *)data + 1, .len = size - 1});
    }
    return 0;
}
