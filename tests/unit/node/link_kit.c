#include "tests/unit/node/link_kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/support/check.h"

enum { DAY_S = 86400 };

struct kit_cluster kit_cluster(uint8_t number)
{
    struct kit_cluster c;

    memset(c.id, number, sizeof c.id);
    REQUIRE(pki_key(c.key) == ERR_OK && pki_authority(c.key, c.id, (uint64_t)time(NULL), c.certificate) == ERR_OK,
            "an authority");
    return c;
}

void kit_certify(const struct kit_cluster *c, uint8_t number, unsigned days, struct kit_node *ret)
{
    uint8_t request[PKI_REQUEST_MAX];
    size_t size;

    *ret = (struct kit_node){0};
    (void)snprintf(ret->who.name, sizeof ret->who.name, "node-%u", number);
    memset(ret->who.id, number, sizeof ret->who.id);
    memcpy(ret->who.cluster_id, c->id, sizeof c->id);
    REQUIRE(pki_key(ret->key) == ERR_OK && pki_request(ret->key, ret->who.name, request, &size) == ERR_OK, "a request");
    REQUIRE(pki_issue(c->key, c->certificate, request, size, &ret->who, (uint64_t)time(NULL) - days * (uint64_t)DAY_S,
                      ret->certificate) == ERR_OK, "a certificate");
    (void)snprintf(ret->pem, sizeof ret->pem, "%s%s%s", ret->key, ret->certificate, c->certificate);
    REQUIRE(tls_identity_new(ret->pem, strlen(ret->pem) + 1, &ret->identity) == ERR_OK, "an identity");
}

void kit_pretend(struct kit_node *n, const struct kit_cluster *c)
{
    tls_identity_free(n->identity);
    (void)snprintf(n->pem, sizeof n->pem, "%s%s%s", n->key, n->certificate, c->certificate);
    REQUIRE(tls_identity_new(n->pem, strlen(n->pem) + 1, &n->identity) == ERR_OK, "an identity");
}

int kit_listen(struct sealed_address *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 128) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0, "a listener");
    *ret = (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = ntohs(at.sin_port)};
    return fd;
}

static void on_question(void *context, const struct pki_who *from, const struct nodelink_ticket *ticket,
                        const uint8_t *body, size_t size)
{
    struct kit_node *n = context;

    n->asked++;
    n->asker = *from;
    n->ticket = *ticket;
    if (!n->is_silent) {
        CHECK(nodelink_answer(n->links, ticket, body, size) == ERR_OK, "an echo is taken");
    }
}

void kit_open(struct kit_node *n, struct loop *loop)
{
    struct nodelink_config config = {.identity = n->identity, .message_max = KIT_MESSAGE_MAX, .question = on_question,
                                     .context = n, .listen_fd = kit_listen(&n->at)};

    n->loop = loop;
    memcpy(config.cluster_id, n->who.cluster_id, sizeof config.cluster_id);
    REQUIRE(nodelink_open(loop, &config, &n->links) == ERR_OK, "links");
}

void kit_close(struct kit_node *n)
{
    nodelink_close(n->links);
    tls_identity_free(n->identity);
    n->links = NULL;
    n->identity = NULL;
}

void kit_done(void *context, enum err e, const uint8_t *body, size_t size)
{
    struct kit_answer *a = context;

    a->count++;
    a->e = e;
    a->size = size;
    if (size > 0) {
        memcpy(a->bytes, body, size);
    }
}

struct wait {
    struct loop *loop;
    const uint32_t *count;
    uint32_t least;
    uint64_t end_ms;
};

static void on_turn(void *context, uint64_t now_ms)
{
    struct wait *w = context;

    if (*w->count >= w->least || now_ms >= w->end_ms) {
        loop_stop(w->loop);
    }
}

static void on_tick(void *context)
{
    (void)context; /* that the loop turns */
}

void kit_run(struct loop *loop, const uint32_t *count, uint32_t least, uint32_t most_ms)
{
    struct wait w = {loop, count, least, loop_now_ms() + most_ms};
    struct loop_timer *tick = loop_timer_new(loop, 1, 1, on_tick, NULL);

    if (*count < least) {
        loop_run(loop, on_turn, &w);
    }
    loop_timer_free(tick);
}

enum err kit_ask(struct kit_node *from, const struct kit_node *to, const void *body, size_t size, uint32_t deadline_ms,
                 struct kit_answer *ret)
{
    memset(ret, 0, sizeof *ret);
    enum err e = nodelink_ask(from->links, to->who.id, &to->at, body, size, deadline_ms, kit_done, ret);
    if (e != ERR_OK) {
        return e;
    }
    kit_run(from->loop, &ret->count, 1, deadline_ms + 2000);
    REQUIRE(ret->count == 1, "a question ends, once");
    return ret->e;
}
