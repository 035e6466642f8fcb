#include "asker.h"

#include <stdio.h>

#include "common/run/sp.h"
#include "tests/support/check.h"

Cell__Testcell__AskRequest asker_to(const char *target, uint32_t count, uint32_t deadline_ms)
{
    Cell__Testcell__AskRequest request = CELL__TESTCELL__ASK_REQUEST__INIT;

    request.target = (char *)target;
    request.operation = CELL__TESTCELL__OP__OP_ECHO;
    request.count = count;
    request.deadline_ms = deadline_ms;
    return request;
}

Cell__Testcell__AskReply *asker_ask(const struct fake *f, const Cell__Testcell__AskRequest *request, uint32_t timeout_ms)
{
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE];

    enum err e = fake_call(fake_door(f, "", ""), CELL__TESTCELL__OP__OP_ASK, &request->base,
                           &cell__testcell__ask_reply__descriptor, timeout_ms, &reply, text);
    REQUIRE(e == ERR_OK, "%s is asked: %s %s", request->target, err_name(e), text);
    Cell__Testcell__AskReply *r = (Cell__Testcell__AskReply *)reply;
    REQUIRE(r->n_outcomes == request->count, "%zu outcomes", r->n_outcomes);
    return r;
}

size_t asker_count(const Cell__Testcell__AskReply *r, enum err e)
{
    size_t count = 0;

    for (size_t i = 0; i < r->n_outcomes; i++) {
        count += r->outcomes[i]->status == err_to_wire(e);
    }
    return count;
}

const char *asker_hub_name(uint32_t instance)
{
    static char name[64];

    (void)snprintf(name, sizeof name, "default/testcell.%u.sock", instance);
    return name;
}
