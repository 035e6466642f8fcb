#include "datapath/service_ping.h"

#include <string.h>
#include <sys/random.h>

#include "common/run/cell_call.h"
#include "common/run/loop.h"
#include "datapath/shell.h"
#include "proto/datapath.pb-c.h"

static void forget(struct datapath_ping_one *one)
{
    one->call = NULL;
    one->shell->ping.waiting--;
}

static void on_cancel(void *context, enum err e)
{
    struct datapath_ping_one *one = context;
    struct cell_call *call = one->call;

    forget(one);
    cell_reply_error(call, e, NULL, NULL);
}

/* Our address of that family; NULL: none that we know of. */
static const uint8_t *own_address(const struct datapath_shell *s, size_t size)
{
    const struct tun_spec *const known[] = {&s->device, &s->settings.tun};

    for (size_t k = 0; k < ARRAY_LEN(known); k++) {
        for (size_t i = 0; i < known[k]->address_count; i++) {
            if (known[k]->address[i].is_v6 == (size == DATAPATH_ALLOWED_V6)) {
                return known[k]->address[i].ip;
            }
        }
    }
    return NULL;
}

/* Send the question; how far it came says what the caller is told at once. */
static enum err send_question(struct datapath_shell *s, const struct datapath_ping_one *one, const uint8_t *own)
{
    uint8_t packet[DATAPATH_ECHO_SIZE_MAX];
    size_t size = datapath_echo_write(own, one->who, one->size, one->token, packet), sealed;
    struct datapath_endpoint to;

    if (s->captures.on > 0) {
        datapath_service_capture_out(s, datapath_shell_now(), packet, size);
    }
    enum datapath_verdict v = datapath_core_send(s->core, datapath_shell_now(), packet, size, datapath_udp_room(&s->udp),
                                                 &sealed, &to, &s->fx);

    if (sealed > 0) {
        datapath_udp_put(&s->udp, &to, sealed);
    }
    datapath_shell_perform(s);
    if (v != DATAPATH_ROUTE && v != DATAPATH_INNER) {
        datapath_signals_used(s, datapath_shell_now(), datapath_guide_last(s->core), sealed);
    }
    datapath_shell_changed(s);
    return v == DATAPATH_TAKEN || v == DATAPATH_WAITING ? ERR_OK : v == DATAPATH_ROUTE ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
}

enum err datapath_service_ping_ask(struct datapath_shell *s, struct cell_call *call, const uint8_t *who, size_t size)
{
    const uint8_t *own = own_address(s, size);
    uint32_t i = 0;

    while (i < DATAPATH_PING_WAITING && s->ping.one[i].call != NULL) {
        i++;
    }
    if (i == DATAPATH_PING_WAITING || own == NULL) {
        return own == NULL ? ERR_PRECONDITION : ERR_LIMIT;
    }
    struct datapath_ping_one *one = &s->ping.one[i];
    *one = (struct datapath_ping_one){.shell = s, .size = size, .sent_us = loop_now_us()};
    memcpy(one->who, who, size);
    if (getrandom(one->token, sizeof one->token, GRND_NONBLOCK) != sizeof one->token) {
        return ERR_UNAVAILABLE;
    }
    enum err e = send_question(s, one, own);
    if (e != ERR_OK) {
        return e;
    }
    one->call = call;
    s->ping.waiting++;
    cell_call_on_cancel(call, on_cancel, one);
    return ERR_LATER;
}

bool datapath_service_ping_take(struct datapath_shell *s, const uint8_t *packet, size_t size)
{
    Cell__Datapath__PingReply reply = CELL__DATAPATH__PING_REPLY__INIT;

    for (uint32_t i = 0; i < DATAPATH_PING_WAITING; i++) {
        struct datapath_ping_one *one = &s->ping.one[i];
        if (one->call != NULL && datapath_echo_is_answer(packet, size, one->who, one->size, one->token)) {
            struct cell_call *call = one->call;
            reply.rtt_us = loop_now_us() - one->sent_us;
            forget(one);
            if (cell_reply(call, &reply) != ERR_OK) {
                return true; /* who asked is gone: the answer is nobody's */
            }
            return true;
        }
    }
    return false;
}
