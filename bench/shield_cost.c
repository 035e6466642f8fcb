/* What the shield costs a packet, inside of the kernel: its own test run of one program, on one frame, many times.
 * Usage: shield_cost HOOK WHAT REPEATS; HOOK: tc, xdp; WHAT: off, foreign, data, index, mac1, source. Prints ns. The
 * figure has the loop of the test run in it, as the floor (off) has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/shield.h"

#ifdef HAVE_SHIELD

#include <bpf/bpf.h>

#include "datapath/cookie.h"

enum { PORT = 51820, ALIVE = 0x11223344, HEADS = 14 + 20 + 8, PEERS = 10000, WARM = 1000, FAILED = 1, MISUSED = 2 };

static uint8_t frame[HEADS + 1452];
static struct datapath_shield_maps maps;

/* IPv4 and UDP around a message. */
static uint32_t build(uint8_t protocol, uint32_t type, uint32_t id, uint32_t size)
{
    uint32_t udp = size + 8, total = udp + 20;

    memset(frame, 0, sizeof frame);
    memcpy(frame + 12, (uint8_t[]){8, 0, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0, 0, 64, protocol, 0, 0,
                                   10, 0, 0, 9, 10, 0, 0, 1, 3, 0xe8, PORT >> 8, PORT & 255, (uint8_t)(udp >> 8), (uint8_t)udp}, 28);
    memcpy(frame + HEADS, &type, sizeof type);
    memcpy(frame + HEADS + 4, &id, sizeof id);
    return HEADS + size;
}

static const struct {
    const char *name;
    uint8_t protocol;
    uint32_t type, id, size;
    bool has_mac;
    enum datapath_shield_mode mode;
    enum datapath_shield_verdict verdict;
} kinds[] = {
    {"off", 17, 4, ALIVE, 1452, false, DATAPATH_SHIELD_OFF, DATAPATH_SHIELD_FOREIGN},
    {"foreign", 6, 0, 0, 1452, false, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_FOREIGN},
    {"data", 17, 4, ALIVE, 1452, false, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_DATA},
    {"index", 17, 4, ALIVE + 1, 64, false, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_INDEX},
    {"mac1", 17, 1, 0, 148, false, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_MAC1},
    {"source", 17, 1, 0, 148, true, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_SOURCE},
};

static struct datapath_shield *make(const struct datapath_cookie_keys *keys)
{
    struct datapath_shield_setup setup = {.peers = PEERS, .port = PORT, .own_count = 1};
    struct datapath_shield *s;
    int fd[DATAPATH_SHIELD_MAPS];
    char why[DATAPATH_SHIELD_WHY];

    memcpy(setup.own[0], (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 16);
    if (datapath_shield_open(&setup, &s, why) != ERR_OK) {
        fprintf(stderr, "%s\n", why);
        exit(FAILED);
    }
    uint32_t processors = datapath_shield_descriptors(s, fd);
    if (datapath_shield_maps_open(&maps, fd, datapath_live_sets(PEERS), processors, keys->mac1, (const uint8_t[16]){5}) != ERR_OK) {
        fprintf(stderr, "the shield's maps cannot be mapped\n");
        exit(FAILED);
    }
    datapath_live_add(&maps.ids, ALIVE);
    return s;
}

int main(int argc, char **argv)
{
    static const uint8_t public[32] = {1};
    struct datapath_cookie_peer peer = {0};
    uint64_t before[DATAPATH_SHIELD_VERDICTS], after[DATAPATH_SHIELD_VERDICTS];
    size_t k = 0;

    while (argc == 4 && k < ARRAY_LEN(kinds) && strcmp(kinds[k].name, argv[2]) != 0) {
        k++;
    }
    if (argc != 4 || k == ARRAY_LEN(kinds)) {
        fprintf(stderr, "usage: shield_cost tc|xdp off|foreign|data|index|mac1|source REPEATS\n");
        return MISUSED;
    }
    enum datapath_shield_hook hook = strcmp(argv[1], "xdp") == 0 ? DATAPATH_SHIELD_XDP : DATAPATH_SHIELD_TC;
    datapath_cookie_keys(public, &peer.keys);
    struct datapath_shield *s = make(&peer.keys);
    uint32_t size = build(kinds[k].protocol, kinds[k].type, kinds[k].id, kinds[k].size);
    if (kinds[k].has_mac) {
        datapath_cookie_stamp(&peer, frame + HEADS, kinds[k].size, 0);
    }
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = size, .repeat = WARM);
    datapath_shield_maps_set(&maps, kinds[k].mode, hook);
    int failed = bpf_prog_test_run_opts(datapath_shield_program(s, hook), &o);
    datapath_shield_maps_count(&maps, before);
    o.repeat = atoi(argv[3]);
    failed = failed != 0 ? failed : bpf_prog_test_run_opts(datapath_shield_program(s, hook), &o);
    datapath_shield_maps_count(&maps, after);
    /* What was measured is what was asked for: but for tokens that a budget earns meanwhile. */
    uint64_t hits = after[kinds[k].verdict] - before[kinds[k].verdict], all = kinds[k].mode == DATAPATH_SHIELD_OFF ? 0 : (uint64_t)o.repeat;
    if (failed != 0 || hits + 100 < all) {
        fprintf(stderr, "%s: %d, %llu of %llu\n", kinds[k].name, failed, (unsigned long long)hits, (unsigned long long)all);
        return FAILED;
    }
    printf("%u\n", o.duration);
    datapath_shield_maps_close(&maps);
    datapath_shield_close(s);
    return 0;
}

#else

int main(void)
{
    fprintf(stderr, "built without the shield\n");
    return 1;
}

#endif
