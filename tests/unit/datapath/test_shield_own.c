/* Messages of our own kinds at the shield's programs, run by the kernel: numbers that nobody has go no further, a peer has
 * what he needs from where he has shown himself, whoever says his number from elsewhere takes nothing of that, and what a
 * relay passes on is judged as what is in it. Needs BPF and the right to load it: skipped without. */
#include "datapath/shield.h"

#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

#ifdef HAVE_SHIELD

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <time.h>

enum {
    PORT = 51820,
    ALIVE = 0x11223344,                              /* a session's id                           */
    FRIEND = 0x51525354, BUDDY = 0x61626364,         /* numbers of peers                         */
    CLIENT = 0x71727374,                             /* of a pair for which we relay             */
    NOBODY = 0x41424344,
    HEADS = 14 + 40 + 8,
    ROOM = HEADS + 4096,
    SHORT = DATAPATH_SHIELD_SIGNAL_SIZE,
    MANY = 1 << 16,                                  /* more than any budget has, in one batch   */
};

struct from {
    bool is_v6;
    uint32_t host;
    uint16_t port;
};

static struct datapath_shield *shield;
static struct datapath_shield_maps maps;
static uint8_t frame[ROOM];
static uint32_t frame_size;
static const enum datapath_shield_hook hooks[] = {DATAPATH_SHIELD_TC, DATAPATH_SHIELD_XDP};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* words: the message begins with them; the rest is zeros. */
static uint8_t *build(struct from from, const uint32_t *words, size_t count, uint32_t size)
{
    uint32_t ip = from.is_v6 ? 40 : 20, udp = size + 8;
    uint8_t *p = frame + 14;

    memset(frame, 0, sizeof frame);
    memcpy(frame + 12, from.is_v6 ? (uint8_t[]){0x86, 0xdd} : (uint8_t[]){8, 0}, 2);
    if (from.is_v6) {
        memcpy(p, (uint8_t[]){0x60, 0, 0, 0, (uint8_t)(udp >> 8), (uint8_t)udp, 17, 64, 0xfd, 0, 9}, 11);
        memcpy(p + 20, &from.host, 4);
        memcpy(p + 24, (uint8_t[]){0xfd, 0, 7, [15] = 1}, 16);
    } else {
        memcpy(p, (uint8_t[]){0x45, 0, (uint8_t)((udp + 20) >> 8), (uint8_t)(udp + 20), 0, 1, 0, 0, 64, 17}, 10);
        memcpy(p + 12, &from.host, 4);
        memcpy(p + 16, (uint8_t[]){10, 0, 0, 1}, 4);
    }
    put16(p + ip, from.port);
    put16(p + ip + 2, PORT);
    put16(p + ip + 4, udp);
    memcpy(p + ip + 8, words, count * 4);
    frame_size = 14 + ip + udp;
    return p + ip + 8;
}

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void shown(struct from from)
{
    struct datapath_endpoint at = {.ip = {[10] = 0xff, [11] = 0xff}, .port = from.port};

    memcpy(at.ip + 12, &from.host, 4);
    if (from.is_v6) {
        memcpy(at.ip, (uint8_t[16]){0xfd, 0, 9}, 16);
        memcpy(at.ip + 12, &from.host, 4);
    }
    datapath_shield_maps_shown(&maps, &at, now_ms());
}

/* Run one hook `times` times: how often each verdict came. */
static void run(enum datapath_shield_hook hook, uint32_t times, const struct __sk_buff *context, uint64_t ret[DATAPATH_SHIELD_VERDICTS])
{
    uint64_t before[DATAPATH_SHIELD_VERDICTS], all = 0;
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = frame_size, .repeat = (int)times);

    if (context != NULL) {
        o.ctx_in = context;
        o.ctx_size_in = sizeof *context;
    }
    datapath_shield_maps_count(&maps, before);
    REQUIRE(bpf_prog_test_run_opts(datapath_shield_program(shield, hook), &o) == 0, "the kernel runs it");
    datapath_shield_maps_count(&maps, ret);
    for (int v = 0; v < DATAPATH_SHIELD_VERDICTS; v++) {
        ret[v] -= before[v];
        all += ret[v];
    }
    CHECK(all == times, "each is counted once: %d of %u", (int)all, times);
}

