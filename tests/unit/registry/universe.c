#include "tests/unit/registry/universe.h"

#include <stdio.h>
#include <string.h>

#include "registry/range.h"
#include "tests/support/check.h"
#include "tests/unit/registry/kit.h"

static uint32_t find(struct universe *u, const char *name, size_t len)
{
    for (uint32_t i = 0; i < u->q.packages; i++) {
        if (strlen(u->name[i]) == len && memcmp(u->name[i], name, len) == 0) {
            return i;
        }
    }
    REQUIRE(u->q.packages < UNIVERSE_PACKAGES && len < sizeof u->name[0], "room for %.*s", (int)len, name);
    uint32_t at = u->q.packages++;
    snprintf(u->name[at], sizeof u->name[at], "%.*s", (int)len, name);
    u->package[at] = (struct registry_resolve_package){.name = kit_slice(u->name[at]), .version = u->version[at]};
    return at;
}

static size_t word(const char *at)
{
    return strcspn(at, " :;\n");
}

static uint32_t read_needs(struct universe *u, const char *at, struct registry_resolve_need *need)
{
    uint32_t count = 0;

    while (*at == ' ') {
        at += strspn(at, " ");
        size_t len = word(at), range = strcspn(at + len + 1, ";\n");

        need[count++] = (struct registry_resolve_need){.package = find(u, at, len), .range = {.at = at + len + 1, .len = range}};
        at += len + 1 + range;
        at += *at == ';';
    }
    return count;
}

static struct registry_version parsed(const char *at, size_t len)
{
    struct registry_version v;

    REQUIRE(registry_version_parse(at, len, &v) == ERR_OK, "%.*s", (int)len, at);
    return v;
}

static void read_line(struct universe *u, const char *line)
{
    size_t len = word(line);

    if (strncmp(line, "project:", 8) == 0) {
        u->q.needs = read_needs(u, line + 8, u->own);
        return;
    }
    bool is_lock = len == 4 && strncmp(line, "lock", 4) == 0;
    line += is_lock ? 5 : 0;
    len = word(line);
    uint32_t package = find(u, line, len);
    struct registry_resolve_package *p = &u->package[package];
    const char *at = line + len;
    if (*at != ' ') {
        return;
    }
    len = word(++at);
    if (is_lock) {
        u->locked[package] = parsed(at, len);
        p->locked = &u->locked[package];
        return;
    }
    struct registry_resolve_version *v = &u->version[package][p->versions];
    *v = (struct registry_resolve_version){.version = parsed(at, len), .need = u->need[package][p->versions]};
    p->versions++;
    at += len;
    v->is_yanked = strncmp(at, " yanked", 7) == 0;
    at += v->is_yanked ? 7 : 0;
    v->needs = *at == ':' ? read_needs(u, at + 1, u->need[package][p->versions - 1]) : 0;
}

void universe_read(struct universe *u, const char *text)
{
    memset(u, 0, sizeof *u);
    u->q = (struct registry_resolve_question){.package = u->package, .need = u->own, .steps_max = REGISTRY_RESOLVE_STEPS_USUAL};
    while (*text != '\0') {
        read_line(u, text);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

/* ---- drawn -------------------------------------------------------------------------------------------- */

static const char *const ranges[] = {"*",      "^1",        "^2",          ">=1.1",      "<2",           "=1.0.0",         "~1.1",          "^1.1 || ^3", ">=2",
                                     "<1.1",   ">1.0.0 <3", "=2.0.0-rc.1", ">=2.0.0-rc.1", "=1.1.0 || =2", "^3 || <1.0.1", ">=1.0.1 <1.1.1"};
static const char *const versions[] = {"1.0.0", "1.0.1", "1.1.0", "1.1.1", "2.0.0-rc.1", "2.0.0", "2.1.0", "3.0.0"};

static uint32_t draw_needs(struct universe *u, struct rng *r, uint32_t self, uint32_t most, struct registry_resolve_need *need)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < u->q.packages && count < most; i++) {
        if ((i != self || rng_below(r, 8) == 0) && rng_below(r, u->q.packages) < most) {
            need[count++] = (struct registry_resolve_need){.package = i, .range = kit_slice(ranges[rng_below(r, ARRAY_LEN(ranges))])};
        }
    }
    return count;
}

