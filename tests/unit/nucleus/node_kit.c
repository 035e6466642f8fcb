#include "tests/unit/nucleus/node_kit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kit_init(struct kit *k)
{
    *k = (struct kit){.now_ms = 1000};
    k->manifest.cells = k->cells;
    k->node = node_new(1, 7);
    assert(k->node != NULL);
}

int kit_main(const struct kit_test *tests, size_t count)
{
    static struct kit k;
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        kit_init(&k);
        tests[i].run(&k);
        if (k.failed) {
            fprintf(stderr, "FAILED: %s\n", tests[i].claim);
            failed = 1;
        }
        kit_fini(&k);
    }
    printf("%zu claims\n", count);
    return failed;
}

void kit_fini(struct kit *k)
{
    for (size_t i = 0; i < k->manifest.cell_count; i++) {
        free(k->cells[i].requires);
    }
    node_effects_fini(&k->fx);
    node_free(k->node);
}

struct manifest_cell *kit_cell(struct kit *k, const char *name, uint32_t instances,
                               const char *requires)
{
    assert(k->manifest.cell_count < KIT_CELLS_MAX);
    struct manifest_cell *c = &k->cells[k->manifest.cell_count++];
    char list[1024], *save = NULL;

    manifest_cell_init(c);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->instances = instances;
    c->hash = 1;
    c->requires = calloc(KIT_CELLS_MAX, sizeof *c->requires);
    assert(c->requires != NULL);
    snprintf(list, sizeof list, "%s", requires);
    for (char *one = strtok_r(list, " ", &save); one != NULL; one = strtok_r(NULL, " ", &save)) {
        enum err e = name_ref_parse(one, &c->requires[c->requires_count++]);
        assert(e == ERR_OK);
    }
    return c;
}

struct manifest_cell *kit_entry(struct kit *k, const char *name)
{
    for (size_t i = 0; i < k->manifest.cell_count; i++) {
        if (strcmp(k->cells[i].name, name) == 0) {
            return &k->cells[i];
        }
    }
    assert(!"no such entry");
    return NULL;
}

void kit_remove(struct kit *k, const char *name)
{
    struct manifest_cell *c = kit_entry(k, name);
    size_t index = (size_t)(c - k->cells);

    free(c->requires);
    memmove(c, c + 1, (k->manifest.cell_count - index - 1) * sizeof *c);
    k->manifest.cell_count--;
}

static const char *effect_name(enum node_effect_kind kind)
{
    static const char *const name[] = {"STORE_SCALE", "STORE", "SPAWN",   "DRAIN",  "TERM",
                                       "KILL",   "PUBLISH",     "UNPUBLISH", "SAMPLE", "CHANGED",
                                       "FORGET", "SPARE",       "DONE"};
    return name[kind];
}

static void write_down(struct kit *k)
{
    size_t len = strlen(k->said);

    for (size_t i = 0; i < k->fx.count; i++) {
        const struct node_effect *e = &k->fx.item[i];
        if (e->kind == NODE_FX_STORE) {
            continue; /* asserted on by itself where it matters */
        }
        len += (size_t)snprintf(k->said + len, sizeof k->said - len, "%s%s", len > 0 ? ", " : "",
                                effect_name(e->kind));
        if (e->slot != UINT32_MAX) {
            len += (size_t)snprintf(k->said + len, sizeof k->said - len, " %s.%u", e->name,
                                    e->instance);
        } else if (e->name[0] != '\0') {
            len += (size_t)snprintf(k->said + len, sizeof k->said - len, " %s=%u", e->name, e->count);
        }
        if (e->kind == NODE_FX_CHANGED) {
            len += (size_t)snprintf(k->said + len, sizeof k->said - len, " %s",
                                    node_state_name(e->state));
        }
        assert(len < sizeof k->said - 256);
    }
}

static enum err feed(struct kit *k, struct node_event ev)
{
    ev.now_ms = k->now_ms;
    enum err e = node_step(k->node, &ev, &k->fx);
    write_down(k);
    return e;
}

enum err kit_feed(struct kit *k, struct node_event ev)
{
    k->said[0] = '\0';
    return feed(k, ev);
}

enum err kit_apply(struct kit *k)
{
    char why[MANIFEST_WHY_SIZE];

