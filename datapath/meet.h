/* Inside of the ways: what is said to a rendezvous and by it, on both sides; and what the two files do for each other. */
#ifndef CELL_DATAPATH_MEET_H
#define CELL_DATAPATH_MEET_H

#include "datapath/ways.h"

/* ---- ways.c ------------------------------------------------------------------------------------------- */

/* The way of the peer who has this number now; the former's is forgotten. */
struct datapath_way *datapath_ways_touch(struct datapath_ways *w, uint32_t peer);
/* Begin to seek a way, if there is none. False: this node is silent. */
bool datapath_ways_seek(struct datapath_ways *w, struct datapath_time now, uint32_t peer);
void datapath_ways_step(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                        const struct datapath_path_event *ev, struct datapath_ways_effects *fx);
void datapath_ways_say(struct datapath_ways *w, uint32_t peer, const struct datapath_endpoint *to,
                       const struct datapath_signal *s, size_t size, bool is_whole, struct datapath_ways_effects *fx);
void datapath_ways_note(struct datapath_ways_effects *fx, enum datapath_ways_note_kind kind, uint32_t peer, uint32_t by,
                        const uint8_t *key);
void datapath_ways_schedule(struct datapath_ways *w, uint32_t peer);
/* Call him so from now on ("": nothing), by this one's word (way.h, named_by). False: it is another's, and nothing changed.
 * Where our operator calls him something nobody's word counts. */
bool datapath_ways_call(struct datapath_ways *w, uint32_t peer, const char *name, uint32_t by);

/* A peer that somebody brought: with the cluster's psk, and what earlier lives heard of him. Errors of datapath_core_add. */
enum err datapath_meet_make(struct datapath_ways *w, struct datapath_time now, const uint8_t key[DATAPATH_NOISE_KEY],
                            const struct datapath_endpoint *at, uint32_t *ret_peer) MUST_CHECK;

/* ---- meet.c: who believes ------------------------------------------------------------------------------- */

/* Which of those that we believe he is; DATAPATH_WAYS_BELIEVED: none. */
uint32_t datapath_meet_index(const struct datapath_ways *w, uint32_t peer);
void datapath_meet_roll(struct datapath_ways *w, struct datapath_time now, uint32_t index, uint8_t flags,
                        struct datapath_ways_effects *fx);
enum datapath_ways_verdict datapath_meet_news(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                              const struct datapath_signal *s, struct datapath_ways_effects *fx);
enum datapath_ways_verdict datapath_meet_met(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                             const struct datapath_signal *s, struct datapath_ways_effects *fx);
/* There is no direct way to him: whoever knows us both brings us together, and passes on meanwhile. */
void datapath_meet_call(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx);
void datapath_meet_ask_relays(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx);
enum datapath_ways_verdict datapath_meet_relaying(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                                  const struct datapath_endpoint *from, const struct datapath_signal *s,
                                                  struct datapath_ways_effects *fx);

/* ---- serve.c: who is believed --------------------------------------------------------------------------- */

enum datapath_ways_verdict datapath_serve_roll(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               size_t size, struct datapath_ways_effects *fx);
enum datapath_ways_verdict datapath_serve_call(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                               const struct datapath_endpoint *from, const struct datapath_signal *s,
                                               size_t size, struct datapath_ways_effects *fx);
enum datapath_ways_verdict datapath_serve_relay(struct datapath_ways *w, struct datapath_time now, uint32_t peer,
                                                const struct datapath_endpoint *from, const struct datapath_signal *s,
                                                struct datapath_ways_effects *fx);
/* Compare the roll with the peers that there are: who is one is a member; see who is silent. */
void datapath_serve_scan(struct datapath_ways *w, uint64_t now_ms);
void datapath_serve_describe(const void *ways, uint32_t peer, struct datapath_signal_member *m);

#endif
