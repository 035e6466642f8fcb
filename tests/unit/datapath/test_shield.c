/* The shield's programs, run by the kernel on frames that are made here: what passes, what does not and why, that a
 * frame is never changed, that each is counted once, and that both hooks and the parser outside of the kernel agree on
 * every frame that a byte or a length makes of a good one. Needs BPF and the right to load it: skipped without. */
#include "datapath/shield.h"

#include <string.h>

#include "tests/support/check.h"

#ifdef HAVE_SHIELD

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "datapath/cookie.h"
#include "datapath/message.h"
#include "datapath/shield_parse.h"

enum {
    PORT = 51820,
    ALIVE = 0x11223344,       /* an id of ours                   */
    DEAD = 0x11223345,        /* … and none                      */
    ROOM = 2048,
    INSTRUCTIONS = 400000,    /* that the verifier may have to look at: a million is its end */
};

/* A frame to be made. Zeros: IPv4 without options from 10.0.0.9:1000 to 10.0.0.1:51820. */
struct shape {
    int tags;
    uint16_t tag;             /* 0: 0x8100                       */
    uint16_t ether;           /* 0: as the IP header is          */
    bool is_v6;
    int options;              /* words                           */
    const uint8_t *chain;     /* extension headers, in order     */
    size_t chained;
    uint8_t longer;           /* what each says of its length    */
    uint8_t protocol;         /* 0: UDP                          */
    uint16_t fragment;        /* of IPv4; or of a fragment header in the chain */
    int total, udp;           /* added to the lengths            */
    uint16_t port;            /* 0: PORT                         */
    uint8_t to;               /* 0: 1                            */
    uint8_t from;             /* 0: 9                            */
    uint32_t type, id;        /* of the message, and where it has its receiver's id */
    uint32_t size;
};

static struct datapath_shield *shield;
static struct datapath_shield_maps maps;
static struct datapath_cookie_peer peer;
static struct datapath_cookie_gate gate;
static uint8_t frame[ROOM];
static size_t frame_size;

static void put16(uint32_t value)
{
    frame[frame_size++] = (uint8_t)(value >> 8);
    frame[frame_size++] = (uint8_t)value;
}

static void put(const void *bytes, size_t size)
{
    memcpy(frame + frame_size, bytes, size);
    frame_size += size;
}

static void put_address(bool is_v6, uint8_t last)
{
    if (is_v6) {
        put((uint8_t[16]){0xfd, 0, 7, [15] = last}, 16);
    } else {
        put((uint8_t[4]){10, 0, 0, last}, 4);
    }
}

static size_t extension_size(const struct shape *s, size_t i)
{
    return s->chain[i] == 44 ? 8 : s->chain[i] == 51 ? (s->longer + 2) * 4u : (s->longer + 1) * 8u;
}

static size_t chain_size(const struct shape *s)
{
    size_t size = 0;

    for (size_t i = 0; i < s->chained; i++) {
        size += extension_size(s, i);
    }
    return size;
}

static void put_v4(const struct shape *s, uint32_t inside)
{
    put((uint8_t[]){(uint8_t)(0x45 + s->options), 0}, 2);
    put16((uint32_t)((int)inside + 20 + 4 * s->options + s->total));
    put16(1);
    put16(s->fragment);
    put((uint8_t[]){64, s->protocol != 0 ? s->protocol : 17, 0, 0}, 4);
    put_address(false, s->from != 0 ? s->from : 9);
    put_address(false, s->to != 0 ? s->to : 1);
    if (s->options > 0) {
        memset(frame + frame_size, 1, (size_t)s->options * 4); /* "no operation" */
        frame_size += (size_t)s->options * 4;
    }
}

static void put_v6(const struct shape *s, uint32_t inside)
{
    uint8_t last = s->protocol != 0 ? s->protocol : 17;

    put((uint8_t[]){0x60, 0, 0, 0}, 4);
    put16((uint32_t)((int)(inside + chain_size(s)) + s->total));
    put((uint8_t[]){s->chained > 0 ? s->chain[0] : last, 64}, 2);
    put_address(true, s->from != 0 ? s->from : 9);
    put_address(true, s->to != 0 ? s->to : 1);
    for (size_t i = 0; i < s->chained; i++) {
        uint8_t extension[64] = {i + 1 < s->chained ? s->chain[i + 1] : last, s->longer};
        if (s->chain[i] == 44) {
            memcpy(extension, (uint8_t[]){extension[0], 0, (uint8_t)(s->fragment >> 8), (uint8_t)s->fragment}, 4);
        }
        put(extension, extension_size(s, i));
    }
}