    if (manifest_check(&k->manifest, why) != ERR_OK) {
        fprintf(stderr, "%s\n", why);
        assert(!"the test's manifest is wrong");
    }
    return kit_feed(k, (struct node_event){.kind = NODE_EV_MANIFEST, .manifest = &k->manifest});
}

static int32_t slot_of(struct kit *k, const char *who)
{
    char name[NAME_SIZE];
    const char *dot = strrchr(who, '.');

    assert(dot != NULL);
    snprintf(name, sizeof name, "%.*s", (int)(dot - who), who);
    return node_find(k->node, "default", name, (uint32_t)atoi(dot + 1));
}

const struct node_instance *kit_at(struct kit *k, const char *who)
{
    int32_t slot = slot_of(k, who);

    return slot < 0 ? NULL : node_at(k->node, (uint32_t)slot);
}

const char *kit_state(struct kit *k, const char *who)
{
    const struct node_instance *i = kit_at(k, who);

    return i == NULL ? "none" : node_state_name(i->state);
}

static struct node_event about(struct kit *k, enum node_event_kind kind, const char *who)
{
    int32_t slot = slot_of(k, who);
    struct node_event ev = {.kind = kind, .slot = UINT32_MAX};

    if (slot >= 0) {
        ev.slot = (uint32_t)slot;
        ev.generation = node_at(k->node, ev.slot)->generation;
    }
    return ev;
}

enum err kit_tell(struct kit *k, enum node_event_kind kind, const char *who)
{
    return kit_feed(k, about(k, kind, who));
}

enum err kit_exit(struct kit *k, const char *who, int code, int signal)
{
    struct node_event ev = about(k, NODE_EV_EXITED, who);

    ev.exit_code = code;
    ev.signal = signal;
    return kit_feed(k, ev);
}

enum err kit_sample(struct kit *k, const char *who, uint64_t cpu_ms, uint64_t delay_ms,
                    bool is_stopped)
{
    struct node_event ev = about(k, NODE_EV_SAMPLE, who);

    ev.cpu_us = cpu_ms * 1000;
    ev.delay_us = delay_ms * 1000;
    ev.is_stopped = is_stopped;
    return kit_feed(k, ev);
}

enum err kit_order(struct kit *k, enum node_event_kind kind, const char *name, int32_t instance,
                   uint32_t count)
{
    int cell = name != NULL ? manifest_find(&k->manifest, "default", name) : 0;

    return kit_feed(k, (struct node_event){.kind = kind, .cell = (uint32_t)cell,
                                           .instance = instance, .count = count});
}

enum err kit_clock(struct kit *k, uint64_t now_ms)
{
    k->now_ms = now_ms;
    return kit_feed(k, (struct node_event){.kind = NODE_EV_CLOCK});
}

void kit_run(struct kit *k, uint64_t now_ms)
{
    k->said[0] = '\0';
    while (node_next_ms(k->node) <= now_ms) {
        k->now_ms = node_next_ms(k->node) > k->now_ms ? node_next_ms(k->node) : k->now_ms;
        enum err e = feed(k, (struct node_event){.kind = NODE_EV_CLOCK});
        assert(e == ERR_OK);
    }
    k->now_ms = now_ms;
}

void kit_up(struct kit *k, const char *who)
{
    static const enum node_event_kind order[] = {NODE_EV_SPAWNED, NODE_EV_BOOTING,
                                                 NODE_EV_LISTENING, NODE_EV_READY};

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum err e = kit_tell(k, order[i], who);
        if (e != ERR_OK) {
            fprintf(stderr, "%s: %s: %s\n", who, node_event_name(order[i]), err_name(e));
            k->failed = 1;
        }
    }
}

bool kit_has(const struct kit *k, const char *effect)
{
    const char *at = k->said;
    size_t len = strlen(effect);

    if (len == 0) {
        return k->said[0] == '\0';
    }
    while ((at = strstr(at, effect)) != NULL) {
        bool begins = at == k->said || at[-1] == ' ';
        if (begins && (at[len] == '\0' || at[len] == ',')) {
            return true;
        }
        at++;
    }
    return false;
}

bool kit_claim(struct kit *k, bool holds, const char *file, int line, const char *claim)
{
    if (!holds) {
        fprintf(stderr, "%s:%d: %s\n  said: %s\n", file, line, claim, k->said);
        k->failed = 1;
    }
    return holds;
}
