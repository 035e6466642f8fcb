#include "datapath/attach.h"

#include <assert.h>

static void emit(struct datapath_attach_effects *fx, struct datapath_attach_effect e)
{
    assert(fx->count < DATAPATH_ATTACH_EFFECTS);
    fx->effect[fx->count++] = e;
}

uint64_t datapath_attach_dropped(const uint64_t count[DATAPATH_SHIELD_VERDICTS])
{
    uint64_t dropped = 0;

    for (int v = DATAPATH_SHIELD_MALFORMED; v < DATAPATH_SHIELD_VERDICTS; v++) {
        dropped += count[v];
    }
    return dropped;
}

static void hang(struct datapath_attach *a, enum datapath_shield_hook hook, struct datapath_attach_effects *fx)
{
    assert(!a->is_asked && !a->hangs[hook]);
    a->is_asked = true;
    emit(fx, (struct datapath_attach_effect){.kind = DATAPATH_ATTACH_FX_HANG, .hook = hook});
}

void datapath_attach_init(struct datapath_attach *a, enum datapath_attach_choice choice, bool is_cheap)
{
    *a = (struct datapath_attach){.choice = choice, .is_cheap = is_cheap, .quiet_ms = DATAPATH_ATTACH_QUIET_MS,
                                  .calm_ms = UINT64_MAX, .look_ms = DATAPATH_ATTACH_LOOK_MS};
}

static void begin(struct datapath_attach *a, struct datapath_attach_effects *fx)
{
    switch (a->choice) {
    case DATAPATH_ATTACH_NONE:
        break;
    case DATAPATH_ATTACH_AUTO:
        hang(a, a->is_cheap ? DATAPATH_SHIELD_XDP : DATAPATH_SHIELD_TC, fx);
        break;
    case DATAPATH_ATTACH_ONLY_TC:
        hang(a, DATAPATH_SHIELD_TC, fx);
        break;
    case DATAPATH_ATTACH_ONLY_XDP:
        hang(a, DATAPATH_SHIELD_XDP, fx);
        break;
    }
}

/* There is no XDP: by the driver, for ever; by somebody else's program, until that may be gone. */
static void do_without_xdp(struct datapath_attach *a, const struct datapath_attach_event *ev,
                           struct datapath_attach_effects *fx)
{
    a->has_no_xdp = ev->result == ERR_UNSUPPORTED;
    a->again_ms = ev->now_ms + DATAPATH_ATTACH_AGAIN_MS;
    if (!a->hangs[DATAPATH_SHIELD_TC]) {
        hang(a, DATAPATH_SHIELD_TC, fx);
    }
}

static void hear(struct datapath_attach *a, const struct datapath_attach_event *ev, struct datapath_attach_effects *fx)
{
    assert(a->is_asked);
    a->is_asked = false;
    if (ev->result == ERR_OK) {
        a->hangs[ev->hook] = true;
        emit(fx, (struct datapath_attach_effect){.kind = DATAPATH_ATTACH_FX_JUDGE, .hook = ev->hook});
    } else if (ev->hook == DATAPATH_SHIELD_XDP && a->choice == DATAPATH_ATTACH_AUTO) {
        do_without_xdp(a, ev, fx);
    } else {
        emit(fx, (struct datapath_attach_effect){.kind = DATAPATH_ATTACH_FX_REFUSED, .hook = ev->hook, .result = ev->result});
    }
}

static bool may_bring_xdp(const struct datapath_attach *a, uint64_t now_ms)
{
    return !a->hangs[DATAPATH_SHIELD_XDP] && !a->has_no_xdp && now_ms >= a->again_ms;
}

/* Looks are short while there is much to see, and floods come in bursts: one that saw little between two that did not ends
 * nothing. */
static void count_flood(struct datapath_attach *a, uint64_t now_ms, uint64_t passed_ms, uint64_t dropped)
{
    bool is_one = dropped * 1000 / passed_ms >= DATAPATH_ATTACH_FLOOD;
    uint64_t lasts_ms = now_ms - a->since_ms;

    if (a->floods > 0 && lasts_ms <= DATAPATH_ATTACH_SPAN_MS &&
        (a->flooded + dropped) * 1000 / lasts_ms >= DATAPATH_ATTACH_FLOOD) {
        a->floods += is_one;
        a->flooded += dropped;
    } else {
        a->floods = is_one;
        a->flooded = is_one ? dropped : 0;
        a->since_ms = now_ms - passed_ms;
    }
}