static void build(const struct shape *s)
{
    uint8_t message[ROOM] = {0};
    uint32_t udp = s->size + 8;

    frame_size = 0;
    put((uint8_t[12]){2}, 12);
    for (int i = 0; i < s->tags; i++) {
        put16(s->tag != 0 ? s->tag : 0x8100);
        put16(7);
    }
    put16(s->ether != 0 ? s->ether : s->is_v6 ? 0x86dd : 0x0800);
    if (s->is_v6) {
        put_v6(s, udp);
    } else {
        put_v4(s, udp);
    }
    put16(1000);
    put16(s->port != 0 ? s->port : PORT);
    put16((uint32_t)((int)udp + s->udp));
    put16(0);
    memcpy(message, &s->type, sizeof s->type);
    memcpy(message + (s->type == 2 ? DATAPATH_MESSAGE_ANSWERED : 4), &s->id, sizeof s->id);
    if (s->type <= 2 && s->size > DATAPATH_MESSAGE_MACS) {
        datapath_cookie_stamp(&peer, message, s->size, 1000);
    }
    put(message, s->size);
}

/* Run one program on the frame: what it says; the frame is as it was. */
static uint32_t run(enum datapath_shield_hook hook, const struct __sk_buff *context)
{
    uint8_t out[ROOM];
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)frame_size, .data_out = out,
                        .data_size_out = sizeof out, .repeat = 1);

    if (context != NULL) {
        o.ctx_in = context;
        o.ctx_size_in = sizeof *context;
    }
    REQUIRE(bpf_prog_test_run_opts(datapath_shield_program(shield, hook), &o) == 0, "the kernel runs it");
    CHECK(o.data_size_out == frame_size && memcmp(out, frame, frame_size) == 0, "the frame is unchanged");
    return o.retval;
}

/* The verdict of one run, by the one counter that moved; VERDICTS: none did. */
static int judged(enum datapath_shield_hook hook, const struct __sk_buff *context)
{
    uint64_t before[DATAPATH_SHIELD_VERDICTS], after[DATAPATH_SHIELD_VERDICTS], moved = 0;
    int verdict = DATAPATH_SHIELD_VERDICTS;

    datapath_shield_maps_count(&maps, before);
    uint32_t said = run(hook, context);
    datapath_shield_maps_count(&maps, after);
    for (int v = 0; v < DATAPATH_SHIELD_VERDICTS; v++) {
        moved += after[v] - before[v];
        verdict = after[v] != before[v] ? v : verdict;
    }
    bool is_dropped = verdict != DATAPATH_SHIELD_VERDICTS && verdict >= DATAPATH_SHIELD_MALFORMED;
    uint32_t pass = hook == DATAPATH_SHIELD_XDP ? XDP_PASS : (uint32_t)-1, drop = hook == DATAPATH_SHIELD_XDP ? XDP_DROP : TC_ACT_SHOT;
    CHECK(moved <= 1, "counted %d times", (int)moved);
    CHECK(said == (is_dropped ? drop : pass), "verdict %d, said %u", verdict, said);
    return verdict;
}

static int both(enum datapath_shield_mode mode)
{
    datapath_shield_maps_set(&maps, mode, DATAPATH_SHIELD_TC);
    int tc = judged(DATAPATH_SHIELD_TC, NULL);
    CHECK(judged(DATAPATH_SHIELD_XDP, NULL) == DATAPATH_SHIELD_VERDICTS, "who does not judge counts nothing");
    datapath_shield_maps_set(&maps, mode, DATAPATH_SHIELD_XDP);
    int xdp = judged(DATAPATH_SHIELD_XDP, NULL);
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_VERDICTS, "who does not judge counts nothing");
    CHECK(tc == xdp, "tc says %d, XDP %d", tc, xdp);
    return xdp;
}

