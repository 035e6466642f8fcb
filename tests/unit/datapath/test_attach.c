/* Where the shield hangs: scenes with their reasons, and floods at random beside a shell that obeys. */
#include "datapath/attach.h"

#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"

enum { STEP = DATAPATH_ATTACH_LOOK_MS, START = 1000 };

/* A shell: what hangs and who judges, by the effects alone. */
struct shell {
    struct datapath_attach core;
    struct datapath_attach_effects fx;
    bool hangs[2], judges_any;
    enum datapath_shield_hook judge;
    enum err xdp, tc;             /* what hanging gives */
    bool is_refused;
    uint64_t now_ms, dropped;
    int hung, taken_off;          /* XDP */
};

static void obey(struct shell *s)
{
    for (uint32_t i = 0; i < s->fx.count; i++) {
        const struct datapath_attach_effect *e = &s->fx.effect[i];
        switch (e->kind) {
        case DATAPATH_ATTACH_FX_HANG: {
            enum err result = e->hook == DATAPATH_SHIELD_XDP ? s->xdp : s->tc;
            struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_HUNG, .now_ms = s->now_ms, .hook = e->hook, .result = result};
            CHECK(i + 1 == s->fx.count, "a question is the last of its step");
            CHECK(!s->hangs[e->hook], "what hangs is not hung again");
            s->hangs[e->hook] = result == ERR_OK;
            s->hung += e->hook == DATAPATH_SHIELD_XDP && result == ERR_OK;
            datapath_attach_step(&s->core, &ev, &s->fx);
            obey(s);
            return;
        }
        case DATAPATH_ATTACH_FX_JUDGE:
            s->judge = e->hook;
            s->judges_any = true;
            break;
        case DATAPATH_ATTACH_FX_TAKE_OFF:
            CHECK(s->hangs[e->hook], "what does not hang is not taken off");
            CHECK(s->judge != e->hook, "who judges is not taken off");
            s->hangs[e->hook] = false;
            s->taken_off++;
            break;
        case DATAPATH_ATTACH_FX_REFUSED:
            s->is_refused = true;
            break;
        }
        CHECK(!s->judges_any || s->hangs[s->judge], "who judges hangs");
    }
}

static struct shell begin(enum datapath_attach_choice choice, bool is_cheap, enum err xdp, enum err tc)
{
    struct shell s = {.xdp = xdp, .tc = tc, .now_ms = START};
    struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_BEGIN, .now_ms = START};

    datapath_attach_init(&s.core, choice, is_cheap);
    datapath_attach_step(&s.core, &ev, &s.fx);
    obey(&s);
    return s;
}

/* Some time at so many dropped a second. */
static void pass(struct shell *s, uint64_t ms, uint64_t rate)
{
    for (uint64_t end = s->now_ms + ms; s->now_ms < end;) {
        uint64_t step = s->core.look_ms;
        s->now_ms += step;
        s->dropped += rate * step / 1000;
        struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_LOOK, .now_ms = s->now_ms, .dropped = s->dropped};
        datapath_attach_step(&s->core, &ev, &s->fx);
        obey(s);
    }
}

/* An interface that was not there, a right that was not: later there may be. */
static void what_was_refused_is_asked_for_again(void)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_NOT_FOUND);
    struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_BEGIN, .now_ms = START + 1};

    CHECK(s.is_refused && !s.hangs[DATAPATH_SHIELD_TC], "there is no interface");
    pass(&s, 2000, 2 * DATAPATH_ATTACH_FLOOD);
    CHECK(!s.hangs[DATAPATH_SHIELD_TC] && !s.hangs[DATAPATH_SHIELD_XDP], "looks alone do not change that");
    s.is_refused = false;
    datapath_attach_step(&s.core, &ev, &s.fx);
    obey(&s);
    CHECK(s.is_refused && !s.judges_any, "nor does another try");
    s.tc = ERR_OK;
    s.is_refused = false;
    datapath_attach_step(&s.core, &ev, &s.fx);
    obey(&s);
    CHECK(!s.is_refused && s.hangs[DATAPATH_SHIELD_TC] && s.judges_any, "now there is");
    pass(&s, 2000, 2 * DATAPATH_ATTACH_FLOOD);
    CHECK(s.hangs[DATAPATH_SHIELD_XDP], "and a flood is what it always was");
}

