/* Sessions that two nodes of ours seal with AES: who gets to it, who does not, and what is on the wire meanwhile. */
#include "datapath/own.h"

#include <sodium.h>
#include <string.h>

#include "datapath/core.h"
#include "datapath/pieces.h"
#include "datapath/state.h"
#include "tests/support/check.h"
#include "tests/unit/datapath/core_kit.h"

enum { A, B, C };

enum {
    OFFER = DATAPATH_MESSAGE_HEAD + DATAPATH_OWN_SIZE + DATAPATH_MESSAGE_TAG, /* bytes of a datagram */
};

static struct kit kit;
static const uint8_t no_psk[32];

/* A and B can, C is as any WireGuard is. */
static void begin(void)
{
    kit_begin(&kit, no_psk);
    for (uint32_t i = A; i <= B; i++) {
        kit.node[i].config.own = &datapath_aead_aes;
        kit_restart(&kit, i, true);
    }
}

static bool is_marked(const struct kit_datagram *d)
{
    return datapath_message_kind(d->bytes, d->size) == DATAPATH_KIND_DATA &&
           (datapath_message_get64(d->bytes + DATAPATH_MESSAGE_COUNTER) & DATAPATH_OWN_MARK) != 0;
}

/* A packet from a to b; whether it went under AES, and came. */
static bool goes_marked(uint32_t a, uint32_t b)
{
    uint32_t got = kit.node[b].got;

    REQUIRE(kit_send(&kit, a, b, 100) == DATAPATH_TAKEN && kit.wire > 0, "it goes");
    bool marked = is_marked(&kit.datagram[0]);
    kit_settle(&kit);
    CHECK(kit.node[b].got == got + 1, "and comes");
    return marked;
}

static uint32_t offers_on_the_wire(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < kit.wire; i++) {
        count += kit.datagram[i].size == OFFER && !is_marked(&kit.datagram[i]);
    }
    return count;
}

static void an_offer_is_no_packet(void)
{
    uint8_t offer[DATAPATH_OWN_SIZE], key[32], out[32];
    static const uint8_t expected[32] = {
        0x60, 0x07, 0xff, 0x16, 0xd4, 0x2b, 0xfa, 0xc0, 0x3e, 0x90, 0xaf, 0x87, 0xec, 0xa5, 0xa6, 0xd7,
        0x4d, 0xdb, 0xa9, 0x9a, 0x31, 0xe9, 0xd7, 0x54, 0x6b, 0x3c, 0xaf, 0xbd, 0x4f, 0x2d, 0xb7, 0xc4};
    uint32_t kinds = 0;
    bool has_heard = true;

    datapath_own_write(DATAPATH_OWN_AES, false, offer);
    CHECK(offer[0] >> 4 != 4 && offer[0] >> 4 != 6, "of neither family: WireGuard drops what is none");
    CHECK(datapath_own_read(offer, sizeof offer, &kinds, &has_heard) && !has_heard && kinds == DATAPATH_OWN_AES, "it is read as it was written");
    CHECK(!datapath_own_read(offer, sizeof offer - 1, &kinds, &has_heard), "a byte short is none");
    for (int i = 0; i < 4; i++) {
        offer[i] ^= 1;
        CHECK(!datapath_own_read(offer, sizeof offer, &kinds, &has_heard), "another word is none: byte %d", i);
        offer[i] ^= 1;
    }
    offer[8] = 8;
    CHECK(!datapath_own_read(offer, sizeof offer, &kinds, &has_heard), "nor is what nobody knows");
    datapath_own_write(DATAPATH_OWN_FRAMES, true, offer);
    offer[5] = offer[15] = 0xff;
    offer[8] |= 0x80;
    CHECK(datapath_own_read(offer, sizeof offer, &kinds, &has_heard) && has_heard && kinds == DATAPATH_OWN_FRAMES,
          "what a later version adds is left aside");
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    datapath_own_key(key, out);
    CHECK(memcmp(out, expected, sizeof out) == 0, "a key as Python's hmac and hashlib make it");
}

