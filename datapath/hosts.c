#include "datapath/hosts.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "common/run/host.h"
#include "common/run/log.h"
#include "datapath/scope.h"
#include "datapath/shell.h"

enum err datapath_hosts_open(struct datapath_shell *s)
{
    struct datapath_hosts *h = &s->hosts;
    const struct datapath_settings *set = &s->settings;
    struct seed seed[DATAPATH_CONFIG_HOSTS_MAX];
    struct resolver_config c = {.seed = seed, .service = "", .server = set->server, .servers = set->servers};

    for (uint32_t i = 0; i < set->listed; i++) {
        if (set->peer[i].host[0] != '\0') {
            seed[h->count] = (struct seed){.is_name = true, .address = {.port = set->peer[i].host_port}};
            memcpy(seed[h->count].host, set->peer[i].host, sizeof seed->host);
            h->one[h->count++].listed = i;
        }
    }
    if (h->count == 0) {
        return ERR_OK;
    }
    if (!s->cell->birth.network) {
        log_error("DATAPATH-HOSTS-NETWORK", "endpoint=%s reason=\"peers.endpoint: a host's name is asked for by the network\" advice=\"sandbox: {network: true}, or an address in numbers\"",
                  set->peer[h->one[0].listed].host);
        return ERR_PRECONDITION;
    }
    c.seeds = h->count;
    enum err e = resolver_open(&h->resolver, &c);
    h->is_on = e == ERR_OK;
    return e;
}

/* An address of DNS as the core has places. */
static struct datapath_endpoint place_of(const struct sealed_address *a)
{
    struct datapath_endpoint at = {.port = a->port};

    memcpy(at.ip, a->ip, sizeof at.ip);
    return at;
}

/* Where his name says that he is: where he is already, if that is among it, else the first place that we can send to. */
static bool choose(const struct datapath_shell *s, const struct datapath_config_peer *p, const struct datapath_endpoint *now, struct datapath_endpoint *ret)
{
    const struct dns *d = &s->hosts.resolver.dns;
    bool is_found = false;

    for (uint32_t i = 0; i < d->seeds; i++) {
        struct datapath_endpoint at = place_of(&d->seed[i].address);
        if (strcmp(d->seed[i].host, p->host) != 0 || at.port != p->host_port || datapath_udp_unreachable(&s->udp, &at) != NULL) {
            continue;
        }
        if (!is_found || datapath_message_is_same(&at, now)) {
            *ret = at;
        }
        is_found = true;
    }
    return is_found;
}

/* Whether the name has a say: nobody knows where he is, or he still is where it said, or there is no session with him, so that who has
 * gone elsewhere is found again. */
static bool has_say(const struct datapath_shell *s, const struct datapath_hosts_one *one, const struct datapath_view *v)
{
    if (v->config.endpoint.port == 0) {
        return true;
    }
    /* The others' answers are still to come: where he is may be among them. */
    return !s->hosts.resolver.dns.is_asking &&
           (datapath_message_is_same(&v->config.endpoint, &one->told) || v->session_ms == 0 || loop_now_ms() - v->session_ms > DATAPATH_PACE_REJECT_MS);
}

static void take(struct datapath_shell *s, struct datapath_hosts_one *one)
{
    const struct datapath_config_peer *p = &s->settings.peer[one->listed];
    char text[DATAPATH_TEXT_PLACE_SIZE];
    struct datapath_endpoint at;
    struct datapath_view v;
    uint32_t peer;

    if (!datapath_core_find(s->core, p->peer.public, &peer) || !datapath_core_view(s->core, peer, &v)) {
        return; /* somebody removed him */
    }
    if (choose(s, p, &v.config.endpoint, &at) && has_say(s, one, &v)) {
        one->told = at;
        if (!datapath_message_is_same(&at, &v.config.endpoint)) {
            v.config.endpoint = at;
            enum err e = datapath_core_change(s->core, peer, &v.config, datapath_shell_now());
            datapath_text_write_place(&at, text);
            log_info("DATAPATH-HOST", "host=%s at=%s result=%s", p->host, text, err_name(e));
        }
    }
    sodium_memzero(&v, sizeof v);
}

static void on_found(void *context)
{
    struct datapath_shell *s = context;

    for (uint32_t i = 0; i < s->hosts.count; i++) {
        take(s, &s->hosts.one[i]);
    }
    datapath_shell_changed(s);
}

enum err datapath_hosts_start(struct datapath_shell *s)
{
    return s->hosts.is_on ? resolver_start(&s->hosts.resolver, host_loop(s->cell), on_found, s) : ERR_OK;
}

void datapath_hosts_close(struct datapath_hosts *h)
{
    if (h->is_on) {
        resolver_close(&h->resolver);
    }
    h->is_on = false;
}
