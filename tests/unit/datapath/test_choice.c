/* By which way datagrams go: what was measured, with what follows and why. */
#include "datapath/choice.h"

#include <errno.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

/* A card with XDP beside which nothing is lost, and a way past the stack that costs a third. */
static struct datapath_choice_facts card(void)
{
    return (struct datapath_choice_facts){.took_us = 900, .alone_ns = 3000, .train_ns = 90, .past_ns = 1000, .has_xdp = 1};
}

static void auto_goes_past_where_that_pays_and_costs_nobody(void)
{
    static const struct {
        const char *why;
        struct datapath_choice_facts f;
        bool may, is_past, has_trains;
        enum datapath_choice_reason reason;
    } rows[] = {
        {"a card", {900, 3000, 90, 1000, 0, 0, 0, 1, 0, 0, "", ""}, true, true, true, DATAPATH_CHOICE_PAYS},
        {"nothing was measured", {0}, false, false, true, DATAPATH_CHOICE_UNMEASURED},
        {"nothing leaves: it is down", {900, 0, 0, 0, ENETUNREACH, 0, 0, 1, 0, 0, "", ""}, false, false, true, DATAPATH_CHOICE_UNMEASURED},
        {"numbers of nothing", {0, 3000, 90, 1000, 0, 0, 0, 1, 0, 0, "", ""}, false, false, true, DATAPATH_CHOICE_UNMEASURED},
        {"no XDP", {900, 3000, 90, 1000, 0, 0, 0, 0, 0, 0, "", ""}, false, false, true, DATAPATH_CHOICE_NO_XDP},
        {"a veth, however cheap it is", {900, 3000, 90, 10, 0, 0, 0, 1, 1, 0, "", ""}, false, false, true, DATAPATH_CHOICE_PAIR},
        {"what comes is joined", {900, 3000, 90, 1000, 0, 0, 0, 1, 0, 0, "rx-gro-hw", ""}, false, false, true, DATAPATH_CHOICE_JOINS},
        {"something went with XDP", {900, 3000, 90, 1000, 0, 0, 0, 1, 0, 0, "", "tx-tcp-segmentation"}, true, false, true, DATAPATH_CHOICE_LOST},
        {"no frame left", {900, 3000, 90, 0, 0, 0, ETIME, 1, 0, 0, "", ""}, true, false, true, DATAPATH_CHOICE_NONE_PAST},
        {"a fifth is saved", {900, 3000, 90, 2400, 0, 0, 0, 1, 0, 0, "", ""}, true, true, true, DATAPATH_CHOICE_PAYS},
        {"… and hardly less than that", {900, 3000, 90, 2401, 0, 0, 0, 1, 0, 0, "", ""}, true, false, true, DATAPATH_CHOICE_LITTLE},
        {"it costs more", {900, 3000, 90, 9000, 0, 0, 0, 1, 0, 0, "", ""}, true, false, true, DATAPATH_CHOICE_LITTLE},
        {"numbers at their end", {900, UINT32_MAX, 90, UINT32_MAX, 0, 0, 0, 1, 0, 0, "", ""}, true, false, true, DATAPATH_CHOICE_LITTLE},
        {"trains are refused", {900, 3000, 0, 1000, 0, EIO, 0, 1, 0, 0, "", ""}, true, true, false, DATAPATH_CHOICE_PAYS},
        {"… of a veth", {900, 3000, 0, 1000, 0, EIO, 0, 1, 1, 0, "", ""}, false, false, false, DATAPATH_CHOICE_PAIR},
        {"trains that save nothing", {900, 3000, 2401, 1000, 0, 0, 0, 1, 1, 0, "", ""}, false, false, false, DATAPATH_CHOICE_PAIR},
        {"… and that do", {900, 3000, 2400, 1000, 0, 0, 0, 1, 1, 0, "", ""}, false, false, true, DATAPATH_CHOICE_PAIR},
        {"trains did not come to their turn", {900, 3000, 0, 1000, 0, 0, 0, 1, 1, 0, "", ""}, false, false, true, DATAPATH_CHOICE_PAIR},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct datapath_choice_made m = datapath_choice_make(DATAPATH_CHOICE_AUTO, &rows[i].f);
        CHECK(m.is_past == rows[i].is_past && m.reason == rows[i].reason, "%s: past %d, reason %d", rows[i].why, m.is_past, m.reason);
        CHECK(m.has_trains == rows[i].has_trains, "%s: trains %d", rows[i].why, m.has_trains);
        CHECK(datapath_choice_may(&rows[i].f) == rows[i].may, "%s: whether it is tried", rows[i].why);
        CHECK(!m.is_past || datapath_choice_may(&rows[i].f), "%s: what is done was to be tried", rows[i].why);
        CHECK((datapath_choice_text(m.reason)[0] == '\0') == m.is_past, "%s: a reason where something is missing", rows[i].why);
    }
}

/* Whatever was measured. */
static void a_way_by_name_is_that_way(void)
{
    const struct datapath_choice_facts all[] = {{.took_us = 0}, card(), {.took_us = 1, .alone_ns = 1, .past_ns = 100, .is_pair = 1, .train_error = EIO}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct datapath_choice_made udp = datapath_choice_make(DATAPATH_CHOICE_UDP, &all[i]), xdp = datapath_choice_make(DATAPATH_CHOICE_XDP, &all[i]),
                                    plain = datapath_choice_make(DATAPATH_CHOICE_PLAIN, &all[i]);
        CHECK(!udp.is_past && udp.has_trains && udp.reason == DATAPATH_CHOICE_WANTED, "udp");
        CHECK(!plain.is_past && !plain.has_trains && plain.reason == DATAPATH_CHOICE_WANTED, "plain");
        CHECK(xdp.is_past && xdp.has_trains && xdp.reason == DATAPATH_CHOICE_WANTED, "xdp, with trains by the socket");
    }
}

static void each_has_its_name(void)
{
    static const char *const names[] = {"auto", "udp", "plain", "xdp"};

    for (size_t i = 0; i < DATAPATH_CHOICES; i++) {
        CHECK(strcmp(datapath_choice_name((enum datapath_choice)i), names[i]) == 0, "%s", names[i]);
    }
}

int main(void)
{
    auto_goes_past_where_that_pays_and_costs_nobody();
    a_way_by_name_is_that_way();
    each_has_its_name();
    return CHECK_RESULT();
}