/* The same outside of the kernel, without handshakes' MACs and budgets. */
static int modelled(void)
{
    struct datapath_shield_place c = {.port = PORT, .own_count = 2};
    struct shield_parse_packet p = {0};

    memcpy(c.own[0], (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 16);
    memcpy(c.own[1], (uint8_t[16]){0xfd, 0, 7, [15] = 1}, 16);
    switch (shield_parse(frame, frame + frame_size, (uint32_t)frame_size, &c, &p)) {
    case SHIELD_PARSE_FOREIGN:
    case SHIELD_PARSE_CUT:
        return DATAPATH_SHIELD_FOREIGN;
    case SHIELD_PARSE_UNREAD:
        return DATAPATH_SHIELD_UNREAD;
    case SHIELD_PARSE_MALFORMED:
        return DATAPATH_SHIELD_MALFORMED;
    case SHIELD_PARSE_OURS:
        break;
    }
    int kind = (int)shield_parse_kind(p.type, p.size, p.is_fragment);
    bool needs_id = kind == DATAPATH_SHIELD_DATA || kind == DATAPATH_SHIELD_COOKIE || kind == DATAPATH_SHIELD_RESPONSE;
    if (needs_id && (kind == DATAPATH_SHIELD_RESPONSE ? p.second : p.first) != ALIVE) {
        return DATAPATH_SHIELD_INDEX;
    }
    return kind == DATAPATH_SHIELD_OWN ? DATAPATH_SHIELD_KIND : kind; /* nobody asked for our own */
}

static const uint8_t hop[] = {0}, cut_up[] = {44}, deepest[] = {0, 43, 60, 0, 43, 60, 0, 60},
                     proven[] = {60, 51}, too_deep[] = {0, 43, 60, 0, 43, 60, 0, 60, 60};

#define DATA_OF(n) .type = 4, .id = ALIVE, .size = (n)
#define INITIATION .type = 1, .size = 148

static const struct {
    struct shape s;
    enum datapath_shield_verdict verdict;
    const char *why;
} rows[] = {
    {{DATA_OF(32)}, DATAPATH_SHIELD_DATA, "a keepalive"},
    {{DATA_OF(1452)}, DATAPATH_SHIELD_DATA, "a large packet"},
    {{DATA_OF(31)}, DATAPATH_SHIELD_KIND, "shorter than any packet of a session"},
    {{.type = 4, .id = DEAD, .size = 64}, DATAPATH_SHIELD_INDEX, "of no session"},
    {{.type = 4, .id = 0, .size = 64}, DATAPATH_SHIELD_INDEX, "0 is no id"},
    {{INITIATION}, DATAPATH_SHIELD_INITIATION, "an initiation"},
    {{.type = 1, .size = 147}, DATAPATH_SHIELD_KIND, "one byte short"},
    {{.type = 1, .size = 149}, DATAPATH_SHIELD_KIND, "one too long"},
    {{.type = 2, .id = ALIVE, .size = 92}, DATAPATH_SHIELD_RESPONSE, "a response to one of ours"},
    {{.type = 2, .id = DEAD, .size = 92}, DATAPATH_SHIELD_INDEX, "a response to nothing"},
    {{.type = 2, .id = ALIVE, .size = 93}, DATAPATH_SHIELD_KIND, "one too long"},
    {{.type = 3, .id = ALIVE, .size = 64}, DATAPATH_SHIELD_COOKIE, "a cookie for one of ours"},
    {{.type = 3, .id = DEAD, .size = 64}, DATAPATH_SHIELD_INDEX, "a cookie for nobody"},
    {{.type = 3, .id = ALIVE, .size = 65}, DATAPATH_SHIELD_KIND, "one too long"},
    {{.type = 0, .size = 64}, DATAPATH_SHIELD_KIND, "no type"},
    {{.type = 5, .size = 64}, DATAPATH_SHIELD_KIND, "a type that nobody has"},
    {{.type = 0x104, .id = ALIVE, .size = 64}, DATAPATH_SHIELD_KIND, "reserved bytes that are not zero"},
    {{.type = 0x505, .size = 64}, DATAPATH_SHIELD_KIND, "our own kinds, which nobody asked for"},
    {{.size = 0}, DATAPATH_SHIELD_KIND, "nothing in it"},
    {{DATA_OF(15)}, DATAPATH_SHIELD_KIND, "no whole head"},
    /* heads */
    {{DATA_OF(64), .tags = 1}, DATAPATH_SHIELD_DATA, "in a VLAN"},
    {{DATA_OF(64), .tags = 2}, DATAPATH_SHIELD_DATA, "in two"},
    {{DATA_OF(64), .tags = 1, .tag = 0x88a8}, DATAPATH_SHIELD_DATA, "a tag of 802.1ad"},
    {{.type = 4, .id = DEAD, .size = 64, .tags = 3}, DATAPATH_SHIELD_UNREAD, "three are not followed"},
    {{DATA_OF(64), .options = 10}, DATAPATH_SHIELD_DATA, "all options that fit"},
    {{.type = 4, .id = DEAD, .size = 64, .options = 1}, DATAPATH_SHIELD_INDEX, "rubbish behind options"},
    {{.type = 4, .id = DEAD, .size = 64, .options = -1}, DATAPATH_SHIELD_FOREIGN, "no whole IPv4 header"},
    {{DATA_OF(64), .is_v6 = true}, DATAPATH_SHIELD_DATA, "IPv6"},
    {{INITIATION, .is_v6 = true}, DATAPATH_SHIELD_INITIATION, "a handshake on IPv6"},
    {{DATA_OF(64), .is_v6 = true, .chain = hop, .chained = 1}, DATAPATH_SHIELD_DATA, "behind options of IPv6"},
    {{DATA_OF(64), .is_v6 = true, .chain = deepest, .chained = 3, .longer = 2}, DATAPATH_SHIELD_DATA, "behind longer ones"},
    {{DATA_OF(64), .is_v6 = true, .chain = proven, .chained = 2, .longer = 4}, DATAPATH_SHIELD_DATA, "behind authentication"},
    {{.type = 4, .id = DEAD, .size = 64, .is_v6 = true, .chain = deepest, .chained = 8}, DATAPATH_SHIELD_INDEX,
     "behind all headers that are followed"},
    {{.type = 4, .id = DEAD, .size = 64, .is_v6 = true, .chain = too_deep, .chained = 9}, DATAPATH_SHIELD_UNREAD,
     "behind one more: not ours to judge"},
    /* not ours */
    {{DATA_OF(64), .port = PORT + 1}, DATAPATH_SHIELD_FOREIGN, "another port"},
    {{.type = 4, .id = DEAD, .size = 64, .to = 2}, DATAPATH_SHIELD_FOREIGN, "on its way to another host"},
    {{.type = 4, .id = DEAD, .size = 64, .is_v6 = true, .to = 2}, DATAPATH_SHIELD_FOREIGN, "also in IPv6"},
    {{.size = 64, .protocol = 6}, DATAPATH_SHIELD_FOREIGN, "TCP"},
    {{.size = 64, .protocol = 50, .is_v6 = true}, DATAPATH_SHIELD_FOREIGN, "IPsec"},
    {{.size = 64, .ether = 0x0806}, DATAPATH_SHIELD_FOREIGN, "ARP"},
    {{.size = 64, .ether = 0x86dd}, DATAPATH_SHIELD_FOREIGN, "says IPv6 and is not"},
    {{.size = 64, .is_v6 = true, .ether = 0x0800}, DATAPATH_SHIELD_FOREIGN, "says IPv4 and is not"},
    /* fragments */
    {{DATA_OF(64), .fragment = 0x2000}, DATAPATH_SHIELD_DATA, "the first part of a large packet"},
    {{DATA_OF(64), .fragment = 0x2000, .udp = 900}, DATAPATH_SHIELD_DATA, "… most of which is elsewhere"},
    {{.type = 4, .id = DEAD, .size = 64, .fragment = 0x2000}, DATAPATH_SHIELD_INDEX, "the first part of rubbish"},
    {{INITIATION, .fragment = 0x2000}, DATAPATH_SHIELD_KIND, "nobody has to cut up a handshake"},
    {{.type = 4, .id = DEAD, .size = 64, .fragment = 100}, DATAPATH_SHIELD_FOREIGN, "a later part names no port"},
    {{.type = 4, .id = DEAD, .size = 64, .fragment = 0x4000}, DATAPATH_SHIELD_INDEX, "\"do not fragment\" is no fragment"},
    {{DATA_OF(64), .is_v6 = true, .chain = cut_up, .chained = 1, .fragment = 1}, DATAPATH_SHIELD_DATA, "of IPv6"},
    {{.type = 4, .id = DEAD, .size = 64, .is_v6 = true, .chain = cut_up, .chained = 1, .fragment = 8},
     DATAPATH_SHIELD_FOREIGN, "a later one of IPv6"},
    /* lengths that disagree */
    {{DATA_OF(64), .udp = 1}, DATAPATH_SHIELD_MALFORMED, "UDP says more than there is"},
    {{DATA_OF(64), .udp = -65}, DATAPATH_SHIELD_MALFORMED, "UDP says less than its header"},
    {{DATA_OF(64), .udp = -32}, DATAPATH_SHIELD_DATA, "padding behind it"},
    {{DATA_OF(64), .total = 1}, DATAPATH_SHIELD_MALFORMED, "IP says more than there is"},
    {{DATA_OF(64), .total = -1}, DATAPATH_SHIELD_MALFORMED, "IP says less than UDP"},
    {{DATA_OF(64), .is_v6 = true, .total = 1}, DATAPATH_SHIELD_MALFORMED, "the same of IPv6"},
    {{DATA_OF(64), .is_v6 = true, .total = -1}, DATAPATH_SHIELD_MALFORMED, "the same of IPv6"},
};

static void frames_are_judged(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(&rows[i].s);
        CHECK(both(DATAPATH_SHIELD_FILTER) == (int)rows[i].verdict, "row %zu: %s", i, rows[i].why);
        CHECK(modelled() == (int)rows[i].verdict, "row %zu, outside: %s", i, rows[i].why);
        CHECK(both(DATAPATH_SHIELD_OFF) == DATAPATH_SHIELD_VERDICTS, "row %zu: off is off", i);
    }
}

