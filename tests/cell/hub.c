#include "hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "fake.h"
#include "proto/nucleus.pb-c.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    HUB_SMALL_MAX = 2000,
    HUB_TURN_MS = 20,  /* how often the thread looks whether it is closed */
};

static void send_replies(struct hub *h, const struct hubwire_message *to, Cell__Envelope__Reply **slots,
                         size_t count)
{
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    replies.version = 1;
    replies.replies = slots;
    replies.n_replies = count;
    size_t size;
    AUTO_FREE uint8_t *data = raw_pack(&replies.base, &size);
    hubwire_send(&h->wire, to, data, size);
}

static void send_whole(struct hub *h, const struct hubwire_message *to, enum err e, const char *text)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    reply.status = err_to_wire(e);
    reply.message = (char *)text;
    send_replies(h, to, &slot, 1);
}

/* Fill one reply; its body is malloc'd. */
static void answer(struct hub *h, const Cell__Envelope__Request *request, Cell__Envelope__Reply *out)
{
    Cell__Testcell__EchoReply echo = CELL__TESTCELL__ECHO_REPLY__INIT;
    Cell__Nucleus__HeartbeatReply beat = CELL__NUCLEUS__HEARTBEAT_REPLY__INIT;

    *out = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
    out->id = request->id;
    out->status = 1;
    echo.instance = h->instance;
    echo.remaining_ms = request->deadline_ms;
    out->body.data = raw_pack(request->operation == CELL__NUCLEUS__OP__OP_HEARTBEAT ? &beat.base
                                                                                    : &echo.base,
                              &out->body.len);
}

static void take_beat(struct hub *h, const Cell__Envelope__Request *request)
{
    Cell__Nucleus__HeartbeatRequest *beat =
        cell__nucleus__heartbeat_request__unpack(NULL, request->body.len, request->body.data);

    REQUIRE(beat != NULL, "a heartbeat parses");
    pthread_mutex_lock(&h->lock);
    bool is_right = beat->token.len == sizeof h->token &&
                    memcmp(beat->token.data, h->token, sizeof h->token) == 0;
    h->last_requests_total = (double)beat->requests_total;
    pthread_mutex_unlock(&h->lock);
    atomic_fetch_add(is_right ? &h->beats : &h->bad_beats, 1);
    cell__nucleus__heartbeat_request__free_unpacked(beat, NULL);
}

static void answer_resolve(struct hub *h, const Cell__Envelope__Request *request,
                           Cell__Envelope__Reply *out)
{
    Cell__Nucleus__ResolveReply reply = CELL__NUCLEUS__RESOLVE_REPLY__INIT;
    Cell__Nucleus__Resolved item[HUB_INSTANCES_MAX], *slot[HUB_INSTANCES_MAX];

    atomic_fetch_add(&h->resolves, 1);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->endpoint_count; i++) {
        item[i] = (Cell__Nucleus__Resolved)CELL__NUCLEUS__RESOLVED__INIT;
        item[i].endpoint = h->endpoints[i];
        item[i].healthy = h->is_healthy[i];
        item[i].instance = h->number[i];
        item[i].score = h->score[i];
        item[i].latency_us = h->latency_us[i];
        slot[i] = &item[i];
    }
    reply.instances = slot;
    reply.n_instances = h->endpoint_count;
    *out = (Cell__Envelope__Reply)CELL__ENVELOPE__REPLY__INIT;
    out->id = request->id;
    out->status = 1;
    out->body.data = raw_pack(&reply.base, &out->body.len);
    pthread_mutex_unlock(&h->lock);
}

static void echo(struct hub *h, const Cell__Envelope__Requests *requests, const struct hubwire_message *message,
                 bool swapped)
{
    size_t count = requests->n_requests;
    AUTO_FREE Cell__Envelope__Reply *item = calloc(count, sizeof *item);
    AUTO_FREE Cell__Envelope__Reply **slot = calloc(count, sizeof *slot);

    REQUIRE(item != NULL && slot != NULL, "memory");
    for (size_t i = 0; i < count; i++) {
        const Cell__Envelope__Request *r = requests->requests[i];
        if (r->operation == CELL__NUCLEUS__OP__OP_RESOLVE) {
            answer_resolve(h, r, &item[i]);
        } else {
            if (r->operation == CELL__NUCLEUS__OP__OP_HEARTBEAT) {
                take_beat(h, r);
            }
            answer(h, r, &item[i]);
        }
        slot[i] = &item[i];
    }
    if (!swapped) {
        send_replies(h, message, slot, count);
    }
    for (size_t i = count; swapped && i > 0; i--) {
        send_replies(h, message, &slot[i - 1], 1);
    }
    for (size_t i = 0; i < count; i++) {
        free(item[i].body.data);
    }
}

