/* The rings of an AF_XDP socket: memory that the kernel and we share, one side puts in, the other takes out. Two carry
 * frames that are free (fill: for what comes; done: what was sent), two carry frames with something in them. Pure: the
 * memory is given, and nobody waits. The kernel is believed but for where frames are.
 * Source: Linux, Documentation/networking/af_xdp.rst; include/uapi/linux/if_xdp.h. */
#ifndef CELL_DATAPATH_RINGS_H
#define CELL_DATAPATH_RINGS_H

#include <stdbool.h>
#include <stdint.h>

/* An entry of rx and tx: struct xdp_desc. */
struct datapath_rings_frame {
    uint64_t at;                /* bytes from the beginning of the frames' memory */
    uint32_t size, options;     /* options: 0                                      */
};

struct datapath_ring {
    uint32_t *producer, *consumer; /* how many were put in and taken out since the beginning, modulo 2^32  */
    const uint32_t *flags;
    void *entry;                   /* uint64_t of fill and done, struct datapath_rings_frame of rx and tx  */
    uint32_t size;                 /* entries, a power of two                                             */
};

/* Entries that are there to be taken, and that find room. */
uint32_t datapath_rings_ready(const struct datapath_ring *r);
uint32_t datapath_rings_room(const struct datapath_ring *r);

/* Put in, of fill and of tx; false: it is full. */
bool datapath_rings_give(struct datapath_ring *fill, uint64_t at);
bool datapath_rings_send(struct datapath_ring *tx, const struct datapath_rings_frame *f);

/* Take out, of done and of rx; false: it is empty. */
bool datapath_rings_sent(struct datapath_ring *done, uint64_t *ret);
bool datapath_rings_take(struct datapath_ring *rx, struct datapath_rings_frame *ret);

/* Whether the kernel sleeps, and has to be told of what was put in. */
bool datapath_rings_sleeps(const struct datapath_ring *r);

#endif
