/* Sessions between two nodes of ours may be sealed with AES-256-GCM, which processors with instructions for it do four
 * times as fast as ChaCha20-Poly1305. Nothing of WireGuard's protocol changes for that: a handshake is as it is, and a
 * peer that is none of ours never gets a datagram that it does not know.
 *
 * Whoever can, says so in a packet of the session itself, which is neither IPv4 nor IPv6: others drop it, as they drop
 * all that is no packet. Who has had the other's offer under a session may seal with AES under it, and marks those
 * datagrams by the highest bit of their counter, which no session between such two gets to (session.h: it ends below). The mark
 * is part of the nonce, the counter below it is one for both ways of sealing, and each has keys of its own. Offers are
 * authentic: nobody between two nodes can make one, and whoever drops them gets ChaCha20-Poly1305. The same word says who
 * takes Ethernet frames (pieces.h).
 *
 * A second mark says that the packet's checksum of TCP or UDP is the pseudo head's sum and no more, as the kernel of the
 * sender left it: what was sealed is what was meant, so neither side sums it, and the other's kernel is told as much
 * (docs/decisions/0022). Pure. */
#ifndef CELL_DATAPATH_OWN_H
#define CELL_DATAPATH_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/aead.h"

enum {
    DATAPATH_OWN_SIZE = 16,       /* bytes of an offer                                                   */
    DATAPATH_OWN_TRIES = 4,       /* offers of one session that nobody asked for: 30 % of them are lost
                                   * both ways, and one of a hundred sessions stays as WireGuard has it  */
    DATAPATH_OWN_EVERY_MS = 1000, /* … not before, with what is sent anyway; who answered none of so many
                                   * is offered it half as often with each, over all sessions …           */
    DATAPATH_OWN_DOUBLED = 12,    /* … to the end: a little more than an hour                            */
    DATAPATH_OWN_AES = 1,         /* kinds of what is opened: AES-256-GCM …                              */
    DATAPATH_OWN_FRAMES = 2,      /* … and frames …                                                      */
    DATAPATH_OWN_SUMS = 4,        /* … and, sealed with AES, packets whose checksum is unfinished        */
    DATAPATH_OWN_KINDS = DATAPATH_OWN_AES | DATAPATH_OWN_FRAMES | DATAPATH_OWN_SUMS,
};

#define DATAPATH_OWN_MARK (UINT64_C(1) << 63)
#define DATAPATH_OWN_UNFINISHED (UINT64_C(1) << 62) /* only with the other one; what is sealed with AES counts below both: to
                                                     * DATAPATH_PACE_OWN_MESSAGES */

/* What is said: "I open these kinds under this session", and whether the same was heard of you. */
void datapath_own_write(uint32_t kinds, bool has_heard, uint8_t ret[DATAPATH_OWN_SIZE]);

/* Whether the inside of a datagram, padded, is an offer of kinds that are known here. What a later version may add is left
 * aside. */
bool datapath_own_read(const uint8_t *text, size_t size, uint32_t *ret_kinds, bool *ret_has_heard);

/* How long after the newest of so many offers, at least one, of which none was answered, the next may be made. */
uint64_t datapath_own_wait_ms(uint32_t unanswered);

/* The key that goes with one of a session's: BLAKE2s as in WireGuard's KDF (section 5.4), with a name of its own. */
void datapath_own_key(const uint8_t session[DATAPATH_AEAD_KEY], uint8_t ret[DATAPATH_AEAD_KEY]);

#endif
