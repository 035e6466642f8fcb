/* Links between nodes over mutual TLS: what is understood, by nng too, and what is refused. */
#include <errno.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/node/nodelink_room.h"
#include "tests/support/check.h"
#include "tests/unit/node/link_kit.h"

static struct loop *loop;
static struct kit_cluster ours, other;
static struct kit_answer answer;

static uint64_t refused(const struct kit_node *n, enum nodelink_refusal why)
{
    struct nodelink_numbers numbers;

    nodelink_count(n->links, &numbers);
    return numbers.refused[why];
}

static struct nodelink_peer_numbers seen(const struct kit_node *n, const struct kit_node *peer)
{
    struct nodelink_peer_numbers numbers = {0};

    CHECK(nodelink_count_peer(n->links, peer->who.id, &numbers), "it is remembered");
    return numbers;
}

/* ---- what is understood ------------------------------------------------------------------------- */

static void a_question_is_answered(void)
{
    struct kit_node a, b;
    static uint8_t large[KIT_MESSAGE_MAX];
    struct nodelink_numbers numbers;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    kit_open(&b, loop);
    nodelink_count(b.links, &numbers);
    CHECK(numbers.links == 0, "nothing connects before it is used");
    CHECK(kit_ask(&a, &b, "who", 3, 5000, &answer) == ERR_OK && answer.size == 3 && memcmp(answer.bytes, "who", 3) == 0,
          "the echo: %s", seen(&a, &b).why);
    CHECK(strcmp(b.asker.name, "node-1") == 0 && memcmp(b.asker.id, a.who.id, NODE_ID_LEN) == 0, "it knows who asks");
    CHECK(kit_ask(&a, &b, "", 0, 5000, &answer) == ERR_OK && answer.size == 0, "nothing at all");
    memset(large, 7, sizeof large);
    CHECK(kit_ask(&a, &b, large, sizeof large, 5000, &answer) == ERR_OK && answer.size == sizeof large &&
              memcmp(answer.bytes, large, sizeof large) == 0, "the largest");
    CHECK(nodelink_ask(a.links, b.who.id, &b.at, large, sizeof large + 1, 1000, kit_done, &answer) == ERR_INVALID, "one more");
    CHECK(seen(&a, &b).connects == 1 && seen(&a, &b).answered == 3, "over one link");
    printf("handshake: %u us\n", seen(&a, &b).handshake_us);
    kit_close(&a);
    kit_close(&b);
}

static void few_wait(void)
{
    struct kit_node a, b;
    static struct kit_answer many;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    kit_open(&b, loop);
    memset(&many, 0, sizeof many);
    for (unsigned i = 0; i < NODELINK_ASKS_MAX; i++) {
        CHECK(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &many) == ERR_OK, "%u", i);
    }
    CHECK(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &many) == ERR_LIMIT, "one more");
    kit_run(loop, &many.count, NODELINK_ASKS_MAX, 9000);
    CHECK(many.count == NODELINK_ASKS_MAX && many.e == ERR_OK && b.asked == NODELINK_ASKS_MAX, "all are answered, once");
    CHECK(seen(&a, &b).full == 1 && seen(&a, &b).waiting == 0, "and the other one is counted");
    b.is_silent = true;
    CHECK(kit_ask(&a, &b, "x", 1, 50, &answer) == ERR_TIMEOUT, "no answer in time");
    memset(&many, 0, sizeof many);
    CHECK(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &many) == ERR_OK, "asked");
    kit_run(loop, &b.asked, NODELINK_ASKS_MAX + 2, 2000);
    kit_close(&b);
    kit_run(loop, &many.count, 1, 2000);
    CHECK(many.e == ERR_PEER_DEAD, "sent, and then the link ended");
    CHECK(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &many) == ERR_OK, "asked");
    kit_close(&a);
    CHECK(many.count == 2 && many.e == ERR_CANCELLED, "a question ends with the links");
}

