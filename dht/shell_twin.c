/* Nodes with one key. It is told of by whoever notices, and by both of them: nobody can say which is the right one. */
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "dht/shell.h"

enum { MS_US = 1000 };

/* Two nodes that others have. */
static void tell_of_others(struct dht_shell *s)
{
    struct dht_twin t;

    while (dht_twin_take(s->core, &t)) {
        char node[2 * DHT_NODE_SIZE + 1], here[ADDRESS_SIZE], there[ADDRESS_SIZE];
        bytes_to_hex(t.node.byte, sizeof t.node.byte, node);
        dht_net_format(&t.here, here);
        dht_net_format(&t.there, there);
        log_warn("DHT-TWINS", "node=%s at=%s also=%s effect=\"two nodes have one key, what is meant for one reaches either\" "
                 "advice=\"give one of them an identity of its own\"", node, here, there);
    }
}

/* Whether it was done within a minute; otherwise it is done now. */
static bool is_again(uint64_t *last_us, uint64_t now_us)
{
    bool is = *last_us != 0 && now_us - *last_us < (uint64_t)DHT_TWIN_LATELY_MS * MS_US;

    *last_us = is ? *last_us : now_us;
    return is;
}

/* Whoever is there has either another key, and nothing comes of it, or this node's: then it hears of it, and asks back. */
static void knock(struct dht_shell *s, const struct dht_address *at, uint64_t now_us)
{
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
    struct dht_packet p;

    if (is_again(&s->knocked_us, now_us)) {
        return;
    }
    (void)dht_packet_write(&p, &ping, DHT_PACKET_MAX);
    struct sealed_address to = dht_net_to(at);
    s->untaken += datagram_send(s->datagram, NULL, &to, p.bytes, p.size) != ERR_OK;
}

void dht_shell_twins(struct dht_shell *s)
{
    struct dht_address at;

    tell_of_others(s);
    if (dht_twin_take_own(s->core, &at) && dht_packet_is_address(&at) &&
        (at.port != s->address.port || memcmp(at.ip, s->address.ip, sizeof at.ip) != 0)) {
        knock(s, &at, loop_now_us());
    }
}

void dht_shell_on_twin(void *context, const struct sealed_address *from)
{
    struct dht_shell *s = context;
    struct dht_address at = dht_net_from(from);
    char text[ADDRESS_SIZE];

    dht_net_format(&at, text);
    cell_metric_set(s->metric_twin, 1);
    if (is_again(&s->twin_us, loop_now_us())) {
        return; /* it asks several times */
    }
    log_error("DHT-TWIN", "at=%s effect=\"another node has this node's key: what is meant for one reaches either, puts and gets of both may fail\" "
              "advice=\"give one of them an identity of its own\"", text);
    knock(s, &at, loop_now_us());
}
