/* What peers may say in signals, in any order and from anywhere, at a node that is a rendezvous and a relay and believes another:
 * a rendezvous takes no address of a peer of the own configuration, nobody becomes what we are, a stranger is not heard, no step
 * says more than it has room for, the clock comes to rest, and an honest ping is answered afterwards.
 *
 * Input: datagrams, each a byte that says whose (two bits: the operator's peer, the believed one, a member, a stranger), whether
 * it is said as it stands or in a frame that answers what is open (bit 2), and whether by way of a relay (bit 3); a byte of tens
 * of ms that pass; a byte of length, in fours; and what is said: from its kind on, or behind a byte of the kind and one of flags
 * a byte of whose key it names, a place's last byte, and members. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/meet.h"

enum { PEERS = 8, PREFIXES = 16, MTU = 1420, FRIEND = 1, GUIDE = 2, MEMBER = 3, NODE = 9, TICK_MS = 10, TURNS = 1000, HEAD = 3, ROOM = DATAPATH_SIGNAL_MOST };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct other {
    uint8_t public[32];
    uint32_t peer;
    struct datapath_signal_keys keys;
    uint64_t counter;
};

static struct datapath_ways_effects fx;
static struct datapath_ways ways;
static struct datapath *core;
static struct other others[4];
static struct datapath_time now;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct datapath_endpoint place(uint8_t last)
{
    return (struct datapath_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = last}, .port = 51820};
}

static void set_up(void *memory, void *ways_memory)
{
    struct datapath_config c = {.peers_max = PEERS, .prefixes_max = PREFIXES, .mtu = MTU, .pace = datapath_pace_usual(),
                                .aead = &datapath_aead_sodium, .secret = {NODE}, .seed = {1}};
    struct datapath_ways_config w = {.peers_max = PEERS, .mtu = MTU, .life = 1000, .is_rendezvous = true, .is_relay = true, .own = 1,
                                     .place = {place(NODE)}, .seed = {2}};
    uint8_t shared[32], secret[32] = {0}, psk[32] = {0};

    now = (struct datapath_time){.ms = 1000000, .wall_ns = UINT64_C(1800000000000000000)};
    must(datapath_core_init(memory, &c, now, &core) == ERR_OK);
    datapath_ways_init(&ways, ways_memory, core, &w, now.ms);
    for (uint8_t i = FRIEND; i <= MEMBER; i++) {
        struct datapath_peer_config p = {.endpoint = place(i)};
        struct datapath_prefix own = {.ip = {10, 9, 0, i}, .size = 4, .bits = 32}, net = {.ip = {10, 8, 0, 0}, .size = 4, .bits = 16};
        secret[1] = i; /* the first has bits that do not count */
        must(crypto_scalarmult_base(p.public, secret) == 0 && crypto_scalarmult(shared, secret, datapath_core_public(core)) == 0);
        memcpy(others[i].public, p.public, 32);
        others[i].counter = 0;
        datapath_signal_derive(shared, psk, p.public, &others[i].keys);
        must(i == MEMBER || datapath_core_add(core, &p, now, &others[i].peer) == ERR_OK);
        must(i == MEMBER || datapath_core_allow(core, others[i].peer, &own) == ERR_OK);
        must(i != GUIDE || datapath_core_allow(core, others[i].peer, &net) == ERR_OK);
    }
    must(datapath_ways_believe(&ways, others[GUIDE].peer, now.ms) == ERR_OK);
}

static void look(const struct datapath_endpoint *from, size_t size, bool is_heard)
{
    (void)from;
    must(fx.sends <= DATAPATH_WAYS_SENDS && fx.used <= DATAPATH_WAYS_BYTES && fx.notes <= DATAPATH_WAYS_NOTES);
    must(fx.core.sends <= DATAPATH_SENDS_MAX && fx.core.notes <= DATAPATH_NOTES_MAX && fx.core.used <= DATAPATH_BYTES_MAX);
    must(is_heard || (fx.sends == 0 && fx.core.sends == 0 && fx.notes == 0));
    (void)size;
    for (uint32_t i = 0; i < fx.sends; i++) {
        must(fx.send[i].to.port != 0 && fx.send[i].at + fx.send[i].size <= fx.used);
    }
}

static void tick(uint64_t ms)
{
    int turns = 0;

    now.ms += ms;
    now.wall_ns += ms * 1000000;
    while (datapath_ways_due_ms(&ways) <= now.ms) {
        datapath_ways_clock(&ways, now, &fx);
        look(NULL, 0, true);
        must(turns++ < TURNS);
    }
}

/* Sealed as the one it says it is from would. */
static size_t seal(struct other *o, uint64_t life, const uint8_t *said, size_t size, uint8_t *out)
{
    uint8_t *text = out + DATAPATH_SIGNAL_TEXT;
    size_t total = size + DATAPATH_SIGNAL_OVER < DATAPATH_SIGNAL_LEAST ? DATAPATH_SIGNAL_LEAST : size + DATAPATH_SIGNAL_OVER;
    size_t text_size = total - DATAPATH_SIGNAL_TEXT - DATAPATH_MESSAGE_TAG;

    memset(out, 0, total);
    datapath_message_put64(text, life);
    datapath_message_put64(text + 8, ++o->counter);
    memcpy(text + DATAPATH_SIGNAL_STAMP, said, size);
    datapath_message_begin(out, DATAPATH_KIND_SIGNAL);
    datapath_message_put64(out + DATAPATH_SIGNAL_WHO, o->keys.who);
    must(crypto_aead_xchacha20poly1305_ietf_encrypt(text, NULL, text, text_size, out, DATAPATH_SIGNAL_NONCE, NULL,
                                                    out + DATAPATH_SIGNAL_NONCE, o->keys.key) == 0);
    return total;
}

