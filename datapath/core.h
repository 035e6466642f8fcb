/* The overlay's core: datagrams and packets in, datagrams and packets out, for all peers of a node. Pure: time and
 * randomness come in, nothing is allocated, no packet costs more than its AEAD and some tables.
 *
 * Sources: Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel", NDSS 2017; Perrin, "The Noise Protocol
 * Framework", revision 34. Ours: who gives way when both begin at once (shake.c), and what outlives a restart. */
#ifndef CELL_DATAPATH_CORE_H
#define CELL_DATAPATH_CORE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/types.h"

struct datapath; /* opaque, in memory of the caller */

/* Bytes that a core takes, to be aligned as malloc does. */
size_t datapath_core_size(uint32_t peers_max, uint32_t prefixes_max, uint32_t mtu);

/* Begin. ERR_INVALID: something of `config` is out of range, or the secret is zero. */
enum err datapath_core_init(void *memory, const struct datapath_config *config, struct datapath_time now,
                            struct datapath **ret) MUST_CHECK;

/* Packets have at most so many bytes from now on, DATAPATH_MTU_MIN to what the core was made with. */
void datapath_core_resize(struct datapath *d, uint32_t mtu);

/* Wipe all keys. */
void datapath_core_fini(struct datapath *d);

/* More of the system's randomness; now and then, so that a memory that was read once is not read for ever. */
void datapath_core_stir(struct datapath *d, const uint8_t seed[DATAPATH_RANDOM_SEED]);

/* Our static public key. */
const uint8_t *datapath_core_public(const struct datapath *d);

/* ---- peers: numbers from 0, good until a peer is removed -------------------------------------------- */

/* ERR_EXISTS: *ret is who has that key; ERR_FORGED: nobody can have it (zero, of small order), or it is ours;
 * ERR_LIMIT; ERR_INVALID: persist_ms out of range. */
enum err datapath_core_add(struct datapath *d, const struct datapath_peer_config *config, struct datapath_time now,
                           uint32_t *ret) MUST_CHECK;
bool datapath_core_find(const struct datapath *d, const uint8_t public[DATAPATH_NOISE_KEY], uint32_t *ret);
void datapath_core_remove(struct datapath *d, uint32_t peer);

/* Change what a peer is: what stands in `config`, but for its key and `heard`. Sessions that were made with another
 * psk go on. ERR_INVALID as above. */
enum err datapath_core_change(struct datapath *d, uint32_t peer, const struct datapath_peer_config *config,
                              struct datapath_time now) MUST_CHECK;

/* Inner addresses of a peer; errors of datapath_allowed_add and _drop. A prefix belongs to one peer: the last. */
enum err datapath_core_allow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix) MUST_CHECK;
enum err datapath_core_disallow(struct datapath *d, uint32_t peer, const struct datapath_prefix *prefix) MUST_CHECK;
void datapath_core_disallow_all(struct datapath *d, uint32_t peer);
/* Of one peer, or with DATAPATH_ALLOWED_NOBODY of all. O(prefixes of all). */
void datapath_core_each_prefix(const struct datapath *d, uint32_t peer,
                               void (*each)(void *context, uint32_t peer, const struct datapath_prefix *prefix), void *context);

/* Whose an inner address of `size` bytes (4 or 16) is; false: nobody's. */
bool datapath_core_owner(const struct datapath *d, const uint8_t *ip, size_t size, uint32_t *ret_peer);

/* The peer of this number; false: there is none (numbers are below peers_max and have gaps). */
bool datapath_core_view(const struct datapath *d, uint32_t peer, struct datapath_view *ret);
const struct datapath_numbers *datapath_core_numbers(const struct datapath *d);

/* The secrets of cookies that are good now, the newest first, and how many there are, 1 or 2. Returns when the newest was
 * made: while that is the same, so are they. The caller wipes them. */
uint64_t datapath_core_cookies(const struct datapath *d, uint8_t ret[2][DATAPATH_HASH_SIZE], uint32_t *ret_count);

/* The newest stamp of our initiations: what config.stamp_ns of the next life must not be below. */
uint64_t datapath_core_stamp_ns(const struct datapath *d);

/* When the clock's next step is due; UINT64_MAX: not before something happens. */
uint64_t datapath_core_due_ms(const struct datapath *d);

/* ---- steps: each fills *fx afresh --------------------------------------------------------------------- */

/* Time passed: whatever is due. Call again at fx->due_ms, which is now when one step had no room for all. */
void datapath_core_clock(struct datapath *d, struct datapath_time now, struct datapath_effects *fx);

/* A datagram came. It is opened in place. DATAPATH_TAKEN: *ret_size bytes at *ret_packet are an inner packet of
 * *ret_peer (0: there is none in it), or, where frames are taken, a message for which datapath_pieces_is holds. */
enum datapath_verdict datapath_core_receive(struct datapath *d, struct datapath_time now,
                                            const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                            const uint8_t **ret_packet, size_t *ret_size, uint32_t *ret_peer,
                                            struct datapath_effects *fx);

/* A packet is to go: sealed into `out` (DATAPATH_ROOM bytes), *ret_size bytes to *ret_to. DATAPATH_WAITING: it is kept
 * and *ret_size is 0. */
enum datapath_verdict datapath_core_send(struct datapath *d, struct datapath_time now, const uint8_t *packet,
                                         size_t size, uint8_t *out, size_t *ret_size, struct datapath_endpoint *ret_to,
                                         struct datapath_effects *fx);

/* The same in pieces, for many packets of one flow: whose they are; leave to seal them; one by one (packet may be
 * out + DATAPATH_MESSAGE_HEAD). No leave (false): send one by datapath_core_send. */
enum datapath_verdict datapath_core_route(struct datapath *d, const uint8_t *packet, size_t size, uint32_t *ret_peer);
bool datapath_core_lease(struct datapath *d, struct datapath_time now, uint32_t peer, uint32_t count,
                         struct datapath_lease *ret, struct datapath_effects *fx);
/* The packets of this lease all have checksums that are the pseudo head's sum and no more (own.h). False: its peer takes
 * none, and they must be finished. Before the first is sealed. */
bool datapath_core_unfinished(struct datapath_lease *lease) MUST_CHECK;
size_t datapath_core_seal(struct datapath *d, const struct datapath_lease *lease, uint32_t index,
                          const uint8_t *packet, size_t size, uint8_t *out);

/* The same as datapath_core_send for a frame or a piece of one, which no inner address leads anywhere: to `peer`. */
enum datapath_verdict datapath_core_send_to(struct datapath *d, struct datapath_time now, uint32_t peer, const uint8_t *text,
                                            size_t size, uint8_t *out, size_t *ret_size, struct datapath_endpoint *ret_to,
                                            struct datapath_effects *fx);

/* Whether this number's peer takes frames; and begin a session with one, unless a handshake is under way. */
enum datapath_taking datapath_core_taking(const struct datapath *d, uint32_t peer);
void datapath_core_call(struct datapath *d, struct datapath_time now, uint32_t peer, struct datapath_effects *fx);

/* "FORGED". Never NULL for a verdict. */
const char *datapath_core_verdict_name(enum datapath_verdict v);
const char *datapath_core_verdict_text(enum datapath_verdict v);

#endif
