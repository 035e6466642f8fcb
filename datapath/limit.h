/* How many handshakes anybody gets: a budget for all, which says whether we are under load, and one for each source
 * address then. Of fixed size: a flood from any number of addresses takes no memory.
 * Source: Donenfeld, "WireGuard", NDSS 2017, section 5.3 (who is under load, and limits by address). */
#ifndef CELL_DATAPATH_LIMIT_H
#define CELL_DATAPATH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_LIMIT_BURST = 128,       /* handshakes at once before we call it load: an eighth of WireGuard's queue    */
    DATAPATH_LIMIT_RATE = 1000,       /* … and each second: a sixth of a core                                          */
    DATAPATH_LIMIT_LOAD_MS = 1000,    /* load lasts at least this long                                                */
    DATAPATH_LIMIT_SOURCE_RATE = 20,  /* a second from one address under load                                         */
    DATAPATH_LIMIT_SOURCE_BURST = 5,
    DATAPATH_LIMIT_SLOTS = 4096,      /* budgets of addresses; those whose hash is equal share one                    */
    DATAPATH_LIMIT_KEY = 16,
};

/* Tokens in thousandths: milliseconds refill them exactly. */
struct datapath_limit_bucket {
    uint32_t tokens;
    uint64_t at_ms;
};

struct datapath_limit {
    uint8_t key[DATAPATH_LIMIT_KEY];  /* secret: nobody chooses whom he shares a budget with */
    struct datapath_limit_bucket all;
    uint64_t load_until_ms;
    struct datapath_limit_bucket source[DATAPATH_LIMIT_SLOTS];
};

/* key: fresh. */
void datapath_limit_init(struct datapath_limit *l, const uint8_t key[DATAPATH_LIMIT_KEY], uint64_t now_ms);

/* A handshake message came whose mac1 is right: whether we are under load now. */
bool datapath_limit_is_loaded(struct datapath_limit *l, uint64_t now_ms);

/* Whether one from this address, which is proved, may go on. An IPv6 address stands for its network of 64 bits. */
bool datapath_limit_allows(struct datapath_limit *l, const struct datapath_endpoint *from, uint64_t now_ms);

#endif
