/* The way in: whom this node asks while it knows nobody. */
#include <inttypes.h>
#include <string.h>

#include "common/run/host.h"
#include "common/run/log.h"
#include "dht/shell.h"

enum { MS_US = 1000 };

enum err dht_shell_bootstrap(struct dht_shell *s, const struct dht_address *at, uint32_t count)
{
    struct dht_contact to[DHT_BOOTSTRAP_MAX];
    bool has_node[DHT_BOOTSTRAP_MAX] = {false};

    if (count > DHT_BOOTSTRAP_MAX) {
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[i] = (struct dht_contact){.at = at[i]};
    }
    enum err e = dht_core_bootstrap(s->core, loop_now_us(), to, has_node, count, &s->fx);
    dht_shell_perform(s);
    dht_shell_arm(s);
    return e;
}

void dht_shell_enter(struct dht_shell *s, const struct dht_contact *to, uint32_t count)
{
    bool has_node[DHT_BOOTSTRAP_MAX];

    memset(has_node, true, sizeof has_node);
    enum err e = dht_core_bootstrap(s->core, loop_now_us(), to, has_node, count, &s->fx);
    if (e != ERR_OK) {
        log_debug("DHT-ENTER", "error=%s", err_name(e));
    }
    dht_shell_perform(s);
}

/* ---- addresses and names --------------------------------------------------------------------------- */

static struct resolver_config names_of(const struct dht_settings *s)
{
    return (struct resolver_config){.seed = s->bootstrap, .seeds = s->bootstraps, .service = s->dns, .server = s->server,
                                    .servers = s->servers};
}

/* As many at one time as may be asked; those that nobody can have are left out. */
static void ask_all(struct dht_shell *s, const struct sealed_address *at, uint32_t count)
{
    struct dht_address to[DHT_BOOTSTRAP_MAX];
    uint32_t taken = 0;

    for (uint32_t i = 0; i < count; i++) {
        to[taken] = dht_net_from(&at[i]);
        taken += dht_packet_is_address(&to[taken]);
        if (taken == DHT_BOOTSTRAP_MAX || (i + 1 == count && taken > 0)) {
            if (dht_shell_bootstrap(s, to, taken) != ERR_OK) {
                log_debug("DHT-BOOTSTRAP", "effect=\"tried again\""); /* they are addresses, and not too many */
            }
            taken = 0;
        }
    }
}

static void ask_configured(struct dht_shell *s)
{
    struct sealed_address at[DHT_BOOTSTRAP_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->settings.bootstraps; i++) {
        if (!s->settings.bootstrap[i].is_name) {
            at[count++] = s->settings.bootstrap[i].address;
        }
    }
    ask_all(s, at, count);
}

/* That they find nobody is told when it begins, and when it ends: whoever has no other way in waits for it. */
static void tell_of_names(struct dht_shell *s)
{
    const struct dns *d = &s->resolver.dns;
    enum dht_shell_names now = d->seeds > 0 ? DHT_SHELL_NAMES_SOMEBODY : DHT_SHELL_NAMES_NOTHING;

    if (now == s->names) {
        return;
    }
    s->names = now;
    if (now == DHT_SHELL_NAMES_NOTHING) {
        log_warn("DHT-NAMES-NOTHING", "unanswered=%" PRIu32 " effect=\"nobody is found by name, it is tried again\" "
                 "advice=\"see bootstrap, dns and dns_servers\"", d->failures);
    } else {
        log_info("DHT-NAMED", "addresses=%" PRIu32, d->seeds);
    }
}

static void ask_named(struct dht_shell *s, const struct dns_seed *named, uint32_t count)
{
    struct sealed_address at[DNS_SEEDS_MAX];

    for (uint32_t i = 0; i < count; i++) {
        at[i] = named[i].address;
    }
    ask_all(s, at, count);
}

/* What names mean at present: somebody more, who is asked at once, or all, for a round of questions is over. They are asked
 * for again while nobody is known. */
static void on_names(void *context)
{
    struct dht_shell *s = context;
    const struct dns *d = &s->resolver.dns;

    ask_named(s, d->seed + s->resolver.told, d->seeds - s->resolver.told);
    if (d->is_asking) {
        return;
    }
    log_debug("DHT-DNS", "found=%" PRIu32 " answered=%" PRIu32 " unanswered=%" PRIu32, d->seeds, d->answered, d->unanswered);
    tell_of_names(s);
    s->named = d->seeds > 0 ? d->seeds : s->named; /* whom a silent server named may still be there */
    for (uint32_t i = 0; i < d->seeds; i++) {
        s->named_at[i] = d->seed[i].address;
    }
    if (d->seeds == 0) {
        ask_all(s, s->named_at, s->named);
    }
    if (dht_core_peers(s->core) > 0) {
        resolver_close(&s->resolver);
        s->is_resolving = false;
    }
}

static void look_up_names(struct dht_shell *s)
{
    const struct resolver_config names = names_of(&s->settings);

    if (s->is_resolving || !resolver_is_wanted(&names)) {
        return;
    }
    enum err e = resolver_start(&s->resolver, host_loop(s->cell), on_names, s);
    s->is_resolving = e == ERR_OK;
    if (e != ERR_OK) {
        log_debug("DHT-NAMES", "error=%s effect=\"tried again\"", err_name(e));
    }
}

void dht_shell_boot(struct dht_shell *s, uint64_t now_us)
{
    s->booted_us = now_us;
    for (uint32_t i = 0; dht_core_peers(s->core) == 0 && i < s->saved; i += DHT_BOOTSTRAP_MAX) {
        dht_shell_enter(s, &s->save[i], s->saved - i < DHT_BOOTSTRAP_MAX ? s->saved - i : DHT_BOOTSTRAP_MAX);
    }
    ask_configured(s);
    ask_all(s, s->named_at, s->named); /* a name is good for longer than whoever bears it may be away */
    look_up_names(s);
}

uint64_t dht_shell_boot_due_us(const struct dht_shell *s)
{
    uint32_t peers = dht_core_peers(s->core);
    uint64_t gap_ms = peers == 0 ? DHT_SHELL_BOOT_MS : peers < DHT_REPLICAS ? DHT_SHELL_BOOT_FEW_MS : DHT_SHELL_BOOT_MANY_MS;

    if (s->booted_us == 0) {
        return 0;
    }
    return peers > 0 && s->circle.in > 0 ? UINT64_MAX : s->booted_us + gap_ms * MS_US;
}

enum err dht_shell_boot_open(struct dht_shell *s)
{
    const struct resolver_config names = names_of(&s->settings);

    return resolver_is_wanted(&names) ? resolver_open(&s->resolver, &names) : ERR_OK;
}

void dht_shell_boot_close(struct dht_shell *s)
{
    resolver_close(&s->resolver);
}
