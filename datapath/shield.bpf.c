/* The shield: drops what cannot be the overlay's before it costs more than that. Two programs, for a tcx (or clsact)
 * hook and for XDP, with one judgement; whatever is not for the overlay's port at one of our addresses passes
 * untouched and unchanged, always. */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "datapath/shield_hash.h"
#include "datapath/shield_parse.h"
#include "datapath/shield_shape.h"

enum {
    COVERED_MAX = 192,   /* bytes under a MAC, in whole blocks */
    TRIES = 4,           /* at a budget that others take from at the same moment */
    PULLED = 256,        /* bytes that must be at hand, of a packet whose heads are not */
    NS = 1000000000,
    NEXT = -1,           /* TCX_NEXT, and TC_ACT_UNSPEC of clsact: the others decide */
};

/* Set before it is loaded: sets - 1, processors. */
const volatile __u32 shield_set_mask = 0;
const volatile __u32 shield_processors = 1;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_config);
} shield_config SEC(".maps");

/* Not mapped: whoever has the descriptors of the others must not write here. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_place);
} shield_place SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_set);
} shield_live SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_counts);
} shield_counts SEC(".maps");

/* By what numbers messages of our own say whose they are: of peers, and of those for whom we relay. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_set);
} shield_callers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct datapath_shield_places);
} shield_places SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, DATAPATH_SHIELD_BUDGETS);
    __type(key, __u32);
    __type(value, struct datapath_shield_budget);
} shield_budget SEC(".maps");

/* Sockets past the host's stack, by queue. Written by whoever loads the programs: a cell cannot have others' frames led to it. */
struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, DATAPATH_SHIELD_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} shield_sockets SEC(".maps");

/* A message and what is reckoned from it: more than a stack here holds. */
struct scratch {
    __u32 message[COVERED_MAX / 4];
    __u32 block[16];
    __u32 state[8];
    __u32 cookie[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scratch);
} shield_scratch SEC(".maps");

/* One hook's way to a packet. */
struct frame {
    void *context;
    __u32 is_xdp;
    __u32 segments;      /* datagrams in it, 1 to DATAPATH_SHIELD_SEGMENTS */
    __u32 segment_size;  /* … each, but perhaps the last                   */
};

static __always_inline long load(const struct frame *f, __u32 at, void *to, __u32 size)
{
    return f->is_xdp ? bpf_xdp_load_bytes(f->context, at, to, size) : bpf_skb_load_bytes(f->context, at, to, size);
}

static __always_inline void count(enum datapath_shield_verdict v)
{
    __u32 me = bpf_get_smp_processor_id();
    struct datapath_shield_counts *c = bpf_map_lookup_elem(&shield_counts, &me);

    if (c != NULL && v < DATAPATH_SHIELD_VERDICTS) {
        c->verdict[v]++;
    }
}

static __always_inline bool is_in(void *map, __u32 id)
{
    __u32 at = id >> 8 & shield_set_mask;
    const volatile struct datapath_shield_set *set = bpf_map_lookup_elem(map, &at);

    if (set == NULL || set->spilled != 0) {
        return true;
    }
#pragma unroll
    for (int i = 0; i < DATAPATH_SHIELD_WAYS; i++) {
        if (set->id[i] == id) {
            return id != 0;
        }
    }
    return false;
}

static __always_inline bool is_live(__u32 id)
{
    return is_in(&shield_live, id);
}

static __always_inline bool is_caller(__u32 first)
{
    return is_in(&shield_callers, datapath_shield_caller(first));
}

/* Whether somebody whose signal opened was at the place of that hash of late. */
static __always_inline bool is_shown(__u64 place, __u32 now_s)
{
    __u32 at = (__u32)place & shield_set_mask;
    const volatile struct datapath_shield_places *set = bpf_map_lookup_elem(&shield_places, &at);

    if (set == NULL) {
        return false;
    }
#pragma unroll
    for (int i = 0; i < DATAPATH_SHIELD_PLACES; i++) {
        __u64 one = set->place[i];
        if (one >> 32 == place >> 32 && (__u32)one >= now_s) {
            return true;
        }
    }
    return false;
}