static void two_of_ours_go_over_to_it(void)
{
    begin();
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_WAITING, "there is no session yet");
    kit_settle(&kit);
    CHECK(kit.node[B].got == 1 && kit_view(&kit, A, B).is_own && kit_view(&kit, B, A).is_own, "both know after the handshake");
    CHECK(kit_view(&kit, A, B).sent == 1 && kit_view(&kit, B, A).received == 1, "offers are no inner packets");
    CHECK(goes_marked(A, B) && goes_marked(B, A) && goes_marked(A, B), "and seal with it, both ways");
    kit_pass(&kit, 125000, false); /* it is renewed with the next packet */
    (void)kit_send(&kit, A, B, 100);
    kit_settle(&kit);
    CHECK(kit.node[A].notes[DATAPATH_NOTE_SESSION] == 2 && goes_marked(A, B) && goes_marked(B, A), "and in the next session");
    kit_end(&kit);
}

static void nobody_else_gets_a_marked_datagram(void)
{
    uint32_t offers = 0;

    begin();
    (void)kit_send(&kit, A, C, 100);
    kit_settle(&kit);
    CHECK(kit.node[C].got == 1 && kit_view(&kit, C, A).verdict[DATAPATH_INNER] == 1, "C drops the offer as no packet");
    for (int i = 0; i < 20; i++) {
        kit_pass(&kit, DATAPATH_OWN_EVERY_MS / 2, false);
        REQUIRE(kit_send(&kit, A, C, 100) == DATAPATH_TAKEN, "a packet goes");
        offers += offers_on_the_wire();
        CHECK(!is_marked(&kit.datagram[0]), "as WireGuard has it");
        kit_settle(&kit);
    }
    CHECK(offers == DATAPATH_OWN_TRIES - 1, "some more offers, and then no more: %u", offers);
    CHECK(kit.node[C].got == 21 && !kit_view(&kit, A, C).is_own && goes_marked(C, A) == false, "and all goes on");
    kit_end(&kit);
}

static uint64_t keepalives(uint32_t node)
{
    return datapath_core_numbers(kit.node[node].core)->keepalives;
}

/* An offer asks for nothing: a WireGuard that drops it before it counts it as data says nothing to it, and has not fallen
 * silent by that. Nor does one of ours say anything to one but what an offer is answered by. */
static void an_offer_is_no_data(void)
{
    begin();
    (void)kit_send(&kit, C, A, 100);
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN && kit_deliver(&kit) == DATAPATH_TAKEN, "a handshake of C's");
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN && offers_on_the_wire() == 1, "A has C's packet, and makes an offer");
    kit_pass(&kit, 30000, true); /* C never counts it */
    CHECK(datapath_core_numbers(kit.node[A].core)->initiations == 0, "A begins no handshake");
    CHECK(keepalives(A) == 0, "the offer said that C's packet came: %u", (unsigned)keepalives(A));
    kit_end(&kit);
    begin();
    (void)kit_send(&kit, A, B, 100);
    for (int i = 0; i < 4; i++) {
        REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN, "a handshake, a packet, and an offer of A's");
    }
    kit_settle(&kit);
    kit_pass(&kit, 30000, false);
    CHECK(keepalives(A) == 0 && keepalives(B) == 0, "nobody had anything since but an offer: %u %u", (unsigned)keepalives(A), (unsigned)keepalives(B));
    kit_end(&kit);
}

static void who_never_answers_is_offered_less_and_less(void)
{
    begin();
    for (int i = 0; i < 3600; i++) {
        (void)kit_send(&kit, A, C, 100);
        kit_settle(&kit);
        kit_pass(&kit, 1000, false);
    }
    CHECK(kit.node[C].notes[DATAPATH_NOTE_SESSION] >= 29 && kit.node[C].got == 3600, "an hour of sessions");
    uint64_t heard = kit_view(&kit, C, A).verdict[DATAPATH_INNER];
    CHECK(heard > DATAPATH_OWN_TRIES && heard <= 16, "%u offers in an hour", (unsigned)heard);
    kit.node[C].config.own = &datapath_aead_aes; /* he becomes one of ours */
    kit_restart(&kit, C, true);
    kit_pass(&kit, 20000, false);
    (void)kit_send(&kit, C, A, 100);
    kit_settle(&kit);
    CHECK(goes_marked(A, C) && goes_marked(C, A), "his own offer is answered at once");
    kit_pass(&kit, 125000, false);
    (void)kit_send(&kit, A, C, 100);
    kit_settle(&kit);
    CHECK(goes_marked(A, C) && goes_marked(C, A), "and in the next session, too");
    kit_end(&kit);
}