/* The verdict of one run; both hooks say the same where it costs no budget that the other would miss. */
static int judged(enum datapath_shield_mode mode)
{
    int said[2] = {-1, -1};

    for (size_t h = 0; h < ARRAY_LEN(hooks); h++) {
        uint64_t count[DATAPATH_SHIELD_VERDICTS];
        datapath_shield_maps_set(&maps, mode, hooks[h]);
        run(hooks[h], 1, NULL, count);
        for (int v = 0; v < DATAPATH_SHIELD_VERDICTS; v++) {
            said[h] = count[v] != 0 ? v : said[h];
        }
    }
    CHECK(said[0] == said[1], "tc says %d, XDP %d", said[0], said[1]);
    return said[0];
}

/* How many of `times` pass at once. */
static uint64_t passed(uint32_t times)
{
    uint64_t count[DATAPATH_SHIELD_VERDICTS];

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_XDP);
    run(DATAPATH_SHIELD_XDP, times, NULL, count);
    CHECK(count[DATAPATH_SHIELD_OWN] + count[DATAPATH_SHIELD_MUCH] + count[DATAPATH_SHIELD_FLOOD] + count[DATAPATH_SHIELD_SOURCE] +
              count[DATAPATH_SHIELD_STRANGER] == times, "no other verdicts");
    return count[DATAPATH_SHIELD_OWN];
}

static void signal_from(struct from from, uint32_t who)
{
    build(from, (uint32_t[]){DATAPATH_SHIELD_SIGNAL, who}, 2, SHORT);
}

static void numbers_of_nobody_go_no_further(void)
{
    struct from here = {false, 1, 1000}, far = {true, 1, 1000};

    signal_from(here, NOBODY);
    CHECK(judged(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_STRANGER && judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "IPv4");
    signal_from(far, NOBODY);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "IPv6");
    shown(here);
    signal_from(here, NOBODY);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "also from where a peer is");
    signal_from(here, FRIEND);
    CHECK(judged(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_OWN && judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_OWN, "a peer's passes");
    for (uint32_t bit = 0; bit < 32; bit++) {
        signal_from(here, FRIEND ^ 1u << bit);
        CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "bit %u of it", bit);
    }
    datapath_live_drop(&maps.callers, FRIEND);
    signal_from(here, FRIEND);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "who is no peer any more is nobody");
    datapath_live_add(&maps.callers, FRIEND);
    signal_from(here, 0);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "a free place is nobody's number");
    datapath_live_add(&maps.callers, datapath_shield_caller(0));
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_OWN, "but 0 may be somebody's");
    datapath_live_drop(&maps.callers, datapath_shield_caller(0));
    datapath_shield_maps_own(&maps, false);
    signal_from(here, FRIEND);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_KIND, "and none is taken where nobody wants any");
    datapath_shield_maps_own(&maps, true);
}