/* Take `n` of a budget that gets `rate` a second and holds `burst`. */
static __always_inline bool take(__u32 slot, __u64 now_ns, __u32 rate, __u32 burst, __u32 n)
{
    struct datapath_shield_budget *b = bpf_map_lookup_elem(&shield_budget, &slot);
    __u64 each_ns = NS / rate;

    if (b == NULL) {
        return false;
    }
    for (int i = 0; i < TRIES; i++) {
        __u64 old = *(volatile __u64 *)&b->until_ns, from = old > now_ns ? old : now_ns;
        __u64 until = from + each_ns * n;

        if (until - now_ns > each_ns * burst) {
            return false;
        }
        if (__sync_val_compare_and_swap(&b->until_ns, old, until) == old) {
            return true;
        }
    }
    return false; /* so many at one moment are too many */
}

/* The state after the first `covered` bytes of the message, from a state that has taken in the key. */
static __always_inline void mac(struct scratch *s, const __u32 key[8], __u32 covered)
{
    __u32 whole = (covered - 1) / SHIELD_HASH_BLOCK, rest = covered - whole * SHIELD_HASH_BLOCK;

#pragma unroll
    for (int i = 0; i < 8; i++) {
        s->state[i] = key[i];
    }
    for (__u32 i = 0; i < whole; i++) {
        shield_hash_take(s->state, s->message + 16 * i, SHIELD_HASH_BLOCK * (i + 2), 0);
    }
#pragma unroll
    for (__u32 i = 0; i < 16; i++) {
        s->block[i] = 4 * i < rest ? s->message[16 * whole + i] : 0;
    }
    shield_hash_take(s->state, s->block, SHIELD_HASH_BLOCK + covered, 1);
}

static __always_inline bool is_mac(const struct scratch *s, __u32 covered)
{
    const __u32 *mac = s->message + covered / 4;

    return ((s->state[0] ^ mac[0]) | (s->state[1] ^ mac[1]) | (s->state[2] ^ mac[2]) | (s->state[3] ^ mac[3])) == 0;
}

/* Whether the second MAC is made with a cookie of ours for this place: its sender receives there. */
static __always_inline bool has_cookie(struct scratch *s, const struct datapath_shield_config *c,
                                       const struct shield_parse_packet *p, __u32 covered)
{
    for (__u32 i = 0; i < 2 && i < c->cookie_count; i++) {
#pragma unroll
        for (int j = 0; j < 8; j++) {
            s->cookie[j] = c->cookie[i][j];
        }
        __builtin_memset(s->block, 0, sizeof s->block);
        s->block[0] = (__u32)p->from[0];
        s->block[1] = (__u32)(p->from[0] >> 32);
        s->block[2] = (__u32)p->from[1];
        s->block[3] = (__u32)(p->from[1] >> 32);
        s->block[4] = p->from_port >> 8 | (p->from_port & 0xffu) << 8;
        shield_hash_take(s->cookie, s->block, SHIELD_HASH_BLOCK + 18, 1);
        /* The first half of what came out is the cookie, and that a key. */
        __builtin_memset(s->block, 0, sizeof s->block);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s->block[j] = s->cookie[j];
        }
        shield_hash_key(s->cookie, s->block, DATAPATH_SHIELD_MAC_SIZE);
        mac(s, s->cookie, covered);
        if (is_mac(s, covered)) {
            return true;
        }
    }
    return false;
}