static void make_idle(struct kit_node *n)
{
    for (struct nodelink *k = n->links->links; k != NULL; k = k->next) {
        k->used_ms -= NODELINK_IDLE_MS;
    }
    nodelink_soon(n->links, 0);
}

static void an_open_question_keeps_a_link(void)
{
    struct kit_node a, b;
    struct nodelink_numbers numbers;
    uint32_t never = 0;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    kit_open(&b, loop);
    b.is_silent = true;
    memset(&answer, 0, sizeof answer);
    CHECK(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"x", 1, 9000, kit_done, &answer) == ERR_OK, "asked");
    kit_run(loop, &b.asked, 1, 9000);
    make_idle(&a);
    make_idle(&b);
    kit_run(loop, &never, 1, 50);
    nodelink_count(b.links, &numbers);
    CHECK(answer.count == 0 && numbers.links == 1 && numbers.idle_closed == 0, "somebody waits: the link stays");
    CHECK(nodelink_answer(b.links, &b.ticket, (const uint8_t *)"late", 4) == ERR_OK, "the answer");
    kit_run(loop, &answer.count, 1, 5000);
    CHECK(answer.e == ERR_OK && answer.size == 4, "arrives");
    make_idle(&b);
    kit_run(loop, &never, 1, 50);
    nodelink_count(b.links, &numbers);
    CHECK(numbers.links == 0 && numbers.idle_closed == 1, "nobody waits: it goes");
    kit_close(&a);
    kit_close(&b);
}

static void a_link_comes_back(void)
{
    struct kit_node a, b;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    (void)close(kit_listen(&b.at)); /* nobody listens there */
    CHECK(kit_ask(&a, &b, "x", 1, 700, &answer) == ERR_TIMEOUT, "nobody");
    CHECK(seen(&a, &b).attempts >= 2 && seen(&a, &b).attempts <= 5, "tried later and later: %u", (unsigned)seen(&a, &b).attempts);
    CHECK(strstr(seen(&a, &b).why, "refused") != NULL, "why: %s", seen(&a, &b).why);
    kit_open(&b, loop);
    CHECK(kit_ask(&a, &b, "x", 1, 9000, &answer) == ERR_OK, "there it is");
    /* A minute of silence, as its clock has it. */
    make_idle(&a);
    CHECK(kit_ask(&a, &b, "x", 1, 9000, &answer) == ERR_OK, "after an idle link was closed");
    CHECK(seen(&a, &b).connects == 2, "another one: %u", (unsigned)seen(&a, &b).connects);
    kit_close(&a);
    kit_close(&b);
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static void certificates_are_looked_at(void)
{
    static const struct {
        bool is_asker_bad;
        bool is_foreign;
        unsigned days;
        uint8_t asked;
        enum nodelink_refusal why;
        const char *text;
    } rows[] = {
        {false, true, 0, 2, NODELINK_REFUSED_CERTIFICATE, "an answerer of another cluster's authority"},
        {false, false, PKI_NODE_DAYS + 1, 2, NODELINK_REFUSED_CERTIFICATE, "an answerer whose certificate has expired"},
        {false, false, 0, 3, NODELINK_REFUSED_NODE, "another node than was asked"},
        {true, true, 0, 2, NODELINK_REFUSED_CERTIFICATE, "an asker of another cluster, who has our authority's certificate"},
        {true, true, 1, 2, NODELINK_REFUSED_DECLINED, "an asker of another cluster, who takes us for a stranger"},
        {true, false, PKI_NODE_DAYS + 1, 2, NODELINK_REFUSED_CERTIFICATE, "an asker whose certificate has expired"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_node good, bad;
        kit_certify(&ours, rows[i].is_asker_bad ? 2 : 1, 0, &good);
        kit_certify(rows[i].is_foreign ? &other : &ours, rows[i].is_asker_bad ? 1 : 2, rows[i].days, &bad);
        if (rows[i].is_asker_bad && rows[i].is_foreign && rows[i].days == 0) {
            kit_pretend(&bad, &ours);
        }
        kit_open(&good, loop);
        kit_open(&bad, loop);
        struct kit_node *asker = rows[i].is_asker_bad ? &bad : &good, *to = rows[i].is_asker_bad ? &good : &bad;
        memset(to->who.id, rows[i].asked, NODE_ID_LEN); /* whom the asker takes it for */
        CHECK(kit_ask(asker, to, "secret", 6, 400, &answer) == ERR_TIMEOUT, "row %zu: no answer: %s", i, rows[i].text);
        CHECK(to->asked == 0, "row %zu: not a byte of the question: %s", i, rows[i].text);
        CHECK(refused(&good, rows[i].why) > 0, "row %zu: counted: %s", i, rows[i].text);
        kit_close(&good);
        kit_close(&bad);
    }
}

/* A connection that says `bytes` and then nothing; when it was closed by the other side. */
static uint64_t speak(const struct kit_node *to, const void *bytes, size_t size, uint32_t most_ms)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(to->at.port)};
    uint8_t got[512];
    uint64_t begun_ms = loop_now_ms(), end_ms = begun_ms + most_ms;
    uint32_t never = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connected");
    CHECK(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size, "said");
    while (loop_now_ms() < end_ms) {
        kit_run(loop, &never, 1, 20);
        ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            break;
        }
    }
    (void)close(fd);
    return loop_now_ms() - begun_ms;
}