/* Every frame of the table with every byte of its heads replaced by another, in each row another, and cut at every
 * length. */
static void heads_and_tails_are_judged_alike(void)
{
    size_t tried = 0, dropped = 0;

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_XDP);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(&rows[i].s);
        size_t whole = frame_size, heads = whole < 120 ? whole : 120;
        for (size_t at = 12; at < heads; at++) {
            uint8_t was = frame[at];
            frame[at] = (uint8_t)(was + 1 + (at * 17 + i * 37) % 255);
            int verdict = judged(DATAPATH_SHIELD_XDP, NULL);
            CHECK(verdict == modelled(), "row %zu (%s), byte %zu is %02x", i, rows[i].why, at, frame[at]);
            frame[at] = was;
            tried++;
            dropped += verdict >= DATAPATH_SHIELD_MALFORMED;
        }
        for (frame_size = 14; frame_size < whole && frame_size < 160; frame_size++) {
            CHECK(judged(DATAPATH_SHIELD_XDP, NULL) == modelled(), "row %zu (%s), cut at %zu", i, rows[i].why, frame_size);
            tried++;
        }
    }
    CHECK(tried > 5000 && dropped > tried / 10, "%zu frames, %zu dropped", tried, dropped);
}

static void who_does_not_know_the_key_is_dropped(void)
{
    struct shape s = {INITIATION, .from = 20};

    build(&s);
    CHECK(both(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_INITIATION, "whole");
    size_t message = frame_size - 148;
    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_TC);
    for (size_t at = 4; at < 132; at++) {
        frame[message + at] ^= (uint8_t)(1u << at % 8);
        CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_MAC1, "byte %zu", at);
        frame[message + at] ^= (uint8_t)(1u << at % 8);
    }
    s = (struct shape){.type = 2, .id = ALIVE, .size = 92, .from = 21};
    build(&s);
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_RESPONSE, "a response");
    for (size_t at = 12; at < 76; at++) {
        frame[frame_size - 92 + at] ^= 0x10;
        CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_MAC1, "byte %zu of a response", at);
        frame[frame_size - 92 + at] ^= 0x10;
    }
}