/* Every byte of a good one's heads replaced, and it cut at every length: nothing else passes as our own. */
static void what_is_nearly_one_is_none(void)
{
    struct from here = {false, 2, 1000};
    uint64_t count[DATAPATH_SHIELD_VERDICTS];

    shown(here);
    signal_from(here, FRIEND);
    uint32_t whole = frame_size, message = whole - SHORT;
    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_XDP);
    for (uint32_t at = 12; at < message + 8; at++) {
        for (int flip = 1; flip < 256; flip *= 2) {
            frame[at] ^= (uint8_t)flip;
            run(DATAPATH_SHIELD_XDP, 1, NULL, count);
            bool is_loose = at >= 14 && at < message && count[DATAPATH_SHIELD_FOREIGN] + count[DATAPATH_SHIELD_MALFORMED] == 0;
            CHECK(count[DATAPATH_SHIELD_OWN] == 0 || is_loose, "byte %u, bit %d", at, flip);
            frame[at] ^= (uint8_t)flip;
        }
    }
    for (frame_size = 14; frame_size < whole; frame_size++) {
        run(DATAPATH_SHIELD_XDP, 1, NULL, count);
        CHECK(count[DATAPATH_SHIELD_OWN] == 0, "cut at %u", frame_size);
    }
    build(here, (uint32_t[]){DATAPATH_SHIELD_SIGNAL, FRIEND}, 2, SHORT - 1);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_KIND, "a byte shorter than any");
    build(here, (uint32_t[]){DATAPATH_SHIELD_RELAYED, CLIENT}, 2, 39);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_KIND, "with nothing in it that could be a message");
    build(here, (uint32_t[]){DATAPATH_SHIELD_RELAYED, CLIENT}, 2, 40);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_OWN, "with the least");
}

/* The kernel's clock goes on meanwhile, and faster than a test's run on a busy host. */
static bool is_budget(uint64_t count, uint64_t burst)
{
    return count >= burst && count < 4 * burst;
}

static void whoever_repeats_a_number_takes_nothing_of_a_peer(void)
{
    struct from home = {false, 3, 1000}, beside = {false, 3, 1001};
    uint64_t all = 0;

    shown(home);
    signal_from(beside, FRIEND);
    CHECK(is_budget(passed(MANY), DATAPATH_SHIELD_PEER_BURST), "from another port of that address: what a peer has elsewhere");
    signal_from((struct from){false, 4, 1000}, FRIEND);
    CHECK(passed(1000) < 100, "from another address it is the same budget");
    signal_from((struct from){true, 4, 1000}, FRIEND);
    CHECK(passed(1000) < 100, "of IPv6, too");
    signal_from(home, FRIEND);
    CHECK(is_budget(passed(MANY), DATAPATH_SHIELD_PLACE_BURST), "where he is he has all of his");
    signal_from((struct from){false, 5, 1000}, BUDDY);
    CHECK(passed(50) == 50, "another peer who comes from elsewhere has his own");
    /* Many numbers, each within what it has: of one address, and of all. */
    for (uint32_t who = 1; who <= 20; who++) {
        datapath_live_add(&maps.callers, 0x01010100 * who);
    }
    for (uint32_t who = 1; who <= 20; who++) {
        signal_from((struct from){false, 6, (uint16_t)(1000 + who)}, 0x01010100 * who);
        all += passed(100);
    }
    CHECK(is_budget(all, DATAPATH_SHIELD_HOUSE_BURST) && all < 1500, "of one address: %d", (int)all);
    all = 0;
    for (uint32_t who = 1; who <= 20; who++) {
        datapath_live_drop(&maps.callers, 0x01010100 * who);
    }
    uint64_t begin_ms = now_ms(), most;
    for (uint32_t n = 0; n < 100; n++) {
        datapath_live_add(&maps.callers, 0x02010100 + n);
        signal_from((struct from){false, 1000 + n, 1000}, 0x02010100 + n);
        all += passed(DATAPATH_SHIELD_PEER_BURST);
        datapath_live_drop(&maps.callers, 0x02010100 + n);
    }
    most = DATAPATH_SHIELD_SIGNALS_BURST + (now_ms() - begin_ms + 100) * DATAPATH_SHIELD_SIGNALS_RATE / 1000;
    CHECK(all >= DATAPATH_SHIELD_SIGNALS_BURST && all <= most, "of all: %d, of at most %d", (int)all, (int)most);
    signal_from(home, FRIEND);
    CHECK(passed(10) > 0, "which a peer who is where he was does not feel");
}