static void what_is_no_tls_is_refused(void)
{
    static const uint8_t hello[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    static const uint8_t record[] = {0x16, 3, 1, 0x40, 0};
    struct kit_node b;
    uint8_t noise[300];

    kit_certify(&ours, 2, 0, &b);
    kit_open(&b, loop);
    memset(noise, 0xa5, sizeof noise);
    CHECK(speak(&b, hello, sizeof hello, 2000) < 1900, "plain SP is closed at once");
    CHECK(speak(&b, "GET / HTTP/1.1\r\n\r\n", 18, 2000) < 1900, "so is a browser");
    CHECK(speak(&b, noise, sizeof noise, 2000) < 1900, "and noise");
    CHECK(refused(&b, NODELINK_REFUSED_PLAIN) == 3, "counted: %u", (unsigned)refused(&b, NODELINK_REFUSED_PLAIN));
    uint64_t ms = speak(&b, record, sizeof record, 2 * NODELINK_SHAKE_MS);
    CHECK(ms >= NODELINK_SHAKE_MS - 100 && ms < NODELINK_SHAKE_MS + 2000, "who is slow is closed in time: %u ms", (unsigned)ms);
    CHECK(refused(&b, NODELINK_REFUSED_SLOW) == 1, "counted");
    kit_close(&b);
}

/* Who greets with TLS again and again gets so many answers and no more; who is there is served meanwhile. */
static void strangers_get_little_computing(void)
{
    enum { MANY = NODELINK_SHAKING_MAX - 4 };
    struct kit_node a, b, strangers[1];
    struct tls *t[MANY];
    int fd[MANY];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint32_t never = 0;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_certify(&other, 3, 0, &strangers[0]);
    kit_open(&a, loop);
    kit_open(&b, loop);
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &answer) == ERR_OK, "a link that is up");
    at.sin_port = htons(b.at.port);
    b.links->steps = (struct rate){.start_us = loop_now_us(), .used = NODELINK_STEPS_MAX - 2};
    for (unsigned i = 0; i < MANY; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(connect(fd[i], (struct sockaddr *)&at, sizeof at) == 0 &&
                    tls_new(strangers[0].identity, false, fd[i], &t[i]) == ERR_OK && tls_handshake(t[i]) == TLS_READS, "asks");
    }
    kit_run(loop, &never, 1, 50);
    unsigned answered = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char byte;
        answered += recv(fd[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    }
    CHECK(answered <= 2, "%u were answered at once", answered);
    CHECK(kit_ask(&a, &b, "x", 1, 500, &answer) == ERR_OK, "who was there is served");
    kit_run(loop, &never, 1, 1500);
    for (unsigned i = 0; i < MANY; i++) {
        char byte;
        answered += recv(fd[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
        tls_free(t[i]);
        (void)close(fd[i]);
    }
    CHECK(answered > 10, "the others had to wait: %u", answered);
    tls_identity_free(strangers[0].identity);
    kit_close(&a);
    kit_close(&b);
}

static void half_open_connections_have_a_limit(void)
{
    struct kit_node a, b;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd[NODELINK_SHAKING_MAX + 8];
    struct nodelink_numbers numbers;
    uint32_t never = 0;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    kit_open(&b, loop);
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &answer) == ERR_OK, "a link that is up");
    at.sin_port = htons(b.at.port);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd[i] >= 0 && connect(fd[i], (struct sockaddr *)&at, sizeof at) == 0, "connected");
    }
    kit_run(loop, &never, 1, 100);
    nodelink_count(b.links, &numbers);
    CHECK(numbers.links == 1 + NODELINK_SHAKING_MAX, "%u links", numbers.links);
    CHECK(numbers.refused[NODELINK_REFUSED_FULL] == 8, "one past the limit is refused");
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &answer) == ERR_OK, "who was there is served");
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        (void)close(fd[i]);
    }
    for (unsigned i = 0; i < 50 && numbers.links > 1; i++) {
        kit_run(loop, &never, 1, 100);
        nodelink_count(b.links, &numbers);
    }
    CHECK(numbers.links == 1, "they are gone: %u", numbers.links);
    kit_close(&a);
    kit_close(&b);
}

