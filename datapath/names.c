#include "datapath/names.h"

#include <stdio.h>
#include <string.h>

#include "datapath/guide.h"

enum {
    TYPE_ANY = 255,
    V4_LABELS = 4,
    V6_LABELS = 32, /* of four bits each */
};

static const char reverse_v4[] = "in-addr.arpa", reverse_v6[] = "ip6.arpa";

/* ---- names ------------------------------------------------------------------------------------------ */

bool datapath_names_zone_valid(const char *text)
{
    if (strlen(text) > DNS_NAME_MAX - DATAPATH_NAME_SIZE) {
        return false;
    }
    for (const char *label = text;; label++) {
        size_t len = strcspn(label, ".");
        if (!datapath_label_valid(label, len)) {
            return false;
        }
        label += len;
        if (*label == '\0') {
            return true;
        }
    }
}

static const struct datapath_names_entry *entry_of(const struct datapath_names *n, const char *name)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (strcmp(n->entry[i].name, name) == 0) {
            return &n->entry[i];
        }
    }
    return NULL;
}

static struct datapath_names_entry *entry_for(const struct datapath_names *n, const uint8_t public[DATAPATH_NOISE_KEY])
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (memcmp(n->entry[i].public, public, DATAPATH_NOISE_KEY) == 0) {
            return &n->entry[i];
        }
    }
    return NULL;
}

enum err datapath_names_set(struct datapath_names *n, const uint8_t public[DATAPATH_NOISE_KEY], const char *name)
{
    struct datapath_names_entry *its = entry_for(n, public);
    const struct datapath_names_entry *other = entry_of(n, name);

    if (!datapath_label_valid(name, strlen(name))) {
        return ERR_INVALID;
    }
    if ((other != NULL && other != its) || strcmp(name, n->own) == 0) {
        return ERR_EXISTS;
    }
    if (its == NULL && n->count == n->room) {
        return ERR_LIMIT;
    }
    its = its == NULL ? &n->entry[n->count++] : its;
    memcpy(its->public, public, sizeof its->public);
    memcpy(its->name, name, strlen(name) + 1);
    return ERR_OK;
}

const char *datapath_names_settle(const void *names, const uint8_t public[DATAPATH_NOISE_KEY], const char *wish)
{
    const struct datapath_names *n = names;
    const struct datapath_names_entry *e = entry_for(n, public);

    if (e != NULL) {
        return e->name;
    }
    return wish[0] == '\0' || (entry_of(n, wish) == NULL && strcmp(wish, n->own) != 0) ? wish : NULL;
}

const char *datapath_names_of(const struct datapath_names *n, const uint8_t public[DATAPATH_NOISE_KEY])
{
    const struct datapath_names_entry *e = entry_for(n, public);
    uint32_t peer;

    if (e == NULL && n->ways != NULL && datapath_core_find(n->core, public, &peer)) {
        return datapath_ways_name(n->ways, peer);
    }
    return e != NULL ? e->name : "";
}

/* What stands before a suffix and its dot, in `out`, or what is the suffix itself (""); false: it does not end so. */
static bool is_below(const char *name, const char *suffix, char out[DNS_NAME_MAX + 1])
{
    size_t len = strlen(name), end = strlen(suffix);

    if (len < end || strcmp(name + len - end, suffix) != 0 || (len > end && name[len - end - 1] != '.')) {
        return false;
    }
    size_t rest = len > end ? len - end - 1 : 0;
    memcpy(out, name, rest);
    out[rest] = '\0';
    return true;
}

/* ---- names to addresses -------------------------------------------------------------------------------- */

struct gathering {
    struct dns_said *said;
    uint16_t type;
};

static void add_address(struct gathering *g, const uint8_t *ip, size_t size)
{
    enum dns_type type = size == 4 ? DNS_A : DNS_AAAA;

    if ((g->type != type && g->type != TYPE_ANY) || g->said->records == DNS_SERVE_RECORDS_MAX) {
        return;
    }
    struct dns_record *r = &g->said->record[g->said->records++];
    r->type = type;
    memcpy(r->ip, ip, size);
}

static void add_prefix(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    (void)peer;
    if (prefix->bits == 8 * prefix->size) {
        add_address(context, prefix->ip, prefix->size);
    }
}

static void say_addresses(const struct datapath_names *n, const char *label, uint16_t type, struct dns_said *said)
{
    const struct datapath_names_entry *e = entry_of(n, label);
    struct gathering g = {.said = said, .type = type};
    uint32_t peer;

    if (n->own[0] != '\0' && strcmp(label, n->own) == 0) {
        for (uint32_t i = 0; i < n->own_count; i++) {
            add_address(&g, n->own_at[i].ip, n->own_at[i].size);
        }
    } else if (e != NULL ? datapath_core_find(n->core, e->public, &peer) : n->ways != NULL && datapath_ways_named(n->ways, label, &peer)) {
        datapath_core_each_prefix(n->core, peer, add_prefix, &g);
    } else if (e == NULL) {
        said->code = label[0] == '\0' ? DNS_NOERROR : DNS_NXDOMAIN; /* the zone itself has nothing but its name */
    }
}

enum err datapath_names_place(const struct datapath_names *n, const char *name, struct datapath_prefix *ret)
{
    char lower[DNS_NAME_MAX + 1], label[DNS_NAME_MAX + 1];
    size_t len = strlen(name);