/* Much comes that is dropped: whether XDP is to be hung now. */
static void see_flood(struct datapath_attach *a, uint64_t now_ms, struct datapath_attach_effects *fx)
{
    a->calm_ms = UINT64_MAX;
    if (!may_bring_xdp(a, now_ms) || a->floods < DATAPATH_ATTACH_LOOKS || a->flooded < DATAPATH_ATTACH_MANY) {
        return;
    }
    /* Whoever floods by turns, so that it comes and goes, makes it stay. */
    bool is_soon = a->gone_ms != 0 && now_ms - a->gone_ms < a->quiet_ms;
    a->quiet_ms = is_soon ? a->quiet_ms * 2 : DATAPATH_ATTACH_QUIET_MS;
    if (a->quiet_ms > DATAPATH_ATTACH_QUIET_MS_MAX) {
        a->quiet_ms = DATAPATH_ATTACH_QUIET_MS_MAX;
    }
    hang(a, DATAPATH_SHIELD_XDP, fx);
}

static void see_calm(struct datapath_attach *a, uint64_t now_ms, struct datapath_attach_effects *fx)
{
    if (a->calm_ms == UINT64_MAX) {
        a->calm_ms = now_ms;
    }
    if (!a->hangs[DATAPATH_SHIELD_XDP] || a->is_cheap || now_ms - a->calm_ms < a->quiet_ms) {
        return;
    }
    emit(fx, (struct datapath_attach_effect){.kind = DATAPATH_ATTACH_FX_JUDGE, .hook = DATAPATH_SHIELD_TC});
    emit(fx, (struct datapath_attach_effect){.kind = DATAPATH_ATTACH_FX_TAKE_OFF, .hook = DATAPATH_SHIELD_XDP});
    a->hangs[DATAPATH_SHIELD_XDP] = false;
    a->gone_ms = now_ms;
}

static void look(struct datapath_attach *a, const struct datapath_attach_event *ev, struct datapath_attach_effects *fx)
{
    uint64_t passed_ms = ev->now_ms - a->looked_ms, dropped = ev->dropped - a->dropped;
    bool is_first = a->looked_ms == 0 || passed_ms == 0;

    a->looked_ms = ev->now_ms;
    a->dropped = ev->dropped;
    a->look_ms = DATAPATH_ATTACH_LOOK_MS;
    /* Where tcx does not hang there is nothing to change to. */
    if (is_first || a->is_asked || a->choice != DATAPATH_ATTACH_AUTO || !a->hangs[DATAPATH_SHIELD_TC]) {
        return;
    }
    if (a->is_cheap && may_bring_xdp(a, ev->now_ms)) {
        hang(a, DATAPATH_SHIELD_XDP, fx);
        return;
    }
    uint64_t rate = dropped * 1000 / passed_ms;
    count_flood(a, ev->now_ms, passed_ms, dropped);
    /* A flood that began a moment ago is the smaller part of what this look saw: the next says more, and soon. */
    if ((rate >= DATAPATH_ATTACH_CALM || a->floods > 0) && may_bring_xdp(a, ev->now_ms)) {
        a->look_ms = DATAPATH_ATTACH_SOON_MS;
    }
    if (rate >= DATAPATH_ATTACH_FLOOD) {
        see_flood(a, ev->now_ms, fx);
        return;
    }
    if (rate < DATAPATH_ATTACH_CALM) {
        see_calm(a, ev->now_ms, fx);
    } else {
        a->calm_ms = UINT64_MAX;
    }
}

void datapath_attach_step(struct datapath_attach *a, const struct datapath_attach_event *ev,
                          struct datapath_attach_effects *fx)
{
    fx->count = 0;
    switch (ev->kind) {
    case DATAPATH_ATTACH_EV_BEGIN:
        begin(a, fx);
        break;
    case DATAPATH_ATTACH_EV_LOOK:
        look(a, ev, fx);
        break;
    case DATAPATH_ATTACH_EV_HUNG:
        hear(a, ev, fx);
        break;
    }
    assert(a->quiet_ms >= DATAPATH_ATTACH_QUIET_MS && a->quiet_ms <= DATAPATH_ATTACH_QUIET_MS_MAX);
}
