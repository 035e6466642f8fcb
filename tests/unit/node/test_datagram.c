/* The datagram socket between processes on the loopback: A sends to B through a network that floods B with
 * everything an attacker on the way can make, and B must not notice. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "tests/support/check.h"
#include "tests/unit/node/datagram_kit.h"

enum {
    PERIOD_MS = 1,
    PHASE_MS = 2000,
    FLOOD_RATE = 100000, /* a second */
    GRACE_MS = 1000,     /* for the last answers */
};

/* ---- B: echoes ---------------------------------------------------------------------------------- */

struct echo {
    struct loop *loop;
    struct datagram *datagram;
    struct node_keys a;
    struct kit_report report;
    bool was_seen[KIT_SEQUENCES];
    int control;
};

static void on_payload_at_b(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct echo *b = context;

    if (size != KIT_PING_LEN || memcmp(from->id, b->a.id, NODE_ID_LEN) != 0 || bytes_get_be32(bytes) >= KIT_SEQUENCES) {
        b->report.alien++;
        return;
    }
    b->report.twice += b->was_seen[bytes_get_be32(bytes)];
    b->was_seen[bytes_get_be32(bytes)] = true;
    CHECK(datagram_send(b->datagram, from->id, &from->address, bytes, size) == ERR_OK, "an echo is taken");
}

static void on_control_of_b(void *context, unsigned bits)
{
    struct echo *b = context;

    (void)bits;
    loop_stop(b->loop);
}

struct echo_start {
    int fd;
    struct node_keys a, b;
};

static void run_b(int control, int report, void *context)
{
    struct echo_start *start = context;
    struct echo *b = calloc(1, sizeof *b);
    struct datagram_config config = {.peers_max = 16, .receive = on_payload_at_b, .context = b};
    struct rusage usage;

    REQUIRE(b != NULL && (b->loop = loop_new()) != NULL, "a loop");
    b->a = start->a;
    REQUIRE(datagram_open(b->loop, &start->fd, &start->b, &config, &b->datagram) == ERR_OK, "B opens");
    struct loop_watch *watch = loop_watch_new(b->loop, control, LOOP_READ, on_control_of_b, b);
    loop_run(b->loop, NULL, NULL);
    datagram_count(b->datagram, &b->report.numbers);
    (void)getrusage(RUSAGE_SELF, &usage);
    b->report.cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    REQUIRE(fd_write_all(report, &b->report, sizeof b->report) == ERR_OK, "reported");
    loop_watch_free(watch);
    datagram_close(b->datagram);
    loop_free(b->loop);
    free(b);
}

/* ---- A: asks ------------------------------------------------------------------------------------ */

struct asker {
    struct loop *loop;
    struct datagram *datagram;
    struct node_keys b;
    struct sealed_address to;
    uint64_t end_ms;
    uint32_t sent, answered, twice;
    bool was_answered[KIT_SEQUENCES];
};

static void on_payload_at_a(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct asker *a = context;
    uint32_t sequence = size == KIT_PING_LEN ? bytes_get_be32(bytes) : KIT_SEQUENCES;

    CHECK(sequence < a->sent && memcmp(from->id, a->b.id, NODE_ID_LEN) == 0, "what was asked, of whom it was asked");
    if (sequence < a->sent) {
        a->twice += a->was_answered[sequence];
        a->answered += !a->was_answered[sequence];
        a->was_answered[sequence] = true;
    }
}

static void on_period(void *context)
{
    struct asker *a = context;
    uint8_t ping[KIT_PING_LEN] = {0};
    uint64_t now_ms = loop_now_ms();

    if (now_ms < a->end_ms) {
        bytes_put_be32(ping, a->sent);
        enum err e = datagram_send(a->datagram, a->b.id, &a->to, ping, sizeof ping);
        CHECK(e == ERR_OK || (e == ERR_LIMIT && a->answered == 0), "only before they are acquainted must some wait");
        a->sent += e == ERR_OK;
    } else if (a->answered == a->sent || now_ms > a->end_ms + GRACE_MS) {
        loop_stop(a->loop);
    }
}

struct outcome {
    struct kit_report b;
    struct foe_report foe;
    uint32_t sent, answered, twice;
};

/* One phase: all three processes anew, `rate` datagrams of the attacker a second. */
static struct outcome run_phase(uint32_t rate)
{
    struct asker *a = calloc(1, sizeof *a);
    struct sockaddr_in at_a, at_b, faces_a, faces_b;
    struct echo_start start = {.fd = kit_socket(&at_b), .a = kit_node_keys(1), .b = kit_node_keys(2)};
    int fd = kit_socket(&at_a);
    struct foe foe = {.to_a = kit_socket(&faces_a), .to_b = kit_socket(&faces_b), .a = at_a, .b = at_b, .rate = rate};
    struct datagram_config config = {.peers_max = 16, .receive = on_payload_at_a, .context = a};
    struct outcome o;

    REQUIRE(a != NULL, "memory");
    struct kit_child b = kit_fork(run_b, &start), network = kit_fork(foe_run, &foe);
    a->b = start.b;
    a->to = kit_address_of(&faces_a);
    a->loop = loop_new();
    REQUIRE(a->loop != NULL && datagram_open(a->loop, &fd, &start.a, &config, &a->datagram) == ERR_OK, "A opens");
    CHECK(fd == -1, "the socket is taken");
    struct loop_timer *timer = loop_timer_new(a->loop, 1, PERIOD_MS, on_period, a);
    a->end_ms = loop_now_ms() + PHASE_MS;
    loop_run(a->loop, NULL, NULL);
    kit_finish(&network, &o.foe, sizeof o.foe);
    kit_finish(&b, &o.b, sizeof o.b);
    o.sent = a->sent;
    o.answered = a->answered;
    o.twice = a->twice;
    loop_timer_free(timer);
    datagram_close(a->datagram);
    loop_free(a->loop);
    (void)close(foe.to_a);
    (void)close(foe.to_b);
    (void)close(start.fd);
    free(a);
    return o;
}