static void each_begins_where_it_should(void)
{
    static const struct {
        enum datapath_attach_choice choice;
        bool is_cheap;
        enum err xdp, tc;
        bool hangs_tc, hangs_xdp, is_refused;
        const char *why;
    } rows[] = {
        {DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_OK, true, false, false, "in peace tcx"},
        {DATAPATH_ATTACH_AUTO, true, ERR_OK, ERR_OK, false, true, false, "where XDP costs nothing, XDP"},
        {DATAPATH_ATTACH_AUTO, true, ERR_EXISTS, ERR_OK, true, false, false, "where somebody else has it, tcx"},
        {DATAPATH_ATTACH_AUTO, true, ERR_UNSUPPORTED, ERR_DENIED, false, false, true, "neither: that is said"},
        {DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_DENIED, false, false, true, "no right to tcx: nor to XDP"},
        {DATAPATH_ATTACH_NONE, true, ERR_OK, ERR_OK, false, false, false, "none is none"},
        {DATAPATH_ATTACH_ONLY_TC, true, ERR_OK, ERR_OK, true, false, false, "asked for tcx"},
        {DATAPATH_ATTACH_ONLY_XDP, false, ERR_OK, ERR_OK, false, true, false, "asked for XDP"},
        {DATAPATH_ATTACH_ONLY_XDP, false, ERR_EXISTS, ERR_OK, false, false, true, "asked for XDP alone: no other"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct shell s = begin(rows[i].choice, rows[i].is_cheap, rows[i].xdp, rows[i].tc);
        CHECK(s.hangs[DATAPATH_SHIELD_TC] == rows[i].hangs_tc && s.hangs[DATAPATH_SHIELD_XDP] == rows[i].hangs_xdp &&
                  s.is_refused == rows[i].is_refused, "%s", rows[i].why);
        pass(&s, 2000, 2 * DATAPATH_ATTACH_FLOOD);
        pass(&s, 2 * DATAPATH_ATTACH_QUIET_MS, 0);
        bool changes = rows[i].choice == DATAPATH_ATTACH_AUTO && rows[i].hangs_tc && rows[i].xdp == ERR_OK && !rows[i].is_cheap;
        CHECK(s.taken_off == (changes ? 1 : 0), "%s: a flood changes only what may change", rows[i].why);
    }
}

static void a_flood_brings_xdp_and_calm_takes_it_away(void)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_OK);

    pass(&s, 5000, DATAPATH_ATTACH_FLOOD - 10);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "less than a flood");
    pass(&s, STEP, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "a moment of it");
    pass(&s, STEP, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_XDP && s.hangs[DATAPATH_SHIELD_TC], "200 ms of it; tcx hangs on");
    pass(&s, 60000, DATAPATH_ATTACH_CALM);
    CHECK(s.judge == DATAPATH_SHIELD_XDP, "not calm yet");
    pass(&s, DATAPATH_ATTACH_QUIET_MS, DATAPATH_ATTACH_CALM - 10);
    CHECK(s.judge == DATAPATH_SHIELD_XDP, "calm, but not for long enough");
    pass(&s, STEP, 0);
    CHECK(s.judge == DATAPATH_SHIELD_TC && !s.hangs[DATAPATH_SHIELD_XDP], "calm for long");
}

/* XDP is asked for so many ms after the beginning of a flood of `rate` that lasts `ms` and begins `phase` ms after a look; 0: never.
 * is_bursts: it comes in bursts of 20 ms, 50 apart. */
static uint64_t asked_after_ms(uint64_t rate, uint64_t ms, uint64_t phase, bool is_bursts)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_OK);

    pass(&s, 1000, 0);
    uint64_t from = s.now_ms + phase, before = s.dropped;
    while (s.now_ms < from + ms + 2000) {
        s.now_ms += s.core.look_ms;
        uint64_t lasted = s.now_ms < from ? 0 : s.now_ms - from < ms ? s.now_ms - from : ms;
        uint64_t in_burst = lasted % 50 < 20 ? lasted % 50 : 20;
        s.dropped = before + (is_bursts ? rate * 50 / 1000 * (lasted / 50) + rate * 50 / 20 * in_burst / 1000 : rate * lasted / 1000);
        struct datapath_attach_event ev = {.kind = DATAPATH_ATTACH_EV_LOOK, .now_ms = s.now_ms, .dropped = s.dropped};
        datapath_attach_step(&s.core, &ev, &s.fx);
        obey(&s);
        if (s.judge == DATAPATH_SHIELD_XDP) {
            return s.now_ms - from;
        }
    }
    CHECK(s.core.look_ms == STEP, "after it looks are rare again");
    return 0;
}

