/* One core and what is done to it, for the unit tests of members. */
#ifndef CELL_TESTS_UNIT_NODOSUM_KIT_H
#define CELL_TESTS_UNIT_NODOSUM_KIT_H

#include "nodosum/state.h"
#include "tests/support/check.h"

enum {
    KIT_SELF = 100,     /* its number; others have 0 and up, in the order of their ids */
    KIT_IDS = 4096,     /* … and below this */
    KIT_START_US = 1000000,
};

struct kit {
    void *memory;
    struct nodosum *n;
    struct nodosum_effects fx;
    uint64_t now_us;
};

struct nodosum_id kit_id(uint32_t who);
struct nodosum_address kit_address(uint32_t who);
struct nodosum_about kit_about(uint32_t who);
struct nodosum_config kit_config(uint32_t members_max);

/* What `who` says with when it leaves; kit_config has it for KIT_SELF. */
struct nodosum_words kit_words(uint32_t who);

/* A core that knows only itself, at KIT_START_US; with `members` others, 0 and up, of incarnation 1. */
void kit_open(struct kit *k, uint32_t members_max, uint32_t members);
void kit_close(struct kit *k);

/* A packet of one message from `from`, now. */
enum err kit_hear(struct kit *k, uint32_t from, const struct nodosum_message *m);

/* … that `who` is alive, suspected by `accuser`, dead, or left, in this incarnation. */
void kit_alive(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation);
void kit_suspect(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation, uint64_t accuser);
void kit_dead(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation);
void kit_left(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation);

/* Step whenever it is due, until so many microseconds have passed; every packet is thrown away. */
void kit_wait(struct kit *k, uint64_t us);

/* One step at its due time. */
void kit_due(struct kit *k);

/* The messages of a kind to `to` (UINT32_MAX: to anybody) in the effects; the last of them is copied. */
uint32_t kit_sent(const struct kit *k, enum nodosum_packet_kind kind, uint32_t to,
                  struct nodosum_message *ret_last);

/* What it knows of `who`; its index. */
const struct nodosum_member *kit_member(const struct kit *k, uint32_t who);
uint16_t kit_index(const struct kit *k, uint32_t who);

#endif