/* Handshakes of one address until they are too many: how many passed. */
static int passed(const struct shape *s, int tries)
{
    int count = 0;

    build(s);
    for (int i = 0; i < tries; i++) {
        int v = judged(DATAPATH_SHIELD_TC, NULL);
        CHECK(v == DATAPATH_SHIELD_INITIATION || v == DATAPATH_SHIELD_SOURCE, "verdict %d", v);
        count += v == DATAPATH_SHIELD_INITIATION;
    }
    return count;
}

/* The kernel's clock goes on meanwhile: a slow host earns some more. */
static bool is_burst(int count)
{
    return count >= DATAPATH_SHIELD_SOURCE_BURST && count <= 2 * DATAPATH_SHIELD_SOURCE_BURST;
}

static void an_address_has_a_budget(void)
{
    struct shape a = {INITIATION, .from = 30}, b = {INITIATION, .from = 31}, c = {INITIATION, .is_v6 = true, .from = 32};

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_TC);
    CHECK(is_burst(passed(&a, 40)), "a burst");
    CHECK(is_burst(passed(&b, 40)), "somebody else has his own");
    CHECK(is_burst(passed(&c, 40)), "a network of IPv6 has one");
    c.from = 33;
    build(&c);
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_SOURCE, "and another address of it has the same");
}