static void a_flood_is_noticed_soon_whenever_it_begins(void)
{
    uint64_t worst = 0, worst_half = 0, worst_bursts = 0, late_ms;

    for (uint64_t phase = 0; phase < STEP; phase++) {
        late_ms = asked_after_ms(1100000, 1000, phase, false);
        CHECK(late_ms >= 90, "after %u ms, and it was not seen before", (unsigned)late_ms);
        worst = late_ms > worst ? late_ms : worst;
        late_ms = asked_after_ms(DATAPATH_ATTACH_FLOOD, 1000, phase, false);
        worst_half = late_ms > worst_half ? late_ms : worst_half;
        late_ms = asked_after_ms(1100000, 1000, phase, true);
        CHECK(late_ms > 0, "bursts from %u", (unsigned)phase);
        worst_bursts = late_ms > worst_bursts ? late_ms : worst_bursts;
    }
    CHECK(worst_bursts <= 180, "a million a second in bursts, after %u ms", (unsigned)worst_bursts);
    CHECK(worst <= 150, "a million a second, after %u ms", (unsigned)worst);
    CHECK(worst_half > 0 && worst_half < 300, "half a million, after %u ms", (unsigned)worst_half);
}

static void what_is_no_flood_brings_nothing(void)
{
    static const uint64_t counts[DATAPATH_SHIELD_VERDICTS] = {
        [DATAPATH_SHIELD_FOREIGN] = 1 << 30, [DATAPATH_SHIELD_DATA] = 1 << 30, [DATAPATH_SHIELD_INITIATION] = 1 << 20,
        [DATAPATH_SHIELD_RESPONSE] = 1 << 20, [DATAPATH_SHIELD_OWN] = 1 << 20, [DATAPATH_SHIELD_INDEX] = 3, [DATAPATH_SHIELD_MALFORMED] = 4,
        [DATAPATH_SHIELD_ALL] = 5};

    CHECK(datapath_attach_dropped(counts) == 12, "a busy flow that passes is none");
    for (uint64_t phase = 0; phase < STEP; phase += 5) {
        CHECK(asked_after_ms(5000000, 19, phase, false) == 0, "a burst of 95,000, as after a restart, from %u", (unsigned)phase);
        CHECK(asked_after_ms(DATAPATH_ATTACH_FLOOD, 150, phase, false) == 0, "a little longer, at the least rate, from %u", (unsigned)phase);
        CHECK(asked_after_ms(DATAPATH_ATTACH_FLOOD - 50, 5000, phase, false) == 0, "for long, but less than that, from %u", (unsigned)phase);
        CHECK(phase > 50 || asked_after_ms(3000000, 50, phase, false) == 0, "a burst of 150,000 that is over with the look, from %u", (unsigned)phase);
        CHECK(asked_after_ms(DATAPATH_ATTACH_CALM, 5000, phase, true) == 0, "bursts that are no flood on the average, from %u", (unsigned)phase);
    }
}

static void floods_by_turns_make_it_stay(void)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, false, ERR_OK, ERR_OK);

    /* A second of flood, eleven of calm, for an hour: 300 times. */
    for (int i = 0; i < 300; i++) {
        pass(&s, 1000, DATAPATH_ATTACH_FLOOD);
        pass(&s, 11000, 0);
    }
    CHECK(s.hung <= 10, "hung %d times", s.hung);
    pass(&s, DATAPATH_ATTACH_QUIET_MS_MAX + STEP, 0);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "it goes in the end");
    pass(&s, DATAPATH_ATTACH_QUIET_MS_MAX, 0);
    pass(&s, 1000, DATAPATH_ATTACH_FLOOD);
    pass(&s, DATAPATH_ATTACH_QUIET_MS + STEP, 0);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "and is not held against whoever floods much later");
}

