/* The slot protocol: what may stand in a slot's word and who may move it where. Pure: every function
 * is one side's step on words that were read before; loads and stores are the caller's.
 *
 * A slot is a pair of words. The request word lies in the asker's half and only the asker writes it;
 * the response word lies in the server's half and only the server writes it. So no step needs a
 * compare-and-swap between processes, and a word that was published is true until its owner says
 * something newer.
 *
 *   asker   REST -> (FILL) -> ASK -> (FILL) -> ASK ...      a new sequence number each time
 *                      \       \-> VOID -> (FILL) -> ASK    VOID: disowned, after a timeout
 *   server  REST -> (FILL) -> ANSWER or REFUSE              with the request's sequence number
 *                          -> DONE                          with the VOID's: "I touch nothing more"
 *
 * A timeout disowns for ever: VOID has a sequence number of its own, so a late answer carries a number
 * that no call waits for. The slot and its memory are used again only after DONE.
 * A server touches its answer memory of a slot only after it has seen a newer request there; the
 * asker may read an answer in place until it publishes the next request. */
#ifndef CELL_COMMON_RUN_SHM_SLOT_H
#define CELL_COMMON_RUN_SHM_SLOT_H

#include <stdbool.h>
#include <stdint.h>

/* A word, from the top: sequence number (48 bits: at ten million calls a second on one slot 325 days
 * until it comes round, and only equality is ever asked), generation (12 bits: how often the slot was
 * disowned), state (4 bits). */
enum {
    SHM_SLOT_STATE_BITS = 4,
    SHM_SLOT_GENERATION_BITS = 12,
    SHM_SLOT_SEQUENCE_SHIFT = SHM_SLOT_STATE_BITS + SHM_SLOT_GENERATION_BITS,
};

enum shm_slot_state {
    SHM_SLOT_REST = 0, /* nothing yet; a fresh half is all zeros                            */
    SHM_SLOT_FILL = 1, /* a large payload is being written: worth waiting for, not readable */
    SHM_SLOT_ASK = 2,
    SHM_SLOT_VOID = 3,
    SHM_SLOT_ANSWER = 4,
    SHM_SLOT_REFUSE = 5, /* by the transport; the tag says why */
    SHM_SLOT_DONE = 6,
};

static inline enum shm_slot_state shm_slot_state(uint64_t word)
{
    return (enum shm_slot_state)(word & ((1u << SHM_SLOT_STATE_BITS) - 1));
}

static inline uint64_t shm_slot_sequence(uint64_t word)
{
    return word >> SHM_SLOT_SEQUENCE_SHIFT;
}

static inline uint32_t shm_slot_generation(uint64_t word)
{
    return (uint32_t)(word >> SHM_SLOT_STATE_BITS) & ((1u << SHM_SLOT_GENERATION_BITS) - 1);
}

/* The same sequence number and generation, another state. */
static inline uint64_t shm_slot_with(uint64_t word, enum shm_slot_state state)
{
    return (word & ~(uint64_t)((1u << SHM_SLOT_STATE_BITS) - 1)) | (uint64_t)state;
}

/* ---- the asker; `mine` is the word it published last --------------------------------------------- */

/* The word that announces a request whose payload is about to be written. */
uint64_t shm_slot_fill(uint64_t mine);

/* The word that publishes a request; keeps the number that FILL took. */
uint64_t shm_slot_ask(uint64_t mine);

/* The word that disowns the request `mine`, which is FILL or ASK. */
uint64_t shm_slot_disown(uint64_t mine);

enum shm_slot_sight {
    SHM_SLOT_NOT_YET,
    SHM_SLOT_FILLING,  /* the answer is being written                    */
    SHM_SLOT_ANSWERED, /* header and payload may be read                 */
    SHM_SLOT_REFUSED,  /* the tag is an enum shm_fault                   */
    SHM_SLOT_RELEASED, /* the disowned slot is ours again                */
};

/* What the response word `theirs` means to who published `mine`. Any value of `theirs` that is not an
 * answer to exactly this word is NOT_YET: late answers, old ones, and lies. Inline: once a turn. */
static inline enum shm_slot_sight shm_slot_see(uint64_t mine, uint64_t theirs)
{
    enum shm_slot_state asked = shm_slot_state(mine), state = shm_slot_state(theirs);

    if (((mine ^ theirs) >> SHM_SLOT_STATE_BITS) != 0) {
        return SHM_SLOT_NOT_YET;
    }
    if (asked == SHM_SLOT_ASK) {
        return state == SHM_SLOT_ANSWER   ? SHM_SLOT_ANSWERED
               : state == SHM_SLOT_REFUSE ? SHM_SLOT_REFUSED
               : state == SHM_SLOT_FILL   ? SHM_SLOT_FILLING
                                          : SHM_SLOT_NOT_YET;
    }
    return asked == SHM_SLOT_VOID && state == SHM_SLOT_DONE ? SHM_SLOT_RELEASED : SHM_SLOT_NOT_YET;
}

/* ---- the server ----------------------------------------------------------------------------------- */

enum shm_slot_phase {
    SHM_SLOT_IDLE,
    SHM_SLOT_HELD,     /* a request is being handled, or kept to be answered later */
    SHM_SLOT_ORPHANED, /* the same, but its asker has disowned it                  */
};

/* What a server remembers of one slot; zeroed to begin. */
struct shm_slot_served {
    uint64_t seen;  /* the request word it has looked at last   */
    uint64_t asked; /* the request that is held                 */
    enum shm_slot_phase phase;
};

enum shm_slot_find {
    SHM_SLOT_NOTHING,
    SHM_SLOT_COMING,  /* FILL: worth waiting for                                        */
    SHM_SLOT_TAKE,    /* a request; it is held now, and shm_slot_close must follow      */
    SHM_SLOT_RELEASE, /* *ret_response must be published: DONE                          */
    SHM_SLOT_ILLEGAL, /* a word that no honest asker writes there; ignored, to be counted */
};

/* Look at the request word `theirs`. *ret_response is set for RELEASE only. Total: every value of
 * `theirs` has an answer, and each new value is reported at most once. */
enum shm_slot_find shm_slot_find(struct shm_slot_served *s, uint64_t theirs,
                                 uint64_t *ret_response);

/* The word that announces the answer to the held request. */
uint64_t shm_slot_filling(const struct shm_slot_served *s);

/* End the handling of the held request: returns the word to publish. `state` is ANSWER or REFUSE;
 * `theirs` the request word read just now. *ret_is_late: the asker has disowned the request, the word
 * is DONE and whatever was written into the answer's memory is nobody's. */
uint64_t shm_slot_close(struct shm_slot_served *s, enum shm_slot_state state, uint64_t theirs,
                        bool *ret_is_late);

#endif
