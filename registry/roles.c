#include "registry/roles.h"

#include <assert.h>
#include <string.h>

static const char *const role_word[REGISTRY_ROLES] = {"root", "timestamp", "snapshot", "spaces"};

static const char no_space[] = "-"; /* before every name */

static struct registry_slice begin(struct registry_text *t, struct registry_slice body, const char *head)
{
    registry_text_begin(t, body.at, body.len);
    registry_text_take_line(t, head);
    struct registry_slice origin = registry_text_take(t, "origin");
    t->is_good = t->is_good && registry_text_is_origin(origin);
    return origin;
}

static uint64_t take_version(struct registry_text *t)
{
    uint64_t version = registry_text_take_number(t, "version");

    t->is_good = t->is_good && version >= 1;
    return version;
}

static void take_named(struct registry_text *t, const char *word, bool has_version, struct registry_named *ret)
{
    struct registry_slice line = registry_text_take(t, word), version = {.at = "1", .len = 1}, size = {.at = ""};

    *ret = (struct registry_named){0};
    t->is_good = t->is_good && (!has_version || registry_text_word(&line, &version)) && registry_text_number(version, &ret->version) && ret->version >= 1 &&
                 registry_text_word(&line, &size) && registry_text_number(size, &ret->size) && registry_text_hex(line, ret->hash, REGISTRY_HASH_SIZE);
    if (!has_version) {
        ret->version = 0;
    }
}

static void add_named(struct bytes_text *t, const char *word, bool has_version, const struct registry_named *named)
{
    bytes_text_add(t, "%s ", word);
    if (has_version) {
        bytes_text_add(t, "%llu ", (unsigned long long)named->version);
    }
    bytes_text_add(t, "%llu ", (unsigned long long)named->size);
    registry_text_add_hex(t, named->hash, sizeof named->hash);
    bytes_text_add(t, "\n");
}

static void add_head(struct bytes_text *t, const char *kind, struct registry_slice origin, uint64_t version)
{
    bytes_text_add(t, "cell-registry-%s-1\norigin %.*s\nversion %llu\n", kind, (int)origin.len, origin.at, (unsigned long long)version);
}

static bool take_revoked(struct registry_text *t, struct registry_revoked *r)
{
    if (r->count == REGISTRY_REVOKED_MAX) {
        return false;
    }
    registry_text_take_hex(t, "revoked", r->key[r->count], REGISTRY_KEY_SIZE);
    if (!t->is_good || (r->count > 0 && memcmp(r->key[r->count - 1], r->key[r->count], REGISTRY_KEY_SIZE) >= 0)) {
        return false;
    }
    r->count++;
    return true;
}

bool registry_roles_read_root(struct registry_slice body, struct registry_root *ret)
{
    struct registry_text t;

    *ret = (struct registry_root){0};
    struct registry_slice origin = begin(&t, body, "cell-registry-root-1");
    ret->version = take_version(&t);
    ret->expires_s = registry_text_take_number(&t, "expires");
    for (unsigned i = 0; i < REGISTRY_ROLES; i++) {
        t.is_good = registry_signed_read_keys(registry_text_take(&t, role_word[i]), &ret->role[i]) && t.is_good;
    }
    while (registry_text_is(&t, "revoked")) {
        if (!take_revoked(&t, &ret->revoked)) {
            return false;
        }
    }
    if (!registry_text_is_over(&t) || body.len > REGISTRY_ROOT_MAX) {
        return false;
    }
    for (unsigned i = 0; i < REGISTRY_ROLES; i++) {
        for (unsigned k = 0; k < ret->role[i].count; k++) {
            if (registry_signed_has_key(ret->revoked.key, ret->revoked.count, ret->role[i].key[k])) {
                return false;
            }
        }
    }
    memcpy(ret->origin, origin.at, origin.len);
    return true;
}

void registry_roles_add_root(struct bytes_text *t, const struct registry_root *r)
{
    add_head(t, "root", (struct registry_slice){.at = r->origin, .len = strlen(r->origin)}, r->version);
    bytes_text_add(t, "expires %llu\n", (unsigned long long)r->expires_s);
    for (unsigned i = 0; i < REGISTRY_ROLES; i++) {
        bytes_text_add(t, "%s ", role_word[i]);
        registry_signed_add_keys(t, &r->role[i]);
        bytes_text_add(t, "\n");
    }
    for (unsigned i = 0; i < r->revoked.count; i++) {
        bytes_text_add(t, "revoked ");
        registry_text_add_hex(t, r->revoked.key[i], REGISTRY_KEY_SIZE);
        bytes_text_add(t, "\n");
    }
}