/* What answers what is open, so that it is not for the fuzzer to guess numbers. */
static size_t answer(const uint8_t *said, size_t size, uint8_t out[ROOM])
{
    const struct datapath_guest *g = &ways.believe[0].guest;
    bool is_to_us = said[0] == DATAPATH_SIGNAL_ROLL || said[0] == DATAPATH_SIGNAL_CALL || said[0] == DATAPATH_SIGNAL_RELAY;
    struct datapath_signal s = {.kind = (enum datapath_signal_kind)said[0], .flags = said[1], .use = said[1] & 1, .number = ways.way[0].path.sequence - said[2] % 8,
                                .sent_ms = (uint32_t)now.ms - said[3], .seen = place(said[3]), .epoch = is_to_us ? ways.roll.epoch : g->epoch != 0 ? g->epoch : 7,
                                .life = ways.config.life, .question = g->question, .sequence = g->sequence + said[3] % 4, .cursor = said[3],
                                .id = said[3] | 0x1000u, .count = said[2], .places = said[2] % 3, .place = {place(said[3]), place(100), place(101)},
                                .members = said + 4, .members_size = size - 4};

    s.epoch = s.kind == DATAPATH_SIGNAL_PONG ? ways.config.life : s.epoch;
    memcpy(s.key, said[2] % 5 < 4 && said[2] % 5 > 0 ? others[said[2] % 5].public : datapath_core_public(core), sizeof s.key);
    return datapath_signal_write(&s, out, ROOM - DATAPATH_SIGNAL_OVER);
}

static void say(const uint8_t *head, const uint8_t *said, size_t size)
{
    static uint8_t bytes[ROOM + 256], text[ROOM];
    uint8_t who = head[0] & 3;
    struct datapath_endpoint from = place(who == FRIEND && (head[0] & 0x10) != 0 ? 77 : who + (head[0] >> 5));
    size_t total;

    from.relay = (head[0] & 8) != 0 ? 0x2000 : 0;
    if (who == 0) {
        if (size < DATAPATH_SIGNAL_TEXT) {
            return;
        }
        memcpy(bytes, said, total = size);
    } else if ((head[0] & 4) != 0) {
        size_t written = size < 4 ? 0 : answer(said, size, text);
        total = written == 0 ? 0 : seal(&others[who], 1, text, written, bytes);
    } else {
        total = size == 0 ? 0 : seal(&others[who], 1, said, size, bytes);
    }
    if (total == 0) {
        return;
    }
    uint8_t *exact = malloc(total);
    must(exact != NULL);
    memcpy(exact, bytes, total);
    enum datapath_ways_verdict v = datapath_ways_receive(&ways, now, &from, exact, total, &fx);
    look(&from, total, v != DATAPATH_WAYS_STRANGER && v != DATAPATH_WAYS_FALSE);
    must(who != 0 || v == DATAPATH_WAYS_STRANGER || v == DATAPATH_WAYS_FALSE);
    free(exact);
}

static void is_as_the_operator_said(void)
{
    const uint8_t packet[20] = {0x45, [3] = 20, [16] = 10, 9, 0, FRIEND};
    uint8_t own[32];
    uint32_t peer, owner;

    memcpy(own, datapath_core_public(core), 32);
    must(!datapath_core_find(core, own, &peer));
    for (uint8_t i = FRIEND; i <= GUIDE; i++) {
        must(datapath_core_find(core, others[i].public, &peer) && peer == others[i].peer);
    }
    must(datapath_guide_owner(core, packet, sizeof packet, &owner) && owner == others[FRIEND].peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *memory = malloc(datapath_core_size(PEERS, PREFIXES, MTU)), *ways_memory = malloc(datapath_ways_size(PEERS, true, true));
    const uint8_t ping[] = {DATAPATH_SIGNAL_PING, 0, 0, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};

    must(memory != NULL && ways_memory != NULL && sodium_init() >= 0);
    set_up(memory, ways_memory);
    tick(0); /* it asks the one that it believes */
    for (size_t at = 0, length; at + HEAD <= size; at += HEAD + length) {
        length = (size_t)data[at + 2] * 4;
        length = length > size - at - HEAD ? size - at - HEAD : length;
        length = length > ROOM - DATAPATH_SIGNAL_OVER ? ROOM - DATAPATH_SIGNAL_OVER : length;
        say(data + at, data + at + HEAD, length);
        if ((data[at + 1] & 1) != 0) {
            (void)datapath_ways_used(&ways, now, others[FRIEND].peer, data[at + 1] * 8u, &fx);
        }
        tick((uint64_t)(data[at + 1] >> 1) * TICK_MS);
        is_as_the_operator_said();
    }
    uint64_t pongs = ways.numbers.pongs;
    uint8_t bytes[ROOM];
    struct datapath_endpoint from = place(FRIEND);
    others[FRIEND].counter = UINT64_C(1) << 40;
    size_t total = seal(&others[FRIEND], UINT64_MAX, ping, sizeof ping, bytes);
    must(datapath_ways_receive(&ways, now, &from, bytes, total, &fx) == DATAPATH_WAYS_HEARD && ways.numbers.pongs == pongs + 1);
    datapath_ways_fini(&ways);
    datapath_core_fini(core);
    free(memory);
    free(ways_memory);
    return 0;
}