static void a_taken_place_is_tried_again(void)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, false, ERR_EXISTS, ERR_OK);

    pass(&s, 1000, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_TC && !s.is_refused, "tcx does what it can");
    s.xdp = ERR_OK;
    pass(&s, DATAPATH_ATTACH_AGAIN_MS - 2000, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "not at once");
    pass(&s, 3000, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_XDP, "but after a while");
    s = begin(DATAPATH_ATTACH_AUTO, false, ERR_EXISTS, ERR_OK);
    pass(&s, DATAPATH_ATTACH_AGAIN_MS - 1000, 6 * DATAPATH_ATTACH_FLOOD);
    s.xdp = ERR_OK;
    pass(&s, 2000, 0);
    pass(&s, STEP, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "a flood that was over long ago is none of a moment now");
    s = begin(DATAPATH_ATTACH_AUTO, false, ERR_UNSUPPORTED, ERR_OK);
    pass(&s, 1000, DATAPATH_ATTACH_FLOOD);
    s.xdp = ERR_OK;
    pass(&s, 10 * DATAPATH_ATTACH_AGAIN_MS, DATAPATH_ATTACH_FLOOD);
    CHECK(s.judge == DATAPATH_SHIELD_TC, "a driver learns nothing");
}

/* Where it is to hang in peace, too: somebody has its place for a while, and it hangs when that is over, and stays. */
static void what_is_wanted_in_peace_is_tried_again(void)
{
    struct shell s = begin(DATAPATH_ATTACH_AUTO, true, ERR_EXISTS, ERR_OK);

    pass(&s, DATAPATH_ATTACH_AGAIN_MS / 2, 0);
    s.xdp = ERR_OK;
    CHECK(s.judge == DATAPATH_SHIELD_TC && s.hung == 0, "tcx meanwhile");
    pass(&s, DATAPATH_ATTACH_AGAIN_MS, 0);
    CHECK(s.judge == DATAPATH_SHIELD_XDP && s.hung == 1, "its place is free");
    pass(&s, 2000, 2 * DATAPATH_ATTACH_FLOOD);
    pass(&s, 4 * DATAPATH_ATTACH_QUIET_MS, 0);
    CHECK(s.judge == DATAPATH_SHIELD_XDP && s.taken_off == 0, "it stays, also after a flood");
    s = begin(DATAPATH_ATTACH_AUTO, true, ERR_UNSUPPORTED, ERR_OK);
    s.xdp = ERR_OK;
    pass(&s, 2 * DATAPATH_ATTACH_AGAIN_MS, 0);
    CHECK(s.hung == 0, "a driver that has none has none");
}

/* Floods and calms at random, places that come and go: obey() looks at each step. */
static void at_random(void)
{
    struct rng rng;
    int hung = 0;

    rng_init(&rng, 7);
    for (int world = 0; world < 400; world++) {
        static const enum err results[] = {ERR_OK, ERR_OK, ERR_EXISTS, ERR_UNSUPPORTED, ERR_IO};
        struct shell s = begin(DATAPATH_ATTACH_AUTO, rng_below(&rng, 2) == 0, results[rng_below(&rng, 5)], ERR_OK);
        for (int i = 0; i < 40; i++) {
            s.xdp = rng_below(&rng, 4) == 0 ? results[rng_below(&rng, 5)] : s.xdp;
            pass(&s, rng_below(&rng, 30000), rng_below(&rng, 2 * DATAPATH_ATTACH_FLOOD));
        }
        CHECK(s.judges_any, "somebody judges");
        hung += s.hung;
        pass(&s, 10 * DATAPATH_ATTACH_LOOK_MS + 2 * DATAPATH_ATTACH_QUIET_MS_MAX, 0);
        CHECK(s.judge == DATAPATH_SHIELD_TC || s.core.is_cheap, "in peace it hangs at the cheap place");
    }
    CHECK(hung > 300, "%d times", hung);
}

int main(void)
{
    each_begins_where_it_should();
    what_was_refused_is_asked_for_again();
    a_flood_brings_xdp_and_calm_takes_it_away();
    a_flood_is_noticed_soon_whenever_it_begins();
    what_is_no_flood_brings_nothing();
    floods_by_turns_make_it_stay();
    a_taken_place_is_tried_again();
    what_is_wanted_in_peace_is_tried_again();
    at_random();
    return CHECK_RESULT();
}
