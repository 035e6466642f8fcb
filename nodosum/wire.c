#include "nodosum/wire.h"

#include <string.h>

enum { MIB_SHIFT = 20, HUNDREDTHS = 100 };

/* A message of the call's own; `fill` runs when there is memory. */
#define MAKE(call, type, init)                                                                     \
    ({                                                                                             \
        type *made_ = cell_call_alloc(call, sizeof *made_);                                        \
        if (made_ != NULL) {                                                                       \
            *made_ = (type)init;                                                                   \
        }                                                                                          \
        made_;                                                                                     \
    })

enum err nodosum_wire_id(const ProtobufCBinaryData *bytes, bool *ret_is_given, struct nodosum_id *ret)
{
    if (bytes->len != 0 && bytes->len != NODOSUM_ID_SIZE) {
        return ERR_MALFORMED;
    }
    *ret_is_given = bytes->len != 0;
    if (*ret_is_given) {
        memcpy(ret->byte, bytes->data, NODOSUM_ID_SIZE);
    }
    return ERR_OK;
}

const char *nodosum_wire_state(enum nodosum_state state)
{
    static const char *const names[] = {"alive", "suspect", "dead", "left"};

    return names[state];
}

static char *copy(struct cell_call *call, const char *text)
{
    size_t size = strlen(text) + 1;
    char *to = cell_call_alloc(call, size);

    return to == NULL ? NULL : memcpy(to, text, size);
}

char *nodosum_wire_address(struct cell_call *call, const struct nodosum_address *address)
{
    char text[ADDRESS_SIZE];

    nodosum_seeds_format(address, text);
    return copy(call, text);
}

bool nodosum_wire_bytes(struct cell_call *call, const struct nodosum_id *id, ProtobufCBinaryData *ret)
{
    ret->data = cell_call_alloc(call, sizeof id->byte);
    if (ret->data == NULL) {
        return false;
    }
    ret->len = sizeof id->byte;
    memcpy(ret->data, id->byte, sizeof id->byte);
    return true;
}

/* ---- members --------------------------------------------------------------------------------------- */

static bool fill_features(struct cell_call *call, const struct nodosum_meta *m, Cell__Nodosum__Machine *out)
{
    out->instructions = cell_call_alloc(call, sizeof *out->instructions * 32);
    for (uint32_t bit = 0; out->instructions != NULL && bit < 32; bit++) {
        const char *name = (m->features >> bit & 1) != 0 ? nodosum_meta_feature(m->arch, bit) : NULL;
        if (name != NULL) {
            out->instructions[out->n_instructions++] = (char *)name; /* literals: packing only reads */
        }
    }
    return out->instructions != NULL;
}

static bool fill_labels(struct cell_call *call, const struct nodosum_meta *m, Cell__Nodosum__Machine *out)
{
    out->labels = cell_call_alloc(call, sizeof *out->labels * NODOSUM_META_LABELS_MAX);
    if (out->labels == NULL) {
        return false;
    }
    for (; out->n_labels < m->labels; out->n_labels++) {
        Cell__Nodosum__Label *l = MAKE(call, Cell__Nodosum__Label, CELL__NODOSUM__LABEL__INIT);
        if (l == NULL) {
            return false;
        }
        l->name = copy(call, m->label[out->n_labels].name);
        l->value = copy(call, m->label[out->n_labels].value);
        if (l->name == NULL || l->value == NULL) {
            return false;
        }
        out->labels[out->n_labels] = l;
    }
    return true;
}

static bool fill_place(struct cell_call *call, const uint8_t place[NODOSUM_META_PLACE_MAX], size_t size, ProtobufCBinaryData *ret)
{
    ret->data = cell_call_alloc(call, NODOSUM_META_PLACE_MAX);
    if (ret->data == NULL) {
        return false;
    }
    ret->len = size;
    memcpy(ret->data, place, NODOSUM_META_PLACE_MAX);
    return true;
}

/* Where a member says it is; nothing when its metadata is another version's. */
static bool place_of(struct cell_call *call, const struct nodosum_about *about, ProtobufCBinaryData *ret)
{
    struct nodosum_meta m;

    return nodosum_meta_unpack(about->meta, about->meta_size, &m) != ERR_OK || fill_place(call, m.place, m.place_size, ret);
}

