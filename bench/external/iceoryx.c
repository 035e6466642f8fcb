/* iceoryx request and response, polled by both sides, under its daemon RouDi: what it recommends for the
 * shortest way. */
#include "bench/shm_peers.h"

#include <iceoryx_binding_c/client.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/server.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/macros.h"

static void join(const char *what)
{
    char name[64];

    (void)snprintf(name, sizeof name, "cell-bench-%s-%d", what, (int)getpid());
    iox_runtime_init(name);
}

/* One service a run: the client's process id is in its name. */
static const char *instance(const struct peers_setup *s)
{
    static char name[32];

    (void)snprintf(name, sizeof name, "%d", (int)s->client);
    return name;
}

static void prepare(struct peers_setup *s)
{
    (void)s; /* a runtime does not survive a fork */
}

static void serve(struct peers_setup *s)
{
    static iox_server_storage_t storage;

    join("server");
    iox_server_t server = iox_server_init(&storage, "cell", instance(s), "echo", NULL);
    for (uint64_t number = 0;; number++) {
        const void *request;
        void *response;
        while (iox_server_take_request(server, &request) != ServerRequestResult_SUCCESS) {
            __builtin_ia32_pause();
        }
        peers_read(s, request, s->size);
        peers_must(iox_server_loan_response(server, request, &response, (uint32_t)s->size) == AllocationResult_SUCCESS,
                   "iceoryx: a response");
        peers_write(s, response, s->size, number);
        peers_must(iox_server_send(server, response) == ServerSendResult_SUCCESS, "iceoryx: sending a response");
        iox_server_release_request(server, request);
    }
}

static void *open_client(struct peers_setup *s)
{
    static iox_client_storage_t storage;

    join("client");
    iox_client_t client = iox_client_init(&storage, "cell", instance(s), "echo", NULL);
    while (iox_client_get_connection_state(client) != ConnectionState_CONNECTED) {
        (void)usleep(1000);
    }
    return client;
}

static void call(struct peers_setup *s, void *state, uint64_t number)
{
    iox_client_t client = state;
    const void *response;
    void *request;

    peers_must(iox_client_loan_request(client, &request, (uint32_t)s->size) == AllocationResult_SUCCESS,
               "iceoryx: a request");
    peers_write(s, request, s->size, number);
    peers_must(iox_client_send(client, request) == ClientSendResult_SUCCESS, "iceoryx: sending a request");
    while (iox_client_take_response(client, &response) != ChunkReceiveResult_SUCCESS) {
        __builtin_ia32_pause();
    }
    peers_read(s, response, s->size);
    iox_client_release_response(client, response);
}

const struct peers_kind peers_kinds[] = {{"iceoryx", prepare, serve, open_client, call}};
const size_t peers_count = ARRAY_LEN(peers_kinds);
