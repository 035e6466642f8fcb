#include "autoscaler/policy.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "autoscaler/rules.h"

enum { DAYS = 7, DAY_MIN = AUTOSCALER_POLICY_DAY_MIN, WEEK_MIN = AUTOSCALER_POLICY_WEEK_MIN, THURSDAY = 3 /* 1970-01-01 */ };

#define X(constant, name, unit) {name, unit},
static const struct {
    const char *name, *unit;
} kinds[] = {AUTOSCALER_POLICY_KINDS(X)};
#undef X

const char *autoscaler_policy_kind_name(enum autoscaler_policy_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kinds) ? kinds[kind].name : "?";
}

const char *autoscaler_policy_kind_unit(enum autoscaler_policy_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kinds) ? kinds[kind].unit : "?";
}

struct autoscaler_policy autoscaler_policy_usual(uint32_t min, uint32_t max)
{
    return (struct autoscaler_policy){
        .min = min, .max = max, .tolerance = .1, .stale_s = 30, .heard_least = .5, .ready_within_s = 120, .idle_s = 300,
        .wait_s = .25, .start_s = 5, .up = {.count = 4, .share = 1, .period_s = 15}, .down = {.window_s = 300}};
}

/* ---- what is wrong ---------------------------------------------------------------------------------- */

PRINTF_LIKE(3, 4) static bool wrong(struct autoscaler_policy_fault *f, const char *field, const char *why, ...)
{
    va_list args;

    (void)snprintf(f->field, sizeof f->field, "%s", field);
    va_start(args, why);
    (void)vsnprintf(f->why, sizeof f->why, why, args);
    va_end(args);
    return true;
}

PRINTF_LIKE(4, 5) static bool wrong_at(struct autoscaler_policy_fault *f, const char *list, size_t i, const char *rest_and_why, ...)
{
    va_list args;
    char text[128];

    va_start(args, rest_and_why);
    (void)vsnprintf(text, sizeof text, rest_and_why, args);
    va_end(args);
    char *why = strchr(text, ' '); /* up to the first space the rest of the field's name */
    size_t rest = why != NULL ? (size_t)(why - text) : strlen(text);
    (void)snprintf(f->field, sizeof f->field, "%s[%zu]%.*s", list, i, (int)(rest < 24 ? rest : 24), text);
    (void)snprintf(f->why, sizeof f->why, "%.95s", why != NULL ? why + 1 : "");
    return true;
}

static bool is_share(double x)
{
    return isfinite(x) && x >= 0 && x < 1;
}

static bool is_side_wrong(const struct autoscaler_policy_side *s, const char *name, struct autoscaler_policy_fault *f)
{
    const uint32_t most = AUTOSCALER_POLICY_WINDOW_MAX_S;
    char field[48];
    const char *part = s->window_s > most ? "window_s" : s->cooldown_s > most ? "cooldown_s" : s->period_s > most ? "period_s" : NULL;

    if (part != NULL) {
        (void)snprintf(field, sizeof field, "%s.%s", name, part);
        return wrong(f, field, "is longer than what is remembered, %u s", most);
    }
    (void)snprintf(field, sizeof field, "%s.share", name);
    if (!isfinite(s->share) || s->share < 0) {
        return wrong(f, field, "is no share; 0 is no limit, 1 as many again");
    }
    (void)snprintf(field, sizeof field, "%s.period_s", name);
    if ((s->count > 0 || s->share > 0) && s->period_s == 0) {
        return wrong(f, field, "is 0; a limit needs the time for which it holds");
    }
    return s->count == 0 && s->share <= 0 && s->period_s > 0 && wrong(f, field, "is %u s of no limit; give count or share", s->period_s);
}