/* … and it is the same for all, as far as is known here. */
static bool told_of(struct cell_call *call, const struct nodosum_view *view, ProtobufCBinaryData *ret)
{
    return view->is_contested || place_of(call, view->about, ret);
}

static bool fill_machine(struct cell_call *call, const struct nodosum_about *about, Cell__Nodosum__Member *to)
{
    struct nodosum_meta m;

    if (nodosum_meta_unpack(about->meta, about->meta_size, &m) != ERR_OK) {
        return true; /* another version's: it is simply not shown */
    }
    Cell__Nodosum__Machine *out = MAKE(call, Cell__Nodosum__Machine, CELL__NODOSUM__MACHINE__INIT);
    if (out == NULL || !fill_features(call, &m, out) || !fill_labels(call, &m, out)) {
        return false;
    }
    out->arch = (char *)nodosum_meta_arch_name(m.arch);
    out->cores = m.cores;
    out->memory_bytes = (uint64_t)m.memory_mib << MIB_SHIFT;
    out->memory_free_bytes = (uint64_t)m.free_mib << MIB_SHIFT;
    out->load = (double)m.load_hundredths / HUNDREDTHS;
    to->machine = out;
    to->epoch = m.epoch;
    to->crl = m.crl;
    return fill_place(call, m.place, m.place_size, &to->place);
}

static bool fill_offers(struct cell_call *call, const struct nodosum_about *about, Cell__Nodosum__Member *to)
{
    struct nodosum_offers o = {0};

    if (nodosum_offers_unpack(about->offers, about->offers_size, &o) != ERR_OK) {
        o.count = 0; /* another version's: it is simply not shown */
    }
    to->offers = cell_call_alloc(call, sizeof *to->offers * (o.count + 1));
    for (; to->offers != NULL && to->n_offers < o.count; to->n_offers++) {
        const struct nodosum_offer *item = &o.item[to->n_offers];
        Cell__Nodosum__Offered *out = MAKE(call, Cell__Nodosum__Offered, CELL__NODOSUM__OFFERED__INIT);
        if (out == NULL || (out->name = copy(call, item->name)) == NULL) {
            return false;
        }
        out->ready = item->ready;
        out->score = item->score;
        out->latency_us = item->latency_us;
        to->offers[to->n_offers] = out;
    }
    return to->offers != NULL;
}

Cell__Nodosum__Member *nodosum_wire_member(struct cell_call *call, const struct nodosum_view *view, bool is_self)
{
    Cell__Nodosum__Member *to = MAKE(call, Cell__Nodosum__Member, CELL__NODOSUM__MEMBER__INIT);

    if (to == NULL || !nodosum_wire_bytes(call, &view->id, &to->id)) {
        return NULL;
    }
    to->name = copy(call, view->about->name);
    to->address = nodosum_wire_address(call, &view->about->address);
    to->state = (char *)nodosum_wire_state(view->state);
    to->is_self = is_self;
    to->incarnation = view->incarnation;
    to->rtt_us = view->rtt_us;
    return to->name != NULL && to->address != NULL && fill_machine(call, view->about, to) &&
                   fill_offers(call, view->about, to) ? to : NULL;
}

Cell__Nodosum__Event *nodosum_wire_event(struct cell_call *call, const struct nodosum *core,
                                         const struct nodosum_event *event)
{
    static const char *const changes[] = {"joined", "failed", "left", "updated"};
    Cell__Nodosum__Event *to = MAKE(call, Cell__Nodosum__Event, CELL__NODOSUM__EVENT__INIT);
    struct nodosum_view view;

    if (to == NULL || !nodosum_wire_bytes(call, &event->id, &to->id)) {
        return NULL;
    }
    to->revision = event->revision;
    to->incarnation = event->incarnation;
    to->change = (char *)changes[event->change];
    if (nodosum_core_find(core, &event->id, &view)) {
        to->name = copy(call, view.about->name);
        to->address = nodosum_wire_address(call, &view.about->address);
        nodosum_meta_keys(view.about->meta, view.about->meta_size, &to->epoch, &to->crl);
    }
    return to->name != NULL && to->address != NULL ? to : NULL;
}