static void a_place_is_one_address_and_port_for_a_while(void)
{
    struct from home = {true, 7, 1000};
    struct datapath_endpoint at = {.ip = {0xfd, 0, 9, [12] = 8}, .port = 1000};

    shown(home);
    signal_from(home, FRIEND);
    CHECK(is_budget(passed(MANY), DATAPATH_SHIELD_PLACE_BURST), "of IPv6");
    datapath_shield_maps_shown(&maps, &at, 1000);
    build((struct from){true, 8, 1000}, (uint32_t[]){DATAPATH_SHIELD_RELAYED, CLIENT}, 2, 40);
    bool is_over = now_ms() / 1000 > 2 + DATAPATH_SHIELD_PLACE_S; /* a host that has just begun has no such past */
    CHECK(!is_over || judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_STRANGER, "it ends");
    for (uint32_t n = 0; n < 64 * DATAPATH_SHIELD_PLACES; n++) {
        shown((struct from){false, 0x05000000 + n, 1000}); /* more than one set has room for */
    }
    shown(home);
    build(home, (uint32_t[]){DATAPATH_SHIELD_RELAYED, CLIENT}, 2, 40);
    CHECK(judged(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_OWN, "who came last is known");
}

static void what_a_relay_passes_on(void)
{
    static const struct {
        uint32_t id, inner[3], size;
        enum datapath_shield_verdict verdict;
        const char *why;
    } rows[] = {
        {CLIENT, {0}, 64, DATAPATH_SHIELD_OWN, "to a pair of ours: whatever it is"},
        {NOBODY, {0}, 64, DATAPATH_SHIELD_KIND, "to nobody, and nothing"},
        {NOBODY, {4, ALIVE}, 40, DATAPATH_SHIELD_OWN, "a packet of a session"},
        {NOBODY, {4, ALIVE + 1}, 40, DATAPATH_SHIELD_INDEX, "of none"},
        {NOBODY, {2, 5, ALIVE}, 100, DATAPATH_SHIELD_OWN, "a response to us"},
        {NOBODY, {2, ALIVE, 5}, 100, DATAPATH_SHIELD_INDEX, "to somebody else"},
        {NOBODY, {2, 5, ALIVE}, 101, DATAPATH_SHIELD_KIND, "one too long"},
        {NOBODY, {3, ALIVE}, 72, DATAPATH_SHIELD_OWN, "a cookie for us"},
        {NOBODY, {1, 5}, 156, DATAPATH_SHIELD_OWN, "an initiation"},
        {NOBODY, {DATAPATH_SHIELD_SIGNAL, FRIEND}, SHORT + 8, DATAPATH_SHIELD_OWN, "a peer's signal"},
        {NOBODY, {DATAPATH_SHIELD_SIGNAL, FRIEND}, SHORT + 7, DATAPATH_SHIELD_KIND, "one byte short"},
        {NOBODY, {DATAPATH_SHIELD_SIGNAL, NOBODY}, SHORT + 8, DATAPATH_SHIELD_STRANGER, "nobody's"},
        {NOBODY, {DATAPATH_SHIELD_RELAYED, CLIENT}, 200, DATAPATH_SHIELD_KIND, "relayed twice"},
    };
    struct from relay = {false, 9, 1000}, other = {false, 10, 1000};

    shown(relay);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
            build(elsewhere ? other : relay, (uint32_t[]){DATAPATH_SHIELD_RELAYED, rows[i].id, rows[i].inner[0], rows[i].inner[1], rows[i].inner[2]},
                  5, rows[i].size);
            CHECK(judged(DATAPATH_SHIELD_GUARD) == (int)(elsewhere ? DATAPATH_SHIELD_STRANGER : rows[i].verdict), "%s, %d", rows[i].why, elsewhere);
        }
    }
    build(relay, (uint32_t[]){DATAPATH_SHIELD_RELAYED, NOBODY, 1, 5}, 4, 156);
    CHECK(is_budget(passed(MANY), DATAPATH_SHIELD_HOUSE_BURST), "initiations have a budget");
    build(relay, (uint32_t[]){DATAPATH_SHIELD_RELAYED, NOBODY, DATAPATH_SHIELD_SIGNAL, FRIEND}, 4, SHORT + 8);
    CHECK(is_budget(passed(MANY), DATAPATH_SHIELD_PLACE_BURST), "and signals another");
    build(relay, (uint32_t[]){DATAPATH_SHIELD_RELAYED, NOBODY, 4, ALIVE}, 4, 40);
    CHECK(passed(MANY) == MANY, "packets have none");
}