bool registry_roles_read_timestamp(struct registry_slice body, struct registry_timestamp *ret)
{
    struct registry_text t;

    ret->origin = begin(&t, body, "cell-registry-timestamp-1");
    ret->version = take_version(&t);
    ret->made_s = registry_text_take_number(&t, "made");
    ret->expires_s = registry_text_take_number(&t, "expires");
    take_named(&t, "snapshot", true, &ret->snapshot);
    return registry_text_is_over(&t);
}

void registry_roles_add_timestamp(struct bytes_text *t, const struct registry_timestamp *s)
{
    add_head(t, "timestamp", s->origin, s->version);
    bytes_text_add(t, "made %llu\nexpires %llu\n", (unsigned long long)s->made_s, (unsigned long long)s->expires_s);
    add_named(t, "snapshot", true, &s->snapshot);
}

bool registry_roles_read_snapshot(struct registry_slice body, struct registry_snapshot *ret)
{
    struct registry_text t;

    ret->origin = begin(&t, body, "cell-registry-snapshot-1");
    ret->version = take_version(&t);
    ret->expires_s = registry_text_take_number(&t, "expires");
    take_named(&t, "spaces", true, &ret->spaces);
    take_named(&t, "catalogue", false, &ret->catalogue);
    take_named(&t, "log", false, &ret->log);
    return registry_text_is_over(&t);
}

void registry_roles_add_snapshot(struct bytes_text *t, const struct registry_snapshot *s)
{
    add_head(t, "snapshot", s->origin, s->version);
    bytes_text_add(t, "expires %llu\n", (unsigned long long)s->expires_s);
    add_named(t, "spaces", true, &s->spaces);
    add_named(t, "catalogue", false, &s->catalogue);
    add_named(t, "log", false, &s->log);
}

/* A line "space NAME …" without its first word. */
static bool read_space(struct registry_slice line, struct registry_slice *ret_name, struct registry_keys *ret)
{
    return registry_text_word(&line, ret_name) && registry_signed_read_keys(line, ret);
}

bool registry_roles_read_spaces(struct registry_slice body, struct registry_spaces *ret)
{
    struct registry_slice last = {.at = "", .len = 0}, name;
    struct registry_keys keys;
    struct registry_text t;

    ret->origin = begin(&t, body, "cell-registry-spaces-1");
    ret->version = take_version(&t);
    ret->expires_s = registry_text_take_number(&t, "expires");
    ret->list = (struct registry_slice){.at = t.at, .len = (size_t)(t.end - t.at)};
    while (registry_text_is(&t, "space")) {
        if (!read_space(registry_text_take(&t, "space"), &name, &keys) || registry_text_compare(last, name) >= 0 ||
            (!registry_text_same(name, no_space) && (registry_name_fault(name.at, name.len) != NULL || memchr(name.at, '/', name.len) != NULL))) {
            return false;
        }
        last = name;
    }
    return registry_text_is_over(&t);
}

void registry_roles_add_spaces(struct bytes_text *t, const struct registry_spaces *s)
{
    add_head(t, "spaces", s->origin, s->version);
    bytes_text_add(t, "expires %llu\n%.*s", (unsigned long long)s->expires_s, (int)s->list.len, s->list.at);
}

bool registry_roles_find_space(const struct registry_spaces *s, struct registry_slice name, struct registry_keys *ret)
{
    const char *slash = memchr(name.at, '/', name.len);
    const struct registry_slice none = {.at = no_space, .len = sizeof no_space - 1}, own = {.at = name.at, .len = slash == NULL ? 0 : (size_t)(slash - name.at)};
    struct registry_slice at;
    struct registry_text t;

    registry_text_begin(&t, s->list.at, s->list.len);
    while (registry_text_is(&t, "space")) {
        bool is_read = read_space(registry_text_take(&t, "space"), &at, ret);

        assert(is_read); /* read_spaces has read it */
        if (registry_text_compare(at, slash == NULL ? none : own) == 0) {
            return true;
        }
    }
    return false;
}