/* The message in the scratch, `size` bytes: who knows our key, and who came too often. */
static __always_inline enum datapath_shield_verdict guard_of(const struct datapath_shield_config *c, struct scratch *s,
                                                             const struct shield_parse_packet *p, __u32 n, __u32 size)
{
    __u32 covered = size - DATAPATH_SHIELD_MACS_SIZE;

    mac(s, c->mac1, covered);
    if (!is_mac(s, covered)) {
        return DATAPATH_SHIELD_MAC1;
    }
    __u64 now_ns = bpf_ktime_get_coarse_ns(); /* a tick is exact enough, and costs a third */
    __u32 slot = shield_hash_source(c->source_key, p->source[0], p->source[1]) % (DATAPATH_SHIELD_SLOTS / 2);
    /* Who has a cookie is where he says, and takes from his own budget alone, which nobody else can use up: its slot is
     * apart from those of addresses that may be invented. */
    const __u32 *second = s->message + (covered + DATAPATH_SHIELD_MAC_SIZE) / 4;
    if ((second[0] | second[1] | second[2] | second[3]) != 0 &&
        has_cookie(s, c, p, covered + DATAPATH_SHIELD_MAC_SIZE)) {
        return take(DATAPATH_SHIELD_AT_COOKIE + slot, now_ns, DATAPATH_SHIELD_SOURCE_RATE, DATAPATH_SHIELD_SOURCE_BURST,
                    n) ? DATAPATH_SHIELD_INITIATION : DATAPATH_SHIELD_SOURCE;
    }
    if (!take(DATAPATH_SHIELD_AT_SOURCE + slot, now_ns, DATAPATH_SHIELD_SOURCE_RATE, DATAPATH_SHIELD_SOURCE_BURST, n)) {
        return DATAPATH_SHIELD_SOURCE;
    }
    return take(DATAPATH_SHIELD_AT_ALL, now_ns, DATAPATH_SHIELD_ALL_RATE, DATAPATH_SHIELD_ALL_BURST, n)
               ? DATAPATH_SHIELD_INITIATION : DATAPATH_SHIELD_ALL;
}

/* These are not static, so that the verifier reads them once and not for each way that leads here. */
__attribute__((noinline)) int shield_own(uint64_t high, uint64_t low)
{
    __u32 zero = 0;
    const struct datapath_shield_place *place = bpf_map_lookup_elem(&shield_place, &zero);

    return place != NULL && shield_parse_is_own(place, high, low);
}

/* n: datagrams. */
__attribute__((noinline)) int shield_guard(const struct shield_parse_packet *p, __u32 n, __u32 is_response)
{
    __u32 zero = 0;
    struct scratch *s = bpf_map_lookup_elem(&shield_scratch, &zero);
    const struct datapath_shield_config *c = bpf_map_lookup_elem(&shield_config, &zero);

    if (s == NULL || c == NULL || p == NULL) {
        return DATAPATH_SHIELD_MALFORMED;
    }
    if (!is_response) {
        return guard_of(c, s, p, n, DATAPATH_SHIELD_INITIATION_SIZE);
    }
    enum datapath_shield_verdict v = guard_of(c, s, p, n, DATAPATH_SHIELD_RESPONSE_SIZE);
    return v == DATAPATH_SHIELD_INITIATION ? DATAPATH_SHIELD_RESPONSE : v;
}

/* The head of a message of our own. */
struct own {
    __u32 word[DATAPATH_SHIELD_OWN_WORDS];
    __u32 size;
};

/* A signal of a peer that we know; `who`: his number in it. Where one of his opened he has a budget that nobody uses up
 * who does not send from there. */
static __always_inline enum datapath_shield_verdict signal_of(const struct datapath_shield_config *c, const struct shield_parse_packet *p,
                                                              __u64 place, bool is_there, __u64 now_ns, __u32 who, __u32 n)
{
    const __u32 half = DATAPATH_SHIELD_SLOTS / 2;

    if (is_there) {
        return take(DATAPATH_SHIELD_AT_PLACE + (__u32)place % half, now_ns, DATAPATH_SHIELD_PLACE_RATE, DATAPATH_SHIELD_PLACE_BURST, n)
                   ? DATAPATH_SHIELD_OWN : DATAPATH_SHIELD_MUCH;
    }
    __u32 house = (__u32)(shield_hash_source(c->source_key, p->source[0], p->source[1]) % half);
    __u32 peer = (__u32)(shield_hash_source(c->source_key, who, 1) % half);
    if (!take(DATAPATH_SHIELD_AT_HOUSE + house, now_ns, DATAPATH_SHIELD_HOUSE_RATE, DATAPATH_SHIELD_HOUSE_BURST, n) ||
        !take(DATAPATH_SHIELD_AT_PEER + peer, now_ns, DATAPATH_SHIELD_PEER_RATE, DATAPATH_SHIELD_PEER_BURST, n)) {
        return DATAPATH_SHIELD_MUCH;
    }
    return take(DATAPATH_SHIELD_AT_SIGNALS, now_ns, DATAPATH_SHIELD_SIGNALS_RATE, DATAPATH_SHIELD_SIGNALS_BURST, n)
               ? DATAPATH_SHIELD_OWN : DATAPATH_SHIELD_FLOOD;
}