void universe_draw(struct universe *u, struct rng *r, uint32_t packages, uint32_t versions_most)
{
    memset(&u->q, 0, sizeof u->q);
    u->q = (struct registry_resolve_question){.package = u->package, .need = u->own, .steps_max = REGISTRY_RESOLVE_STEPS_USUAL, .is_oldest = rng_below(r, 8) == 0};
    u->q.packages = (uint32_t)rng_below(r, packages) + 1;
    uint32_t dense = (uint32_t)rng_below(r, 3) + 1, yank_one_in = (uint32_t)rng_below(r, 20) + 2, lock_one_in = (uint32_t)rng_below(r, 6) + 1;
    for (uint32_t i = 0; i < u->q.packages; i++) {
        struct registry_resolve_package *p = &u->package[i];
        uint32_t count = rng_below(r, 20) == 0 ? 0 : (uint32_t)rng_below(r, versions_most) + 1;

        snprintf(u->name[i], sizeof u->name[i], "p%u", i);
        *p = (struct registry_resolve_package){.name = kit_slice(u->name[i]), .version = u->version[i]};
        for (uint32_t k = 0; k < ARRAY_LEN(versions) && p->versions < count; k++) {
            if (ARRAY_LEN(versions) - k > count - p->versions && rng_below(r, 2) == 0) {
                continue;
            }
            struct registry_resolve_version *v = &u->version[i][p->versions];
            *v = (struct registry_resolve_version){.version = parsed(versions[k], strlen(versions[k])), .is_yanked = rng_below(r, yank_one_in) == 0,
                                                   .need = u->need[i][p->versions]};
            v->needs = draw_needs(u, r, i, (uint32_t)rng_below(r, dense + 1), u->need[i][p->versions]);
            p->versions++;
        }
        if (rng_below(r, lock_one_in) == 0) {
            const char *locked = versions[rng_below(r, ARRAY_LEN(versions))];

            u->locked[i] = parsed(locked, strlen(locked)); /* which there need not be */
            p->locked = &u->locked[i];
        }
    }
    u->q.needs = draw_needs(u, r, UINT32_MAX, (uint32_t)rng_below(r, 3) + 1, u->own);
}

/* ---- by trying everything ------------------------------------------------------------------------------ */

struct attempt {
    const struct universe *u;
    uint32_t *choice, queue[UNIVERSE_PACKAGES], queued;
};

static bool is_in(struct registry_slice text, const struct registry_version *v)
{
    struct registry_range range;

    return registry_range_parse(text.at, text.len, &range) == ERR_OK && registry_range_has(&range, v);
}

static bool keeps(const struct universe *u, const uint32_t *choice, const struct registry_resolve_need *need, uint32_t needs, bool is_whole)
{
    for (uint32_t i = 0; i < needs; i++) {
        uint32_t chosen = choice[need[i].package];

        if (chosen == REGISTRY_RESOLVE_NONE ? is_whole : !is_in(need[i].range, &u->package[need[i].package].version[chosen].version)) {
            return false;
        }
    }
    return true;
}

static bool keeps_all(const struct universe *u, const uint32_t *choice, bool is_whole)
{
    if (!keeps(u, choice, u->own, u->q.needs, is_whole)) {
        return false;
    }
    for (uint32_t i = 0; i < u->q.packages; i++) {
        const struct registry_resolve_version *v = choice[i] == REGISTRY_RESOLVE_NONE ? NULL : &u->package[i].version[choice[i]];

        if (v != NULL && !keeps(u, choice, v->need, v->needs, is_whole)) {
            return false;
        }
    }
    return true;
}