static void lost_offers_are_made_again(void)
{
    begin();
    (void)kit_send(&kit, A, B, 100);
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN && kit_deliver(&kit) == DATAPATH_TAKEN, "a handshake");
    REQUIRE(kit.wire == 2 && offers_on_the_wire() == 1, "the packet that waited, and an offer");
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN, "B has the packet, and makes his offer");
    kit_lose(&kit); /* both */
    CHECK(goes_marked(A, B) == false && offers_on_the_wire() == 0, "not at once");
    kit_pass(&kit, DATAPATH_OWN_EVERY_MS - 1, false);
    CHECK(goes_marked(A, B) == false && !kit_view(&kit, B, A).is_own, "and not before its time");
    kit_pass(&kit, 1, false);
    CHECK(goes_marked(A, B) == false, "with the first packet from then on");
    CHECK(kit_view(&kit, A, B).is_own && kit_view(&kit, B, A).is_own && goes_marked(A, B), "one offer and its answer do");
    kit_end(&kit);
}

static void an_answer_that_is_lost_is_asked_for_again(void)
{
    begin();
    (void)kit_send(&kit, A, B, 100);
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN && kit_deliver(&kit) == DATAPATH_TAKEN, "a handshake");
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN, "B has the packet, and makes his offer");
    REQUIRE(kit_deliver(&kit) == DATAPATH_TAKEN && kit_view(&kit, B, A).is_own, "B has A's offer");
    kit_lose(&kit); /* B's, and his answer */
    CHECK(goes_marked(B, A) && !kit_view(&kit, A, B).is_own, "B seals with it, and A opens that: he said that he can");
    kit_pass(&kit, DATAPATH_OWN_EVERY_MS, false);
    CHECK(goes_marked(A, B) == false && goes_marked(A, B), "A says it again, and is answered");
    kit_end(&kit);
}

static void what_is_marked_is_as_safe(void)
{
    struct kit_datagram d;

    begin();
    (void)kit_send(&kit, A, B, 100);
    kit_settle(&kit);
    REQUIRE(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN && is_marked(&kit.datagram[0]), "a marked one");
    d = kit.datagram[0];
    for (size_t bit = 8 * DATAPATH_MESSAGE_COUNTER; bit < 8 * d.size; bit += bit < 8 * DATAPATH_MESSAGE_HEAD ? 1 : 37) {
        d.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum datapath_verdict v = kit_inject(&kit, B, &d.at, d.bytes, d.size);
        CHECK(v == DATAPATH_FORGED || (v == DATAPATH_REPLAYED && bit < 8 * DATAPATH_MESSAGE_HEAD), "bit %zu", bit);
        d.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN, "it comes");
    CHECK(kit_inject(&kit, B, &d.at, d.bytes, d.size) == DATAPATH_REPLAYED, "and not twice");
    d.bytes[DATAPATH_MESSAGE_COUNTER + 7] ^= 0x80;
    CHECK(kit_inject(&kit, B, &d.at, d.bytes, d.size) == DATAPATH_REPLAYED, "nor without its mark: they count as one");
    kit_end(&kit);
}

/* ---- frames --------------------------------------------------------------------------------------------- */

enum { FRAME = 60 };

static enum datapath_taking taking(uint32_t a, uint32_t b)
{
    return datapath_core_taking(kit.node[a].core, kit.node[a].peer[b]);
}

/* A frame from a to b; what becomes of it there. */
static enum datapath_verdict frame_goes(uint32_t a, uint32_t b)
{
    uint8_t frame[FRAME] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 7}, text[FRAME + DATAPATH_PIECES_HEAD];
    struct datapath_pieces_cut cut;

    REQUIRE(datapath_pieces_plan(FRAME, KIT_MTU, 1, &cut), "it is short");
    size_t size = datapath_pieces_write(&cut, frame, 0, text);
    enum datapath_verdict v = kit_send_frame(&kit, a, b, text, size);
    kit_settle(&kit);
    if (v != DATAPATH_TAKEN && v != DATAPATH_WAITING) {
        return v;
    }
    const struct kit_node *n = &kit.node[b];
    CHECK(n->last_size >= size && memcmp(n->last, text, size) == 0, "as it went");
    return n->verdict;
}

