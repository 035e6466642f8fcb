/* The slot protocol step by step: every state against every word. */
#include "common/run/shm_slot.h"

#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define WORD(sequence, generation, state)                                                          \
    ((uint64_t)(sequence) << SHM_SLOT_SEQUENCE_SHIFT |                                             \
     (uint64_t)(generation) << SHM_SLOT_STATE_BITS | (state))
#define LAST_SEQUENCE (UINT64_MAX >> SHM_SLOT_SEQUENCE_SHIFT)

static void the_asker_moves_forward_only(void)
{
    static const struct {
        char step; /* fill, ask, disown */
        uint64_t from, to;
        const char *why;
    } rows[] = {
        {'a', 0, WORD(1, 0, SHM_SLOT_ASK), "the first request"},
        {'f', 0, WORD(1, 0, SHM_SLOT_FILL), "announced first"},
        {'a', WORD(1, 0, SHM_SLOT_FILL), WORD(1, 0, SHM_SLOT_ASK), "and then published: one number"},
        {'a', WORD(1, 0, SHM_SLOT_ASK), WORD(2, 0, SHM_SLOT_ASK), "the next one has the next number"},
        {'f', WORD(7, 3, SHM_SLOT_ASK), WORD(8, 3, SHM_SLOT_FILL), "the generation stays"},
        {'d', WORD(7, 3, SHM_SLOT_ASK), WORD(8, 4, SHM_SLOT_VOID), "disowned: a number of its own"},
        {'d', WORD(7, 3, SHM_SLOT_FILL), WORD(8, 4, SHM_SLOT_VOID), "also half-written"},
        {'a', WORD(8, 4, SHM_SLOT_VOID), WORD(9, 4, SHM_SLOT_ASK), "after the release"},
        {'a', WORD(LAST_SEQUENCE, 5, SHM_SLOT_ASK), WORD(0, 5, SHM_SLOT_ASK), "numbers come round"},
        {'d', WORD(LAST_SEQUENCE, 4095, SHM_SLOT_ASK), WORD(0, 0, SHM_SLOT_VOID), "so do generations"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t to = rows[i].step == 'f'   ? shm_slot_fill(rows[i].from)
                      : rows[i].step == 'a' ? shm_slot_ask(rows[i].from)
                                            : shm_slot_disown(rows[i].from);
        CHECK(to == rows[i].to, "row %zu: %s: %016lx", i, rows[i].why, (unsigned long)to);
        CHECK(to == WORD(shm_slot_sequence(to), shm_slot_generation(to), shm_slot_state(to)),
              "row %zu: taken apart and put together", i);
    }
}

static void only_the_answer_to_this_request_is_one(void)
{
    static const struct {
        uint64_t mine, theirs;
        enum shm_slot_sight sight;
        const char *why;
    } rows[] = {
        {WORD(5, 1, SHM_SLOT_ASK), 0, SHM_SLOT_NOT_YET, "nothing said yet"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, SHM_SLOT_ANSWER), SHM_SLOT_ANSWERED, "ours"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, SHM_SLOT_REFUSE), SHM_SLOT_REFUSED, "a refusal"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, SHM_SLOT_FILL), SHM_SLOT_FILLING, "being written"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(4, 1, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "the last one's"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(6, 1, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "the future's"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 0, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "a disowned one's"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, SHM_SLOT_DONE), SHM_SLOT_NOT_YET, "no release was asked"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, SHM_SLOT_ASK), SHM_SLOT_NOT_YET, "our own word back"},
        {WORD(5, 1, SHM_SLOT_ASK), WORD(5, 1, 15), SHM_SLOT_NOT_YET, "no state"},
        {WORD(6, 2, SHM_SLOT_VOID), WORD(6, 2, SHM_SLOT_DONE), SHM_SLOT_RELEASED, "released"},
        {WORD(6, 2, SHM_SLOT_VOID), WORD(5, 1, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "the late answer"},
        {WORD(6, 2, SHM_SLOT_VOID), WORD(6, 2, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "answers nothing"},
        {WORD(6, 2, SHM_SLOT_FILL), WORD(6, 2, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "before it was asked"},
        {0, WORD(0, 0, SHM_SLOT_ANSWER), SHM_SLOT_NOT_YET, "before anything was"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(shm_slot_see(rows[i].mine, rows[i].theirs) == rows[i].sight, "row %zu: %s", i, rows[i].why);
    }
}

/* Rows share one slot, top to bottom. */
static void the_server_takes_each_request_once(void)
{
    static const struct {
        char step; /* look, close */
        uint64_t theirs;
        int found; /* enum shm_slot_find; for close: whether it is late */
        uint64_t response;
        const char *why;
    } rows[] = {
        {'l', 0, SHM_SLOT_NOTHING, 0, "a fresh slot"},
        {'l', WORD(1, 0, SHM_SLOT_FILL), SHM_SLOT_COMING, 0, "worth waiting for"},
        {'l', WORD(1, 0, SHM_SLOT_FILL), SHM_SLOT_COMING, 0, "as long as it lasts"},
        {'l', WORD(1, 0, SHM_SLOT_ASK), SHM_SLOT_TAKE, 0, "a request"},
        {'l', WORD(1, 0, SHM_SLOT_ASK), SHM_SLOT_NOTHING, 0, "once"},
        {'c', WORD(1, 0, SHM_SLOT_ASK), false, WORD(1, 0, SHM_SLOT_ANSWER), "answered in time"},
        {'l', WORD(1, 0, SHM_SLOT_ASK), SHM_SLOT_NOTHING, 0, "never again"},
        {'l', WORD(2, 0, SHM_SLOT_ASK), SHM_SLOT_TAKE, 0, "the next"},
        {'l', WORD(3, 1, SHM_SLOT_VOID), SHM_SLOT_NOTHING, 0, "disowned under the handler"},
        {'c', WORD(3, 1, SHM_SLOT_VOID), true, WORD(3, 1, SHM_SLOT_DONE), "late: released, no answer"},
        {'l', WORD(3, 1, SHM_SLOT_VOID), SHM_SLOT_NOTHING, 0, "that is done"},
        {'l', WORD(4, 1, SHM_SLOT_ASK), SHM_SLOT_TAKE, 0, "used again"},
        {'c', WORD(5, 2, SHM_SLOT_VOID), true, WORD(5, 2, SHM_SLOT_DONE), "disowned at the last moment"},
        {'l', WORD(7, 3, SHM_SLOT_VOID), SHM_SLOT_RELEASE, WORD(7, 3, SHM_SLOT_DONE),
         "a request that was never seen is released at once"},
        {'l', WORD(8, 3, SHM_SLOT_ANSWER), SHM_SLOT_ILLEGAL, 0, "no asker writes that"},
        {'l', WORD(8, 3, SHM_SLOT_ANSWER), SHM_SLOT_NOTHING, 0, "reported once"},
        {'l', WORD(8, 3, 9), SHM_SLOT_ILLEGAL, 0, "no state"},
        {'l', 0, SHM_SLOT_ILLEGAL, 0, "nobody goes back to the beginning"},
        {'l', WORD(9, 3, SHM_SLOT_ASK), SHM_SLOT_TAKE, 0, "an honest word after lies"},
        {'l', WORD(10, 3, SHM_SLOT_ASK), SHM_SLOT_ILLEGAL, 0, "a request over one that is out"},
        {'l', WORD(10, 3, SHM_SLOT_FILL), SHM_SLOT_ILLEGAL, 0, "nor is one announced"},
        {'c', WORD(10, 3, SHM_SLOT_ASK), false, WORD(9, 3, SHM_SLOT_ANSWER), "its own number is kept"},
    };
    struct shm_slot_served s = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t response = 0;
        if (rows[i].step == 'l') {
            CHECK((int)shm_slot_find(&s, rows[i].theirs, &response) == rows[i].found, "row %zu: %s", i,
                  rows[i].why);
        } else {
            bool is_late = false;
            response = shm_slot_close(&s, SHM_SLOT_ANSWER, rows[i].theirs, &is_late);
            CHECK((int)is_late == rows[i].found, "row %zu: %s", i, rows[i].why);
        }
        CHECK(response == rows[i].response, "row %zu: %s: %016lx", i, rows[i].why,
              (unsigned long)response);
    }
}

/* Any words in any order: no assertion fails, nothing is taken while something is held, and whatever
 * is published carries a number that was seen. */
static void any_words_have_an_answer(void)
{
    struct shm_slot_served s = {0};
    struct rng rng;

    rng_init(&rng, 1);
    for (int i = 0; i < 1000000; i++) {
        uint64_t theirs = WORD(rng_below(&rng, 4), rng_below(&rng, 2), rng_below(&rng, 16));
        uint64_t response = UINT64_MAX;
        enum shm_slot_phase before = s.phase;
        bool is_late;
        if (before != SHM_SLOT_IDLE && rng_below(&rng, 2) == 0) {
            response = shm_slot_close(&s, SHM_SLOT_REFUSE, theirs, &is_late);
            uint64_t of = is_late ? s.seen : s.asked;
            CHECK((response ^ of) >> SHM_SLOT_STATE_BITS == 0, "step %d: another's number", i);
            CHECK(s.phase == SHM_SLOT_IDLE, "step %d", i);
            continue;
        }
        enum shm_slot_find found = shm_slot_find(&s, theirs, &response);
        CHECK(found != SHM_SLOT_TAKE || (before == SHM_SLOT_IDLE && s.asked == theirs), "step %d", i);
        CHECK((found == SHM_SLOT_RELEASE) == (response != UINT64_MAX), "step %d: only then set", i);
        CHECK(found != SHM_SLOT_RELEASE || response == shm_slot_with(theirs, SHM_SLOT_DONE), "step %d", i);
        CHECK(found == SHM_SLOT_COMING || s.seen == theirs, "step %d: remembered", i);
    }
}

int main(void)
{
    the_asker_moves_forward_only();
    only_the_answer_to_this_request_is_one();
    the_server_takes_each_request_once();
    any_words_have_an_answer();
    return CHECK_RESULT();
}
