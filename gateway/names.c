#include "gateway/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/run/log.h"
#include "proto/dht.ops.h"
#include "proto/dht.pb-c.h"
#include "proto/nodosum.ops.h"
#include "proto/nodosum.pb-c.h"
#include "proto/vivaldi.ops.h"
#include "proto/vivaldi.pb-c.h"

struct gateway_name {
    char name[GATEWAY_NAMES_SIZE];
    struct gateway_choice choice;
    bool is_asking, is_estimating;
    uint64_t fresh_until_ms, used_ms;
    struct gateway_waiter *waiting; /* in the order they came */
};

/* Nodes without a measured round trip, of which vivaldi was asked how far they are. */
struct estimating {
    struct gateway_shell *shell;
    struct gateway_name *name;
    uint32_t count;
    char node[GATEWAY_CHOICE_MAX][NAME_SIZE];
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

/* ---- how far the others are -------------------------------------------------------------------- */

/* Only what nobody measured is told by coordinates; calls of our own count before both (choice.h). */
static void on_estimates(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct estimating *asked = context;
    struct gateway_choice *choice = &asked->name->choice;
    const Cell__Vivaldi__EstimateReply *reply = (const Cell__Vivaldi__EstimateReply *)message;

    asked->name->is_estimating = false;
    if (e != ERR_OK) {
        asked->shell->estimates_ms = cell_now_ms(asked->shell->cell) + GATEWAY_ESTIMATES_AGAIN_MS;
        log_debug("GATEWAY-UNESTIMATED", "error=%s why=\"%.96s\" effect=\"nodes that were not measured count as 50 ms away\"", err_name(e), text);
    }
    for (size_t i = 0; e == ERR_OK && i < reply->n_estimates && i < asked->count; i++) {
        const Cell__Vivaldi__Estimate *one = reply->estimates[i];
        uint32_t at = gateway_choice_find(choice, asked->node[i]);
        if (at != GATEWAY_CHOICE_NONE && choice->item[at].said.rtt_us == 0 && one->rtt_ms > 0 && one->rtt_ms < GATEWAY_ESTIMATE_MAX_MS) {
            choice->item[at].estimated_us = (uint32_t)(one->rtt_ms * 1000);
        }
    }
    free(asked);
}

/* Ask without waiting: this time the others' order is as membership has it. Without vivaldi it stays so. */
static void estimate(struct gateway_shell *s, struct gateway_name *n, const Cell__Nodosum__DiscoverReply *found)
{
    Cell__Vivaldi__EstimateRequest request = CELL__VIVALDI__ESTIMATE_REQUEST__INIT;
    Cell__Vivaldi__Subject subject[GATEWAY_CHOICE_MAX], *slot[GATEWAY_CHOICE_MAX];
    struct estimating *asked = n->is_estimating || cell_now_ms(s->cell) < s->estimates_ms ? NULL : malloc(sizeof *asked);

    if (asked == NULL) {
        return;
    }
    *asked = (struct estimating){.shell = s, .name = n};
    for (size_t i = 0; i < found->n_found && asked->count < GATEWAY_CHOICE_MAX; i++) {
        const Cell__Nodosum__Found *f = found->found[i];
        if (f->rtt_us == 0 && gateway_choice_find(&n->choice, f->node) != GATEWAY_CHOICE_NONE) {
            subject[asked->count] = (Cell__Vivaldi__Subject)CELL__VIVALDI__SUBJECT__INIT;
            subject[asked->count].id = f->id;
            subject[asked->count].place = f->place;
            slot[asked->count] = &subject[asked->count];
            (void)snprintf(asked->node[asked->count++], NAME_SIZE, "%s", f->node);
        }
    }
    request.subjects = slot;
    request.n_subjects = asked->count;
    const struct cell_ask out = {
        .target = "vivaldi", .operation = CELL__VIVALDI__OP__OP_ESTIMATE, .request = &request.base,
        .reply = &cell__vivaldi__estimate_reply__descriptor, .deadline_ms = GATEWAY_MEMBERSHIP_MS, .done = on_estimates,
        .context = asked, .is_idempotent = CELL__VIVALDI__ESTIMATE__IS_IDEMPOTENT, .is_hasty = true};
    n->is_estimating = asked->count > 0 && cell_ask(s->cell, &out) == ERR_OK;
    if (!n->is_estimating) {
        free(asked);
    }
}

static void on_observed(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct gateway_shell *s = context;

    (void)message;
    if (e != ERR_OK) {
        s->estimates_ms = cell_now_ms(s->cell) + GATEWAY_ESTIMATES_AGAIN_MS;
        log_debug("GATEWAY-UNOBSERVED", "error=%s why=\"%.96s\"", err_name(e), text);
    }
}

/* What calls show of the way is told to who makes coordinates, once for all the calls that are remembered. */
static void observe(struct gateway_shell *s, const struct gateway_candidate *k)
{
    Cell__Vivaldi__ObserveRequest request = CELL__VIVALDI__OBSERVE_REQUEST__INIT;
    Cell__Vivaldi__Observation seen = CELL__VIVALDI__OBSERVATION__INIT, *slot = &seen;
    const struct gateway_node *node = gateway_nodes_known(s, k->said.node);

    seen.rtt_us = gateway_choice_way_us(k);
    if (node == NULL || seen.rtt_us == 0 || k->samples % GATEWAY_CHOICE_SAMPLES != 0 || cell_now_ms(s->cell) < s->estimates_ms) {
        return;
    }
    seen.id = (ProtobufCBinaryData){sizeof node->id, (uint8_t *)node->id};
    request.seen = &slot;
    request.n_seen = 1;
    const struct cell_ask out = {
        .target = "vivaldi", .operation = CELL__VIVALDI__OP__OP_OBSERVE, .request = &request.base,
        .reply = &cell__vivaldi__observe_reply__descriptor, .deadline_ms = GATEWAY_MEMBERSHIP_MS, .done = on_observed,
        .context = s, .is_idempotent = CELL__VIVALDI__OBSERVE__IS_IDEMPOTENT, .is_hasty = true};
    (void)!cell_ask(s->cell, &out); /* not told: the next calls show it again */
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

/* ---- wider circles ----------------------------------------------------------------------------- */

/* Whoever says by the dht that it has the cell, as if membership had said it: who it is its certificate shows. */
static void learn_further(struct gateway_shell *s, struct gateway_name *n, const Cell__Dht__FindReply *reply)
{
    Cell__Nodosum__DiscoverReply as = CELL__NODOSUM__DISCOVER_REPLY__INIT;
    Cell__Nodosum__Found found[GATEWAY_CHOICE_MAX], *slot[GATEWAY_CHOICE_MAX];

    as.found = slot;
    for (size_t i = 0; i < reply->n_found && as.n_found < GATEWAY_CHOICE_MAX; i++) {
        const Cell__Dht__Found *f = reply->found[i];
        Cell__Nodosum__Found *one = &found[as.n_found];
        *one = (Cell__Nodosum__Found)CELL__NODOSUM__FOUND__INIT;
        one->node = f->node;
        one->id = f->id;
        one->address = f->address;
        one->kind = (char *)"cell"; /* literals: learning only reads */
        one->state = (char *)"alive";
        one->is_self = f->is_self;
        one->ready = f->ready;
        one->score = f->score;
        one->latency_us = f->latency_us;
        one->place = f->place;
        slot[as.n_found++] = one;
    }
    learn(s, n, &as);
    estimate(s, n, &as);
}

static void on_further(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct asking *asking = context;
    struct gateway_shell *s = asking->shell;
    struct gateway_name *n = asking->name;

    free(asking);
    n->is_asking = false;
    n->fresh_until_ms = cell_now_ms(s->cell) + GATEWAY_FRESH_MS;
    if (e == ERR_OK) {
        learn_further(s, n, (const Cell__Dht__FindReply *)reply);
    } else {
        gateway_names_unheard(s, e, text);
    }
    release(n);
}

void gateway_names_unheard(struct gateway_shell *s, enum err e, const char *text)
{
    if (e != ERR_TIMEOUT && e != ERR_PEER_DEAD && e != ERR_LIMIT && e != ERR_PRECONDITION && e != ERR_CANCELLED) {
        s->further_ms = cell_now_ms(s->cell) + GATEWAY_FURTHER_AGAIN_MS;
    }
    log_debug("GATEWAY-NO-FURTHER", "error=%s why=\"%.96s\" effect=\"only members are asked\"", err_name(e), text);
}

/* No member has it, or none can be asked: the dht knows nodes that are no members of this one's. */
static void look_further(struct gateway_shell *s, struct gateway_name *n)
{
    Cell__Dht__FindRequest request = CELL__DHT__FIND_REQUEST__INIT;
    struct asking *asking = cell_now_ms(s->cell) < s->further_ms ? NULL : malloc(sizeof *asking);

    if (asking == NULL) {
        release(n);
        return;
    }
    *asking = (struct asking){.shell = s, .name = n};
    request.name = n->name;
    const struct cell_ask out = {
        .target = "dht", .operation = CELL__DHT__OP__OP_FIND, .request = &request.base,
        .reply = &cell__dht__find_reply__descriptor, .deadline_ms = GATEWAY_FURTHER_MS, .done = on_further,
        .context = asking, .is_idempotent = CELL__DHT__FIND__IS_IDEMPOTENT, .is_hasty = true};
    n->is_asking = cell_ask(s->cell, &out) == ERR_OK;
    if (!n->is_asking) {
        free(asking);
        release(n);
    }
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
        estimate(s, n, (const Cell__Nodosum__DiscoverReply *)reply);
    } else if (n->choice.count > 0) {
        log_warn("GATEWAY-LAST-KNOWN", "cell=%s nodes=%u error=%s why=\"%.96s\"", n->name, n->choice.count, err_name(e), text);
    }
    if (n->choice.count == 0) {
        look_further(s, n);
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
        if (!n->is_asking && !n->is_estimating && (place_at == GATEWAY_NAMES_MAX || n->used_ms < s->names[place_at]->used_ms)) {
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
        observe(s, &n->choice.item[at]);
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
