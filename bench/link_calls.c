/* The round trip of a question over mutual TLS, two processes on the loopback, one question after another.
 *
 * link_calls ours|nng COUNT SIZE   prints the median round trip in nanoseconds
 *   ours  nodelink_ask and nodelink_answer, each on its loop
 *   nng   req0 and rep0 over tls+tcp, with the same certificates */
#include <inttypes.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/tls/tls.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/node/nodelink.h"

enum { WARM = 200, DEADLINE_MS = 10000, LIFE_S = 60 };

struct node {
    struct pki_who who;
    char key[PKI_PEM_MAX], certificate[PKI_PEM_MAX];
    struct tls_identity *identity;
};

static char ca_key[PKI_PEM_MAX], ca[PKI_PEM_MAX];
static uint64_t *took;
static size_t count, size, done_count;
static uint8_t body[65536];

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void certify(uint8_t number, struct node *n)
{
    uint8_t request[PKI_REQUEST_MAX];
    size_t request_size;
    char pem[3 * PKI_PEM_MAX];

    (void)snprintf(n->who.name, sizeof n->who.name, "node-%u", number);
    memset(n->who.id, number, sizeof n->who.id);
    must(pki_key(n->key) == ERR_OK && pki_request(n->key, n->who.name, request, &request_size) == ERR_OK &&
             pki_issue(ca_key, ca, request, request_size, &n->who, (uint64_t)time(NULL), n->certificate) == ERR_OK,
         "a certificate");
    (void)snprintf(pem, sizeof pem, "%s%s%s", n->key, n->certificate, ca);
    must(tls_identity_new(pem, strlen(pem) + 1, &n->identity) == ERR_OK, "an identity");
}

static int listener(struct sealed_address *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0, "a listener");
    *ret = (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = ntohs(at.sin_port)};
    return fd;
}

/* The server ends with us, and after a minute in any case. */
static bool is_child(pid_t *ret)
{
    *ret = fork();
    must(*ret >= 0, "fork");
    if (*ret == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)alarm(LIFE_S);
    }
    return *ret == 0;
}

/* ---- ours --------------------------------------------------------------------------------------- */

static struct nodelinks *links;
static struct loop *loop;
static struct node client, server;
static struct sealed_address at;
static uint64_t begun;

static void on_question(void *context, const struct pki_who *from, const struct nodelink_ticket *ticket,
                        const uint8_t *bytes, size_t len)
{
    (void)context;
    (void)from;
    must(nodelink_answer(links, ticket, bytes, len) == ERR_OK, "answered");
}

static void ask(void);
static void on_answer(void *context, enum err e, const uint8_t *bytes, size_t len)
{
    (void)context;
    (void)bytes;
    must(e == ERR_OK && len == size, "an answer");
    if (done_count >= WARM) {
        took[done_count - WARM] = now_ns() - begun;
    }
    if (++done_count == WARM + count) {
        loop_stop(loop);
    } else {
        ask();
    }
}

static void ask(void)
{
    begun = now_ns();
    must(nodelink_ask(links, server.who.id, &at, body, size, DEADLINE_MS, on_answer, NULL) == ERR_OK, "asked");
}

static void ours(void)
{
    struct nodelink_config config = {.message_max = sizeof body, .question = on_question, .listen_fd = listener(&at)};
    pid_t pid;

    if (is_child(&pid)) {
        config.identity = server.identity;
        loop = loop_new();
        must(nodelink_open(loop, &config, &links) == ERR_OK, "a server");
        loop_run(loop, NULL, NULL);
        _exit(0);
    }
    (void)close(config.listen_fd);
    config.listen_fd = -1;
    config.identity = client.identity;
    loop = loop_new();
    must(nodelink_open(loop, &config, &links) == ERR_OK, "a client");
    ask();
    loop_run(loop, NULL, NULL);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* ---- nng ---------------------------------------------------------------------------------------- */

static nng_tls_config *nng_identity(const struct node *n, nng_tls_mode mode)
{
    nng_tls_config *config;

    must(nng_tls_config_alloc(&config, mode) == 0 && nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED) == 0 &&
             nng_tls_config_ca_chain(config, ca, NULL) == 0 &&
             nng_tls_config_own_cert(config, n->certificate, n->key, NULL) == 0, "nng's identity");
    return config;
}

static void nng_serve(const char *url)
{
    nng_socket door;
    nng_listener l;
    nng_msg *message;

    must(nng_rep0_open(&door) == 0 && nng_listener_create(&l, door, url) == 0 &&
             nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, nng_identity(&server, NNG_TLS_MODE_SERVER)) == 0 &&
             nng_listener_start(l, 0) == 0, "nng listens");
    while (nng_recvmsg(door, &message, 0) == 0 && nng_sendmsg(door, message, 0) == 0) {
    }
    _exit(0);
}

static void bare(void)
{
    char url[64];
    nng_socket socket_;
    nng_dialer d;
    pid_t pid;

    (void)close(listener(&at)); /* a port that is free */
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", at.port);
    if (is_child(&pid)) {
        nng_serve(url);
    }
    nng_tls_config *config = nng_identity(&client, NNG_TLS_MODE_CLIENT);
    must(nng_tls_config_server_name(config, server.who.name) == 0 && nng_req0_open(&socket_) == 0 &&
             nng_dialer_create(&d, socket_, url) == 0 && nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, config) == 0 &&
             nng_dialer_start(d, NNG_FLAG_NONBLOCK) == 0, "nng dials");
    for (; done_count < WARM + count; done_count++) {
        nng_msg *message;
        must(nng_msg_alloc(&message, 0) == 0 && nng_msg_append(message, body, size) == 0, "a message");
        begun = now_ns();
        must(nng_sendmsg(socket_, message, 0) == 0 && nng_recvmsg(socket_, &message, 0) == 0, "a round trip");
        if (done_count >= WARM) {
            took[done_count - WARM] = now_ns() - begun;
        }
        nng_msg_free(message);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    must(argc == 4 && sodium_init() >= 0, "usage: link_calls ours|nng COUNT SIZE");
    count = strtoul(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    must(count > 0 && size > 0 && size <= sizeof body, "numbers");
    took = calloc(count, sizeof *took);
    must(took != NULL && pki_key(ca_key) == ERR_OK &&
             pki_authority(ca_key, client.who.cluster_id, (uint64_t)time(NULL), ca) == ERR_OK, "an authority");
    certify(1, &client);
    certify(2, &server);
    (strcmp(argv[1], "ours") == 0 ? ours : bare)();
    qsort(took, count, sizeof *took, compare);
    printf("%" PRIu64 "\n", took[count / 2]);
    (void)fflush(stdout);
    _exit(0); /* nng's threads and its close are not waited for */
}
