/* Words of members, for cores without keys: nothing is secret in them, but another id or incarnation has others. */
#ifndef CELL_TESTS_SUPPORT_WORDS_H
#define CELL_TESTS_SUPPORT_WORDS_H

#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/core.h"

/* … that it lives: another one. */
static inline void words_of_life(const struct nodosum_id *id, uint64_t incarnation, uint8_t ret[NODOSUM_WORD_SIZE])
{
    memset(ret, 0xc3, NODOSUM_WORD_SIZE);
    memcpy(ret, id->byte, NODOSUM_ID_SIZE);
    bytes_put_be64(ret + NODOSUM_ID_SIZE, incarnation);
}

static inline void words_of(const struct nodosum_id *id, uint64_t incarnation, uint8_t ret[NODOSUM_WORD_SIZE])
{
    memset(ret, 0x3c, NODOSUM_WORD_SIZE);
    memcpy(ret, id->byte, NODOSUM_ID_SIZE);
    bytes_put_be64(ret + NODOSUM_ID_SIZE, incarnation);
}

static inline void words_say(const void *keys, bool lives, uint64_t incarnation, uint8_t ret[NODOSUM_WORD_SIZE])
{
    (lives ? words_of_life : words_of)(keys, incarnation, ret);
}

static inline bool words_is_said(const void *keys, const struct nodosum_id *id, bool lives, uint64_t incarnation,
                                 const uint8_t word[NODOSUM_WORD_SIZE])
{
    uint8_t right[NODOSUM_WORD_SIZE];

    (void)keys;
    (lives ? words_of_life : words_of)(id, incarnation, right);
    return memcmp(word, right, sizeof right) == 0;
}

/* `id`: of the member whose core it is; borrowed while that is. */
static inline struct nodosum_words words_for(const struct nodosum_id *id)
{
    return (struct nodosum_words){.keys = id, .say = words_say, .is_said = words_is_said};
}

#endif
