/* Members' own words, which others pass on: that one leaves, and that one lives. The second is for when somebody lies: whoever is a
 * member can say of another what is in no incarnation of it, with a number so high that none is left to refute it. So nobody is believed
 * who leaps, but the member itself; and what a member swears to overrides all that is further above than a leap, whoever said it. */
#ifndef CELL_NODOSUM_WORD_H
#define CELL_NODOSUM_WORD_H

#include "nodosum/state.h"

enum {
    NODOSUM_WORD_LEAP = 1 << 24,   /* incarnations at once: half a year of the clocks that they begin with; 97 days of changes twice a
                                    * second. A liar needs 2^29 of them until none is left                   */
    NODOSUM_WORD_NEAR = 1 << 16,   /* … which a member takes at any time; more than these only every so often … */
    NODOSUM_WORD_GAP_MS = 1000,    /* … as it swears: 2^29 of these are 17 years                            */
    NODOSUM_WORD_DOUBTS = 64,      /* members asked a second whether they said what is not believed          */
};

/* Whether a LEFT or LIVES is signed by whom it is about. What is not looked at for the time being (NODOSUM_WORD_RATE) is said again:
 * tables that differ are compared. */
bool nodosum_word_holds(struct nodosum *n, const struct nodosum_message *m);

/* What `from` says of a member leaps: it is not believed. `from` is told what the member swore, if anything; and the member itself
 * what is known here and what was said, so that it can swear. */
bool nodosum_word_doubts(struct nodosum *n, uint16_t from, uint16_t index, const struct nodosum_message *m);

/* How far above its incarnation this node goes to refute, now. */
uint64_t nodosum_word_reach(const struct nodosum *n);

/* This node went from `before` to its incarnation: it swears when that is far from where it began or swore last. */
void nodosum_word_went(struct nodosum *n, uint64_t before);

/* `from` knows this node in an incarnation that it never had: it swears to the one that it has, unless it did lately, and says so. */
bool nodosum_word_insist(struct nodosum *n, uint16_t from);

/* Append what a member swore, and nothing if there is none or no room. */
void nodosum_word_add(const struct nodosum_member *m, struct nodosum_packet *p);

#endif