/* Who has shown that he receives there is not shut out by others who say that they are there. */
static void a_cookie_has_a_budget_of_its_own(void)
{
    static const uint8_t secrets[2][32] = {{9}, {8}}, public[32] = {1}, nonce[DATAPATH_MESSAGE_NONCE_SIZE] = {4};
    struct datapath_endpoint from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 40}, .port = 1000};
    struct shape s = {INITIATION, .from = 40};
    uint8_t reply[DATAPATH_MESSAGE_COOKIE];

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_GUARD, DATAPATH_SHIELD_TC);
    CHECK(is_burst(passed(&s, 40)), "without one: a burst");
    datapath_cookie_open(&gate, public, secrets[0], 1000);
    datapath_cookie_reply(&gate, &from, frame + frame_size - 148, 148, nonce, reply);
    REQUIRE(datapath_cookie_take(&peer, reply, 1000) == ERR_OK, "the cookie is taken");
    datapath_shield_maps_cookies(&maps, secrets, 0);
    CHECK(passed(&s, 1) == 0, "a cookie of nobody's is none");
    datapath_shield_maps_cookies(&maps, secrets, 1);
    CHECK(is_burst(passed(&s, 40)), "with one: a burst of its own");
    s.from = 41;
    build(&s);
    CHECK(is_burst(passed(&s, 40)), "elsewhere it is none, and counts as without");
    /* The former secret is as good; it is of the same place, so its budget may still be empty: another port's is not
     * another budget, so only the verdict of the MAC is asked, by a fresh address. */
    from.ip[15] = 42;
    s.from = 42;
    build(&s);
    (void)passed(&s, 40);
    datapath_cookie_reply(&gate, &from, frame + frame_size - 148, 148, nonce, reply);
    datapath_cookie_stamp(&peer, frame + frame_size - 148, 148, 1000);
    REQUIRE(datapath_cookie_take(&peer, reply, 1000) == ERR_OK, "the cookie is taken");
    datapath_shield_maps_cookies(&maps, (const uint8_t[2][32]){{8}, {9}}, 2);
    CHECK(is_burst(passed(&s, 40)), "a cookie of the secret before");
    peer.has_cookie = false;
}

static void many_datagrams_in_one_buffer(void)
{
    struct __sk_buff three = {.gso_segs = 3, .gso_size = 64};
    struct shape s = {.type = 4, .id = DEAD, .size = 192};

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    build(&s);
    CHECK(judged(DATAPATH_SHIELD_TC, &three) == DATAPATH_SHIELD_INDEX, "all of them rubbish");
    memcpy(frame + frame_size - 64, (uint32_t[]){4, ALIVE}, 8);
    CHECK(judged(DATAPATH_SHIELD_TC, &three) == DATAPATH_SHIELD_DATA, "rubbish from a peer's address takes no packet with it");
    memcpy(frame + frame_size - 64, (uint32_t[]){4, DEAD}, 8);
    memcpy(frame + frame_size - 63, (uint32_t[]){4, ALIVE}, 8);
    CHECK(judged(DATAPATH_SHIELD_TC, &three) == DATAPATH_SHIELD_INDEX, "what looks like one elsewhere is none");
    memcpy(frame + frame_size - 64, (uint32_t[]){5, ALIVE}, 8);
    CHECK(judged(DATAPATH_SHIELD_TC, &three) == DATAPATH_SHIELD_INDEX, "of no kind that has an id there");
    s = (struct shape){.type = 1, .size = 148 * 3, .from = 50};
    build(&s);
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_KIND, "by itself it is too long for a handshake");
    three.gso_size = 148;
    CHECK(judged(DATAPATH_SHIELD_TC, &three) == DATAPATH_SHIELD_INITIATION, "three handshakes are");
}

