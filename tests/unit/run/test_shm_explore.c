/* Every interleaving of three threads on one slot: two of the asking process, which claim it in turn
 * and give up at any moment, and the server. The steps are the protocol's own functions, cut at each
 * access to memory that another thread sees. Explored exhaustively, states that were met are not
 * entered again.
 *
 * Checked in every state: nobody takes an answer to another's request; no request is overwritten while
 * the server may read it; no answer is overwritten while its asker reads it; and from every state the
 * three come to an end. Then the same with a bug planted, which must be found. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/run/shm_slot.h"
#include "tests/support/check.h"

enum {
    ASKERS = 2,
    TABLE_BITS = 22,
    TORN = 255, /* memory that is being written */
};

enum plant {
    PLANT_NONE,
    PLANT_REUSE_AT_ONCE, /* a disowned slot is claimed without the server's release          */
    PLANT_SAME_NUMBER,   /* a timeout does not take a number: the next request has the same  */
    PLANT_ANSWER_NEWEST, /* the server answers whatever number it sees when it is ready      */
    PLANT_NO_RELEASE,    /* the server forgets to release what it has never seen             */
    PLANT_FORGETFUL,     /* the server publishes its answer without a look at who waits      */
};

/* Program counters; each names the access that comes next. */
enum asker_at {
    A_CLAIM, A_WRITE, A_WRITTEN, A_ASK, A_LOOK, A_READ, A_READ_AGAIN, A_FREE, A_DISOWN, A_GIVE_UP, A_END
};
enum server_at { S_LOOK, S_READ, S_READ_AGAIN, S_WRITE, S_WRITTEN, S_LOOK_AGAIN, S_PUBLISH, S_RELEASE };

/* Everything; compared as bytes, so zeroed before it is filled. */
struct world {
    uint64_t request, response; /* the shared words                                       */
    uint64_t mine;              /* the asking process's copy of `request`                 */
    struct shm_slot_served served;
    uint64_t to_publish;
    uint8_t request_memory, response_memory; /* which call's bytes they are               */
    uint8_t claim;                           /* 0 free, 1 claimed, 2 disowned             */
    uint8_t server_at;
    uint8_t serving; /* the call whose bytes the server has read */
    uint8_t timeouts; /* left */
    uint8_t next_call;
    struct {
        uint8_t at;
        uint8_t calls; /* left */
        uint8_t call;  /* the one that is made now */
        uint8_t got;
    } asker[ASKERS];
};

static struct world *table;
static uint8_t *is_used;
static uint64_t states;
static enum plant planted;
static const char *violation;

static void must(bool holds, const char *why)
{
    if (!holds && violation == NULL) {
        violation = why;
    }
}

/* ---- the asking process --------------------------------------------------------------------------- */

static bool may_claim(const struct world *w)
{
    return w->claim == 0 ||
           (w->claim == 2 && (planted == PLANT_REUSE_AT_ONCE ||
                              shm_slot_see(w->mine, w->response) == SHM_SLOT_RELEASED));
}

static uint64_t disown(uint64_t mine)
{
    return planted == PLANT_SAME_NUMBER ? shm_slot_with(mine, SHM_SLOT_VOID) : shm_slot_disown(mine);
}

static uint64_t ask(uint64_t mine)
{
    bool is_void = shm_slot_state(mine) == SHM_SLOT_VOID;

    return planted == PLANT_SAME_NUMBER && is_void ? shm_slot_with(mine, SHM_SLOT_ASK)
                                                   : shm_slot_ask(mine);
}

/* How many ways the asker may go from here: 0 when it must wait. */
static int asker_choices(const struct world *w, int i)
{
    switch ((enum asker_at)w->asker[i].at) {
    case A_CLAIM:
        return may_claim(w) ? 1 : 0;
    case A_LOOK:
        /* An empty look changes nothing: it is left out. A timeout may come at any time. */
        return (shm_slot_see(w->mine, w->response) >= SHM_SLOT_ANSWERED ? 1 : 0) + (w->timeouts > 0 ? 2 : 0);
    case A_END:
        return 0;
    case A_WRITE:
    case A_WRITTEN:
    case A_ASK:
    case A_READ:
    case A_READ_AGAIN:
    case A_FREE:
    case A_DISOWN:
    case A_GIVE_UP:
        break;
    }
    return 1;
}

static void end_call(struct world *w, int i, uint8_t claim)
{
    w->claim = claim;
    w->asker[i].calls--;
    w->asker[i].call = w->asker[i].got = 0;
    w->asker[i].at = w->asker[i].calls > 0 ? A_CLAIM : A_END;
}

static void asker_step(struct world *w, int i, bool is_timeout)
{
    switch ((enum asker_at)w->asker[i].at) {
    case A_CLAIM:
        w->claim = 1;
        w->asker[i].call = ++w->next_call;
        break;
    case A_WRITE:
        w->request_memory = TORN;
        break;
    case A_WRITTEN:
        w->request_memory = w->asker[i].call;
        break;
    case A_ASK:
        w->mine = w->request = ask(w->mine);
        break;
    case A_LOOK:
        w->timeouts -= is_timeout;
        w->asker[i].at = is_timeout ? A_DISOWN : A_READ;
        return;
    case A_READ:
        w->asker[i].got = w->response_memory;
        must(w->asker[i].got == w->asker[i].call, "the answer to another request, or half of one");
        break;
    case A_READ_AGAIN:
        must(w->response_memory == w->asker[i].got, "the answer changed while it was read in place");
        break;
    case A_FREE:
        end_call(w, i, 0);
        return;
    case A_DISOWN:
        w->mine = w->request = disown(w->mine);
        w->asker[i].at = A_GIVE_UP;
        return;
    case A_GIVE_UP:
        end_call(w, i, 2);
        return;
    case A_END:
        return;
    }
    w->asker[i].at++;
}