/* A member whose certificate is good speaks another protocol inside. */
static void what_is_no_sp_is_refused(void)
{
    static const struct {
        uint8_t bytes[24];
        size_t size;
        enum nodelink_refusal why;
        const char *text;
    } rows[] = {
        {{0, 'S', 'P', 0, 0, 0x31, 0, 0}, 8, NODELINK_REFUSED_MALFORMED, "another answerer"},
        {{'G', 'E', 'T', ' ', '/', '\r', '\n', '\n'}, 8, NODELINK_REFUSED_MALFORMED, "another protocol"},
        {{0, 'S', 'P', 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}, 16, NODELINK_REFUSED_MALFORMED, "no room for an id"},
        {{0, 'S', 'P', 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1}, 20, NODELINK_REFUSED_MALFORMED, "an id without end"},
        {{0, 'S', 'P', 0, 0, 0x30, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0}, 16, NODELINK_REFUSED_LARGE, "a length of 2^62"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_node a, b;
        kit_certify(&ours, 1, 0, &a);
        kit_certify(&ours, 2, 0, &b);
        kit_open(&b, loop);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(b.at.port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct tls *t = NULL;
        uint32_t never = 0;
        size_t sent = 0;
        REQUIRE(connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && tls_new(a.identity, false, fd, &t) == ERR_OK, "begun");
        enum tls_step step = tls_handshake(t);
        for (unsigned n = 0; n < 200 && (step == TLS_READS || step == TLS_WRITES); n++) {
            kit_run(loop, &never, 1, 5);
            step = tls_handshake(t);
        }
        CHECK(step == TLS_DONE, "row %zu: a good certificate", i);
        CHECK(tls_write(t, rows[i].bytes, rows[i].size, &sent) == TLS_DONE, "row %zu: said", i);
        kit_run(loop, &never, 1, 100);
        CHECK(refused(&b, rows[i].why) == 1, "row %zu: %s", i, rows[i].text);
        tls_free(t);
        (void)close(fd);
        kit_close(&a);
        kit_close(&b);
    }
}

/* ---- nng on the other side ---------------------------------------------------------------------- */

static nng_tls_config *nng_identity(const struct kit_node *n, const struct kit_cluster *c, bool is_server)
{
    nng_tls_config *config;

    REQUIRE(nng_tls_config_alloc(&config, is_server ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT) == 0 &&
                nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED) == 0 &&
                nng_tls_config_ca_chain(config, c->certificate, NULL) == 0 &&
                nng_tls_config_own_cert(config, n->certificate, n->key, NULL) == 0, "nng's configuration");
    return config;
}

struct nng_side {
    nng_socket socket;
    int fault;
    uint32_t count;
    size_t size;
};

static void *nng_asks(void *context)
{
    struct nng_side *side = context;

    for (unsigned i = 0; i < 100 && side->fault == 0; i++) {
        char *got = NULL;
        side->fault = nng_send(side->socket, (char *)"from nng", 8, 0);
        side->fault = side->fault != 0 ? side->fault : nng_recv(side->socket, &got, &side->size, NNG_FLAG_ALLOC);
        if (side->fault == 0) {
            side->fault = memcmp(got, "from nng", 8) != 0;
            nng_free(got, side->size);
        }
    }
    __atomic_store_n(&side->count, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void nng_asks_us(void)
{
    struct kit_node a, b;
    struct nng_side side = {0};
    nng_dialer dialer;
    char url[64];
    pthread_t thread;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&b, loop);
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", b.at.port);
    nng_tls_config *config = nng_identity(&a, &ours, false);
    /* nng compares the host's name: certificates of nodes have the node's. */
    REQUIRE(nng_tls_config_server_name(config, "node-2") == 0 && nng_req0_open(&side.socket) == 0 &&
                nng_socket_set_ms(side.socket, NNG_OPT_RECVTIMEO, 10000) == 0 &&
                nng_dialer_create(&dialer, side.socket, url) == 0 &&
                nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config) == 0 &&
                nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) == 0, "nng dials");
    REQUIRE(pthread_create(&thread, NULL, nng_asks, &side) == 0, "a thread");
    kit_run(loop, &side.count, 1, 15000);
    (void)pthread_join(thread, NULL);
    CHECK(side.fault == 0 && b.asked == 100, "%s, %u questions", nng_strerror(side.fault), b.asked);
    CHECK(strcmp(b.asker.name, "node-1") == 0, "it knows who asks: %s", b.asker.name);
    (void)nng_close(side.socket);
    nng_tls_config_free(config);
    kit_close(&a);
    kit_close(&b);
}