    if (len > DNS_NAME_MAX) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i <= len; i++) {
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    }
    const char *text = is_below(lower, n->zone, label) ? label : lower;
    if (!datapath_names_zone_valid(text)) {
        return ERR_INVALID;
    }
    const uint16_t types[] = {DNS_A, DNS_AAAA};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct dns_said said = {.records = 0};
        say_addresses(n, text, types[i], &said);
        if (said.records > 0) {
            uint8_t size = types[i] == DNS_A ? DATAPATH_ALLOWED_V4 : DATAPATH_ALLOWED_V6;
            *ret = (struct datapath_prefix){.size = size, .bits = (uint8_t)(8 * size)};
            memcpy(ret->ip, said.record[0].ip, size);
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- addresses to names -------------------------------------------------------------------------------- */

/* "2.0.9.10" and "…0.d.f", the last part of an address first (RFC 1035, 3.5; RFC 3596, 2.5). */
static bool read_reverse(const char *text, bool is_v6, uint8_t ip[16])
{
    int labels = is_v6 ? V6_LABELS : V4_LABELS;
    unsigned base = is_v6 ? 16 : 10, most = is_v6 ? 15 : 255;

    memset(ip, 0, 16);
    for (int i = labels - 1; i >= 0; i--) {
        unsigned value = 0;
        size_t len = 0;
        for (; *text != '\0' && *text != '.'; text++, len++) {
            unsigned digit = *text >= 'a' ? (unsigned)(*text - 'a') + 10 : (unsigned)(*text - '0');
            if (digit >= base || (len > 0 && value == 0)) {
                return false;
            }
            value = value * base + digit;
            if (value > most) {
                return false;
            }
        }
        if (len == 0 || (*text == '\0') != (i == 0)) {
            return false;
        }
        text += i > 0;
        if (is_v6) {
            ip[i / 2] |= (uint8_t)(i % 2 == 0 ? value << 4 : value);
        } else {
            ip[i] = (uint8_t)value;
        }
    }
    return true;
}

static const char *name_at(const struct datapath_names *n, const uint8_t *ip, size_t size, bool *ret_is_ours)
{
    uint32_t peer;

    for (uint32_t i = 0; i < n->own_count; i++) {
        if (n->own_at[i].size == size && memcmp(n->own_at[i].ip, ip, size) == 0) {
            *ret_is_ours = true;
            return n->own;
        }
    }
    *ret_is_ours = datapath_core_owner(n->core, ip, size, &peer);
    if (!*ret_is_ours) {
        return "";
    }
    struct dns_said all = {.records = 0};
    struct gathering g = {.said = &all, .type = TYPE_ANY};
    datapath_core_each_prefix(n->core, peer, add_prefix, &g);
    for (uint32_t i = 0; i < all.records; i++) {
        if ((all.record[i].type == DNS_A ? 4u : 16u) == size && memcmp(all.record[i].ip, ip, size) == 0) {
            return datapath_names_of(n, datapath_guide_key(n->core, peer));
        }
    }
    return ""; /* of a network behind him */
}

/* Backwards we answer for what is somebody's in the overlay, and for nothing else. */
static void say_name(const struct datapath_names *n, const char *text, bool is_v6, uint16_t type, struct dns_said *said)
{
    uint8_t ip[16];
    bool is_ours = false;
    const char *name = read_reverse(text, is_v6, ip) ? name_at(n, ip, is_v6 ? 16 : 4, &is_ours) : "";

    if (!is_ours) {
        said->code = DNS_REFUSED;
        said->zone[0] = '\0';
    } else if (name[0] == '\0') {
        said->code = DNS_NXDOMAIN;
    } else if (type == DNS_PTR || type == TYPE_ANY) {
        said->records = 1;
        said->record[0].type = DNS_PTR;
        (void)snprintf(said->record[0].name, sizeof said->record[0].name, "%s.%.189s", name, n->zone);
    }
}

/* ---- answers -------------------------------------------------------------------------------------------- */

size_t datapath_names_answer(const struct datapath_names *n, const uint8_t *question, size_t size, uint8_t out[DNS_SERVE_MOST])
{
    struct dns_asked a;
    char rest[DNS_NAME_MAX + 1];
    struct dns_said said = {.ttl_s = DATAPATH_NAMES_TTL_S};
    enum err e = dns_serve_read(question, size, &a);

    if (e != ERR_OK) {
        return e == ERR_DENIED ? 0 : dns_serve_refuse(question, &a, e, out);
    }
    if (a.class != DNS_CLASS_IN) {
        said.code = DNS_REFUSED;
    } else if (is_below(a.name, n->zone, rest)) {
        memcpy(said.zone, n->zone, sizeof said.zone);
        say_addresses(n, rest, a.type, &said);
    } else if (is_below(a.name, reverse_v4, rest)) {
        memcpy(said.zone, reverse_v4, sizeof reverse_v4);
        say_name(n, rest, false, a.type, &said);
    } else if (is_below(a.name, reverse_v6, rest)) {
        memcpy(said.zone, reverse_v6, sizeof reverse_v6);
        say_name(n, rest, true, a.type, &said);
    } else {
        said.code = DNS_REFUSED;
    }
    return dns_serve_write(question, &a, &said, out);
}
