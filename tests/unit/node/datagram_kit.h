/* Processes for the test of the datagram socket: a peer that echoes, and a network that is hostile. */
#ifndef CELL_TESTS_UNIT_NODE_DATAGRAM_KIT_H
#define CELL_TESTS_UNIT_NODE_DATAGRAM_KIT_H

#include <netinet/in.h>
#include <sys/types.h>

#include "common/node/datagram.h"

enum { KIT_SEQUENCES = 1 << 16, KIT_PING_LEN = 64 };

struct kit_keys {
    struct node_keys a;
    struct node_keys b;
};

/* What the echoing process saw, told when its pipe is closed. */
struct kit_report {
    struct datagram_numbers numbers;
    uint64_t twice;  /* payloads that came more than once          */
    uint64_t alien;  /* payloads that nobody sent, or of nobody we know */
    uint64_t cpu_us;
};

/* A child, with one pipe to tell it to end and one for what it reports. */
struct kit_child {
    pid_t pid;
    int control;
    int report;
};

struct node_keys kit_node_keys(uint8_t number);
/* A UDP socket on the loopback with a large buffer; *ret is where. */
int kit_socket(struct sockaddr_in *ret);
struct sealed_address kit_address_of(const struct sockaddr_in *at);
/* Fork; the child runs `run` and ends. */
struct kit_child kit_fork(void (*run)(int control, int report, void *context), void *context);
/* Tell it to end, wait, read its report. */
void kit_finish(struct kit_child *child, void *report, size_t size);

/* ---- datagram_foe.c ------------------------------------------------------------------------------ */

/* The network between A and B: it forwards, and at `rate` a second it sends B whatever an attacker on the
 * way can: noise, what it saw (again, changed, from elsewhere, from a forged source where that is allowed). */
struct foe {
    int to_a; /* faces A: A takes it for B */
    int to_b;
    struct sockaddr_in a, b;
    uint32_t rate;
};

struct foe_report {
    uint64_t forwarded;
    uint64_t thrown;  /* datagrams of its own */
    uint64_t forged;  /* … with a forged source */
    uint64_t us;      /* in how long */
};

void foe_run(int control, int report, void *context);

#endif
