#include "datapath/agenda.h"

#include <assert.h>
#include <string.h>

void datapath_agenda_init(struct datapath_agenda *a, struct datapath_agenda_item *memory, uint32_t peers)
{
    memset(memory, 0, peers * sizeof *memory);
    *a = (struct datapath_agenda){.item = memory, .max = peers};
}

static uint64_t time_at(const struct datapath_agenda *a, uint32_t place)
{
    return a->item[a->item[place].who].at_ms;
}

static void put(struct datapath_agenda *a, uint32_t place, uint32_t who)
{
    a->item[place].who = who;
    a->item[who].place = place + 1;
}

/* Where `who`, who may stand at `place`, belongs: up while the one above is later, down while one below is earlier. */
static void settle(struct datapath_agenda *a, uint32_t place, uint32_t who)
{
    uint64_t at_ms = a->item[who].at_ms;

    while (place > 0 && time_at(a, (place - 1) / 2) > at_ms) {
        put(a, place, a->item[(place - 1) / 2].who);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t below = 2 * place + 1;
        if (below + 1 < a->count && time_at(a, below + 1) < time_at(a, below)) {
            below++;
        }
        if (below >= a->count || time_at(a, below) >= at_ms) {
            break;
        }
        put(a, place, a->item[below].who);
        place = below;
    }
    put(a, place, who);
}

void datapath_agenda_set(struct datapath_agenda *a, uint32_t who, uint64_t at_ms)
{
    assert(who < a->max);
    uint32_t place = a->item[who].place;
    a->item[who].at_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        if (place == 0) {
            return;
        }
        a->item[who].place = 0;
        uint32_t last = a->item[--a->count].who;
        if (last != who) {
            settle(a, place - 1, last);
        }
        return;
    }
    settle(a, place != 0 ? place - 1 : a->count++, who);
}

uint64_t datapath_agenda_of(const struct datapath_agenda *a, uint32_t who)
{
    return a->item[who].place == 0 ? UINT64_MAX : a->item[who].at_ms;
}

uint64_t datapath_agenda_first(const struct datapath_agenda *a, uint32_t *ret_who)
{
    if (a->count == 0) {
        return UINT64_MAX;
    }
    *ret_who = a->item[0].who;
    return a->item[a->item[0].who].at_ms;
}
