/* The first moments of a life, in which a node does not know yet who there is: "nobody has it" would be said of nobody. */
#include "dht/shell.h"

enum { MS_US = 1000, LOOK_MS = 20 }; /* between two looks */

bool dht_shell_has_way_in(const struct dht_shell *s)
{
    return s->saved > 0 || s->settings.bootstraps > 0 || s->settings.dns[0] != '\0';
}

/* As many as are held to be there, up to a record's holders. */
static bool knows_enough(const struct dht_shell *s)
{
    uint32_t peers = dht_core_peers(s->core), wanted = s->saved > s->circle.count ? s->saved : s->circle.count;

    wanted = wanted == 0 && dht_shell_has_way_in(s) ? 1 : wanted;
    return (s->members.has_listed || !s->settings.has_members) && peers >= (wanted < DHT_REPLICAS ? wanted : DHT_REPLICAS);
}

bool dht_shell_is_settled(struct dht_shell *s)
{
    s->is_settled = s->is_settled || loop_now_us() >= s->born_us + (uint64_t)DHT_SHELL_SETTLE_MS * MS_US || knows_enough(s);
    return s->is_settled;
}

void dht_shell_when_settled(struct dht_ask *ask)
{
    struct dht_shell *s = ask->shell;

    ask->next = s->early;
    s->early = ask;
    dht_shell_arm(s);
}

uint64_t dht_shell_early_due_us(const struct dht_shell *s)
{
    return s->early == NULL ? UINT64_MAX : loop_now_us() + LOOK_MS * MS_US;
}

void dht_shell_early(struct dht_shell *s)
{
    if (s->early == NULL || !dht_shell_is_settled(s)) {
        return;
    }
    while (s->early != NULL) {
        struct dht_ask *ask = s->early;
        s->early = ask->next;
        dht_shell_again(ask);
    }
    dht_shell_perform(s);
}

void dht_shell_early_stop(struct dht_shell *s)
{
    while (s->early != NULL) {
        struct dht_ask *ask = s->early;
        const struct dht_done done = {.status = ERR_CANCELLED};
        s->early = ask->next;
        ask->done(ask, &done);
    }
}