static void lie(struct hub *h, const Cell__Envelope__Requests *requests, const struct hubwire_message *message)
{
    Cell__Envelope__Reply stray = CELL__ENVELOPE__REPLY__INIT, *slot = &stray;

    hubwire_send(&h->wire, message, "\xff\xff\xff", 3);
    stray.id = UINT64_MAX;
    stray.status = 1;
    send_replies(h, message, &slot, 1);
    stray.id = 5000; /* nobody's */
    stray.status = 9;
    send_replies(h, message, &slot, 1);
    send_replies(h, message, NULL, 0);
    echo(h, requests, message, false);
    echo(h, requests, message, false); /* and all of it again */
}

static void carry_out(struct hub *h, const Cell__Envelope__Requests *requests)
{
    for (size_t i = 0; i < requests->n_requests; i++) {
        const Cell__Envelope__Request *r = requests->requests[i];
        Cell__Testcell__EchoRequest *echo_request = cell__testcell__echo_request__unpack(
            NULL, r->body.len, r->body.data);
        REQUIRE(echo_request != NULL, "an Echo");
        unsigned long number = strtoul(echo_request->text, NULL, 10);
        REQUIRE(number < HUB_NUMBERS_MAX, "a number");
        atomic_fetch_add(&h->carried_out[number], 1);
        cell__testcell__echo_request__free_unpacked(echo_request, NULL);
    }
}

/* The same error for every request. */
static void refuse(struct hub *h, const Cell__Envelope__Requests *requests, const struct hubwire_message *message, enum err e)
{
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    for (size_t i = 0; i < requests->n_requests; i++) {
        reply.id = requests->requests[i]->id;
        reply.status = err_to_wire(e);
        reply.hint = h->hint;
        reply.retry_after_ms = e == ERR_UNAVAILABLE ? HUB_BUSY_MS : 0;
        send_replies(h, message, &slot, 1);
    }
}

/* An EchoReply whose text has more behind a NUL. */
static void answer_cut(struct hub *h, const Cell__Envelope__Requests *requests, const struct hubwire_message *message)
{
    static uint8_t body[] = {0x0a, 8, 'w', 'e', 'b', 0, 'e', 'v', 'i', 'l'};
    Cell__Envelope__Reply reply = CELL__ENVELOPE__REPLY__INIT, *slot = &reply;

    for (size_t i = 0; i < requests->n_requests; i++) {
        reply.id = requests->requests[i]->id;
        reply.status = err_to_wire(ERR_OK);
        reply.body = (ProtobufCBinaryData){sizeof body, body};
        send_replies(h, message, &slot, 1);
    }
}

static struct hubwire_message copy_of(const struct hubwire_message *message)
{
    struct hubwire_message copy = *message;
    uint8_t *body = malloc(message->size + 1);

    REQUIRE(body != NULL, "memory");
    memcpy(body, message->body, message->size);
    copy.body = body;
    return copy;
}