static void many_in_one_buffer(void)
{
    struct __sk_buff three = {.gso_segs = 3, .gso_size = SHORT};
    struct from here = {false, 11, 1000};
    uint64_t count[DATAPATH_SHIELD_VERDICTS];
    uint8_t *message = build(here, (uint32_t[]){DATAPATH_SHIELD_SIGNAL, NOBODY}, 2, 3 * SHORT);

    shown(here);
    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_TC);
    run(DATAPATH_SHIELD_TC, 1, &three, count);
    CHECK(count[DATAPATH_SHIELD_STRANGER] == 1, "all of them nobody's");
    memcpy(message + (size_t)2 * SHORT, (uint32_t[]){DATAPATH_SHIELD_SIGNAL, FRIEND}, 8);
    run(DATAPATH_SHIELD_TC, 1, &three, count);
    CHECK(count[DATAPATH_SHIELD_OWN] == 1, "nobody's take no peer's with them");
    run(DATAPATH_SHIELD_TC, 4 * DATAPATH_SHIELD_PLACE_BURST, &three, count);
    CHECK(3 * count[DATAPATH_SHIELD_OWN] >= DATAPATH_SHIELD_PLACE_BURST - 9 && 3 * count[DATAPATH_SHIELD_OWN] < 2 * DATAPATH_SHIELD_PLACE_BURST,
          "each of three counts: %d", (int)count[DATAPATH_SHIELD_OWN]);
    memcpy(message, (uint32_t[]){DATAPATH_SHIELD_SIGNAL, FRIEND}, 8);
    memcpy(message + SHORT, (uint32_t[]){4, ALIVE}, 8);
    run(DATAPATH_SHIELD_TC, 100, &three, count);
    CHECK(count[DATAPATH_SHIELD_OWN] + count[DATAPATH_SHIELD_MUCH] + count[DATAPATH_SHIELD_DATA] == 100, "of too many the cell sees none");
}

int main(void)
{
    struct datapath_shield_setup setup = {.peers = 64, .port = PORT, .own_count = 2};
    char why[DATAPATH_SHIELD_WHY];
    int fd[DATAPATH_SHIELD_MAPS];

    memcpy(setup.own[0], (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 16);
    memcpy(setup.own[1], (uint8_t[16]){0xfd, 0, 7, [15] = 1}, 16);
    enum err e = datapath_shield_open(&setup, &shield, why);
    if (e == ERR_DENIED || e == ERR_UNSUPPORTED) {
        printf("skipped: %s\n", why);
        return CHECK_SKIPPED;
    }
    REQUIRE(e == ERR_OK, "%s", why);
    uint32_t processors = datapath_shield_descriptors(shield, fd);
    REQUIRE(datapath_shield_maps_open(&maps, fd, datapath_live_sets(64), processors, (const uint8_t[32]){3}, (const uint8_t[16]){5}) == ERR_OK,
            "its maps");
    datapath_live_add(&maps.ids, ALIVE);
    datapath_live_add(&maps.callers, FRIEND);
    datapath_live_add(&maps.callers, BUDDY);
    datapath_live_add(&maps.callers, CLIENT);
    datapath_shield_maps_own(&maps, true);
    numbers_of_nobody_go_no_further();
    what_is_nearly_one_is_none();
    whoever_repeats_a_number_takes_nothing_of_a_peer();
    a_place_is_one_address_and_port_for_a_while();
    what_a_relay_passes_on();
    many_in_one_buffer();
    datapath_shield_maps_close(&maps);
    datapath_shield_close(shield);
    return CHECK_RESULT();
}

#else

int main(void)
{
    printf("skipped: built without the shield\n");
    return CHECK_SKIPPED;
}

#endif
