/* Asking every instance of a name at once: find out who there is, then one request by number to each. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"
#include "common/run/cell_ask.h"
#include "common/run/unpack.h"
#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

struct round;

struct one {
    struct round *round;
    uint32_t instance;
};

/* One question to all. */
struct round {
    struct cell *cell;
    struct cell_ask ask;   /* target and request are set for each */
    const ProtobufCMessageDescriptor *type; /* of the request */
    char target[NAME_REF_SIZE];
    cell_answer_one each;
    void (*all)(void *context, enum err e, uint32_t count);
    void *context;
    uint64_t deadline_ms;
    uint8_t *body;         /* the request packed: the caller's own is gone by now */
    size_t body_size;
    enum err e;
    uint32_t left, told;
    struct one one[BALANCE_ENDPOINTS_MAX];
};

static void round_end(struct round *r)
{
    if (--r->left > 0) {
        return;
    }
    r->all(r->context, r->e, r->told);
    free(r->body);
    free(r);
}

static void on_one(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct one *one = context;
    struct round *r = one->round;

    r->told++;
    r->each(r->context, one->instance, e, reply, text);
    round_end(r);
}

/* Ask one instance; what fails at once is its result. */
static void ask_one(struct round *r, struct one *one, const ProtobufCMessage *request,
                    const struct name_ref *name)
{
    char target[NAME_REF_SIZE + 16];
    uint64_t now_ms = loop_now_ms();
    struct cell_ask ask = r->ask;

    (void)snprintf(target, sizeof target, "%s%s%s.%" PRIu32, name->space,
                   name->space[0] == '\0' ? "" : "/", name->cell, one->instance);
    ask.target = target;
    ask.request = request;
    ask.deadline_ms = r->deadline_ms > now_ms ? (uint32_t)(r->deadline_ms - now_ms) : 1;
    ask.done = on_one;
    ask.context = one;
    r->left++;
    enum err e = cell_ask(r->cell, &ask);
    if (e != ERR_OK) {
        on_one(one, e, NULL, "not sent");
    }
}

static bool is_known(const struct round *r, uint32_t count, uint32_t instance)
{
    for (uint32_t i = 0; i < count; i++) {
        if (r->one[i].instance == instance) {
            return true;
        }
    }
    return false;
}

static void ask_each(struct round *r, const Cell__Nucleus__ResolveReply *reply)
{
    ProtobufCMessage *request = NULL;
    struct name_ref name;
    uint32_t count = 0;

    if (unpack_message(r->type, NULL, r->body, r->body_size, &request, NULL) != ERR_OK || name_ref_parse(r->target, &name) != ERR_OK) {
        r->e = ERR_NOMEM; /* both were good when the round began */
        return;
    }
    for (size_t i = 0; i < reply->n_instances; i++) {
        uint32_t instance = reply->instances[i]->instance;
        if (instance > NAME_INSTANCE_MAX || is_known(r, count, instance)) {
            continue;
        }
        if (count == BALANCE_ENDPOINTS_MAX) {
            r->e = ERR_LIMIT; /* the rest is not asked, and `all` says so */
            break;
        }
        r->one[count] = (struct one){.round = r, .instance = instance};
        ask_one(r, &r->one[count++], request, &name);
    }
    protobuf_c_message_free_unpacked(request, NULL);
}

static void on_found(void *context, enum err e, const struct ProtobufCMessage *reply,
                     const char *text)
{
    struct round *r = context;

    (void)text;
    r->e = e;
    if (e == ERR_OK) {
        ask_each(r, (const Cell__Nucleus__ResolveReply *)reply);
    }
    round_end(r); /* this one's own count: a round without instances ends here */
}

static enum err find_out(struct round *r)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;
    uint64_t now_ms = loop_now_ms();

    request.target = r->target;
    struct cell_ask ask = {
        .target = "nucleus",
        .operation = CELL__NUCLEUS__OP__OP_RESOLVE,
        .request = &request.base,
        .reply = &cell__nucleus__resolve_reply__descriptor,
        .deadline_ms = r->deadline_ms > now_ms ? (uint32_t)(r->deadline_ms - now_ms) : 1,
        .done = on_found,
        .context = r,
        .is_idempotent = CELL__NUCLEUS__RESOLVE__IS_IDEMPOTENT,
    };
    return cell_ask(r->cell, &ask);
}

enum err cell_ask_all(struct cell *cell, const struct cell_ask_all *all)
{
    struct name_ref ref;
    const struct cell_call *call = all->ask.on_behalf_of;
    uint64_t given_ms = all->ask.deadline_ms != 0 ? all->ask.deadline_ms : HOST_DEADLINE_DEFAULT_MS;

    if (name_ref_parse(all->ask.target, &ref) != ERR_OK || ref.node[0] != '\0' || ref.instance >= 0) {
        return ERR_INVALID;
    }
    size_t size = protobuf_c_message_get_packed_size(all->ask.request);
    struct round *r = calloc(1, sizeof *r);
    uint8_t *body = malloc(size + 1);
    if (r == NULL || body == NULL) {
        free(r);
        free(body);
        return ERR_NOMEM;
    }
    *r = (struct round){.cell = cell, .ask = all->ask, .each = all->each, .all = all->all,
                        .context = all->ask.context, .deadline_ms = loop_now_ms() + given_ms,
                        .body = body, .left = 1, .type = all->ask.request->descriptor};
    if (call != NULL && (all->ask.deadline_ms == 0 || call->deadline_ms < r->deadline_ms)) {
        r->deadline_ms = call->deadline_ms;
    }
    (void)snprintf(r->target, sizeof r->target, "%s", all->ask.target);
    r->body_size = protobuf_c_message_pack(all->ask.request, body);
    r->ask.is_hasty = true; /* a dead one must not hold the result up */
    r->ask.part = NULL;
    r->ask.ret_id = NULL;
    r->ask.on_behalf_of = NULL; /* it may be over before the instances are asked */
    enum err e = find_out(r);
    if (e != ERR_OK) {
        free(r->body);
        free(r);
    }
    return e;
}