static void print(const char *name, const struct outcome *o)
{
    const struct datagram_numbers *n = &o->b.numbers;

    printf("%s: %u sent, %u answered; %" PRIu64 " thrown (%" PRIu64 " forged) in %" PRIu64 " ms; B: %" PRIu64
           " in, %" PRIu64 " lost in the kernel, %" PRIu64 " ms of CPU\n", name, o->sent, o->answered, o->foe.thrown,
           o->foe.forged, o->foe.us / 1000, n->datagrams_in, n->kernel_drops, o->b.cpu_us / 1000);
    for (unsigned i = 0; i < SEALED_REFUSALS; i++) {
        printf("  %s %" PRIu64 "\n", sealed_refusal_name((enum sealed_refusal)i), n->sealed.refused[i]);
    }
}

static void a_flood_disturbs_nobody(void)
{
    struct outcome quiet = run_phase(0), flood = run_phase(FLOOD_RATE);
    const struct datagram_numbers *n = &flood.b.numbers;
    static const enum sealed_refusal seen[] = {SEALED_REFUSED_LENGTH, SEALED_REFUSED_TYPE, SEALED_REFUSED_CLUSTER,
                                               SEALED_REFUSED_FORGED, SEALED_REFUSED_INDEX, SEALED_REFUSED_ADDRESS,
                                               SEALED_REFUSED_REPLAYED};
    uint64_t refused = 0;

    print("quiet", &quiet);
    print("flood", &flood);
    CHECK(quiet.answered == quiet.sent, "nothing is lost on the loopback");
    CHECK(flood.twice == 0 && flood.b.twice == 0 && flood.b.alien == 0, "nothing came twice, or of nobody");
    /* What the kernel has no room for is lost before anybody can look: both processors may be taken. */
    CHECK(flood.answered + flood.sent / 50 >= flood.sent, "%u of %u were answered", flood.answered, flood.sent);
    CHECK(flood.foe.thrown * 1000000 / flood.foe.us > FLOOD_RATE / 5, "the flood was one");
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        CHECK(n->sealed.refused[seen[i]] > 0, "%s was seen", sealed_refusal_name(seen[i]));
    }
    for (unsigned i = 0; i < SEALED_REFUSALS; i++) {
        refused += n->sealed.refused[i];
    }
    /* Everything was delivered, refused, or one of few that make an acquaintance. */
    uint64_t known = refused + n->cut + n->sealed.received;
    CHECK(known <= n->datagrams_in && n->datagrams_in - known < 6000, "%" PRIu64 " of %" PRIu64 " are accounted for",
          known, n->datagrams_in);
    CHECK(n->sealed.peers <= 1 && n->sealed.waiting == 0, "no memory was taken");
    CHECK(n->sealed.notices <= 2 * SEALED_NOTICES_MAX * (flood.foe.us / 1000000 + 1), "few were told anything");
}

/* ---- what open refuses -------------------------------------------------------------------------- */

static void only_a_datagram_socket_will_do(void)
{
    struct loop *loop = loop_new();
    struct node_keys keys = kit_node_keys(1);
    struct datagram_config config = {.peers_max = 1, .receive = on_payload_at_a};
    struct datagram *d = NULL;
    struct sockaddr_in at;
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int good = kit_socket(&at), none = -1;

    CHECK(datagram_open(loop, &stream, &keys, &config, &d) == ERR_INVALID && stream == -1, "a stream");
    CHECK(datagram_open(loop, &local, &keys, &config, &d) == ERR_INVALID && local == -1, "a socket of this machine");
    CHECK(datagram_open(loop, &none, &keys, &config, &d) == err_from_errno(EBADF), "nothing");
    config.peers_max = 0;
    CHECK(datagram_open(loop, &good, &keys, &config, &d) == ERR_INVALID && good == -1, "room for nobody");
    CHECK(d == NULL, "the output is left alone");
    datagram_close(NULL);
    loop_free(loop);
}

static void an_ipv4_socket_does_not_reach_ipv6(void)
{
    struct loop *loop = loop_new();
    struct node_keys keys = kit_node_keys(1), peer = kit_node_keys(2);
    struct datagram_config config = {.peers_max = 1, .receive = on_payload_at_a};
    struct datagram *d = NULL;
    struct sockaddr_in at;
    int fd = kit_socket(&at);
    struct sealed_address to = {.ip = {0x20, 1, [15] = 1}, .port = 7402}, local;

    REQUIRE(datagram_open(loop, &fd, &keys, &config, &d) == ERR_OK, "opened");
    CHECK(datagram_send(d, peer.id, &to, (const uint8_t *)"x", 1) == ERR_INVALID, "refused at once");
    CHECK(datagram_local(d, &local) == ERR_OK && local.port == ntohs(at.sin_port), "it knows where it is");
    for (unsigned i = 0; i < SEALED_WAIT_PEER_MAX; i++) {
        CHECK(datagram_send(d, peer.id, &local, (const uint8_t *)"x", 1) == ERR_OK, "waits");
    }
    CHECK(datagram_send(d, peer.id, &local, (const uint8_t *)"x", 1) == ERR_LIMIT, "one past the limit");
    datagram_close(d);
    loop_free(loop);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    only_a_datagram_socket_will_do();
    an_ipv4_socket_does_not_reach_ipv6();
    a_flood_disturbs_nobody();
    return CHECK_RESULT();
}
