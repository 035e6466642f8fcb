#include "registry/log.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(crypto_hash_sha256_BYTES == REGISTRY_HASH_SIZE, "a hash of the log is a hash");

enum { LEAF = 0, NODE = 1 };

static void hash(uint8_t kind, const void *a, size_t a_size, const void *b, size_t b_size, uint8_t *ret)
{
    crypto_hash_sha256_state state;

    (void)crypto_hash_sha256_init(&state); /* none of these fails */
    (void)crypto_hash_sha256_update(&state, &kind, 1);
    (void)crypto_hash_sha256_update(&state, a, a_size);
    (void)crypto_hash_sha256_update(&state, b, b_size);
    (void)crypto_hash_sha256_final(&state, ret);
}

void registry_log_leaf(const void *bytes, size_t size, uint8_t ret[REGISTRY_HASH_SIZE])
{
    hash(LEAF, bytes, size, "", 0, ret);
}

void registry_log_node(const uint8_t left[REGISTRY_HASH_SIZE], const uint8_t right[REGISTRY_HASH_SIZE], uint8_t ret[REGISTRY_HASH_SIZE])
{
    hash(NODE, left, REGISTRY_HASH_SIZE, right, REGISTRY_HASH_SIZE, ret);
}

/* ---- the row ------------------------------------------------------------------------------------------ */

uint64_t registry_log_hashes(uint64_t size)
{
    uint64_t hashes = 0;

    for (; size > 0; size /= 2) { /* of each level as many as are whole */
        hashes += size;
    }
    return hashes;
}

uint64_t registry_log_place(unsigned level, uint64_t n)
{
    uint64_t last = ((n + 1) << level) - 1; /* the leaf that completes it */

    assert(level < 64 && last >= n);
    return registry_log_hashes(last) + level;
}

uint64_t registry_log_size(uint64_t hashes)
{
    uint64_t size = 0;

    for (uint64_t step = UINT64_C(1) << 62; step > 0; step /= 2) {
        if (registry_log_hashes(size + step) <= hashes) {
            size += step;
        }
    }
    return size;
}

static enum err get(const struct registry_log *l, unsigned level, uint64_t n, uint8_t ret[REGISTRY_HASH_SIZE])
{
    assert((n + 1) << level <= l->size);
    return l->get(l->context, registry_log_place(level, n), ret) ? ERR_OK : ERR_IO;
}

enum err registry_log_append(const struct registry_log *l, const uint8_t leaf[REGISTRY_HASH_SIZE], uint8_t ret[REGISTRY_LOG_APPEND_MAX][REGISTRY_HASH_SIZE],
                             unsigned *ret_count)
{
    unsigned level = 0;

    if (l->size >= REGISTRY_VERSION_NUMBER_MAX) {
        return ERR_LIMIT;
    }
    memcpy(ret[0], leaf, REGISTRY_HASH_SIZE);
    for (uint64_t n = l->size; n % 2 == 1; n /= 2, level++) { /* a right half: its left one is there */
        uint8_t left[REGISTRY_HASH_SIZE];
        enum err e = get(l, level, n - 1, left);

        if (e != ERR_OK) {
            return e;
        }
        registry_log_node(left, ret[level], ret[level + 1]);
    }
    *ret_count = level + 1;
    return ERR_OK;
}

/* The largest power of two below n > 1. */
static uint64_t split(uint64_t n)
{
    uint64_t power = 1;

    while (power < n - power) {
        power *= 2;
    }
    return power;
}

/* The hash of leaves begin .. end, of which begin is where a subtree of the tree begins. */
static enum err subtree(const struct registry_log *l, uint64_t begin, uint64_t end, uint8_t ret[REGISTRY_HASH_SIZE])
{
    uint64_t size = end - begin;
    unsigned level = 0;

    assert(size > 0);
    while (UINT64_C(1) << level < size) {
        level++;
    }
    if (UINT64_C(1) << level == size) {
        return get(l, level, begin >> level, ret);
    }
    uint64_t left_size = split(size);
    uint8_t left[REGISTRY_HASH_SIZE], right[REGISTRY_HASH_SIZE];
    enum err e = subtree(l, begin, begin + left_size, left);
    if (e == ERR_OK) {
        e = subtree(l, begin + left_size, end, right); /* at most 53 deep */
    }
    if (e == ERR_OK) {
        registry_log_node(left, right, ret);
    }
    return e;
}

enum err registry_log_root(const struct registry_log *l, uint64_t size, struct registry_log_head *ret)
{
    struct registry_log_head head = {.size = size};
    enum err e = size > l->size ? ERR_RANGE : ERR_OK;

    if (e == ERR_OK && size == 0) {
        (void)crypto_hash_sha256(head.hash, (const uint8_t *)"", 0);
    } else if (e == ERR_OK) {
        e = subtree(l, 0, size, head.hash);
    }
    if (e == ERR_OK) {
        *ret = head;
    }
    return e;
}

/* ---- proofs ------------------------------------------------------------------------------------------- */

