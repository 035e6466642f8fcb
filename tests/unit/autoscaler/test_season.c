/* AUT-2, AUT-6: what is known of a time of day, and when that is worth nothing. */
#include "autoscaler/season.h"

#include <math.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

enum { SLOT = AUTOSCALER_SEASON_SLOT_S, DAY_S = 86400, BEGIN_S = 20000 * DAY_S };

static struct autoscaler_season season;

/* Instances needed at a second. */
typedef double shape(uint64_t second);

static double daily(uint64_t second)
{
    return 50 - 40 * cos(2 * M_PI * (double)(second % DAY_S) / DAY_S);
}

static double weekly(uint64_t second)
{
    return second / DAY_S % 7 >= 5 ? 20 + daily(second) / 10 : daily(second);
}

/* At the end of a week all is two hours later. */
static double later(uint64_t second)
{
    return daily(second / DAY_S % 7 >= 5 ? second - 7200 : second);
}

static double grows(uint64_t second)
{
    return daily(second) * (1 + (double)((second - BEGIN_S) / DAY_S) / 4);
}

static double nothing(uint64_t second)
{
    (void)second;
    return 0;
}

static double noise(uint64_t second)
{
    struct rng r;

    rng_init(&r, second / SLOT);
    return (double)(1 << rng_below(&r, 8));
}

/* Seconds from..to of it; one in `each` is seen, the others are not known. */
static void live(shape *of, uint64_t from, uint64_t to, uint32_t each)
{
    for (uint64_t t = from; t < to; t++) {
        autoscaler_season_step(&season, t, (uint32_t)lround(of(t)), t % each == 0);
    }
}

static void blind(uint64_t from, uint64_t to)
{
    for (uint64_t t = from; t < to; t += 60) {
        autoscaler_season_step(&season, t, 999, false);
    }
}

static const struct {
    shape *of;
    uint32_t days;
    double least, most; /* of what will be needed: the floor; most 0: it says nothing */
    const char *why;
} shapes[] = {
    {daily, 8, .99, 1.15, "each day is alike"},
    {daily, 2, .99, 1.15, "so it is on the third"},
    {weekly, 11, .99, 1.2, "a Saturday is like the one before, not like the Friday"},
    {grows, 8, .97, 1.25, "each day is more than the one before"},
    {daily, 1, 0, 0, "of one day nothing can be judged"},
    {noise, 9, 0, 0, "no day is like another"},
    {nothing, 9, 0, 0, "nothing is ever needed"},
};

/* A quarter of an hour ahead, on the morning behind so many days. */
static void the_past_tells_when_it_did(void)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        uint64_t now = BEGIN_S + (uint64_t)shapes[i].days * DAY_S + 8 * 3600;
        memset(&season, 0, sizeof season);
        live(shapes[i].of, BEGIN_S + (shapes[i].days == 1 ? 8 * 3600 : 0), now, 1);
        for (uint32_t ahead_s = 0; ahead_s <= 900; ahead_s += SLOT) {
            double floor = autoscaler_season_floor(&season, now + ahead_s), needed = shapes[i].of(now + ahead_s);
            CHECK(shapes[i].most > 0 ? floor >= shapes[i].least * needed && floor <= shapes[i].most * needed + 1 : floor <= 0,
                  "row %zu: %s: %g of %g in %u s, off by %g", i, shapes[i].why, floor, needed, ahead_s, (double)season.error);
        }
    }
}

static void the_better_of_two_days_tells(void)
{
    uint64_t saturday = BEGIN_S + 11 * DAY_S + 8 * 3600;

    memset(&season, 0, sizeof season);
    live(later, BEGIN_S, saturday, 1);
    CHECK(season.lag == AUTOSCALER_SEASON_WEEK && season.error < .02f, "a week ago, off by %g", (double)season.error);
    live(later, saturday, saturday + 4 * DAY_S, 1);
    CHECK(season.lag == AUTOSCALER_SEASON_DAY, "of two that are as good yesterday: %u", season.lag);
}

/* Whenever it is asked. */
static void what_was_always_wrong_is_not_believed(void)
{
    uint64_t now = BEGIN_S + 8 * DAY_S;
    uint32_t said = 0;

    memset(&season, 0, sizeof season);
    live(noise, BEGIN_S, now, 1);
    for (uint32_t i = 0; i < 100; i++, now += SLOT) {
        said += autoscaler_season_floor(&season, now) > 0;
        live(noise, now, now + SLOT, 1);
    }
    CHECK(said == 0, "%u of 100 times", said);
}