static void ids_come_and_go(void)
{
    struct shape s = {.type = 4, .id = DEAD, .size = 64};
    uint32_t near = DEAD + (1u << 24);

    build(&s);
    CHECK(both(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_INDEX, "not there yet");
    datapath_live_add(&maps.ids, DEAD);
    CHECK(both(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_DATA, "there");
    datapath_live_drop(&maps.ids, DEAD);
    CHECK(both(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_INDEX, "gone");
    for (uint32_t i = 0; i < DATAPATH_SHIELD_WAYS + 1; i++) { /* ALIVE is in the same set */
        datapath_live_add(&maps.ids, near + (i << 24));
    }
    CHECK(both(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_DATA, "a set that is full is open");
    for (uint32_t i = 0; i < DATAPATH_SHIELD_WAYS + 1; i++) {
        datapath_live_drop(&maps.ids, near + (i << 24));
    }
    CHECK(both(DATAPATH_SHIELD_FILTER) == DATAPATH_SHIELD_INDEX, "and closed again");
}

static void verifiers_have_little_to_do(void)
{
    for (int hook = DATAPATH_SHIELD_TC; hook <= DATAPATH_SHIELD_XDP; hook++) {
        struct bpf_prog_info info = {0};
        uint32_t size = sizeof info;
        REQUIRE(bpf_obj_get_info_by_fd(datapath_shield_program(shield, hook), &info, &size) == 0, "the program is known");
        printf("%s: %u instructions verified\n", hook == DATAPATH_SHIELD_TC ? "tc" : "XDP", info.verified_insns);
        CHECK(info.verified_insns > 0 && info.verified_insns < INSTRUCTIONS, "%u instructions", info.verified_insns);
    }
}

/* Messages of our own kinds: by their word, and only where they are wanted; test_shield_own.c has the rest. */
static void own_kinds_are_known_by_their_word(void)
{
    static const struct {
        uint32_t type, size;
        bool is_own;
        const char *why;
    } words[] = {
        {DATAPATH_SHIELD_SIGNAL, 192, true, "a signal, as short as may be"},
        {DATAPATH_SHIELD_RELAYED, 40, true, "what a relay passed on"},
        {DATAPATH_SHIELD_SIGNAL, 191, false, "shorter"},
        {DATAPATH_SHIELD_RELAYED, 39, false, "shorter"},
        {DATAPATH_SHIELD_SIGNAL ^ 1, 192, false, "a byte below"},
        {DATAPATH_SHIELD_RELAYED + 1, 192, false, "a byte above"},
        {DATAPATH_SHIELD_SIGNAL ^ 0x100, 192, false, "another word"},
        {5, 192, false, "zeros, as WireGuard's have"},
    };
    uint8_t begun[4];

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        build(&(struct shape){.type = words[i].type, .id = DEAD, .size = words[i].size});
        CHECK(both(DATAPATH_SHIELD_GUARD) == DATAPATH_SHIELD_KIND, "%s, and nobody wants any", words[i].why);
        datapath_shield_maps_own(&maps, true);
        CHECK(both(DATAPATH_SHIELD_GUARD) == (words[i].is_own ? DATAPATH_SHIELD_STRANGER : DATAPATH_SHIELD_KIND), "%s", words[i].why);
        datapath_shield_maps_own(&maps, false);
    }
    for (int kind = DATAPATH_KIND_SIGNAL; kind <= DATAPATH_KIND_RELAYED; kind++) {
        datapath_message_begin(begun, (enum datapath_kind)kind);
        CHECK(datapath_message_get32(begun) == (kind == DATAPATH_KIND_SIGNAL ? DATAPATH_SHIELD_SIGNAL : DATAPATH_SHIELD_RELAYED),
              "the protocol's");
    }
}

/* Last: they stay changed. */
static void addresses_change(void)
{
    char why[DATAPATH_SHIELD_WHY];
    const uint8_t other[1][16] = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 77}};

    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    build(&(struct shape){.type = 4, .id = DEAD, .size = 64});
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_INDEX, "at an address of ours");
    CHECK(datapath_shield_own(shield, 1, other, why) == ERR_OK, "%s", why);
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_FOREIGN, "which is not any more");
    build(&(struct shape){.type = 4, .id = DEAD, .size = 64, .to = 77});
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_INDEX, "but this one is");
    CHECK(datapath_shield_own(shield, DATAPATH_SHIELD_OWN_MAX + 1, other, why) == ERR_INVALID, "one too many");
    CHECK(judged(DATAPATH_SHIELD_TC, NULL) == DATAPATH_SHIELD_INDEX, "and nothing changed");
}