/* ---- the server ----------------------------------------------------------------------------------- */

static bool server_may(const struct world *w)
{
    return w->server_at != S_LOOK || w->request != w->served.seen;
}

static void server_look(struct world *w)
{
    enum shm_slot_find found = shm_slot_find(&w->served, w->request, &w->to_publish);

    must(found != SHM_SLOT_ILLEGAL, "an honest asker was taken for a liar");
    w->server_at = found == SHM_SLOT_TAKE                                        ? S_READ
                   : found == SHM_SLOT_RELEASE && planted != PLANT_NO_RELEASE ? S_RELEASE
                                                                                 : S_LOOK;
}

static void server_close(struct world *w)
{
    bool is_late;
    uint64_t theirs = planted == PLANT_FORGETFUL ? w->served.seen : w->request;

    w->to_publish = shm_slot_close(&w->served, SHM_SLOT_ANSWER, theirs, &is_late);
    if (planted == PLANT_ANSWER_NEWEST) {
        w->to_publish = shm_slot_with(w->request, SHM_SLOT_ANSWER);
    }
    w->server_at = S_PUBLISH;
}

static void server_step(struct world *w)
{
    switch ((enum server_at)w->server_at) {
    case S_LOOK:
        server_look(w);
        return;
    case S_READ:
        w->serving = w->request_memory;
        must(w->serving != TORN, "a request that is being written was read");
        break;
    case S_READ_AGAIN:
        must(w->request_memory == w->serving, "the request was overwritten while it was served");
        break;
    case S_WRITE:
        w->response_memory = TORN;
        break;
    case S_WRITTEN:
        w->response_memory = w->serving;
        break;
    case S_LOOK_AGAIN:
        server_close(w);
        return;
    case S_PUBLISH:
    case S_RELEASE:
        w->response = w->to_publish;
        w->to_publish = 0;
        w->serving = 0;
        w->server_at = S_LOOK;
        return;
    }
    w->server_at++;
}

/* ---- the search ----------------------------------------------------------------------------------- */

static bool enter(const struct world *w)
{
    const uint8_t *bytes = (const uint8_t *)w;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (size_t i = 0; i < sizeof *w; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    size_t at = hash >> (64 - TABLE_BITS);
    while (is_used[at]) {
        if (memcmp(&table[at], w, sizeof *w) == 0) {
            return false;
        }
        at = (at + 1) & ((1u << TABLE_BITS) - 1);
    }
    REQUIRE(states < (3u << TABLE_BITS) / 4, "the table is large enough");
    is_used[at] = 1;
    table[at] = *w;
    states++;
    return true;
}

static void explore(const struct world *w)
{
    bool is_stuck = true, is_ended = true;

    if (violation != NULL || !enter(w)) {
        return;
    }
    for (int i = 0; i < ASKERS; i++) {
        int choices = asker_choices(w, i);
        is_ended = is_ended && w->asker[i].at == A_END;
        for (int c = 1; c <= 2; c++) {
            if ((choices & c) != 0) {
                struct world next = *w;
                is_stuck = false;
                asker_step(&next, i, c == 2);
                explore(&next);
            }
        }
    }
    if (server_may(w)) {
        struct world next = *w;
        is_stuck = false;
        server_step(&next);
        explore(&next);
    }
    must(!is_stuck || is_ended, "everybody waits for somebody");
}

static const char *run(enum plant plant, int calls, int timeouts)
{
    struct world w;

    memset(&w, 0, sizeof w);
    memset(is_used, 0, (size_t)1 << TABLE_BITS);
    for (int i = 0; i < ASKERS; i++) {
        w.asker[i].calls = (uint8_t)calls;
    }
    w.timeouts = (uint8_t)timeouts;
    planted = plant;
    violation = NULL;
    states = 0;
    explore(&w);
    return violation;
}

int main(int argc, char **argv)
{
    static const struct {
        enum plant plant;
        const char *what;
    } plants[] = {
        {PLANT_REUSE_AT_ONCE, "reuse without release"}, {PLANT_SAME_NUMBER, "a timeout takes no number"},
        {PLANT_ANSWER_NEWEST, "any number is answered"}, {PLANT_NO_RELEASE, "no release"}};
    int calls = argc > 1 ? atoi(argv[1]) : 6, timeouts = argc > 2 ? atoi(argv[2]) : 6;

    table = calloc((size_t)1 << TABLE_BITS, sizeof *table);
    is_used = calloc((size_t)1 << TABLE_BITS, 1);
    REQUIRE(table != NULL && is_used != NULL, "memory");
    const char *why = run(PLANT_NONE, calls, timeouts);
    CHECK(why == NULL, "%s", why);
    printf("%" PRIu64 " states of %d calls each, %d timeouts\n", states, calls, timeouts);
    CHECK(states > 1000, "the search has seen something");
    /* Publishing late is no bug: the number alone keeps a late answer from being taken. */
    why = run(PLANT_FORGETFUL, 2, 2);
    CHECK(why == NULL, "an answer behind its VOID: %s", why);
    for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
        why = run(plants[i].plant, 2, 2);
        CHECK(why != NULL, "planted and not found: %s", plants[i].what);
        printf("planted: %s; found after %" PRIu64 " states: %s\n", plants[i].what, states,
               why == NULL ? "-" : why);
    }
    free(table);
    free(is_used);
    return CHECK_RESULT();
}