/* A packet from a to b under a lease whose checksums are left unfinished if b takes that; what b hears of it. */
static bool goes_unfinished(uint32_t a, uint32_t b, bool *ret_is_asked)
{
    struct kit_node *from = &kit.node[a], *to = &kit.node[b];
    uint8_t packet[KIT_ROOM], out[KIT_ROOM];
    const uint8_t *inner;
    struct datapath_lease lease;
    size_t size = kit_packet(packet, a, b, 100), inner_size;
    uint32_t peer;

    REQUIRE(datapath_core_lease(from->core, kit.now, from->peer[b], 1, &lease, &kit.fx), "there is a session");
    *ret_is_asked = datapath_core_unfinished(&lease);
    size_t sealed = datapath_core_seal(from->core, &lease, 0, packet, size, out);
    CHECK((datapath_message_get64(out + DATAPATH_MESSAGE_COUNTER) >> 62 == 3) == *ret_is_asked, "both marks, or not the second");
    uint8_t copy[KIT_ROOM];
    memcpy(copy, out, sealed);
    copy[DATAPATH_MESSAGE_COUNTER + 7] ^= 0x40;
    CHECK(datapath_core_receive(to->core, kit.now, &from->at, copy, sealed, &inner, &inner_size, &peer, &kit.fx) != DATAPATH_TAKEN,
          "nobody on the way adds that mark or takes it off");
    CHECK(!kit.fx.is_unfinished, "of what was refused nothing is said");
    memcpy(copy, out, sealed);
    REQUIRE(datapath_core_receive(to->core, kit.now, &from->at, out, sealed, &inner, &inner_size, &peer, &kit.fx) == DATAPATH_TAKEN &&
                inner_size == size && memcmp(inner, packet, size) == 0, "it comes");
    bool is_unfinished = kit.fx.is_unfinished;
    CHECK(datapath_core_receive(to->core, kit.now, &from->at, copy, sealed, &inner, &inner_size, &peer, &kit.fx) == DATAPATH_REPLAYED &&
              !kit.fx.is_unfinished, "and once: the count below the marks is one");
    return is_unfinished;
}

/* A and B have AES; `takes` says which of them take unfinished checksums. */
static void sums_are_left_to_who_takes_that(bool a_takes, bool b_takes)
{
    bool is_asked;

    kit_begin(&kit, no_psk);
    for (uint32_t i = A; i <= B; i++) {
        kit.node[i].config.own = &datapath_aead_aes;
        kit.node[i].config.has_sums = i == A ? a_takes : b_takes;
        kit_restart(&kit, i, true);
    }
    (void)kit_send(&kit, A, B, 100);
    kit_settle(&kit);
    REQUIRE(kit_view(&kit, A, B).is_own && kit_view(&kit, B, A).is_own, "AES is another thing");
    CHECK(goes_unfinished(A, B, &is_asked) == b_takes && is_asked == b_takes, "to B as B said");
    CHECK(goes_unfinished(B, A, &is_asked) == a_takes && is_asked == a_takes, "to A as A said");
    CHECK(goes_marked(A, B) && !kit.fx.is_unfinished, "what goes as any is finished");
    (void)kit_send(&kit, A, C, 100);
    kit_settle(&kit);
    CHECK(!goes_unfinished(A, C, &is_asked) && !is_asked, "nobody else ever gets one");
    kit_end(&kit);
}

/* Without AES nothing marks a datagram, and nothing is left unfinished. */
static void without_aes_sums_are_finished(void)
{
    bool is_asked;

    begin();
    kit.node[A].config.has_sums = kit.node[B].config.has_sums = true;
    kit.node[B].config.own = NULL;
    kit.node[B].config.has_frames = true; /* so that he heeds offers */
    kit_restart(&kit, A, true);
    kit_restart(&kit, B, true);
    (void)kit_send(&kit, A, B, 100);
    kit_settle(&kit);
    CHECK(!goes_unfinished(A, B, &is_asked) && !is_asked && !goes_unfinished(B, A, &is_asked) && !is_asked, "both ways");
    kit_end(&kit);
}

/* A and B take them, B has no AES; C is as any WireGuard is. */
static void begin_with_frames(bool has_aes)
{
    kit_begin(&kit, no_psk);
    for (uint32_t i = A; i <= B; i++) {
        kit.node[i].config.own = has_aes && i == A ? &datapath_aead_aes : NULL;
        kit.node[i].config.has_frames = true;
        kit_restart(&kit, i, true);
    }
}

