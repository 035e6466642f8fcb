#include "datapath/own.h"

#include <string.h>

#include "datapath/hash.h"

/* An offer: a word that no packet begins with, for its first half byte is neither 4 nor 6; flags; what can be opened. */
static const uint8_t word[4] = {0xce, 'l', 'l', 1};
static const char name[] = "cell overlay AES-256-GCM";

enum {
    FLAGS = 4,
    HAS_HEARD = 1,
    KINDS = 8,
};

_Static_assert((int)DATAPATH_AEAD_KEY == (int)DATAPATH_HASH_SIZE, "a hash is a key");

void datapath_own_write(uint32_t kinds, bool has_heard, uint8_t ret[DATAPATH_OWN_SIZE])
{
    memset(ret, 0, DATAPATH_OWN_SIZE);
    memcpy(ret, word, sizeof word);
    ret[FLAGS] = has_heard ? HAS_HEARD : 0;
    ret[KINDS] = (uint8_t)kinds;
}

bool datapath_own_read(const uint8_t *text, size_t size, uint32_t *ret_kinds, bool *ret_has_heard)
{
    if (size < DATAPATH_OWN_SIZE || memcmp(text, word, sizeof word) != 0 ||
        (text[KINDS] & DATAPATH_OWN_KINDS) == 0) {
        return false;
    }
    *ret_kinds = text[KINDS] & DATAPATH_OWN_KINDS;
    *ret_has_heard = (text[FLAGS] & HAS_HEARD) != 0;
    return true;
}

uint64_t datapath_own_wait_ms(uint32_t unanswered)
{
    uint32_t doubled = unanswered < DATAPATH_OWN_TRIES ? 0 : unanswered - DATAPATH_OWN_TRIES + 1;

    return (uint64_t)DATAPATH_OWN_EVERY_MS << (doubled < DATAPATH_OWN_DOUBLED ? doubled : DATAPATH_OWN_DOUBLED);
}

void datapath_own_key(const uint8_t session[DATAPATH_AEAD_KEY], uint8_t ret[DATAPATH_AEAD_KEY])
{
    datapath_hash_derive(session, name, sizeof name - 1, 1, (uint8_t(*)[DATAPATH_HASH_SIZE])ret);
}
