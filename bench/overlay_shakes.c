/* Handshakes of the overlay: nanoseconds of CPU that the side that answers spends on an initiation, up to its response; and
 * of the multiplications alone that none can be without (three of the peer's points and one of the base).
 *
 *   overlay_shakes answer|floor COUNT */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/core.h"

enum {
    MTU = 1420,
    APART_MS = 200000, /* between two handshakes, so that each is the first */
};

static struct datapath_effects fx;

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "overlay_shakes: %s\n", what);
        exit(1);
    }
}

static struct datapath *make(uint8_t number)
{
    struct datapath_config c = {.secret = {(uint8_t)(8 * number), [31] = 0x40}, .seed = {number}, .peers_max = 2, .prefixes_max = 4, .mtu = MTU,
                                .pace = datapath_pace_usual(), .aead = &datapath_aead_sodium};
    struct datapath *d = NULL;
    void *memory = malloc(datapath_core_size(c.peers_max, c.prefixes_max, c.mtu));

    must(memory != NULL && datapath_core_init(memory, &c, (struct datapath_time){.ms = 1, .wall_ns = 1}, &d) == ERR_OK, "core");
    return d;
}

static void introduce(struct datapath *d, const struct datapath *other, const struct datapath_endpoint *at)
{
    struct datapath_peer_config c = {.endpoint = *at};
    const struct datapath_prefix all = {.size = DATAPATH_ALLOWED_V4, .bits = 0};
    uint32_t peer;

    memcpy(c.public, datapath_core_public(other), sizeof c.public);
    must(datapath_core_add(d, &c, (struct datapath_time){.ms = 1, .wall_ns = 1}, &peer) == ERR_OK &&
             datapath_core_allow(d, peer, &all) == ERR_OK, "peer");
}

static double answer(long count)
{
    const struct datapath_endpoint here = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 1}, .port = 1};
    const struct datapath_endpoint there = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 2}, .port = 2};
    struct datapath *a = make(1), *b = make(2);
    uint8_t packet[28] = {0x45, [3] = 28}, out[DATAPATH_ROOM];
    struct datapath_time now = {.ms = 1000, .wall_ns = 1};
    double took = 0;

    introduce(a, b, &there);
    introduce(b, a, &here);
    for (long i = 0; i < count; i++) {
        struct datapath_endpoint to;
        const uint8_t *inner;
        size_t size;
        uint32_t peer;

        now.ms += APART_MS;
        now.wall_ns += (uint64_t)APART_MS * 1000000;
        (void)datapath_core_send(a, now, packet, sizeof packet, out, &size, &to, &fx);
        must(fx.sends == 1 && fx.send[0].size == DATAPATH_MESSAGE_INITIATION, "an initiation");
        uint8_t bytes[DATAPATH_MESSAGE_INITIATION];
        memcpy(bytes, fx.bytes + fx.send[0].at, sizeof bytes);
        double begin = now_ns();
        enum datapath_verdict v = datapath_core_receive(b, now, &here, bytes, sizeof bytes, &inner, &size, &peer, &fx);
        took += now_ns() - begin;
        must(v == DATAPATH_TAKEN && fx.sends == 1, "a response");
    }
    free(a);
    free(b);
    return took / (double)count;
}

static double floor_of(long count)
{
    uint8_t secret[32] = {1, [31] = 0x40}, point[32], out[32];

    must(crypto_scalarmult_base(point, secret) == 0, "a point");
    double begin = now_ns();
    for (long i = 0; i < count; i++) {
        secret[1] = (uint8_t)i;
        must(crypto_scalarmult_base(out, secret) == 0, "base");
        for (int k = 0; k < 3; k++) {
            must(crypto_scalarmult(out, secret, point) == 0, "point");
        }
    }
    return (now_ns() - begin) / (double)count;
}

int main(int argc, char **argv)
{
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

    if (count <= 0 || (strcmp(argv[1], "answer") != 0 && strcmp(argv[1], "floor") != 0) || sodium_init() < 0) {
        (void)fprintf(stderr, "usage: overlay_shakes answer|floor COUNT\n");
        return 2;
    }
    (void)printf("%.1f\n", argv[1][0] == 'a' ? answer(count) : floor_of(count));
    return 0;
}
