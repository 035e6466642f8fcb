#include "datapath/choice.h"

const char *datapath_choice_name(enum datapath_choice wanted)
{
    static const char *const names[DATAPATH_CHOICES] = {[DATAPATH_CHOICE_AUTO] = "auto", [DATAPATH_CHOICE_UDP] = "udp",
                                                        [DATAPATH_CHOICE_PLAIN] = "plain", [DATAPATH_CHOICE_XDP] = "xdp"};

    return names[wanted];
}

const char *datapath_choice_text(enum datapath_choice_reason reason)
{
#define X(name, text) [DATAPATH_CHOICE_##name] = text,
    static const char *const texts[] = {DATAPATH_CHOICE_MAP(X)};
#undef X
    return texts[reason];
}

/* A fifth less, at least. */
static bool is_cheaper(uint32_t ns, uint32_t than_ns)
{
    return (uint64_t)ns * DATAPATH_CHOICE_MARGIN <= (uint64_t)than_ns * (DATAPATH_CHOICE_MARGIN - 1);
}

/* What stands in the way before anything is tried; WANTED: nothing. */
static enum datapath_choice_reason refuse(const struct datapath_choice_facts *f)
{
    if (f->took_us == 0 || f->alone_ns == 0) {
        return DATAPATH_CHOICE_UNMEASURED;
    }
    if (f->has_xdp == 0) {
        return DATAPATH_CHOICE_NO_XDP;
    }
    if (f->is_pair != 0) {
        return DATAPATH_CHOICE_PAIR;
    }
    return f->joins[0] != '\0' ? DATAPATH_CHOICE_JOINS : DATAPATH_CHOICE_WANTED;
}

static enum datapath_choice_reason judge(const struct datapath_choice_facts *f)
{
    enum datapath_choice_reason reason = refuse(f);

    if (reason != DATAPATH_CHOICE_WANTED) {
        return reason;
    }
    if (f->lost[0] != '\0') {
        return DATAPATH_CHOICE_LOST;
    }
    if (f->past_ns == 0) {
        return DATAPATH_CHOICE_NONE_PAST;
    }
    /* The stack's cost is without the driver's, that of the way past it with it: who wins so wins. */
    return is_cheaper(f->past_ns, f->alone_ns) ? DATAPATH_CHOICE_PAYS : DATAPATH_CHOICE_LITTLE;
}

bool datapath_choice_may(const struct datapath_choice_facts *f)
{
    return refuse(f) == DATAPATH_CHOICE_WANTED;
}

/* Where nothing was measured the kernel is believed, which takes trains or does not at the first one. */
static bool has_trains(const struct datapath_choice_facts *f)
{
    bool is_known = f->alone_ns > 0 && (f->train_ns > 0 || f->train_error != 0);

    return !is_known || (f->train_ns > 0 && is_cheaper(f->train_ns, f->alone_ns));
}

struct datapath_choice_made datapath_choice_make(enum datapath_choice wanted, const struct datapath_choice_facts *f)
{
    struct datapath_choice_made made = {.has_trains = wanted != DATAPATH_CHOICE_PLAIN, .is_past = wanted == DATAPATH_CHOICE_XDP,
                                        .reason = DATAPATH_CHOICE_WANTED};

    if (wanted == DATAPATH_CHOICE_AUTO) {
        made.has_trains = has_trains(f);
        made.reason = judge(f);
        made.is_past = made.reason == DATAPATH_CHOICE_PAYS;
    }
    return made;
}