static void serve(void *context, const struct hubwire_message *message)
{
    struct hub *h = context;
    Cell__Envelope__Requests *requests =
        cell__envelope__requests__unpack(NULL, message->size, message->body);

    REQUIRE(requests != NULL && requests->version == 1 && requests->n_requests + requests->n_notes > 0,
            "what a cell sends is an envelope");
    for (size_t i = 0; i < requests->n_notes; i++) {
        atomic_fetch_add(requests->notes[i]->what_case == CELL__ENVELOPE__NOTE__WHAT_CANCEL ? &h->cancels
                                                                                   : &h->credits, 1);
    }
    if (requests->n_requests == 0) {
        cell__envelope__requests__free_unpacked(requests, NULL);
        return; /* notes alone are not answered */
    }
    atomic_fetch_add(&h->messages, 1);
    atomic_fetch_add(&h->requests, (unsigned)requests->n_requests);
    if (requests->n_requests > atomic_load(&h->most)) {
        atomic_store(&h->most, (unsigned)requests->n_requests);
    }
    if (atomic_load(&h->delay_ms) > 0) {
        fake_nap_ms(atomic_load(&h->delay_ms));
    }
    switch ((enum hub_mode)atomic_load(&h->mode)) {
    case HUB_NUCLEUS:
    case HUB_ECHO:
        echo(h, requests, message, false);
        break;
    case HUB_SWAPPED:
        echo(h, requests, message, true);
        break;
    case HUB_SMALL:
        if (message->size > HUB_SMALL_MAX) {
            send_whole(h, message, ERR_LIMIT, "the message is larger than limits.message");
        } else {
            echo(h, requests, message, false);
        }
        break;
    case HUB_LYING:
        lie(h, requests, message);
        break;
    case HUB_HOLDING:
        pthread_mutex_lock(&h->lock);
        REQUIRE(h->kept_count < HUB_KEPT_MAX, "room to keep a message");
        h->kept[h->kept_count++] = copy_of(message);
        pthread_mutex_unlock(&h->lock);
        break;
    case HUB_DROPPING:
        carry_out(h, requests);
        if (atomic_load(&h->messages) % 2 == 0) {
            hubwire_drop(&h->wire, message);
        } else {
            echo(h, requests, message, false);
        }
        break;
    case HUB_BUSY:
        if (atomic_fetch_sub(&h->patience, 1) > 0) {
            refuse(h, requests, message, ERR_UNAVAILABLE);
        } else {
            echo(h, requests, message, false);
        }
        break;
    case HUB_NUL:
        answer_cut(h, requests, message);
        break;
    case HUB_FOLLOWER:
        refuse(h, requests, message, ERR_NOT_LEADER);
        break;
    case HUB_SILENT:
        break;
    }
    cell__envelope__requests__free_unpacked(requests, NULL);
}

static void *run(void *context)
{
    struct hub *h = context;

    while (!atomic_load(&h->is_closing)) {
        hubwire_turn(&h->wire, HUB_TURN_MS, serve, h);
    }
    return NULL;
}

void hub_release(struct hub *h)
{
    pthread_mutex_lock(&h->lock);
    size_t count = h->kept_count;
    h->kept_count = 0;
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < count; i++) {
        const struct hubwire_message *message = &h->kept[i];
        Cell__Envelope__Requests *requests =
            cell__envelope__requests__unpack(NULL, message->size, message->body);
        REQUIRE(requests != NULL, "a kept message");
        echo(h, requests, message, false);
        cell__envelope__requests__free_unpacked(requests, NULL);
        free((void *)message->body);
    }
}

void hub_open(struct hub *h, const char *name, enum hub_mode mode, uint32_t instance)
{
    char path[2 * FAKE_PATH_SIZE];

    memset(h, 0, sizeof *h);
    atomic_store(&h->mode, (int)mode);
    h->instance = instance;
    REQUIRE(pthread_mutex_init(&h->lock, NULL) == 0, "a lock");
    (void)snprintf(path, sizeof path, "%s/%s", fake_run_dir(), name);
    hubwire_open(&h->wire, path);
    REQUIRE(pthread_create(&h->thread, NULL, run, h) == 0, "a thread");
}

void hub_close(struct hub *h)
{
    atomic_store(&h->is_closing, true);
    (void)pthread_join(h->thread, NULL);
    hubwire_close(&h->wire);
    for (size_t i = 0; i < h->kept_count; i++) {
        free((void *)h->kept[i].body);
    }
    (void)pthread_mutex_destroy(&h->lock);
}

void hub_resolves(struct hub *h, uint32_t first, uint32_t count)
{
    REQUIRE(count <= HUB_INSTANCES_MAX, "room for instances");
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(h->endpoints[i], sizeof h->endpoints[i], "default/testcell.%u.sock",
                       first + i);
        h->is_healthy[i] = true;
        h->number[i] = first + i;
        h->score[i] = 1;
        h->latency_us[i] = 0;
    }
    h->endpoint_count = count;
    pthread_mutex_unlock(&h->lock);
}

void hub_rate(struct hub *h, size_t index, double score, uint64_t latency_us)
{
    pthread_mutex_lock(&h->lock);
    h->score[index] = score;
    h->latency_us[index] = latency_us;
    pthread_mutex_unlock(&h->lock);
}

void hub_heal(struct hub *h, size_t index, bool is_healthy)
{
    pthread_mutex_lock(&h->lock);
    h->is_healthy[index] = is_healthy;
    pthread_mutex_unlock(&h->lock);
}
