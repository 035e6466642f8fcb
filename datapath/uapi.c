#include "datapath/uapi.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "datapath/scope.h"

enum {
    NS = 1000000000,
};

static void say(const struct datapath_uapi *u, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(const struct datapath_uapi *u, const char *format, ...)
{
    char line[DATAPATH_UAPI_LINE_MAX];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    u->put(u->context, line, (size_t)len);
    sodium_memzero(line, sizeof line); /* some have keys in them */
}

static void say_key(const struct datapath_uapi *u, const char *name, const uint8_t key[32])
{
    char hex[65];

    bytes_to_hex(key, 32, hex);
    say(u, "%s=%s\n", name, hex);
    sodium_memzero(hex, sizeof hex);
}

/* ---- get -------------------------------------------------------------------------------------------- */

static void say_prefix(void *context, uint32_t peer, const struct datapath_prefix *prefix)
{
    char text[DATAPATH_TEXT_PLACE_SIZE];

    (void)peer;
    datapath_text_write_prefix(prefix, text);
    say(context, "allowed_ip=%s\n", text);
}

static void say_peer(const struct datapath_uapi *u, uint32_t peer, const struct datapath_view *v)
{
    char place[DATAPATH_TEXT_PLACE_SIZE];

    say_key(u, "public_key", v->config.public);
    say_key(u, "preshared_key", v->config.psk);
    say(u, "protocol_version=1\n");
    if (v->config.endpoint.port != 0) {
        datapath_scope_write_place(u->socket, &v->config.endpoint, place);
        say(u, "endpoint=%s\n", place);
    }
    say(u, "last_handshake_time_sec=%" PRIu64 "\nlast_handshake_time_nsec=%" PRIu64 "\n", v->session_wall_ns / NS,
        v->session_wall_ns % NS);
    say(u, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\npersistent_keepalive_interval=%" PRIu32 "\n", v->sent_bytes,
        v->received_bytes, v->config.persist_ms / 1000);
    datapath_core_each_prefix(u->core, peer, say_prefix, (void *)u);
}

static void get(const struct datapath_uapi *u)
{
    struct datapath_view v;

    say_key(u, "private_key", u->secret);
    say(u, "listen_port=%u\n", u->port);
    if (u->mark != 0) {
        say(u, "fwmark=%" PRIu32 "\n", u->mark);
    }
    for (uint32_t i = 0; i < u->peers_max; i++) {
        if (datapath_core_view(u->core, i, &v)) {
            say_peer(u, i, &v);
        }
    }
    sodium_memzero(&v, sizeof v);
}

/* ---- set -------------------------------------------------------------------------------------------- */

/* The peer that lines are about. */
struct about {
    bool has_peer;    /* a public_key line was there                                */
    bool is_skipped;  /* … of a peer that is not to be made, or was removed         */
    bool is_new;
    uint32_t peer;
};

static int errno_of(enum err e)
{
    return e == ERR_OK ? 0 : e == ERR_LIMIT ? ENOSPC : e == ERR_NOMEM ? ENOMEM : EINVAL;
}

static void remove_all(const struct datapath_uapi *u)
{
    struct datapath_view v;

    for (uint32_t i = 0; i < u->peers_max; i++) {
        if (datapath_core_view(u->core, i, &v)) {
            datapath_core_remove(u->core, i);
        }
    }
}

static int begin_peer(const struct datapath_uapi *u, struct datapath_time now, const char *value, struct about *a)
{
    struct datapath_peer_config c = {.persist_ms = 0};

    if (!bytes_from_hex(value, c.public, 32)) {
        return EINVAL;
    }
    *a = (struct about){.has_peer = true};
    /* `wg` may say our own key, in a file that all nodes have: then it is nobody. */
    if (memcmp(c.public, datapath_core_public(u->core), 32) == 0) {
        a->is_skipped = true;
        return 0;
    }
    if (u->recall != NULL) {
        u->recall(u->memory, c.public, &c.heard);
    }
    enum err e = datapath_core_add(u->core, &c, now, &a->peer);
    a->is_new = e == ERR_OK;
    e = e == ERR_EXISTS ? ERR_OK : e;
    if (e == ERR_OK && u->claim != NULL) {
        u->claim(u->owner, a->peer);
    }
    return errno_of(e);
}

static bool take_place(const struct datapath_uapi *u, const char *value, struct datapath_endpoint *at)
{
    char scope[DATAPATH_TEXT_SCOPE_SIZE];
    struct datapath_endpoint said;

    if (!datapath_text_read_place(value, &said, scope)) {
        return false;
    }
    if (!datapath_scope_find(u->socket, scope, &said)) {
        return u->is_recalled;
    }
    *at = said;
    return true;
}

/* Change one thing of the peer. */
static int change_peer(const struct datapath_uapi *u, struct datapath_time now, uint32_t peer, const char *name,
                       const char *value)
{
    struct datapath_view v;
    struct datapath_prefix prefix;
    uint64_t number;
    bool is_minus = false, fits = true;

    if (!datapath_core_view(u->core, peer, &v)) {
        return EINVAL;
    }
    if (strcmp(name, "allowed_ip") == 0) {
        is_minus = value[0] == '-';
        if (!datapath_text_read_prefix(value + is_minus, &prefix, NULL)) {
            return EINVAL;
        }
        if (is_minus) {
            enum err e = datapath_core_disallow(u->core, peer, &prefix);
            return e == ERR_NOT_FOUND ? 0 : errno_of(e); /* what he has not need not be taken */
        }
        return errno_of(datapath_core_allow(u->core, peer, &prefix));
    }
    if (strcmp(name, "replace_allowed_ips") == 0) {
        if (strcmp(value, "true") != 0) {
            return EINVAL;
        }
        datapath_core_disallow_all(u->core, peer);
        return 0;
    }
    if (strcmp(name, "protocol_version") == 0) {
        return strcmp(value, "1") == 0 ? 0 : EINVAL;
    }
    if (strcmp(name, "preshared_key") == 0) {
        fits = bytes_from_hex(value, v.config.psk, 32);
    } else if (strcmp(name, "endpoint") == 0) {
        fits = take_place(u, value, &v.config.endpoint);
    } else if (strcmp(name, "persistent_keepalive_interval") == 0) {
        fits = datapath_text_read_number(value, DATAPATH_PERSIST_MS_MAX / 1000, &number);
        v.config.persist_ms = fits ? (uint32_t)number * 1000 : 0;
    } else {
        return EINVAL;
    }
    int e = fits ? errno_of(datapath_core_change(u->core, peer, &v.config, now)) : EINVAL;
    sodium_memzero(&v, sizeof v);
    return e;
}

static int set_peer(const struct datapath_uapi *u, struct datapath_time now, const char *name, const char *value,
                    struct about *a)
{
    bool is_remove = strcmp(name, "remove") == 0;

    if (is_remove || strcmp(name, "update_only") == 0) {
        if (strcmp(value, "true") != 0) {
            return EINVAL;
        }
        if (!a->is_skipped && (is_remove || a->is_new)) {
            datapath_core_remove(u->core, a->peer);
            a->is_skipped = true;
        }
        return 0;
    }
    int e = a->is_skipped ? 0 : change_peer(u, now, a->peer, name, value);
    if (e == 0 && !a->is_skipped && u->claim != NULL) {
        u->claim(u->owner, a->peer); /* as he is now */
    }
    return e;
}

/* Of the device itself. What would need a new socket, another key or privilege is refused by name of an errno: the cell
 * has its doors closed, and its manifest says these things. */
static int set_device(const struct datapath_uapi *u, const char *name, const char *value)
{
    uint8_t key[32];
    uint64_t number;

    if (strcmp(name, "private_key") == 0) {
        bool fits = bytes_from_hex(value, key, 32), is_ours = fits && sodium_memcmp(key, u->secret, 32) == 0;
        sodium_memzero(key, sizeof key);
        return !fits ? EINVAL : is_ours ? 0 : EOPNOTSUPP;
    }
    if (strcmp(name, "listen_port") == 0) {
        /* 0 is any port, as `wg setconf` says where nothing is said of one: ours is one. */
        return !datapath_text_read_number(value, UINT16_MAX, &number) ? EINVAL : number == u->port || number == 0 ? 0 : EOPNOTSUPP;
    }
    if (strcmp(name, "fwmark") == 0) {
        return !datapath_text_read_number(value, UINT32_MAX, &number) ? EINVAL : number == u->mark ? 0 : EOPNOTSUPP;
    }
    if (strcmp(name, "replace_peers") == 0 && strcmp(value, "true") == 0) {
        remove_all(u);
        return 0;
    }
    return EINVAL;
}

/* Whether it can be the name of a line: anything else may be a key that somebody put where none belongs, and is told to nobody. */
static bool is_name(const char *line)
{
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_");

    return len > 0 && len < 32 && line[len] == '\0';
}

static int set(const struct datapath_uapi *u, struct datapath_time now, char *text)
{
    struct about a = {.has_peer = false};
    char *rest = NULL;
    int e = 0;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL && e == 0; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');
        if (value == NULL) {
            return EPROTO;
        }
        *value++ = '\0';
        if (strcmp(line, "public_key") == 0) {
            e = begin_peer(u, now, value, &a);
        } else {
            e = a.has_peer ? set_peer(u, now, line, value, &a) : set_device(u, line, value);
        }
        if (e != 0 && u->refuse != NULL) {
            u->refuse(u->owner, is_name(line) ? line : "?", e);
        }
    }
    return e;
}