static bool is_signal_wrong(const struct autoscaler_policy *p, size_t i, struct autoscaler_policy_fault *f)
{
    const struct autoscaler_policy_signal *s = &p->signal[i];
    bool is_custom = s->kind == AUTOSCALER_POLICY_CUSTOM_EACH || s->kind == AUTOSCALER_POLICY_CUSTOM_ALL;

    if ((size_t)s->kind >= ARRAY_LEN(kinds)) {
        return wrong_at(f, "signals", i, ".kind is none that there is");
    }
    if (!isfinite(s->target) || s->target <= 0) {
        return wrong_at(f, "signals", i, ".target is %g; a target is above 0", s->target);
    }
    if ((s->kind == AUTOSCALER_POLICY_CPU_SHARE || s->kind == AUTOSCALER_POLICY_MEMORY) && s->target > 1) {
        return wrong_at(f, "signals", i, ".target is %g of the limit, which is never reached", s->target);
    }
    if (memchr(s->name, '\0', sizeof s->name) == NULL) {
        return wrong_at(f, "signals", i, ".name is longer than %u", AUTOSCALER_POLICY_NAME_SIZE - 1);
    }
    for (const char *c = s->name; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return wrong_at(f, "signals", i, ".name has a byte that is no printed letter");
        }
    }
    if (is_custom != (s->name[0] != '\0')) {
        return wrong_at(f, "signals", i, is_custom ? ".name is missing: a custom signal has one" : ".name is for custom signals alone");
    }
    for (size_t k = 0; k < i; k++) {
        if (p->signal[k].kind == s->kind && strcmp(p->signal[k].name, s->name) == 0) {
            return wrong_at(f, "signals", i, " is there already as signals[%zu]", k);
        }
    }
    return false;
}

/* ---- schedule --------------------------------------------------------------------------------------- */

static uint32_t length_of(const struct autoscaler_policy_slot *s)
{
    return s->from_min < s->to_min ? (uint32_t)(s->to_min - s->from_min) : (uint32_t)(DAY_MIN - s->from_min + s->to_min);
}

/* Whether it holds at a minute of the week. */
static bool holds(const struct autoscaler_policy_slot *s, uint32_t minute)
{
    for (uint32_t day = 0; day < DAYS; day++) {
        uint32_t since = (minute + WEEK_MIN - day * DAY_MIN - s->from_min) % WEEK_MIN;
        if ((s->days >> day & 1) != 0 && since < length_of(s)) {
            return true;
        }
    }
    return false;
}

/* Two overlap if one begins in the other. */
static bool begins_in(const struct autoscaler_policy_slot *a, const struct autoscaler_policy_slot *b)
{
    for (uint32_t day = 0; day < DAYS; day++) {
        if ((a->days >> day & 1) != 0 && holds(b, (day * DAY_MIN + a->from_min) % WEEK_MIN)) {
            return true;
        }
    }
    return false;
}

static bool is_slot_wrong(const struct autoscaler_policy *p, size_t i, struct autoscaler_policy_fault *f)
{
    const struct autoscaler_policy_slot *s = &p->slot[i];

    if (s->days == 0 || s->days >> DAYS != 0) {
        return wrong_at(f, "slots", i, ".days is no set of days");
    }
    if (s->from_min >= DAY_MIN || s->to_min > DAY_MIN || s->from_min == s->to_min) {
        return wrong_at(f, "slots", i, ".from_min to to_min is no part of a day: %u to %u", s->from_min, s->to_min);
    }
    if (s->min > s->max || s->max == 0 || s->max > AUTOSCALER_RULES_INSTANCES_MAX) {
        return wrong_at(f, "slots", i, ".min to max is no range of 1 to %u: %u to %u", AUTOSCALER_RULES_INSTANCES_MAX, s->min, s->max);
    }
    for (size_t k = 0; k < i; k++) {
        if (begins_in(s, &p->slot[k]) || begins_in(&p->slot[k], s)) {
            return wrong_at(f, "slots", i, " overlaps slots[%zu]", k);
        }
    }
    return false;
}

struct autoscaler_policy_bounds autoscaler_policy_at(const struct autoscaler_policy *p, uint64_t wall_s, int32_t utc_offset_s)
{
    uint64_t there = wall_s % ((uint64_t)WEEK_MIN * 60) + (uint64_t)(WEEK_MIN * 60 + utc_offset_s % (WEEK_MIN * 60));
    uint32_t minute = (uint32_t)((there / 60 + THURSDAY * DAY_MIN) % WEEK_MIN);

