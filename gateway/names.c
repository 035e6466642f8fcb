#include "gateway/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/run/log.h"
#include "proto/nodosum.ops.h"
#include "proto/nodosum.pb-c.h"

struct gateway_name {
    char name[GATEWAY_NAMES_SIZE];
    struct gateway_choice choice;
    bool is_asking;
    uint64_t fresh_until_ms, used_ms;
    struct gateway_waiter *waiting; /* in the order they came */
};

/* Of which membership was asked about. */
struct asking {
    struct gateway_shell *shell;
    struct gateway_name *name;
};

void gateway_names_format(const struct gateway_shell *s, const struct name_ref *ref, char out[GATEWAY_NAMES_SIZE])
{
    const char *space = ref->space[0] != '\0' ? ref->space : cell_space(s->cell);
    bool is_usual = strcmp(space, "default") == 0;

    (void)snprintf(out, GATEWAY_NAMES_SIZE, "%s%s%s", is_usual ? "" : space, is_usual ? "" : "/", ref->cell);
}

struct gateway_choice *gateway_names_choice(struct gateway_name *name)
{
    return &name->choice;
}

static void release(struct gateway_name *n)
{
    struct gateway_waiter *w = n->waiting;

    n->waiting = NULL;
    while (w != NULL) {
        struct gateway_waiter *next = w->next;
        w->found(w->context, n); /* it may ask again, and its waiter is gone */
        w = next;
    }
}

/* ---- what membership says ---------------------------------------------------------------------- */

static void learn(struct gateway_shell *s, struct gateway_name *n, const Cell__Nodosum__DiscoverReply *reply)
{
    struct gateway_offer offer[GATEWAY_CHOICE_MAX];
    uint32_t count = 0;

    for (size_t i = 0; i < reply->n_found && count < GATEWAY_CHOICE_MAX; i++) {
        const Cell__Nodosum__Found *f = reply->found[i];
        if (f->is_self || strcmp(f->kind, "cell") != 0 || f->ready == 0 || !name_valid_str(f->node) ||
            !gateway_nodes_learn(s, f)) {
            continue;
        }
        struct gateway_offer *o = &offer[count++];
        *o = (struct gateway_offer){.is_alive = strcmp(f->state, "alive") == 0, .ready = f->ready, .rtt_us = f->rtt_us,
                                    .score = f->score < GATEWAY_CHOICE_SCORE_ONE ? f->score : GATEWAY_CHOICE_SCORE_ONE,
                                    .latency_us = f->latency_us};
        (void)snprintf(o->node, sizeof o->node, "%s", f->node);
    }
    gateway_choice_learn(&n->choice, offer, count);
}

/* No member has it. Here is where wider circles are asked, once there are any (a dht): its answer goes the same way, by
 * gateway_choice_learn and gateway_nodes_learn, before those who wait are let go. */
static void look_further(struct gateway_name *n)
{
    release(n);
}

static void on_found(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct asking *asking = context;
    struct gateway_shell *s = asking->shell;
    struct gateway_name *n = asking->name;

    free(asking);
    n->is_asking = false;
    n->fresh_until_ms = cell_now_ms(s->cell) + GATEWAY_FRESH_MS;
    if (e == ERR_OK) {
        learn(s, n, (const Cell__Nodosum__DiscoverReply *)reply);
    } else if (n->choice.count > 0) {
        log_warn("GATEWAY-LAST-KNOWN", "cell=%s nodes=%u error=%s why=\"%.96s\"", n->name, n->choice.count, err_name(e), text);
    }
    if (n->choice.count == 0) {
        look_further(n);
    } else {
        release(n);
    }
}

static enum err ask(struct gateway_shell *s, struct gateway_name *n)
{
    Cell__Nodosum__DiscoverRequest request = CELL__NODOSUM__DISCOVER_REQUEST__INIT;
    struct asking *asking = malloc(sizeof *asking);