/* ---- the rest -------------------------------------------------------------------------------------- */

Cell__Nodosum__Rtt *nodosum_wire_rtt(struct cell_call *call, const struct nodosum_sample *sample,
                                     const struct nodosum_view *view, uint64_t sequence, uint64_t now_ms)
{
    Cell__Nodosum__Rtt *to = MAKE(call, Cell__Nodosum__Rtt, CELL__NODOSUM__RTT__INIT);

    if (to == NULL || !nodosum_wire_bytes(call, &sample->rtt.id, &to->id)) {
        return NULL;
    }
    const struct nodosum_place *said = &sample->rtt.place; /* with its answer: newer than what it told all */
    to->is_fresh = said->size > 0;
    if ((to->is_fresh && !fill_place(call, said->bytes, said->size, &to->place)) ||
        (view != NULL && !told_of(call, view, to->is_fresh ? &to->told : &to->place))) {
        return NULL;
    }
    to->sequence = sequence;
    to->rtt_us = sample->rtt.rtt_us;
    to->age_ms = now_ms - sample->at_ms;
    return to;
}

Cell__Nodosum__Located *nodosum_wire_located(struct cell_call *call, const struct nodosum_view *view)
{
    Cell__Nodosum__Located *to = MAKE(call, Cell__Nodosum__Located, CELL__NODOSUM__LOCATED__INIT);

    return to == NULL || !nodosum_wire_bytes(call, &view->id, &to->id) || !told_of(call, view, &to->place) ? NULL : to;
}

Cell__Nodosum__Seed *nodosum_wire_seed(struct cell_call *call, const struct nodosum_found *found)
{
    static const char *const sources[] = {"static", "dns", "lan"};
    Cell__Nodosum__Seed *to = MAKE(call, Cell__Nodosum__Seed, CELL__NODOSUM__SEED__INIT);

    if (to == NULL) {
        return NULL;
    }
    to->text = copy(call, found->text);
    to->source = (char *)sources[found->source];
    if (found->has_address) {
        to->address = nodosum_wire_address(call, &found->address);
    }
    return to->text != NULL && to->address != NULL ? to : NULL;
}

Cell__Nodosum__Near *nodosum_wire_near(struct cell_call *call, const struct nodosum_view *view)
{
    Cell__Nodosum__Near *to = MAKE(call, Cell__Nodosum__Near, CELL__NODOSUM__NEAR__INIT);

    if (to == NULL || !nodosum_wire_bytes(call, &view->id, &to->id)) {
        return NULL;
    }
    to->name = copy(call, view->about->name);
    to->address = nodosum_wire_address(call, &view->about->address);
    to->rtt_us = view->rtt_us;
    to->state = (char *)nodosum_wire_state(view->state);
    return to->name != NULL && to->address != NULL ? to : NULL;
}

Cell__Nodosum__Found *nodosum_wire_found(struct cell_call *call, const struct nodosum_view *view,
                                         const struct nodosum_offer *offer, bool is_self)
{
    Cell__Nodosum__Found *to = MAKE(call, Cell__Nodosum__Found, CELL__NODOSUM__FOUND__INIT);

    if (to == NULL || !nodosum_wire_bytes(call, &view->id, &to->id)) {
        return NULL;
    }
    to->node = copy(call, view->about->name);
    to->address = nodosum_wire_address(call, &view->about->address);
    to->kind = (char *)(offer == NULL ? "node" : "cell"); /* literals: packing only reads */
    to->rtt_us = is_self ? 0 : view->rtt_us;
    to->is_self = is_self;
    if (offer != NULL) {
        to->ready = offer->ready;
        to->score = offer->score;
        to->latency_us = offer->latency_us;
    }
    to->state = (char *)nodosum_wire_state(view->state);
    return to->node != NULL && to->address != NULL && place_of(call, view->about, &to->place) ? to : NULL;
}

Cell__Nodosum__Count *nodosum_wire_count(struct cell_call *call, const char *name, uint64_t value)
{
    Cell__Nodosum__Count *to = MAKE(call, Cell__Nodosum__Count, CELL__NODOSUM__COUNT__INIT);

    if (to != NULL) {
        to->name = (char *)name;
        to->value = value;
    }
    return to;
}
