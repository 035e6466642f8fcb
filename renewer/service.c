#include "renewer/service.h"

#include "common/run/loop.h"
#include "proto/renewer.pb-c.h"
#include "renewer/shell.h"

enum err renewer_service_state(void *state, struct cell_call *call, const void *request)
{
    struct renewer_shell *s = state;
    Cell__Renewer__StateReply reply = CELL__RENEWER__STATE_REPLY__INIT;
    uint64_t due_ms = renewer_plan_due_ms(&s->plan), now_ms = loop_now_ms();
    char at[ADDRESS_SIZE] = "";

    (void)request;
    if (s->has_reached) {
        address_format(&s->reached, at);
    }
    reply.epoch = s->keys.cluster.epoch[0];
    reply.crl = s->keys.cluster.crl;
    reply.certificate_until_s = s->keys.facts.not_after_s;
    reply.asked = s->asked;
    reply.answered = s->answered;
    reply.failed = s->failed;
    reply.is_removed = s->is_removed;
    reply.why = s->why;
    reply.next_ms = due_ms > now_ms && due_ms != UINT64_MAX ? due_ms - now_ms : 0;
    reply.issuer = at;
    return cell_reply(call, &reply);
}