/* RFC 9162, section 2.1.3.1: from the root down, the half that the leaf is not in; told from the leaf up. */
enum err registry_log_include(const struct registry_log *l, uint64_t index, uint64_t size, uint8_t ret[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE],
                              unsigned *ret_count)
{
    uint8_t down[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE];
    uint64_t begin = 0, end = size;
    unsigned count = 0;

    if (index >= size || size > l->size) {
        return ERR_RANGE;
    }
    while (end - begin > 1) {
        uint64_t middle = begin + split(end - begin);
        bool is_left = index < middle;
        enum err e = subtree(l, is_left ? middle : begin, is_left ? end : middle, down[count]);

        if (e != ERR_OK) {
            return e;
        }
        count++;
        begin = is_left ? begin : middle;
        end = is_left ? middle : end;
    }
    for (unsigned i = 0; i < count; i++) {
        memcpy(ret[i], down[count - 1 - i], REGISTRY_HASH_SIZE);
    }
    *ret_count = count;
    return ERR_OK;
}

/* RFC 9162, section 2.1.4.1: down to the subtree that ends where the older tree does. If that is not the older tree itself, it is told first. */
enum err registry_log_extend(const struct registry_log *l, uint64_t before, uint64_t size, uint8_t ret[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE],
                             unsigned *ret_count)
{
    uint8_t down[REGISTRY_LOG_PROOF_MAX][REGISTRY_HASH_SIZE];
    uint64_t begin = 0, end = size;
    unsigned count = 0;
    enum err e = ERR_OK;

    if (before > size || size > l->size) {
        return ERR_RANGE;
    }
    if (before == 0) { /* nothing is the begin of everything */
        *ret_count = 0;
        return ERR_OK;
    }
    while (e == ERR_OK && before != end) {
        uint64_t middle = begin + split(end - begin);
        bool is_left = before <= middle;

        e = subtree(l, is_left ? middle : begin, is_left ? end : middle, down[count]);
        count++;
        begin = is_left ? begin : middle;
        end = is_left ? middle : end;
    }
    if (e == ERR_OK && begin > 0) {
        e = subtree(l, begin, end, down[count++]);
    }
    for (unsigned i = 0; i < count && e == ERR_OK; i++) {
        memcpy(ret[i], down[count - 1 - i], REGISTRY_HASH_SIZE);
    }
    if (e == ERR_OK) {
        *ret_count = count;
    }
    return e;
}

/* RFC 9162, section 2.1.3.2. */
bool registry_log_is_included(const struct registry_log_head *head, uint64_t index, const uint8_t leaf[REGISTRY_HASH_SIZE],
                              const uint8_t (*proof)[REGISTRY_HASH_SIZE], size_t count)
{
    uint64_t at = index, last = head->size - 1;
    uint8_t hash_[REGISTRY_HASH_SIZE];

    if (index >= head->size || count > REGISTRY_LOG_PROOF_MAX) {
        return false;
    }
    memcpy(hash_, leaf, sizeof hash_);
    for (size_t i = 0; i < count; i++) {
        if (last == 0) {
            return false; /* longer than the way to the root */
        }
        if (at % 2 == 1 || at == last) {
            registry_log_node(proof[i], hash_, hash_);
            while (at % 2 == 0 && at != 0) { /* the last of a level goes up as it is until it has a left neighbour */
                at /= 2;
                last /= 2;
            }
        } else {
            registry_log_node(hash_, proof[i], hash_);
        }
        at /= 2;
        last /= 2;
    }
    return last == 0 && memcmp(hash_, head->hash, sizeof hash_) == 0;
}

/* RFC 9162, section 2.1.4.2. */
bool registry_log_is_extended(const struct registry_log_head *before, const struct registry_log_head *head, const uint8_t (*proof)[REGISTRY_HASH_SIZE],
                              size_t count)
{
    uint64_t at = before->size - 1, last = head->size - 1;
    uint8_t older[REGISTRY_HASH_SIZE], newer[REGISTRY_HASH_SIZE];
    size_t i = 0;

    if (before->size > head->size || count > REGISTRY_LOG_PROOF_MAX) {
        return false;
    }
    if (before->size == 0) { /* whose hash is known */
        return count == 0;
    }
    if (before->size == head->size) {
        return count == 0 && memcmp(before->hash, head->hash, sizeof head->hash) == 0;
    }
    while (at % 2 == 1) { /* up to the subtree that ends where the older tree does */
        at /= 2;
        last /= 2;
    }
    if (at > 0 && count == 0) {
        return false;
    }
    memcpy(older, at > 0 ? proof[i++] : before->hash, sizeof older);
    memcpy(newer, older, sizeof newer);
    for (; i < count; i++) {
        if (last == 0) {
            return false;
        }
        if (at % 2 == 1 || at == last) {
            registry_log_node(proof[i], older, older);
            registry_log_node(proof[i], newer, newer);
            while (at % 2 == 0 && at != 0) {
                at /= 2;
                last /= 2;
            }
        } else {
            registry_log_node(newer, proof[i], newer);
        }
        at /= 2;
        last /= 2;
    }
    return last == 0 && memcmp(older, before->hash, sizeof older) == 0 && memcmp(newer, head->hash, sizeof newer) == 0;
}