static void it_says_nothing_new_for_long(void)
{
    uint64_t now = BEGIN_S + 3 * DAY_S, last = now - 1, end = (last / SLOT + AUTOSCALER_SEASON_BLIND_MAX + 1) * SLOT;

    memset(&season, 0, sizeof season);
    CHECK(autoscaler_season_floor(&season, now) == 0, "nothing was seen");
    live(daily, BEGIN_S, now, 1);
    blind(now, end);
    CHECK(autoscaler_season_floor(&season, end - 1) > 0, "for three hours it speaks");
    CHECK(autoscaler_season_floor(&season, end) == 0, "and not for longer");
    live(daily, end, end + 2 * SLOT, 1);
    CHECK(autoscaler_season_floor(&season, end + 2 * SLOT) == 0, "two slots are no level");
    live(daily, end + 2 * SLOT, end + 5 * SLOT, 1);
    CHECK(autoscaler_season_floor(&season, end + 5 * SLOT) == 0, "what it would have said in the dark cannot be judged");
    live(daily, end + 5 * SLOT, end + 24 * SLOT, 1);
    CHECK(autoscaler_season_floor(&season, end + 24 * SLOT) > 0, "it speaks again");
}

static void half_a_slot_is_enough(void)
{
    memset(&season, 0, sizeof season);
    live(daily, BEGIN_S, BEGIN_S + 3 * DAY_S, 2);
    CHECK(autoscaler_season_floor(&season, BEGIN_S + 3 * DAY_S) > 0, "every second second");
    memset(&season, 0, sizeof season);
    live(daily, BEGIN_S, BEGIN_S + 3 * DAY_S, 3);
    CHECK(autoscaler_season_floor(&season, BEGIN_S + 3 * DAY_S) == 0, "every third");
}

static void gaps_and_clocks(void)
{
    uint64_t now = BEGIN_S + 8 * DAY_S;

    memset(&season, 0, sizeof season);
    live(daily, BEGIN_S, now, 1);
    uint32_t floor = autoscaler_season_floor(&season, now + 600);
    autoscaler_season_step(&season, now - SLOT, 1, true);
    CHECK(autoscaler_season_floor(&season, now + 600) == floor, "a clock that is back by a slot changes nothing");
    live(daily, now + 2 * DAY_S, now + 2 * DAY_S + 8 * 3600, 1);
    CHECK(autoscaler_season_floor(&season, now + 2 * DAY_S + 8 * 3600) > 0, "after two days without it the week before tells");
    CHECK(season.lag == AUTOSCALER_SEASON_WEEK, "since of yesterday nothing is known: %u", season.lag);
    autoscaler_season_step(&season, now, 1, true);
    CHECK(autoscaler_season_floor(&season, now + 600) == 0, "one that went back begins anew");
    now -= 300 * DAY_S;
    live(daily, now, now + 3 * DAY_S, 1);
    CHECK(autoscaler_season_floor(&season, now + 3 * DAY_S) > 0, "and learns again, however far it went");
    autoscaler_season_step(&season, UINT64_MAX, 1, true);
    autoscaler_season_step(&season, 0, 1, true);
    CHECK(autoscaler_season_floor(&season, UINT64_MAX) == 0 && autoscaler_season_floor(&season, 0) == 0, "at the ends of time");
}

/* A level that is unlike the past: the day before says nothing of today. */
static void a_day_unlike_others_is_none(void)
{
    memset(&season, 0, sizeof season);
    live(daily, BEGIN_S, BEGIN_S + 3 * DAY_S, 1);
    for (uint64_t t = BEGIN_S + 3 * DAY_S; t < BEGIN_S + 3 * DAY_S + 8 * 3600; t++) {
        autoscaler_season_step(&season, t, (uint32_t)(5 * daily(t)), true);
    }
    CHECK(autoscaler_season_floor(&season, BEGIN_S + 3 * DAY_S + 8 * 3600) == 0, "five times as much as ever");
}

static void it_resumes(void)
{
    uint64_t now = BEGIN_S + 8 * DAY_S + 8 * 3600;

    memset(&season, 0, sizeof season);
    live(weekly, BEGIN_S, now, 1);
    struct autoscaler_season again = {.slot = season.slot};
    memcpy(again.past, season.past, sizeof again.past);
    autoscaler_season_resume(&again);
    CHECK(autoscaler_season_floor(&again, now + 300) == autoscaler_season_floor(&season, now + 300) && again.lag == season.lag, "the same");
    blind(now, now + 3600);
    again = (struct autoscaler_season){.slot = season.slot};
    memcpy(again.past, season.past, sizeof again.past);
    autoscaler_season_resume(&again);
    CHECK(autoscaler_season_floor(&again, now + 3600) == autoscaler_season_floor(&season, now + 3600), "also within the dark");
}

int main(void)
{
    the_past_tells_when_it_did();
    the_better_of_two_days_tells();
    what_was_always_wrong_is_not_believed();
    it_says_nothing_new_for_long();
    half_a_slot_is_enough();
    gaps_and_clocks();
    a_day_unlike_others_is_none();
    it_resumes();
    return CHECK_RESULT();
}