/* What a relay passes on to us, which is where it says: judged as what is in it. Of a handshake that is its number, and what
 * any place may say: its MAC is the cell's to look at. */
static __always_inline enum datapath_shield_verdict relayed_of(const struct shield_parse_packet *p, const struct own *m, __u32 slot,
                                                               __u64 now_ns, __u32 n)
{
    __u32 id = m->word[3];
    enum datapath_shield_verdict kind = shield_parse_kind(m->word[2], m->size - DATAPATH_SHIELD_RELAYED_HEAD, p->is_fragment);

    if (kind == DATAPATH_SHIELD_RESPONSE) {
        id = m->word[4];
    }
    if (kind == DATAPATH_SHIELD_DATA || kind == DATAPATH_SHIELD_COOKIE || kind == DATAPATH_SHIELD_RESPONSE) {
        return is_live(id) ? DATAPATH_SHIELD_OWN : DATAPATH_SHIELD_INDEX;
    }
    if (kind == DATAPATH_SHIELD_INITIATION) {
        return take(DATAPATH_SHIELD_AT_HOUSE + slot, now_ns, DATAPATH_SHIELD_HOUSE_RATE, DATAPATH_SHIELD_HOUSE_BURST, n)
                   ? DATAPATH_SHIELD_OWN : DATAPATH_SHIELD_SOURCE;
    }
    if (kind != DATAPATH_SHIELD_OWN || m->word[2] != DATAPATH_SHIELD_SIGNAL) {
        return DATAPATH_SHIELD_KIND; /* one relay is enough */
    }
    if (!is_caller(m->word[3])) {
        return DATAPATH_SHIELD_STRANGER;
    }
    return take(DATAPATH_SHIELD_AT_PLACE + slot, now_ns, DATAPATH_SHIELD_PLACE_RATE, DATAPATH_SHIELD_PLACE_BURST, n)
               ? DATAPATH_SHIELD_OWN : DATAPATH_SHIELD_MUCH;
}

/* n: datagrams. Numbers before places, for most of a flood has none that is known. */
__attribute__((noinline)) int shield_signal(const struct shield_parse_packet *p, const struct own *m, __u32 n)
{
    __u32 zero = 0;
    const struct datapath_shield_config *c = bpf_map_lookup_elem(&shield_config, &zero);

    if (c == NULL || p == NULL || m == NULL) {
        return DATAPATH_SHIELD_MALFORMED;
    }
    if (shield_parse_kind(m->word[0], m->size, p->is_fragment) != DATAPATH_SHIELD_OWN) {
        return DATAPATH_SHIELD_KIND;
    }
    bool is_known = is_caller(m->word[1]);
    if (m->word[0] == DATAPATH_SHIELD_SIGNAL && !is_known) {
        return DATAPATH_SHIELD_STRANGER;
    }
    if (c->mode != DATAPATH_SHIELD_GUARD) {
        return DATAPATH_SHIELD_OWN;
    }
    __u64 now_ns = bpf_ktime_get_coarse_ns(), place = shield_hash_place(c->source_key, p->from[0], p->from[1], p->from_port);
    bool is_there = is_shown(place, (__u32)(now_ns / NS));
    if (m->word[0] == DATAPATH_SHIELD_SIGNAL) {
        return signal_of(c, p, place, is_there, now_ns, m->word[1], n);
    }
    /* Whoever relays for us, or for whom we do, has said so in signals from there. */
    if (!is_there) {
        return DATAPATH_SHIELD_STRANGER;
    }
    return is_known ? DATAPATH_SHIELD_OWN : relayed_of(p, m, (__u32)place % (DATAPATH_SHIELD_SLOTS / 2), now_ns, n);
}