    for (size_t i = 0; i < p->slots; i++) {
        if (holds(&p->slot[i], minute)) {
            return (struct autoscaler_policy_bounds){p->slot[i].min, p->slot[i].max, (int32_t)i};
        }
    }
    return (struct autoscaler_policy_bounds){p->min, p->max, -1};
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static bool is_zero_allowed(const struct autoscaler_policy *p)
{
    bool is_allowed = p->min == 0;

    for (size_t i = 0; i < p->slots; i++) {
        is_allowed = is_allowed || p->slot[i].min == 0;
    }
    return is_allowed;
}

static bool can_wake(const struct autoscaler_policy *p)
{
    bool can = false;

    for (size_t i = 0; i < p->signals; i++) {
        can = can || p->signal[i].kind == AUTOSCALER_POLICY_ARRIVALS || p->signal[i].kind == AUTOSCALER_POLICY_CUSTOM_ALL;
    }
    return can;
}

static bool is_wrong(const struct autoscaler_policy *p, struct autoscaler_policy_fault *f)
{
    const uint32_t most = AUTOSCALER_RULES_INSTANCES_MAX;

    if (p->max == 0 || p->max > most) {
        return wrong(f, "max", "is %u; 1 to %u", p->max, most);
    }
    if (p->min > p->max) {
        return wrong(f, "min", "is %u, more than max, %u", p->min, p->max);
    }
    if (!is_share(p->tolerance)) {
        return wrong(f, "tolerance", "is %g; 0 to less than 1", p->tolerance);
    }
    if (is_side_wrong(&p->up, "up", f) || is_side_wrong(&p->down, "down", f)) {
        return true;
    }
    if (p->stale_s == 0 || p->stale_s > AUTOSCALER_POLICY_WINDOW_MAX_S) {
        return wrong(f, "stale_s", "is %u; 1 to %u", p->stale_s, AUTOSCALER_POLICY_WINDOW_MAX_S);
    }
    if (!isfinite(p->heard_least) || p->heard_least < 0 || p->heard_least > 1) {
        return wrong(f, "heard_least", "is %g; a share is 0 to 1", p->heard_least);
    }
    if (p->ready_within_s == 0) {
        return wrong(f, "ready_within_s", "is 0; no instance starts in no time");
    }
    if (p->idle_s > AUTOSCALER_POLICY_WINDOW_MAX_S) {
        return wrong(f, "idle_s", "is longer than what is remembered, %u s", AUTOSCALER_POLICY_WINDOW_MAX_S);
    }
    if (p->signals > AUTOSCALER_POLICY_SIGNALS_MAX || p->slots > AUTOSCALER_POLICY_SLOTS_MAX) {
        return wrong(f, p->signals > AUTOSCALER_POLICY_SIGNALS_MAX ? "signals" : "slots", "are more than there may be");
    }
    for (size_t i = 0; i < p->signals; i++) {
        if (is_signal_wrong(p, i, f)) {
            return true;
        }
        if (p->signal[i].kind == AUTOSCALER_POLICY_ARRIVALS &&
            (!isfinite(p->wait_s) || p->wait_s <= 0 || p->start_s == 0 || p->start_s > AUTOSCALER_RULES_START_MAX_S)) {
            return wrong(f, p->start_s == 0 || p->start_s > AUTOSCALER_RULES_START_MAX_S ? "start_s" : "wait_s",
                         "is out of range, and arrivals are judged by it");
        }
    }
    for (size_t i = 0; i < p->slots; i++) {
        if (is_slot_wrong(p, i, f)) {
            return true;
        }
    }
    if (is_zero_allowed(p) && !can_wake(p)) {
        return wrong(f, "min", "is 0, and no signal is heard when there is no instance: arrivals, or custom in all");
    }
    return p->signals == 0 && p->min != p->max && p->slots == 0 && wrong(f, "signals", "are none, and min is not max");
}

enum err autoscaler_policy_check(const struct autoscaler_policy *p, struct autoscaler_policy_fault *ret_fault)
{
    struct autoscaler_policy_fault fault;

    if (!is_wrong(p, &fault)) {
        return ERR_OK;
    }
    if (ret_fault != NULL) {
        *ret_fault = fault;
    }
    return ERR_INVALID;
}
