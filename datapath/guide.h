/* What whoever finds ways to peers needs of the core: whose a signal is, the keys of a pair, and the word where packets
 * go from now on. */
#ifndef CELL_DATAPATH_GUIDE_H
#define CELL_DATAPATH_GUIDE_H

#include "datapath/core.h"
#include "datapath/signal.h"

/* The peer whose signals say `who`; false: nobody's do. O(1). */
bool datapath_guide_find(const struct datapath *d, uint64_t who, uint32_t *ret_peer);

/* Keys of what we say to him (is_ours), or of what he says. 2 us. */
void datapath_guide_keys(const struct datapath *d, uint32_t peer, bool is_ours, struct datapath_signal_keys *ret);

/* His public key and where packets to him go now (port 0: nowhere); NULL: there is no such peer. Borrowed. */
const uint8_t *datapath_guide_key(const struct datapath *d, uint32_t peer);
const struct datapath_endpoint *datapath_guide_endpoint(const struct datapath *d, uint32_t peer);

/* Another number when another peer has this place, 0 when none has; and one that grows when his inner addresses change. */
uint32_t datapath_guide_serial(const struct datapath *d, uint32_t peer);
uint32_t datapath_guide_changes(const struct datapath *d, uint32_t peer);

/* Whose the inner packet is; false: it is none, or nobody's. Nothing is counted. And whose the last one was that the core
 * looked for. */
bool datapath_guide_owner(const struct datapath *d, const uint8_t *packet, size_t size, uint32_t *ret_peer);
uint32_t datapath_guide_last(const struct datapath *d);

/* Packets go there from now on. A handshake that was under way begins again, for it went elsewhere: that is added to *fx, in
 * which several may move in one step; when there is no room left it is the clock's turn at once. */
void datapath_guide_lead(struct datapath *d, struct datapath_time now, uint32_t peer, const struct datapath_endpoint *at,
                         struct datapath_effects *fx);

/* datapath_core_allow, unless it takes addresses from a peer of whom may_lose says no: ERR_EXISTS, and nothing changed. It
 * does so by being his prefix (is_whole), or by being longer and inside of it. */
enum err datapath_guide_allow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix,
                              bool (*may_lose)(const void *context, uint32_t peer, bool is_whole), const void *context) MUST_CHECK;

#endif
