/* Two to a few sealed nodes and the datagrams between them, in the order in which a test wants them. */
#ifndef CELL_TESTS_UNIT_NODE_SEALED_KIT_H
#define CELL_TESTS_UNIT_NODE_SEALED_KIT_H

#include "common/node/sealed.h"
#include "common/node/sealed_state.h"
#include "tests/support/check.h"

enum { KIT_NODES_MAX = 32, KIT_PEERS = 128 };

/* A datagram on its way. */
struct kit_datagram {
    struct sealed_address from;
    struct sealed_address to;
    size_t size;
    uint8_t bytes[SEALED_PACKET_MAX];
};

struct kit_node {
    struct node_keys keys;
    struct sealed_address address;
    struct sealed *sealed;
    uint32_t life; /* another seed each */
    /* What it took last. */
    uint32_t taken;
    uint8_t from_id[NODE_ID_LEN];
    uint8_t bytes[SEALED_PAYLOAD_MAX];
    size_t size;
    unsigned verdict;
};

struct node_keys kit_keys(uint8_t number, uint32_t newest, uint32_t count);
struct sealed_address kit_address(uint8_t number);
/* Node `number` of cluster 0xc1, with `count` keys of which the newest has epoch `newest`. */
struct kit_node kit_node(uint8_t number, uint32_t newest, uint32_t count);
void kit_restart(struct kit_node *n, uint64_t now_ms);
void kit_end(struct kit_node *n);

/* Send; whether there is a datagram at once. */
bool kit_send(struct kit_node *n, uint64_t now_ms, const struct kit_node *to, const void *bytes, size_t size,
              struct kit_datagram *ret);
bool kit_next(struct kit_node *n, uint64_t now_ms, struct kit_datagram *ret);
/* Give `d` to `n`; whether it answers. The verdict stands in n. */
bool kit_take(struct kit_node *n, uint64_t now_ms, const struct kit_datagram *d, struct kit_datagram *ret);
/* Carry whatever the two have to say until both are silent; how many datagrams. */
unsigned kit_talk(struct kit_node *a, struct kit_node *b, uint64_t now_ms);
/* Make them acquainted: a payload of `a` arrives. */
void kit_meet(struct kit_node *a, struct kit_node *b, uint64_t now_ms);

#endif