    if (asking == NULL) {
        return ERR_NOMEM;
    }
    *asking = (struct asking){.shell = s, .name = n};
    request.name = n->name;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_DISCOVER, .request = &request.base,
        .reply = &cell__nodosum__discover_reply__descriptor, .deadline_ms = GATEWAY_MEMBERSHIP_MS, .done = on_found,
        .context = asking, .is_idempotent = CELL__NODOSUM__DISCOVER__IS_IDEMPOTENT, .is_hasty = true};
    enum err e = cell_ask(s->cell, &out);
    if (e != ERR_OK) {
        free(asking);
        return e;
    }
    n->is_asking = true;
    return ERR_OK;
}

/* ---- cells that are looked for ----------------------------------------------------------------- */

/* The slot of a cell; the one used longest ago for which nobody waits makes room. NULL: there is none. */
static struct gateway_name *name_for(struct gateway_shell *s, const struct name_ref *ref)
{
    char name[GATEWAY_NAMES_SIZE];
    size_t place_at = GATEWAY_NAMES_MAX;

    gateway_names_format(s, ref, name);
    for (size_t i = 0; i < GATEWAY_NAMES_MAX; i++) {
        struct gateway_name *n = s->names[i];
        if (n == NULL) {
            place_at = i;
            break; /* slots fill from the left and are only reused */
        }
        if (strcmp(n->name, name) == 0) {
            return n;
        }
        if (!n->is_asking && (place_at == GATEWAY_NAMES_MAX || n->used_ms < s->names[place_at]->used_ms)) {
            place_at = i;
        }
    }
    struct gateway_name *fresh = place_at == GATEWAY_NAMES_MAX ? NULL : calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    (void)snprintf(fresh->name, sizeof fresh->name, "%s", name);
    free(s->names[place_at]);
    s->names[place_at] = fresh;
    return fresh;
}

void gateway_names_find(struct gateway_shell *s, const struct name_ref *ref, struct gateway_waiter *waiter)
{
    struct gateway_name *n = name_for(s, ref);
    uint64_t now_ms = cell_now_ms(s->cell);

    if (n == NULL) {
        waiter->found(waiter->context, NULL);
        return;
    }
    n->used_ms = now_ms;
    bool is_known = n->choice.count > 0 && now_ms < n->fresh_until_ms;
    if (!n->is_asking && (is_known || ask(s, n) != ERR_OK)) {
        waiter->found(waiter->context, n); /* without an answer, what was said last is the best there is */
        return;
    }
    struct gateway_waiter **last = &n->waiting;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    waiter->next = NULL;
    *last = waiter;
}

void gateway_names_saw(struct gateway_shell *s, const struct name_ref *ref, const char *node, bool is_well, uint64_t took_us)
{
    struct gateway_name *n = name_for(s, ref);
    uint64_t now_ms = cell_now_ms(s->cell);

    if (n == NULL) {
        return;
    }
    n->used_ms = now_ms;
    if (!is_well) {
        n->fresh_until_ms = 0;
    }
    uint32_t at = gateway_choice_find(&n->choice, node);
    if (at == GATEWAY_CHOICE_NONE) {
        return; /* not offered: whoever names the node wants that one */
    }
    if (is_well) {
        gateway_choice_took(&n->choice.item[at], took_us, now_ms);
    } else {
        gateway_choice_failed(&n->choice.item[at], now_ms);
    }
}

void gateway_names_doubt(struct gateway_shell *s)
{
    for (size_t i = 0; i < GATEWAY_NAMES_MAX && s->names[i] != NULL; i++) {
        s->names[i]->fresh_until_ms = 0;
    }
}

void gateway_names_free(struct gateway_shell *s)
{
    for (size_t i = 0; i < GATEWAY_NAMES_MAX && s->names[i] != NULL; i++) {
        assert(s->names[i]->waiting == NULL); /* what was asked has ended before */
        free(s->names[i]);
        s->names[i] = NULL;
    }
}