static void require(struct attempt *a, const struct registry_resolve_need *need, uint32_t needs)
{
    for (uint32_t i = 0; i < needs; i++) {
        bool is_there = false;

        for (uint32_t k = 0; k < a->queued; k++) {
            is_there = is_there || a->queue[k] == need[i].package;
        }
        if (!is_there) {
            a->queue[a->queued++] = need[i].package;
        }
    }
}

static bool try_from(struct attempt *a, uint32_t at)
{
    if (at == a->queued) {
        return true;
    }
    uint32_t package = a->queue[at];
    const struct registry_resolve_package *p = &a->u->package[package];
    for (int is_free = 0; is_free < 2; is_free++) { /* the locked one first */
        for (uint32_t n = 0; n < p->versions; n++) {
            uint32_t i = a->u->q.is_oldest ? n : p->versions - 1 - n, queued = a->queued;
            bool is_locked = p->locked != NULL && registry_version_compare(p->locked, &p->version[i].version) == 0;

            if (is_locked == (is_free == 1) || (p->version[i].is_yanked && !is_locked)) {
                continue;
            }
            a->choice[package] = i;
            require(a, p->version[i].need, p->version[i].needs);
            if (keeps_all(a->u, a->choice, false) && try_from(a, at + 1)) {
                return true;
            }
            a->queued = queued;
            a->choice[package] = REGISTRY_RESOLVE_NONE;
        }
    }
    return false;
}

void universe_large(struct universe *u)
{
    memset(u, 0, sizeof *u);
    u->q = (struct registry_resolve_question){.packages = 1000, .package = u->package, .need = u->own, .steps_max = 200000};
    for (uint32_t i = 0; i < u->q.packages; i++) {
        (void)snprintf(u->name[i], sizeof u->name[i], "p%u", i);
        u->package[i] = (struct registry_resolve_package){.name = kit_slice(u->name[i]), .versions = 20, .version = u->version[i]};
        for (uint32_t k = 0; k < 20; k++) {
            struct registry_resolve_version *v = &u->version[i][k];

            *v = (struct registry_resolve_version){.version = {.major = 1 + k / 10, .minor = k % 10}, .need = u->need[i][k]};
            for (uint32_t n = 0; n < 5 && i + 1 + n * 7 < u->q.packages; n++) { /* an edge of five */
                u->need[i][k][v->needs++] =
                    (struct registry_resolve_need){.package = i + 1 + n * 7, .range = kit_slice(k < 10 ? "^1" : k == 19 && n == 4 ? "=2.9" : "*")};
            }
        }
    }
    u->own[u->q.needs++] = (struct registry_resolve_need){.package = 0, .range = kit_slice("^2")};
}

bool universe_try_all(const struct universe *u, uint32_t *choice)
{
    struct attempt a = {.u = u, .choice = choice};

    for (uint32_t i = 0; i < u->q.packages; i++) {
        choice[i] = REGISTRY_RESOLVE_NONE;
    }
    require(&a, u->own, u->q.needs);
    return try_from(&a, 0);
}

bool universe_is_answer(const struct universe *u, const uint32_t *choice)
{
    struct attempt a = {.u = u};
    uint32_t installed = 0;

    require(&a, u->own, u->q.needs);
    for (uint32_t i = 0; i < a.queued; i++) {
        uint32_t at = choice[a.queue[i]];

        if (at == REGISTRY_RESOLVE_NONE) {
            return false;
        }
        require(&a, u->package[a.queue[i]].version[at].need, u->package[a.queue[i]].version[at].needs);
    }
    for (uint32_t i = 0; i < u->q.packages; i++) {
        installed += choice[i] != REGISTRY_RESOLVE_NONE;
    }
    return installed == a.queued && keeps_all(u, choice, true);
}
