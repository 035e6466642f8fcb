/* WireGuard's cross-platform control protocol: what `wg show` and `wg set` say on a socket. Text in, text out, over
 * the core. Source: "Cross-Platform Interface", wireguard.com/xplatform. */
#ifndef CELL_DATAPATH_UAPI_H
#define CELL_DATAPATH_UAPI_H

#include <stdbool.h>
#include <stddef.h>

#include "datapath/core.h"

enum {
    DATAPATH_UAPI_REQUEST_MAX = 16 * 1024 * 1024, /* bytes: 16,384 peers with all that a peer has, and 65,536 prefixes, in one `set` */
    DATAPATH_UAPI_LINE_MAX = 256,
};

/* What is not the core's. */
struct datapath_uapi {
    struct datapath *core;
    uint32_t peers_max;
    const uint8_t *secret;   /* 32 bytes: `get` shows it, as the protocol has it; whoever may ask may do everything */
    uint16_t port;
    uint32_t mark;           /* of the overlay's socket; 0: none */
    int socket;              /* of the overlay, for names of interfaces: scope.h; -1: numbers alone */
    bool is_recalled;        /* what an earlier life kept: a place at an interface that there is not any more is left out, not refused */
    /* The newest stamp that this peer said in earlier lives; NULL: there were none. */
    void (*recall)(const void *memory, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret);
    const void *memory;
    /* A request names this peer, and again after each line that changed him. NULL: nobody wants to know. */
    void (*claim)(void *owner, uint32_t peer);
    /* A request ended at a line of this name ("?": it is none), which a socket or a key of the configuration decides, or which is wrong: `wg`
     * itself has only the errno's words for it. NULL: nobody wants to know. */
    void (*refuse)(void *owner, const char *name, int errno_value);
    void *owner;
    /* Append to the answer. */
    void (*put)(void *context, const char *text, size_t size);
    void *context;
};

/* Bytes of the first request in text[0..size), which an empty line ends; 0: it is not whole yet. */
size_t datapath_uapi_first(const char *text, size_t size);

/* Answer one whole request; it is taken apart in place. What stands before a line that is refused has been done: that
 * is so in the protocol. Errors go into the answer as the negative errno. True: peers may have changed. */
bool datapath_uapi_answer(const struct datapath_uapi *u, struct datapath_time now, char *text, size_t size);

/* All peers but those that `is_known` as a request that makes them again: what a file keeps of them. */
void datapath_uapi_recall(const struct datapath_uapi *u,
                          bool (*is_known)(void *who, const uint8_t public[DATAPATH_NOISE_KEY]), void *who);

/* Whether an answer says that all of its request was done. */
bool datapath_uapi_is_done(const char *answer, size_t size);

#endif
