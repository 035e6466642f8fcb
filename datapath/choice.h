/* By which way datagrams go: trains by the socket, whose kernel cuts and joins them (UDP_SEGMENT, UDP_GRO); one by one by the
 * socket; and past the host's stack what goes alone (lane.h). Pure: what was measured of this interface (probe.h) in, the
 * ways and the reason out. Whoever wants one by name has it, if it can be had; `auto` is what is decided here.
 *
 * Trains are for streams, and are beside both others. Past the stack pays where a packet alone costs less so, and where the
 * program of XDP, without which nothing comes that way, takes no offload from anybody: docs/decisions/0021. */
#ifndef CELL_DATAPATH_CHOICE_H
#define CELL_DATAPATH_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DATAPATH_CHOICE_MARGIN = 5,    /* of what a datagram costs a fifth has to be saved: less is the noise of a host   */
    DATAPATH_CHOICE_FEATURE = 32,  /* bytes of an offload's name: ETH_GSTRING_LEN                                     */
};

/* What is wanted: `path` of the configuration. */
enum datapath_choice {
    DATAPATH_CHOICE_AUTO,
    DATAPATH_CHOICE_UDP,
    DATAPATH_CHOICE_PLAIN,
    DATAPATH_CHOICE_XDP,
};

enum {
    DATAPATH_CHOICES = DATAPATH_CHOICE_XDP + 1,
};

/* What is known of an interface. Crosses from process to process, on one machine. */
struct datapath_choice_facts {
    uint32_t took_us;              /* what measuring took; 0: nothing was                                              */
    uint32_t alone_ns;             /* a small datagram alone through the host's stack, to the driver and not into it; 0: none went */
    uint32_t train_ns;             /* each of a train of them, by UDP_SEGMENT; 0: the kernel takes none here           */
    uint32_t past_ns;              /* a small frame past the stack, the driver's part and all; 0: none went            */
    uint32_t alone_error, train_error, past_error; /* errno where it is 0; 0: it was not tried                         */
    uint32_t has_xdp;              /* the driver leads frames to AF_XDP sockets, or the kernel is too old to say       */
    uint32_t is_pair;              /* another interface of a kernel is its other end, as of a veth                     */
    uint32_t is_direct;            /* without a copy                                                                   */
    char joins[DATAPATH_CHOICE_FEATURE]; /* an offload that joins what comes, which no driver has beside XDP; "": none */
    char lost[DATAPATH_CHOICE_FEATURE];  /* one that went when XDP was hung; "": none did, or it was not hung          */
};

#define DATAPATH_CHOICE_MAP(X)                                                                                              \
    X(WANTED, "")                                                                                                           \
    X(UNMEASURED, "nothing was measured: no interface was given to the shield, or nothing leaves by it")                    \
    X(NO_XDP, "the interface's driver leads no frames past the host's stack")                                               \
    X(PAIR, "the interface is one of a pair: XDP at it takes its other end's offloads")                                     \
    X(JOINS, "XDP would end an offload of the interface")                                                                   \
    X(LOST, "XDP ended an offload of the interface")                                                                        \
    X(NONE_PAST, "no frame went past the host's stack")                                                                     \
    X(LITTLE, "past the host's stack a datagram costs hardly less")                                                         \
    X(PAYS, "")

enum datapath_choice_reason {
#define X(name, text) DATAPATH_CHOICE_##name,
    DATAPATH_CHOICE_MAP(X)
#undef X
};

struct datapath_choice_made {
    bool is_past;                        /* past the host's stack                          */
    bool has_trains;                     /* what goes by the socket goes in trains         */
    enum datapath_choice_reason reason;  /* why it is past the stack, or not               */
};

/* The ways. `wanted` by name is not measured against anything. */
struct datapath_choice_made datapath_choice_make(enum datapath_choice wanted, const struct datapath_choice_facts *f);

/* Whether `auto` may come to go past the stack, as far as is known before XDP was hung and tried; else that would disturb
 * others for nothing. */
bool datapath_choice_may(const struct datapath_choice_facts *f);

/* "auto", "udp", "plain", "xdp"; and why, "" where nothing is missing. */
const char *datapath_choice_name(enum datapath_choice wanted);
const char *datapath_choice_text(enum datapath_choice_reason reason);

#endif