static __always_inline enum datapath_shield_verdict own(const struct frame *f, const struct datapath_shield_config *c,
                                                        const struct shield_parse_packet *p, __u32 size)
{
    struct own m = {.size = size};

    if (!c->takes_own) {
        return DATAPATH_SHIELD_KIND;
    }
    return load(f, p->at, m.word, sizeof m.word) == 0 ? shield_signal(p, &m, f->segments) : DATAPATH_SHIELD_MALFORMED;
}

static __always_inline enum datapath_shield_verdict guard(const struct frame *f, const struct shield_parse_packet *p,
                                                          __u32 size)
{
    __u32 zero = 0;
    struct scratch *s = bpf_map_lookup_elem(&shield_scratch, &zero);

    if (s == NULL || load(f, p->at, s->message, size) != 0) {
        return DATAPATH_SHIELD_MALFORMED;
    }
    return shield_guard(p, f->segments, size == DATAPATH_SHIELD_RESPONSE_SIZE);
}

/* What one datagram is worth. */
static __always_inline enum datapath_shield_verdict judge(const struct frame *f, const struct datapath_shield_config *c,
                                                          const struct shield_parse_packet *p, __u32 size)
{
    enum datapath_shield_verdict kind = shield_parse_kind(p->type, size, p->is_fragment);

    switch (kind) {
    case DATAPATH_SHIELD_DATA:
    case DATAPATH_SHIELD_COOKIE:
        return is_live(p->first) ? kind : DATAPATH_SHIELD_INDEX;
    case DATAPATH_SHIELD_RESPONSE:
        if (!is_live(p->second)) {
            return DATAPATH_SHIELD_INDEX;
        }
        return c->mode == DATAPATH_SHIELD_GUARD ? guard(f, p, DATAPATH_SHIELD_RESPONSE_SIZE) : kind;
    case DATAPATH_SHIELD_INITIATION:
        return c->mode == DATAPATH_SHIELD_GUARD ? guard(f, p, DATAPATH_SHIELD_INITIATION_SIZE) : kind;
    case DATAPATH_SHIELD_OWN:
        return own(f, c, p, size);
    case DATAPATH_SHIELD_FOREIGN:
    case DATAPATH_SHIELD_UNREAD:
    case DATAPATH_SHIELD_MALFORMED:
    case DATAPATH_SHIELD_KIND:
    case DATAPATH_SHIELD_INDEX:
    case DATAPATH_SHIELD_MAC1:
    case DATAPATH_SHIELD_SOURCE:
    case DATAPATH_SHIELD_ALL:
    case DATAPATH_SHIELD_STRANGER:
    case DATAPATH_SHIELD_MUCH:
    case DATAPATH_SHIELD_FLOOD:
        break;
    }
    return kind;
}

/* Several datagrams that the kernel put together: they pass when one of them is of a session or a peer's signal, for whoever
 * sends rubbish from a peer's address must not take the peer's packets with it. The cell looks at each. */
static __always_inline enum datapath_shield_verdict judge_all(const struct frame *f,
                                                              const struct datapath_shield_config *c,
                                                              const struct shield_parse_packet *p)
{
    __u32 size = f->segments > 1 && f->segment_size < p->size ? f->segment_size : p->size;
    enum datapath_shield_verdict first = judge(f, c, p, size);

    /* Of whom there was too much there are no more in it. */
    if (f->segments <= 1 || first < DATAPATH_SHIELD_MALFORMED || first >= DATAPATH_SHIELD_MUCH) {
        return first;
    }
    struct own m = {.size = f->segment_size}; /* the last may be shorter: the cell sees it */
    for (__u32 i = 1; i < DATAPATH_SHIELD_SEGMENTS && i < f->segments; i++) {
        if (load(f, p->at + i * f->segment_size, m.word, sizeof m.word) != 0) {
            break;
        }
        if (m.word[0] == 4 && is_live(m.word[1])) {
            return DATAPATH_SHIELD_DATA;
        }
        if (c->takes_own && m.word[0] > 4 && shield_signal(p, &m, f->segments) == DATAPATH_SHIELD_OWN) {
            return DATAPATH_SHIELD_OWN;
        }
    }
    return first;
}

