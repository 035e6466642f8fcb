/* Nodes that find ways to each other: a rendezvous that relays (R), two who believe it (A and B), one who knows no signals, a
 * rendezvous whom nobody knows yet (S), and what comes between them. Signals alone are carried. One world at a time. */
#ifndef CELL_TESTS_UNIT_DATAPATH_WAYS_KIT_H
#define CELL_TESTS_UNIT_DATAPATH_WAYS_KIT_H

#include "datapath/meet.h"

enum { NODES = 5, R = 0, A = 1, B = 2, PLAIN = 3, S = 4, PEERS = 16, PREFIXES = 32, MTU = 1420, FLYING = 256, DELAY_MS = 10, RECORDED = 512, SHOOK = 32 };

struct datagram {
    bool is_there;
    uint64_t at_ms;
    struct datapath_endpoint from, to;
    size_t size;
    uint8_t bytes[DATAPATH_ROOM];
};

struct node {
    struct datapath_endpoint at;
    uint8_t secret[32], public[32];
    void *memory, *ways_memory;
    struct datapath *core;
    struct datapath_ways ways;
    uint64_t life;
    uint32_t heard;   /* datagrams that came */
    struct datapath_live callers; /* whose messages of our own a shield would let through: hand_over and pass_on hold it to that */
    struct datapath_shield_set set[PEERS];
};

struct world {
    struct datapath_time now;
    struct node node[NODES];
    bool is_cut;      /* between A and B     */
    bool is_lonely;   /* nothing is carried between B and R */
    uint32_t carries; /* bytes of a datagram between A and B */
    uint32_t passed;  /* by the relay        */
    struct datagram flying[FLYING], recorded[RECORDED];
    uint32_t count;   /* recorded            */
    uint32_t shakes;  /* handshakes that began again because somebody is elsewhere, and where the last ones went */
    struct datapath_endpoint shook[SHOOK];
};

extern struct world w;
extern struct datapath_ways_effects fx; /* of the last step of anybody */

struct datapath_endpoint place(int n);
struct datapath_prefix address(int n);
void perform(int n);
int whose(const struct datapath_endpoint *to);
enum datapath_ways_verdict hand_over(int n, const struct datapath_endpoint *from, uint8_t *bytes, size_t size);
void run(uint64_t ms);
/* The number that `of` has at n; UINT32_MAX: it is no peer there. */
uint32_t number(int n, int of);
uint32_t add(int n, int of);
void make_ways(int n);
void make_all(void);
void begin(void);
void end(void);
/* Packets go from n to `to`, now and then, while so much time passes. */
void talk(int n, int to, uint64_t ms, uint32_t size);
enum datapath_path_kind kind_of(int n, int to);
const struct datapath_endpoint *goes_to(int n, int to);
/* What n would say to R, if it said so; from there, in so many bytes. */
enum datapath_ways_verdict say_in(int n, const struct datapath_signal *s, const struct datapath_endpoint *from, size_t least);
enum datapath_ways_verdict say(int n, const struct datapath_signal *s, const struct datapath_endpoint *from);

#endif