static void *nng_answers(void *context)
{
    struct nng_side *side = context;
    nng_msg *message;

    while (nng_recvmsg(side->socket, &message, 0) == 0) {
        if (nng_sendmsg(side->socket, message, 0) != 0) {
            nng_msg_free(message);
        }
    }
    return NULL;
}

static void we_ask_nng(void)
{
    struct kit_node a, b;
    struct nng_side side = {0};
    nng_listener listener;
    char url[64];
    pthread_t thread;

    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_open(&a, loop);
    (void)close(kit_listen(&b.at));
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", b.at.port);
    nng_tls_config *config = nng_identity(&b, &ours, true);
    REQUIRE(nng_rep0_open(&side.socket) == 0 && nng_listener_create(&listener, side.socket, url) == 0 &&
                nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config) == 0 && nng_listener_start(listener, 0) == 0,
            "nng listens");
    REQUIRE(pthread_create(&thread, NULL, nng_answers, &side) == 0, "a thread");
    for (unsigned i = 0; i < 100; i++) {
        CHECK(kit_ask(&a, &b, "to nng", 6, 9000, &answer) == ERR_OK && answer.size == 6 &&
                  memcmp(answer.bytes, "to nng", 6) == 0, "question %u: %s", i, seen(&a, &b).why);
    }
    (void)nng_close(side.socket);
    (void)pthread_join(thread, NULL);
    nng_tls_config_free(config);
    kit_close(&a);
    kit_close(&b);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    loop = loop_new();
    ours = kit_cluster(0xc1);
    other = kit_cluster(0xc1); /* which calls itself the same */
    a_question_is_answered();
    few_wait();
    an_open_question_keeps_a_link();
    a_link_comes_back();
    certificates_are_looked_at();
    what_is_no_tls_is_refused();
    strangers_get_little_computing();
    half_open_connections_have_a_limit();
    what_is_no_sp_is_refused();
    nng_asks_us();
    we_ask_nng();
    loop_free(loop);
    return CHECK_RESULT();
}