static __always_inline enum datapath_shield_verdict verdict_of(const struct frame *f, const struct datapath_shield_config *c,
                                                               enum shield_parse_found found,
                                                               const struct shield_parse_packet *p)
{
    switch (found) {
    case SHIELD_PARSE_CUT: /* it ends in its own headers: whoever it is for refuses it */
    case SHIELD_PARSE_FOREIGN:
        return DATAPATH_SHIELD_FOREIGN;
    case SHIELD_PARSE_UNREAD:
        return DATAPATH_SHIELD_UNREAD;
    case SHIELD_PARSE_MALFORMED:
        return DATAPATH_SHIELD_MALFORMED;
    case SHIELD_PARSE_OURS:
        break;
    }
    return judge_all(f, c, p);
}

static __always_inline const struct datapath_shield_config *config_of(enum datapath_shield_hook hook)
{
    __u32 zero = 0;
    const struct datapath_shield_config *c = bpf_map_lookup_elem(&shield_config, &zero);

    return c != NULL && c->mode != DATAPATH_SHIELD_OFF && c->hook == hook ? c : NULL;
}

static __always_inline const struct datapath_shield_place *place_of(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&shield_place, &zero);
}

SEC("tc")
int shield_tc(struct __sk_buff *skb)
{
    const struct datapath_shield_config *c = config_of(DATAPATH_SHIELD_TC);
    const struct datapath_shield_place *place = place_of();
    struct shield_parse_packet p = {};

    if (c == NULL || place == NULL) {
        return NEXT;
    }
    enum shield_parse_found found = SHIELD_PARSE_CUT;
    for (int i = 0; i < 2 && found == SHIELD_PARSE_CUT; i++) {
        if (i > 0 && bpf_skb_pull_data(skb, skb->len < PULLED ? skb->len : PULLED) != 0) {
            break;
        }
        found = shield_parse((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, place, &p);
    }
    struct frame f = {.context = skb, .segments = skb->gso_segs > 1 ? skb->gso_segs : 1, .segment_size = skb->gso_size};
    enum datapath_shield_verdict v = verdict_of(&f, c, found, &p);
    count(v);
    return v >= DATAPATH_SHIELD_MALFORMED ? TC_ACT_SHOT : NEXT;
}

/* What the cell reads by itself; the rest is the host's to put together. */
static __always_inline bool goes_past(const struct datapath_shield_config *c, enum datapath_shield_verdict v,
                                      const struct shield_parse_packet *p, __u32 size)
{
    return c->takes_frames != 0 && v > DATAPATH_SHIELD_UNREAD && v < DATAPATH_SHIELD_MALFORMED && !p->is_fragment && !p->is_behind &&
           size <= DATAPATH_SHIELD_FRAME;
}

SEC("xdp")
int shield_xdp(struct xdp_md *ctx)
{
    const struct datapath_shield_config *c = config_of(DATAPATH_SHIELD_XDP);
    const struct datapath_shield_place *place = place_of();
    struct shield_parse_packet p = {};

    if (c == NULL || place == NULL) {
        return XDP_PASS;
    }
    const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __u32 size = (__u32)bpf_xdp_get_buff_len(ctx);
    enum shield_parse_found found = shield_parse(data, end, size, place, &p);
    struct frame f = {.context = ctx, .is_xdp = 1, .segments = 1};
    enum datapath_shield_verdict v = verdict_of(&f, c, found, &p);
    count(v);
    if (goes_past(c, v, &p, size)) {
        return (int)bpf_redirect_map(&shield_sockets, ctx->rx_queue_index, XDP_PASS); /* without a socket it passes */
    }
    return v >= DATAPATH_SHIELD_MALFORMED ? XDP_DROP : XDP_PASS;
}

/* No helper here is for programs under the GPL alone. */
char LICENSE[] SEC("license") = "Apache-2.0";