size_t datapath_uapi_first(const char *text, size_t size)
{
    const char *end = memmem(text, size, "\n\n", 2);

    return end == NULL ? 0 : (size_t)(end - text) + 2;
}

bool datapath_uapi_answer(const struct datapath_uapi *u, struct datapath_time now, char *text, size_t size)
{
    bool is_set = false;
    int e = EPROTO;

    text[size - 1] = '\0'; /* the second of the two newlines */
    if (strlen(text) != size - 1) {
        e = EPROTO; /* a byte of zero in it */
    } else if (strcmp(text, "get=1\n") == 0) {
        get(u);
        e = 0;
    } else if (strncmp(text, "set=1\n", 6) == 0) {
        is_set = true;
        e = set(u, now, text + 6);
    }
    say(u, "errno=%d\n\n", -e);
    return is_set;
}

/* ---- what lasts ------------------------------------------------------------------------------------- */

void datapath_uapi_recall(const struct datapath_uapi *u,
                          bool (*is_known)(void *who, const uint8_t public[DATAPATH_NOISE_KEY]), void *who)
{
    struct datapath_view v;
    char place[DATAPATH_TEXT_PLACE_SIZE];

    say(u, "set=1\n");
    for (uint32_t i = 0; i < u->peers_max; i++) {
        if (!datapath_core_view(u->core, i, &v) || is_known(who, v.config.public)) {
            continue;
        }
        say_key(u, "public_key", v.config.public);
        say_key(u, "preshared_key", v.config.psk);
        if (v.config.endpoint.port != 0) {
            datapath_scope_write_place(u->socket, &v.config.endpoint, place);
            say(u, "endpoint=%s\n", place);
        }
        say(u, "persistent_keepalive_interval=%" PRIu32 "\n", v.config.persist_ms / 1000);
        datapath_core_each_prefix(u->core, i, say_prefix, (void *)u);
    }
    say(u, "\n");
    sodium_memzero(&v, sizeof v);
}

bool datapath_uapi_is_done(const char *answer, size_t size)
{
    static const char done[] = "errno=0\n\n";

    return size >= sizeof done - 1 && memcmp(answer + size - (sizeof done - 1), done, sizeof done - 1) == 0;
}
