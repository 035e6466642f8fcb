#include "nucleus/tuns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/inner.h"
#include "common/run/fd.h"
#include "common/run/tun.h"
#include "nucleus/keys.h"

struct shell_tun {
    struct shell_tun *next;
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    struct manifest_tun at;
    struct tun_spec made; /* … with this node's own addresses */
    int fd;
};

_Static_assert((int)MANIFEST_INTERFACE_SIZE == (int)TUN_NAME_SIZE &&
                   (int)MANIFEST_TUN_ADDRESSES_MAX <= (int)TUN_ADDRESSES_MAX,
               "what a manifest says of an interface can be made");

static bool is_same(const struct manifest_tun *a, const struct manifest_tun *b)
{
    bool is_same = a->is_tap == b->is_tap && strcmp(a->name, b->name) == 0 && strcmp(a->interface, b->interface) == 0 && a->mtu == b->mtu &&
                   a->address_count == b->address_count;

    for (uint32_t i = 0; is_same && i < a->address_count; i++) {
        const struct manifest_tun_address *x = &a->address[i], *y = &b->address[i];
        is_same = x->is_v6 == y->is_v6 && x->bits == y->bits && memcmp(x->ip, y->ip, sizeof x->ip) == 0;
    }
    return is_same;
}

static bool is_of(const struct shell_tun *k, const struct manifest_cell *c)
{
    return strcmp(k->space, c->space) == 0 && strcmp(k->cell, c->name) == 0;
}

/* A network in place of an address is the node's own address in it. */
static enum err settle(const char *state_dir, const struct manifest_tun *t, struct tun_spec *spec, char why[JAIL_WHY_SIZE])
{
    uint8_t id[NODE_ID_LEN], ip[sizeof spec->address->ip];
    bool has_id = false;

    for (size_t i = 0; i < spec->address_count; i++) {
        struct tun_address *a = &spec->address[i];
        size_t size = a->is_v6 ? 16 : 4;
        if (!inner_is_network(a->ip, size, a->bits)) {
            continue;
        }
        enum err e = has_id ? ERR_OK : keys_node_id(state_dir, id);
        if (e != ERR_OK) {
            (void)snprintf(why, JAIL_WHY_SIZE, "%s.%.32s: %s: address by id: `cell init` first, or join",
                           t->is_tap ? "tap" : "tun", t->name, t->interface);
            return e;
        }
        has_id = true;
        inner_derive(id, a->ip, size, a->bits, ip);
        memcpy(a->ip, ip, size);
    }
    return ERR_OK;
}

static enum err make(const char *state_dir, const struct manifest_tun *t, struct tun_spec *ret_spec, int *ret, char why[JAIL_WHY_SIZE])
{
    struct tun_spec spec = {.is_tap = t->is_tap, .mtu = t->mtu, .address_count = t->address_count};
    char reason[TUN_WHY_SIZE] = "";

    memcpy(spec.name, t->interface, sizeof spec.name);
    for (uint32_t i = 0; i < t->address_count; i++) {
        spec.address[i] = (struct tun_address){.is_v6 = t->address[i].is_v6, .bits = t->address[i].bits};
        memcpy(spec.address[i].ip, t->address[i].ip, sizeof spec.address[i].ip);
    }
    enum err e = settle(state_dir, t, &spec, why);
    if (e != ERR_OK) {
        return e;
    }
    e = tun_open(&spec, ret, reason);
    if (e != ERR_OK) {
        (void)snprintf(why, JAIL_WHY_SIZE, "%s.%.32s: %s: %.60s", t->is_tap ? "tap" : "tun", t->name, t->interface, reason);
        return e;
    }
    *ret_spec = spec;
    return ERR_OK;
}

/* ---- keeping ------------------------------------------------------------------------------------ */

static void drop(struct shell_tun **at)
{
    struct shell_tun *k = *at;

    *at = k->next;
    fd_close(&k->fd);
    free(k);
}