static void who_takes_frames_says_so(bool has_aes)
{
    begin_with_frames(has_aes);
    CHECK(taking(A, B) == DATAPATH_TAKES_UNKNOWN && datapath_core_taking(kit.node[A].core, KIT_PEERS - 1) == DATAPATH_TAKES_NONE, "there was no session yet");
    datapath_core_call(kit.node[A].core, kit.now, kit.node[A].peer[B], &kit.fx);
    CHECK(kit.fx.sends == 1, "a call is a handshake");
    kit_pass(&kit, kit.node[A].config.pace.retry_ms + 1000, false); /* this one was lost */
    CHECK(taking(A, B) == DATAPATH_TAKES_FRAMES && taking(B, A) == DATAPATH_TAKES_FRAMES, "both know after it");
    CHECK(!kit_view(&kit, A, B).is_own && !kit_view(&kit, B, A).is_own && kit_view(&kit, A, B).takes_frames, "AES is another thing");
    uint64_t received = kit_view(&kit, B, A).received;
    CHECK(frame_goes(A, B) == DATAPATH_TAKEN && frame_goes(B, A) == DATAPATH_TAKEN, "they go, both ways");
    CHECK(kit_view(&kit, B, A).received == received + 1, "and are counted");
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN && !is_marked(&kit.datagram[0]), "packets go as WireGuard has them");
    kit_settle(&kit);
    kit.node[B].config.has_frames = false;
    kit.node[B].config.own = has_aes ? &datapath_aead_aes : NULL;
    kit_restart(&kit, B, true);
    (void)kit_send(&kit, B, A, 100);
    kit_settle(&kit);
    CHECK(taking(B, A) == DATAPATH_TAKES_NONE, "B began anew, and asks nobody for them");
    for (int i = 1; i < DATAPATH_OWN_TRIES; i++) {
        CHECK(has_aes || taking(A, B) == DATAPATH_TAKES_FRAMES, "A knows it as soon as B says anything at all");
        kit_pass(&kit, DATAPATH_OWN_EVERY_MS, false);
        (void)kit_send(&kit, A, B, 100);
        kit_settle(&kit);
    }
    CHECK(taking(A, B) == DATAPATH_TAKES_NONE, "or when he answered nothing so often");
    kit_end(&kit);
}

static void who_is_nowhere_is_to_be_sought(void)
{
    struct datapath_peer_config c;

    begin_with_frames(false);
    c = kit_view(&kit, A, B).config;
    c.endpoint.port = 0;
    REQUIRE(datapath_core_change(kit.node[A].core, kit.node[A].peer[B], &c, kit.now) == ERR_OK, "A forgets where B is");
    CHECK(taking(A, B) == DATAPATH_TAKES_UNKNOWN, "a way to him may be found");
    datapath_core_call(kit.node[A].core, kit.now, kit.node[A].peer[B], &kit.fx);
    CHECK(kit.fx.sends == 0, "until then nothing goes");
    kit_end(&kit);
}

static void who_says_nothing_gets_none(void)
{
    begin_with_frames(false);
    (void)kit_send(&kit, A, C, 100);
    kit_settle(&kit);
    CHECK(taking(A, C) == DATAPATH_TAKES_NONE && taking(C, A) == DATAPATH_TAKES_NONE, "C says nothing of it");
    uint64_t dropped = kit_view(&kit, C, A).verdict[DATAPATH_INNER];
    uint8_t text[DATAPATH_PIECES_HEAD + 14] = {0xce, 'l', 'l', 2, 0, 0, 14};
    (void)kit_send_frame(&kit, A, C, text, sizeof text);
    kit_settle(&kit);
    CHECK(kit_view(&kit, C, A).verdict[DATAPATH_INNER] == dropped + 1, "and drops one as no packet");
    kit_end(&kit);
}

/* The session of a's that it sends to b under. */
static struct datapath_pair *pair_of(uint32_t a, uint32_t b)
{
    return &kit.node[a].core->peer[kit.node[a].peer[b]].session.current;
}

/* So many messages of a session and no more are sealed with AES; the others go on as WireGuard has them, and meanwhile a new
 * session is made, under which it is AES again. */
