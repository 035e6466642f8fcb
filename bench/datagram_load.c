/* What a sealed datagram costs from end to end, and what the same bytes cost without us: one process plays
 * both sides by turns, so nothing is lost and nobody waits for a processor.
 *
 * datagram_load ours|floor SIZE SECONDS   prints nanoseconds a datagram
 *   ours   datagram_send to a peer and its callback, over two loopback sockets on one loop
 *   floor  ChaCha20-Poly1305 of the same sizes, sendmmsg and recvmmsg of as many, nothing else */
#include <inttypes.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/node/datagram.h"

enum { BATCH = DATAGRAM_BATCH, ROUNDS_A_LOOK = 64 };

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static int bound(struct sockaddr_in *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = DATAGRAM_SOCKET_BYTES;

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0, "a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    *ret = at;
    return fd;
}

/* ---- ours --------------------------------------------------------------------------------------- */

struct bench {
    struct loop *loop;
    struct datagram *a, *b;
    struct node_keys keys_a, keys_b;
    struct sealed_address at_b;
    size_t size;
    uint64_t end_us, begun_us, count;
    uint32_t on_way;
    bool is_warm;
};

static void send_batch(struct bench *t)
{
    static const uint8_t payload[DATAGRAM_PAYLOAD_MAX] = {1};

    for (t->on_way = 0; t->on_way < BATCH; t->on_way++) {
        must(datagram_send(t->a, t->keys_b.id, &t->at_b, payload, t->size) == ERR_OK, "sent");
    }
}

static void on_a(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)from;
    (void)bytes;
    (void)size;
}

static void on_b(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    struct bench *t = context;

    (void)from;
    (void)bytes;
    must(size == t->size, "its size");
    if (!t->is_warm) { /* the acquaintance is made */
        t->is_warm = true;
        t->begun_us = loop_now_us();
    } else {
        t->count++;
        t->on_way--;
    }
    if (t->on_way == 0) {
        if (t->count / BATCH % ROUNDS_A_LOOK == 0 && loop_now_us() > t->end_us) {
            loop_stop(t->loop);
            return;
        }
        send_batch(t);
    }
}

static struct node_keys keys_of(uint8_t number)
{
    struct node_keys k = {.name = "n", .cluster_keys = 1, .cluster_epoch = {1}};
    uint8_t seed[NODE_SEED_LEN];

    memset(seed, number, sizeof seed);
    keys_derive(seed, &k);
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    memset(k.cluster_key[0], 0xa7, NODE_KEY_LEN);
    return k;
}

static double ours(size_t size, double seconds)
{
    static const uint8_t payload[DATAGRAM_PAYLOAD_MAX] = {1};
    struct bench t = {.loop = loop_new(), .keys_a = keys_of(1), .keys_b = keys_of(2), .size = size};
    struct datagram_config to_a = {.peers_max = 16, .receive = on_a, .context = &t}, to_b = to_a;
    struct sockaddr_in at_a, at_b;
    int fd_a = bound(&at_a), fd_b = bound(&at_b);

    to_b.receive = on_b;
    t.at_b = (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = ntohs(at_b.sin_port)};
    must(t.loop != NULL && datagram_open(t.loop, &fd_a, &t.keys_a, &to_a, &t.a) == ERR_OK &&
             datagram_open(t.loop, &fd_b, &t.keys_b, &to_b, &t.b) == ERR_OK, "opened");
    t.end_us = loop_now_us() + (uint64_t)(seconds * 1e6);
    must(datagram_send(t.a, t.keys_b.id, &t.at_b, payload, size) == ERR_OK, "the first");
    loop_run(t.loop, NULL, NULL);
    return (double)(loop_now_us() - t.begun_us) * 1000 / (double)t.count;
}

/* ---- floor -------------------------------------------------------------------------------------- */

struct bare {
    struct mmsghdr message[BATCH];
    struct iovec part[BATCH];
    struct sockaddr_in from[BATCH];
    uint8_t bytes[BATCH][SEALED_PACKET_MAX + 1];
};

static double bare(size_t size, double seconds)
{
    static struct bare out, in;
    static uint8_t payload[DATAGRAM_PAYLOAD_MAX] = {1}, key[32] = {2};
    struct sockaddr_in at_a, at_b;
    int fd_a = bound(&at_a), fd_b = bound(&at_b);
    uint64_t count = 0, counter = 0, begun_us = loop_now_us(), end_us = begun_us + (uint64_t)(seconds * 1e6);
    size_t wire = size + SEALED_DATA_MIN;

    for (unsigned i = 0; i < BATCH; i++) {
        out.part[i] = (struct iovec){out.bytes[i], wire};
        out.message[i].msg_hdr = (struct msghdr){.msg_name = &at_b, .msg_namelen = sizeof at_b, .msg_iov = &out.part[i],
                                                 .msg_iovlen = 1};
        in.part[i] = (struct iovec){in.bytes[i], sizeof in.bytes[i]};
        in.message[i].msg_hdr = (struct msghdr){.msg_name = &in.from[i], .msg_iov = &in.part[i], .msg_iovlen = 1};
    }
    while (loop_now_us() < end_us) {
        for (unsigned round = 0; round < ROUNDS_A_LOOK; round++) {
            for (unsigned i = 0; i < BATCH; i++) {
                uint8_t nonce[12] = {0};
                memcpy(nonce, &counter, sizeof counter);
                memcpy(out.bytes[i], &counter, sizeof counter);
                counter++;
                (void)crypto_aead_chacha20poly1305_ietf_encrypt(out.bytes[i] + SEALED_HEADER_LEN, NULL, payload, size,
                                                                out.bytes[i], SEALED_HEADER_LEN, NULL, nonce, key);
                in.message[i].msg_hdr.msg_namelen = sizeof in.from[i];
            }
            must(sendmmsg(fd_a, out.message, BATCH, MSG_DONTWAIT) == BATCH, "all are sent");
            must(recvmmsg(fd_b, in.message, BATCH, MSG_DONTWAIT, NULL) == BATCH, "all are there");
            for (unsigned i = 0; i < BATCH; i++) {
                uint8_t nonce[12] = {0};
                memcpy(nonce, in.bytes[i], sizeof counter);
                must(crypto_aead_chacha20poly1305_ietf_decrypt(in.bytes[i] + SEALED_HEADER_LEN, NULL, NULL,
                                                               in.bytes[i] + SEALED_HEADER_LEN,
                                                               in.message[i].msg_len - SEALED_HEADER_LEN, in.bytes[i],
                                                               SEALED_HEADER_LEN, nonce, key) == 0, "authentic");
            }
            count += BATCH;
        }
    }
    return (double)(loop_now_us() - begun_us) * 1000 / (double)count;
}

int main(int argc, char **argv)
{
    must(argc == 4 && sodium_init() >= 0, "usage: datagram_load ours|floor SIZE SECONDS");
    size_t size = strtoul(argv[2], NULL, 10);
    must(size >= 1 && size <= DATAGRAM_PAYLOAD_MAX, "a size");
    printf("%.1f\n", (strcmp(argv[1], "ours") == 0 ? ours : bare)(size, strtod(argv[3], NULL)));
    return 0;
}
