#include "gateway/service.h"

#include <stdlib.h>
#include <string.h>

#include "common/node/address.h"
#include "gateway/shell.h"
#include "proto/gateway.pb-c.h"

static int by_use(const void *a, const void *b)
{
    const struct gateway_node *const *x = a, *const *y = b;

    return ((*x)->used_ms < (*y)->used_ms) - ((*x)->used_ms > (*y)->used_ms);
}

static Cell__Gateway__Link *describe(const struct gateway_shell *s, const struct gateway_node *n, struct cell_call *call)
{
    struct nodelink_peer_numbers *numbers = cell_call_alloc(call, sizeof *numbers);
    char *address = cell_call_alloc(call, ADDRESS_SIZE);
    Cell__Gateway__Link *link = cell_call_alloc(call, sizeof *link);

    if (numbers == NULL || address == NULL || link == NULL) {
        return NULL;
    }
    address_format(&n->at, address);
    *link = (Cell__Gateway__Link)CELL__GATEWAY__LINK__INIT;
    link->node = (char *)n->name;
    link->address = address;
    *numbers = (struct nodelink_peer_numbers){0};
    if (nodelink_count_peer(s->links, n->id, numbers)) {
        link->is_up = numbers->is_up;
        link->asked = numbers->asked;
        link->answered = numbers->answered;
        link->failed = numbers->failed;
        link->waiting = numbers->waiting;
        link->attempts = numbers->attempts;
        link->handshake_us = numbers->handshake_us;
        link->why = numbers->why;
    }
    return link;
}

static enum err describe_all(const struct gateway_shell *s, struct cell_call *call, Cell__Gateway__LinksReply *reply)
{
    const struct gateway_node *node[GATEWAY_NODES_MAX];
    size_t count = 0;

    reply->links = cell_call_alloc(call, GATEWAY_NODES_MAX * sizeof *reply->links);
    if (reply->links == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < GATEWAY_NODES_MAX && s->nodes[i] != NULL; i++) {
        if (s->nodes[i]->is_known) {
            node[count++] = s->nodes[i];
        }
    }
    qsort(node, count, sizeof node[0], by_use);
    for (size_t i = 0; i < count; i++) {
        reply->links[i] = describe(s, node[i], call);
        if (reply->links[i] == NULL) {
            return ERR_NOMEM;
        }
        reply->n_links++;
    }
    return ERR_OK;
}

enum err gateway_service_links(void *state, struct cell_call *call, const void *request)
{
    const struct gateway_shell *s = state;
    Cell__Gateway__LinksReply reply = CELL__GATEWAY__LINKS_REPLY__INIT;
    Cell__Gateway__Count count[NODELINK_REFUSALS], *slot[NODELINK_REFUSALS];
    struct nodelink_numbers numbers;

    (void)request;
    nodelink_count(s->links, &numbers);
    for (int i = 0; i < NODELINK_REFUSALS; i++) {
        count[i] = (Cell__Gateway__Count)CELL__GATEWAY__COUNT__INIT;
        count[i].name = (char *)nodelink_refusal_name((enum nodelink_refusal)i);
        count[i].value = numbers.refused[i];
        slot[i] = &count[i];
    }
    reply.node = (char *)s->self.name;
    reply.accepted = numbers.links;
    reply.refused = slot;
    reply.n_refused = NODELINK_REFUSALS;
    enum err e = describe_all(s, call, &reply);
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}