static void aes_seals_so_many(void)
{
    begin();
    (void)kit_send(&kit, A, B, 100);
    kit_settle(&kit);
    struct datapath_pair *pair = pair_of(A, B);
    uint64_t sessions = kit.node[A].notes[DATAPATH_NOTE_SESSION];
    pair->counter = DATAPATH_PACE_OWN_MESSAGES / 2 - 1;
    CHECK(goes_marked(A, B) && kit.node[A].notes[DATAPATH_NOTE_SESSION] == sessions, "nothing is due yet");
    kit_pass(&kit, 6000, false); /* handshakes are 5 s apart */
    pair->counter = DATAPATH_PACE_OWN_MESSAGES - 1;
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN && is_marked(&kit.datagram[0]), "the last one that may");
    CHECK(pair->counter == DATAPATH_PACE_OWN_MESSAGES && kit.wire == 2, "and a handshake with it");
    kit_drop(&kit);
    kit_drop(&kit); /* nobody answers that */
    uint32_t got = kit.node[B].got;
    CHECK(kit_send(&kit, A, B, 100) == DATAPATH_TAKEN && !is_marked(&kit.datagram[0]), "the next one may not");
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN && kit.node[B].got == got + 1, "and is taken");
    kit_pass(&kit, 6000, false);
    kit_settle(&kit);
    CHECK(kit.node[A].notes[DATAPATH_NOTE_SESSION] == sessions + 1 && goes_marked(A, B) && goes_marked(B, A), "a new session: AES again");
    kit_end(&kit);
}

/* Where counters end nothing goes, by whatever way it would be sealed; a new session is made, and it goes by that. */
static void at_the_end_of_counters_nothing_goes(bool is_own)
{
    static const uint8_t frame[64];
    const uint64_t end = is_own ? DATAPATH_OWN_UNFINISHED : DATAPATH_REPLAY_LIMIT;
    uint32_t to = is_own ? B : C, got;

    begin();
    (void)kit_send(&kit, A, to, 100);
    kit_settle(&kit);
    kit_pass(&kit, 6000, false); /* handshakes are 5 s apart */
    struct datapath_pair *pair = pair_of(A, to);
    uint64_t sessions = kit.node[A].notes[DATAPATH_NOTE_SESSION];
    pair->offers = 0; /* what C never answered says nothing here */
    pair->counter = end - 1;
    got = kit.node[to].got;
    CHECK(kit_send(&kit, A, to, 100) == DATAPATH_TAKEN && pair->counter == end, "the last one");
    CHECK(kit_deliver(&kit) == DATAPATH_TAKEN && kit.node[to].got == got + 1, "is taken");
    kit_lose(&kit); /* a handshake */
    CHECK(kit_send(&kit, A, to, 100) == DATAPATH_WAITING && pair->counter == end, "a packet waits");
    CHECK(kit_send_frame(&kit, A, to, frame, sizeof frame) == DATAPATH_WAITING && pair->counter == end, "so does a frame");
    kit_pass(&kit, 6000, false);
    kit_settle(&kit);
    CHECK(kit.node[A].notes[DATAPATH_NOTE_SESSION] > sessions && kit.node[to].got == got + 2, "and goes under a new session");
    /* … of any size that would go over the end together. */
    struct datapath_lease lease;
    pair = pair_of(A, to);
    pair->counter = end - 3;
    CHECK(!datapath_core_lease(kit.node[A].core, kit.now, kit.node[A].peer[to], 4, &lease, &kit.fx) && pair->counter == end - 3,
          "four do not fit three");
    CHECK(datapath_core_lease(kit.node[A].core, kit.now, kit.node[A].peer[to], 3, &lease, &kit.fx) && pair->counter == end, "three do");
    kit_end(&kit);
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    an_offer_is_no_packet();
    sums_are_left_to_who_takes_that(true, true);
    sums_are_left_to_who_takes_that(false, true);
    sums_are_left_to_who_takes_that(true, false);
    without_aes_sums_are_finished();
    who_takes_frames_says_so(false);
    who_is_nowhere_is_to_be_sought();
    who_says_nothing_gets_none();
    at_the_end_of_counters_nothing_goes(false);
    if (!datapath_aead_has_aes()) {
        printf("this processor has no instructions for AES\n");
        return 77;
    }
    who_takes_frames_says_so(true);
    two_of_ours_go_over_to_it();
    nobody_else_gets_a_marked_datagram();
    an_offer_is_no_data();
    who_never_answers_is_offered_less_and_less();
    lost_offers_are_made_again();
    an_answer_that_is_lost_is_asked_for_again();
    what_is_marked_is_as_safe();
    aes_seals_so_many();
    at_the_end_of_counters_nothing_goes(true);
    return CHECK_RESULT();
}
