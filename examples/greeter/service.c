#include "service.h"

#include <stdio.h>
#include <string.h>

#include "greeter.pb-c.h"

enum err greeter_service_open(struct cell *cell, void *state)
{
    struct greeter_service *service = state;

    service->greetings = cell_metric_counter(cell, "cell_greeter_greetings_total",
                                             "names greeted");
    return ERR_OK;
}

enum err greeter_service_greet(void *state, struct cell_call *call, const void *request)
{
    struct greeter_service *service = state;
    const Cell__Greeter__GreetRequest *ask = request;
    Cell__Greeter__GreetReply reply = CELL__GREETER__GREET_REPLY__INIT;
    char greeting[GREETER_NAME_MAX + sizeof "Hello, !"];
    size_t len = strlen(ask->name);

    if (len == 0 || len > GREETER_NAME_MAX) {
        cell_call_explain(call, "name has %zu bytes, expected 1 to %d", len, GREETER_NAME_MAX);
        return ERR_INVALID;
    }
    (void)snprintf(greeting, sizeof greeting, "Hello, %s!", ask->name);
    reply.greeting = greeting;
    cell_metric_add(service->greetings, 1);
    return cell_reply(call, &reply); /* packs before it returns: `greeting` may go */
}