/* The very last: what is closed is wiped, and it is one memory. */
static void maps_are_checked(void)
{
    struct datapath_shield_maps none;
    int fd[DATAPATH_SHIELD_MAPS];
    const uint8_t key[32] = {0};
    uint32_t processors = datapath_shield_descriptors(shield, fd);

    CHECK(datapath_shield_maps_open(&none, fd, 0, processors, key, key) == ERR_INVALID, "no sets");
    CHECK(datapath_shield_maps_open(&none, fd, 3, processors, key, key) == ERR_INVALID, "no power of two");
    CHECK(datapath_shield_maps_open(&none, fd, 64, 0, key, key) == ERR_INVALID, "no processors");
    CHECK(datapath_shield_maps_open(&none, fd, 64, DATAPATH_SHIELD_PROCESSORS_MAX + 1, key, key) == ERR_INVALID, "too many");
    CHECK(datapath_shield_maps_open(&none, fd, 1 << 20, processors, key, key) != ERR_OK, "more than the map has");
    datapath_shield_maps_close(&none);
}

static void a_setup_is_checked(void)
{
    struct datapath_shield_setup none = {.peers = 16}, many = {.peers = 16, .port = 1, .own_count = DATAPATH_SHIELD_OWN_MAX + 1};
    struct datapath_shield *s;
    char why[DATAPATH_SHIELD_WHY];

    CHECK(datapath_shield_open(&none, &s, why) == ERR_INVALID, "no port");
    CHECK(datapath_shield_open(&many, &s, why) == ERR_INVALID, "too many addresses");
}

int main(void)
{
    static const uint8_t public[32] = {1};
    struct datapath_shield_setup setup = {.peers = 64, .port = PORT, .own_count = 2};
    char why[DATAPATH_SHIELD_WHY];
    int fd[DATAPATH_SHIELD_MAPS];

    datapath_cookie_keys(public, &peer.keys);
    memcpy(setup.own[0], (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 16);
    memcpy(setup.own[1], (uint8_t[16]){0xfd, 0, 7, [15] = 1}, 16);
    enum err e = datapath_shield_open(&setup, &shield, why);
    if (e == ERR_DENIED || e == ERR_UNSUPPORTED) {
        printf("skipped: %s\n", why);
        return CHECK_SKIPPED;
    }
    REQUIRE(e == ERR_OK, "%s", why);
    uint32_t processors = datapath_shield_descriptors(shield, fd);
    REQUIRE(datapath_shield_maps_open(&maps, fd, datapath_live_sets(64), processors, peer.keys.mac1,
                                      (const uint8_t[16]){5}) == ERR_OK, "its maps");
    datapath_live_add(&maps.ids, ALIVE);
    a_setup_is_checked();
    verifiers_have_little_to_do();
    frames_are_judged();
    heads_and_tails_are_judged_alike();
    who_does_not_know_the_key_is_dropped();
    an_address_has_a_budget();
    a_cookie_has_a_budget_of_its_own();
    many_datagrams_in_one_buffer();
    ids_come_and_go();
    own_kinds_are_known_by_their_word();
    addresses_change();
    maps_are_checked();
    datapath_shield_maps_close(&maps);
    datapath_shield_close(shield);
    return CHECK_RESULT();
}

#else

int main(void)
{
    struct datapath_shield *s;
    char why[DATAPATH_SHIELD_WHY];
    struct datapath_shield_setup setup = {.peers = 1, .port = 1};

    CHECK(datapath_shield_open(&setup, &s, why) == ERR_UNSUPPORTED, "there is none");
    printf("skipped: %s\n", why);
    return check_failures != 0 ? 1 : CHECK_SKIPPED;
}

#endif