/* The interface that is kept for `t`; NULL: none yet. One of its name that is another now, or that somebody removed, goes. */
static struct shell_tun *kept_for(struct shell *s, const struct manifest_cell *c, const struct manifest_tun *t)
{
    for (struct shell_tun **at = &s->tuns; *at != NULL;) {
        if (is_of(*at, c) && (*at)->at.is_tap == t->is_tap && strcmp((*at)->at.name, t->name) == 0) {
            if (is_same(&(*at)->at, t) && tun_is_there((*at)->fd)) {
                return *at;
            }
            drop(at);
        } else {
            at = &(*at)->next;
        }
    }
    return NULL;
}

static enum err keep(struct shell *s, const struct manifest_cell *c, const struct manifest_tun *t,
                     struct shell_tun **ret, char why[JAIL_WHY_SIZE])
{
    struct shell_tun *k = kept_for(s, c, t);

    if (k == NULL) {
        k = calloc(1, sizeof *k);
        if (k == NULL) {
            (void)snprintf(why, JAIL_WHY_SIZE, "out of memory");
            return ERR_NOMEM;
        }
        enum err e = make(s->state_dir, t, &k->made, &k->fd, why);
        if (e != ERR_OK) {
            free(k);
            return e;
        }
        memcpy(k->space, c->space, sizeof k->space);
        memcpy(k->cell, c->name, sizeof k->cell);
        k->at = *t;
        k->next = s->tuns;
        s->tuns = k;
    }
    *ret = k;
    return ERR_OK;
}

static void tell(const struct shell_tun *k, struct tuns_grant *ret, size_t i)
{
    ret->at[i].count = k->made.address_count;
    for (size_t n = 0; n < k->made.address_count; n++) {
        const struct tun_address *a = &k->made.address[n];
        size_t size = a->is_v6 ? 16 : 4;
        memcpy(ret->at[i].bytes[n], a->ip, size);
        ret->at[i].bytes[n][size] = a->bits;
        ret->at[i].size[n] = size + 1;
    }
}

enum err tuns_open(struct shell *s, const struct manifest_cell *c, uint32_t instance, struct tuns_grant *ret,
                   char why[JAIL_WHY_SIZE])
{
    struct shell_tun *k = NULL;
    enum err e = ERR_OK;

    ret->count = 0;
    if (c->sandbox.tun_count > 0 && instance > 0) {
        (void)snprintf(why, JAIL_WHY_SIZE, "sandbox.%s is for one instance: scale it to 1", c->sandbox.tun[0].is_tap ? "tap" : "tun");
        return ERR_PRECONDITION;
    }
    for (size_t i = 0; e == ERR_OK && i < c->sandbox.tun_count; i++) {
        e = keep(s, c, &c->sandbox.tun[i], &k, why);
        if (e == ERR_OK) {
            ret->fd[i] = k->fd;
            (void)snprintf(ret->name[i], TUNS_NAME_SIZE, "%s.%s", k->at.is_tap ? "tap" : "tun", k->at.name);
            tell(k, ret, i);
            ret->count = i + 1;
        }
    }
    ret->count = e == ERR_OK ? ret->count : 0;
    return e;
}

/* Whether the manifest in force wants it, for an instance that may run. One that a person stopped has no interface: what
 * is sent there is then refused at once instead of being lost. */
static bool is_wanted(const struct shell *s, const struct shell_tun *k)
{
    int index = manifest_find(&s->manifest, k->space, k->cell);
    int slot = node_find(s->node, k->space, k->cell, 0);

    if (index < 0 || slot < 0 || node_at(s->node, (uint32_t)slot)->state == NODE_STOPPED) {
        return false;
    }
    const struct manifest_cell *c = &s->manifest.cells[index];
    for (size_t i = 0; i < c->sandbox.tun_count; i++) {
        if (is_same(&c->sandbox.tun[i], &k->at)) {
            return true;
        }
    }
    return false;
}

void tuns_sweep(struct shell *s)
{
    for (struct shell_tun **at = &s->tuns; *at != NULL;) {
        if (is_wanted(s, *at)) {
            at = &(*at)->next;
        } else {
            drop(at);
        }
    }
}

void tuns_close(struct shell *s)
{
    while (s->tuns != NULL) {
        drop(&s->tuns);
    }
}
