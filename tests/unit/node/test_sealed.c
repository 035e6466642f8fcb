/* Claims about acquaintance, sessions, refusals and limits of sealed datagrams. */
#include <string.h>

#include "common/base/rng.h"

#include "tests/unit/node/sealed_kit.h"

static uint64_t refused(const struct kit_node *n, enum sealed_refusal why)
{
    return sealed_count(n->sealed)->refused[why];
}

/* ---- acquaintance ------------------------------------------------------------------------------- */

static void a_first_payload_takes_two_round_trips(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, answer, none;
    static const unsigned kinds[] = {SEALED_HELLO, SEALED_COOKIE, SEALED_HELLO, SEALED_WELCOME, SEALED_DATA};

    CHECK(!kit_send(&a, 5, &b, "knock", 5, &d), "nothing goes at once");
    CHECK(sealed_due_ms(a.sealed) == 0, "something is due");
    for (unsigned i = 0; i < 4; i += 2) {
        REQUIRE(kit_next(&a, 5, &d), "a question");
        CHECK(d.bytes[0] == kinds[i], "kind %u", i);
        CHECK(i > 0 || sealed_count(b.sealed)->peers == 0, "a node that has not proved itself costs no memory");
        REQUIRE(kit_take(&b, 5, &d, &answer), "an answer");
        CHECK(answer.bytes[0] == kinds[i + 1] && b.verdict == SEALED_TAKEN, "kind %u", i + 1);
        CHECK(!kit_take(&a, 5, &answer, &none) && a.verdict == SEALED_TAKEN, "no answer to an answer");
    }
    REQUIRE(kit_next(&a, 5, &d) && d.bytes[0] == SEALED_DATA, "the payload goes");
    CHECK(!kit_take(&b, 5, &d, &none) && b.taken == 1 && b.size == 5 && memcmp(b.bytes, "knock", 5) == 0, "it is there");
    CHECK(memcmp(b.from_id, a.keys.id, NODE_ID_LEN) == 0, "with its true sender");
    CHECK(!kit_next(&a, 5, &d) && !kit_next(&b, 5, &d), "that was all");
    CHECK(sealed_due_ms(a.sealed) == 5 + SEALED_IDLE_MS && sealed_due_ms(b.sealed) == 5 + SEALED_IDLE_MS,
          "nothing is due but to look whether they still need each other");
    CHECK(kit_send(&b, 6, &a, "who is there", 12, &d), "now both send at once");
    CHECK(!kit_take(&a, 6, &d, &none) && a.taken == 1, "and are understood");
    kit_end(&a);
    kit_end(&b);
}

static void an_answerer_sends_when_it_is_confirmed(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, answer, hello;

    (void)kit_send(&a, 0, &b, "x", 1, &d);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(kit_next(&a, 0, &hello) && kit_take(&b, 0, &hello, &answer) && !kit_take(&a, 0, &answer, &d), "a round");
    }
    CHECK(!kit_send(&b, 0, &a, "y", 1, &d), "not before the other has proved to hold the keys");
    CHECK(kit_take(&b, 0, &hello, &d) && d.size == answer.size && memcmp(d.bytes, answer.bytes, d.size) == 0,
          "a question that comes again gets the same answer, and makes no other session");
    (void)kit_talk(&a, &b, 0);
    CHECK(a.taken == 1 && b.taken == 1, "both arrive");
    CHECK(!kit_take(&b, 1, &hello, &d) && b.verdict == SEALED_REFUSED_REPLAYED, "no longer, once it is in use");
    kit_end(&a);
    kit_end(&b);
}

static void both_may_begin_at_once(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram from_a, from_b, answer, none;

    (void)kit_send(&a, 0, &b, "x", 1, &none);
    (void)kit_send(&b, 0, &a, "y", 1, &none);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(kit_next(&a, 0, &from_a) && kit_next(&b, 0, &from_b), "both ask");
        CHECK(kit_take(&b, 0, &from_a, &answer) && !kit_take(&a, 0, &answer, &none), "one way");
        CHECK(kit_take(&a, 0, &from_b, &answer) && !kit_take(&b, 0, &answer, &none), "and the other");
    }
    (void)kit_talk(&a, &b, 0);
    CHECK(a.taken == 1 && b.taken == 1, "both arrive");
    for (unsigned i = 0; i < 10; i++) {
        CHECK(kit_send(&a, 1, &b, "x", 1, &none) && !kit_take(&b, 1, &none, &from_b), "on and on");
        CHECK(kit_send(&b, 1, &a, "y", 1, &none) && !kit_take(&a, 1, &none, &from_a), "on and on");
    }
    CHECK(a.taken == 11 && b.taken == 11, "nothing is lost for that: %u, %u", a.taken, b.taken);
    kit_end(&a);
    kit_end(&b);
}

static void a_seed_is_met_by_its_address(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d;
    struct sealed_packet out = {.bytes = d.bytes};
    struct sealed_peer_numbers numbers;

    kit_meet(&a, &b, 0); /* known already: the acquaintance by address takes its place */
    CHECK(sealed_send(a.sealed, 1, NULL, &b.address, (const uint8_t *)"who", 3, &out) == ERR_OK && out.size == 0, "asked");
    (void)kit_talk(&a, &b, 1);
    CHECK(b.taken == 2 && memcmp(b.bytes, "who", 3) == 0, "it arrives");
    CHECK(sealed_count(a.sealed)->peers == 1 && sealed_count_peer(a.sealed, b.keys.id, &numbers), "one peer, with a name");
    CHECK(numbers.sent == 2, "what was counted stays counted: %u", (unsigned)numbers.sent);
    CHECK(kit_send(&a, 2, &b, "x", 1, &d), "by its name, at once");

    CHECK(sealed_send(a.sealed, 3, NULL, &a.address, (const uint8_t *)"me", 2, &out) == ERR_OK, "our own address");
    CHECK(kit_next(&a, 3, &d) && !kit_take(&a, 3, &d, &d) && a.verdict == SEALED_REFUSED_IDENTITY, "is nobody");
    kit_end(&a);
    kit_end(&b);
}

/* Another node with the own key is known by a token that reached it; an echo of what was said here is none. */
static void a_twin_is_noticed_and_an_echo_is_not(void)
{
    struct kit_node a = kit_node(1, 1, 1), twin = kit_node(1, 1, 1), other = kit_node(1, 2, 1);
    struct kit_datagram hello, answer, none;
    struct sealed_packet out = {.bytes = hello.bytes};

    twin.address = other.address = kit_address(9);
    kit_restart(&twin, 0); /* with a seed of its own */
    CHECK(sealed_send(twin.sealed, 0, NULL, &a.address, (const uint8_t *)"who", 3, &out) == ERR_OK, "asked by address");
    CHECK(kit_next(&twin, 0, &hello) && kit_take(&a, 0, &hello, &answer), "it has to prove to be there");
    CHECK(sealed_count(a.sealed)->twins == 0, "what anybody could have caught and sent again proves nothing");
    CHECK(!kit_take(&twin, 0, &answer, &none) && kit_next(&twin, 0, &hello), "it does");
    CHECK(!kit_take(&a, 0, &hello, &none) && a.verdict == SEALED_REFUSED_IDENTITY && sealed_count(a.sealed)->twins == 1, "a twin");
    CHECK(sealed_count(a.sealed)->peers == 0, "and no peer");

    CHECK(sealed_send(other.sealed, 0, NULL, &a.address, (const uint8_t *)"who", 3, &out) == ERR_OK, "of another cluster key");
    CHECK(kit_next(&other, 0, &hello) && !kit_take(&a, 0, &hello, &none) && a.verdict == SEALED_REFUSED_EPOCH, "nobody");

    /* A mirror: all that it says comes back from where it was sent. */
    CHECK(sealed_send(a.sealed, 1, NULL, &other.address, (const uint8_t *)"me", 2, &out) == ERR_OK, "asked");
    for (unsigned i = 0; i < 2 && kit_next(&a, 1, &hello); i++) {
        hello.from = other.address;
        CHECK(!kit_take(&a, 1, &hello, &answer) && a.verdict == SEALED_REFUSED_IDENTITY, "its own question");
    }
    CHECK(sealed_count(a.sealed)->twins == 1, "an echo is nobody");
    kit_end(&a);
    kit_end(&twin);
    kit_end(&other);
}

static void nobody_is_asked_for_ever(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d;
    uint64_t now_ms = 1000, last = 1000;
    unsigned tries = 0;

    (void)kit_send(&a, now_ms, &b, "x", 1, &d);
    while (sealed_due_ms(a.sealed) != UINT64_MAX && tries < 100) {
        now_ms = sealed_due_ms(a.sealed) > now_ms ? sealed_due_ms(a.sealed) : now_ms;
        while (kit_next(&a, now_ms, &d)) {
            CHECK(tries == 0 || now_ms - last >= (uint64_t)(SEALED_TRY_MS * 3 / 4) << (tries - 1), "try %u after %u ms", tries,
                  (unsigned)(now_ms - last));
            CHECK(tries == 0 || now_ms - last <= (uint64_t)(SEALED_TRY_MS * 5 / 4 + 1) << (tries - 1), "try %u", tries);
            last = now_ms;
            tries++;
        }
    }
    CHECK(tries == SEALED_TRIES_MAX, "%u tries", tries);
    CHECK(sealed_count(a.sealed)->failures == 1 && sealed_count(a.sealed)->expired == 1, "and the payload is given up");
    CHECK(sealed_count(a.sealed)->waiting == 0, "nothing waits");
    kit_meet(&a, &b, now_ms);
    kit_end(&a);
    kit_end(&b);
}

/* ---- refusals ----------------------------------------------------------------------------------- */

static void every_bit_counts(void)
{
    struct kit_node a = kit_node(1, 2, 2), b = kit_node(2, 2, 2);
    struct kit_datagram d[5], none;

    (void)kit_send(&a, 0, &b, "knock, knock", 12, &none);
    for (unsigned kind = 0; kind < 5; kind++) {
        struct kit_node *to = kind % 2 == 0 ? &b : &a;
        uint64_t now_ms = kind == 0 ? 0 : 1000; /* a question is answered few times in a second */
        if (kind % 2 == 0) {
            REQUIRE(kit_next(&a, now_ms, &d[kind]), "something to send");
        }
        for (size_t bit = 0; bit < 8 * d[kind].size; bit++) {
            struct kit_datagram bad = d[kind];
            bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            /* The MAC under the older key of a HELLO is not looked at where both have the newer. */
            bool is_unused = kind % 2 == 0 && kind < 4 && bit / 8 >= SEALED_HELLO_MIN;
            (void)kit_take(to, now_ms, &bad, &none);
            CHECK(to->verdict != SEALED_TAKEN || is_unused, "kind %u, bit %zu", kind, bit);
        }
        for (size_t size = 0; size < d[kind].size; size++) {
            struct kit_datagram cut = d[kind];
            cut.size = size;
            (void)kit_take(to, now_ms, &cut, &none);
            CHECK(to->verdict != SEALED_TAKEN, "kind %u cut to %zu", kind, size);
        }
        CHECK(kind == 4 || kit_take(to, 1000, &d[kind], &d[kind + 1]) == (kind % 2 == 0), "as it is");
    }
    (void)kit_take(&b, 1000, &d[4], &none);
    CHECK(b.taken == 1, "and after all that the acquaintance was made");
    for (unsigned kind = 0; kind < 5; kind++) {
        (void)kit_take(kind % 2 == 0 ? &b : &a, 1000, &d[kind], &none);
    }
    CHECK(a.taken == 0 && b.taken == 1, "all of it again gives nothing");
    kit_end(&a);
    kit_end(&b);
}

static void a_payload_comes_once_and_from_its_address(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, elsewhere, none;

    kit_meet(&a, &b, 0);
    CHECK(kit_send(&a, 0, &b, "once", 4, &d), "sent");
    elsewhere = d;
    elsewhere.from = kit_address(9);
    CHECK(kit_take(&b, 0, &elsewhere, &none) && b.verdict == SEALED_REFUSED_ADDRESS, "from an address that is not proved");
    CHECK(none.bytes[0] == SEALED_NOTICE && sealed_wire_same(&none.to, &elsewhere.from), "who moved is told so");
    CHECK(!kit_take(&b, 0, &d, &none) && b.taken == 2, "from its own it is taken all the same");
    (void)kit_take(&b, 0, &d, &none);
    CHECK(b.verdict == SEALED_REFUSED_REPLAYED && b.taken == 2, "once");
    for (unsigned i = 0; i < SEALED_WINDOW_SPAN; i++) {
        CHECK(kit_send(&a, 0, &b, "more", 4, &none) && !kit_take(&b, 0, &none, &elsewhere), "more");
    }
    (void)kit_take(&b, 0, &d, &none);
    CHECK(b.verdict == SEALED_REFUSED_STALE, "nor when it is long past");
    CHECK(b.taken == 2 + SEALED_WINDOW_SPAN, "%u", b.taken);
    kit_end(&a);
    kit_end(&b);
}

static void another_cluster_is_refused(void)
{
    struct kit_node b = kit_node(2, 1, 1);
    struct kit_datagram d, none;
    static const struct {
        uint8_t cluster;
        uint8_t key;
        uint32_t epoch;
        enum sealed_refusal why;
        const char *text;
    } rows[] = {
        {0xc2, 0xa1, 1, SEALED_REFUSED_CLUSTER, "another cluster's id"},
        {0xc1, 0xbb, 1, SEALED_REFUSED_FORGED, "the right id, another key"},
        {0xc1, 0xa1, 2, SEALED_REFUSED_EPOCH, "a key that is not known yet"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_node a = {.keys = kit_keys(1, rows[i].epoch, 1), .address = kit_address(1)};
        memset(a.keys.cluster_id, rows[i].cluster, NODE_CLUSTER_ID_LEN);
        memset(a.keys.cluster_key[0], rows[i].key, NODE_KEY_LEN);
        kit_restart(&a, 0);
        (void)kit_send(&a, 0, &b, "x", 1, &d);
        CHECK(kit_next(&a, 0, &d) && !kit_take(&b, 0, &d, &none), "row %zu: no answer: %s", i, rows[i].text);
        CHECK(b.verdict == rows[i].why && refused(&b, rows[i].why) == 1, "row %zu: %s", i, rows[i].text);
        kit_end(&a);
    }
    CHECK(sealed_count(b.sealed)->peers == 0, "none of them is remembered");
    kit_end(&b);
}

/* A member that has the cluster key says that it is another one. */
static void nobody_speaks_for_another(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1), liar = kit_node(3, 1, 1);
    struct kit_datagram d, none;

    kit_meet(&a, &b, 0);
    struct sealed *s = liar.sealed;
    memcpy(s->keys.id, a.keys.id, NODE_ID_LEN); /* what it cannot change is its secret key */
    (void)kit_send(&liar, 0, &b, "lie", 3, &d);
    (void)kit_talk(&liar, &b, 0);
    CHECK(b.taken == 1, "it is not believed");
    CHECK(sealed_count(s)->refused[SEALED_REFUSED_FORGED] == 1, "and cannot understand the answer");
    CHECK(kit_send(&a, 0, &b, "true", 4, &d) && !kit_take(&b, 0, &d, &none) && b.taken == 2, "the true one is");
    CHECK(kit_send(&b, 0, &a, "true", 4, &d) && sealed_wire_same(&d.to, &a.address), "and is sent to at its address");
    kit_end(&a);
    kit_end(&b);
    kit_end(&liar);
}

static void garbage_makes_nothing(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d = {.from = kit_address(7)}, none;
    struct rng rng;
    unsigned answers = 0;

    kit_meet(&a, &b, 0);
    rng_init(&rng, 3);
    for (unsigned i = 0; i < 20000; i++) {
        static const size_t sizes[] = {0, 1, 31, 32, 48, 96, 144, 160, 500, 1200};
        d.size = sizes[rng_below(&rng, ARRAY_LEN(sizes))];
        for (size_t k = 0; k < d.size; k++) {
            d.bytes[k] = (uint8_t)rng_next(&rng);
        }
        if (d.size > 1 && rng_below(&rng, 2) == 0) {
            d.bytes[0] = (uint8_t)(SEALED_HELLO + rng_below(&rng, 5));
            d.bytes[1] = 1;
        }
        answers += kit_take(&b, i / 20, &d, &none);
        CHECK(b.verdict != SEALED_TAKEN, "garbage %u", i);
    }
    CHECK(answers <= 3 * SEALED_NOTICES_MAX, "%u answers in a second of garbage", answers);
    CHECK(sealed_count(b.sealed)->peers == 1, "and no memory");
    CHECK(kit_send(&a, 1000, &b, "x", 1, &d) && !kit_take(&b, 1000, &d, &none) && b.taken == 2, "a friend is heard");
    kit_end(&a);
    kit_end(&b);
}

/* ---- restarts, rotation ------------------------------------------------------------------------- */

static void a_restarted_peer_says_so(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, old, none;

    kit_meet(&a, &b, 0);
    CHECK(kit_send(&a, 0, &b, "old", 3, &old) && !kit_take(&b, 0, &old, &none) && b.taken == 2, "before");
    kit_restart(&b, 0);
    CHECK(kit_send(&a, 1, &b, "lost", 4, &d) && kit_take(&b, 1, &d, &none), "it is told");
    CHECK(b.verdict == SEALED_REFUSED_INDEX && none.bytes[0] == SEALED_NOTICE, "that nobody knows this session");
    CHECK(!kit_take(&a, 1, &none, &d) && a.verdict == SEALED_TAKEN, "and believes that");
    CHECK(!kit_send(&a, 1, &b, "new", 3, &d), "so the next payload waits");
    (void)kit_talk(&a, &b, 1);
    CHECK(b.taken == 3 && memcmp(b.bytes, "new", 3) == 0, "and arrives under a new session");
    (void)kit_take(&b, 1, &old, &none);
    CHECK(b.verdict == SEALED_REFUSED_INDEX && b.taken == 3, "a datagram of the old life does not");
    kit_end(&a);
    kit_end(&b);
}

static void silence_is_noticed(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d;

    kit_meet(&a, &b, 1000);
    CHECK(kit_send(&a, 1000 + SEALED_SILENCE_MS, &b, "x", 1, &d) && !kit_next(&a, 1000 + SEALED_SILENCE_MS, &d), "not yet");
    CHECK(kit_send(&a, 1001 + SEALED_SILENCE_MS, &b, "x", 1, &d), "it goes on sending");
    CHECK(kit_next(&a, 1001 + SEALED_SILENCE_MS, &d) && d.bytes[0] == SEALED_HELLO, "and asks");
    kit_end(&a);
    kit_end(&b);
}

static uint32_t epoch_in_use(const struct kit_node *n, const struct kit_node *peer)
{
    struct sealed_peer_numbers numbers;

    REQUIRE(sealed_count_peer(n->sealed, peer->keys.id, &numbers), "known");
    return numbers.epoch;
}

static void keys_rotate_without_a_gap(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, none;
    uint64_t now_ms = 0;
    const struct node_keys one = kit_keys(1, 2, 2), two = kit_keys(2, 2, 2), three = kit_keys(1, 2, 1),
                           four = kit_keys(2, 2, 1);

    kit_meet(&a, &b, now_ms);
    CHECK(sealed_rekey(a.sealed, &two) == ERR_INVALID, "another node's keys");
    CHECK(sealed_rekey(a.sealed, &one) == ERR_OK, "one of them has the new key");
    uint32_t sent = 0;
    for (unsigned step = 0; step < 4 * 10; step++) {
        now_ms += SEALED_RENEW_MS / 8;
        if (step == 10) {
            CHECK(epoch_in_use(&a, &b) == 1, "the older key while the other lacks the newer");
            CHECK(sealed_rekey(b.sealed, &two) == ERR_OK, "then the other");
        }
        if (step == 30) {
            CHECK(epoch_in_use(&a, &b) == 2 && epoch_in_use(&b, &a) == 2, "both have moved to the new one");
            CHECK(sealed_rekey(a.sealed, &three) == ERR_OK && sealed_rekey(b.sealed, &four) == ERR_OK, "the old goes");
        }
        CHECK(kit_send(&a, now_ms, &b, "x", 1, &d) && !kit_take(&b, now_ms, &d, &none), "step %u", step);
        CHECK(kit_send(&b, now_ms, &a, "x", 1, &d) && !kit_take(&a, now_ms, &d, &none), "step %u", step);
        (void)kit_talk(&a, &b, now_ms);
        sent++;
    }
    CHECK(a.taken == sent && b.taken == sent + 1, "nothing is lost: %u, %u", a.taken, b.taken);
    CHECK(sealed_count(a.sealed)->hellos < 20, "and few questions asked: %u", (unsigned)sealed_count(a.sealed)->hellos);
    kit_end(&a);
    kit_end(&b);
}

/* Whoever hears of the new key last finds that the other has it: nobody waits for the minute of SEALED_RENEW_MS. */
static void the_new_key_is_used_as_soon_as_both_have_it(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, none;
    const struct node_keys one = kit_keys(1, 2, 2), two = kit_keys(2, 2, 2);
    uint32_t sent = 0;

    kit_meet(&a, &b, 0);
    for (uint64_t now_ms = 10; now_ms <= 1000; now_ms += 10) {
        if (now_ms == 200) {
            CHECK(sealed_rekey(a.sealed, &one) == ERR_OK, "one of them");
        } else if (now_ms == 600) {
            CHECK(epoch_in_use(&a, &b) == 1 && sealed_rekey(b.sealed, &two) == ERR_OK, "then the other");
        }
        CHECK(kit_send(&a, now_ms, &b, "x", 1, &d) && !kit_take(&b, now_ms, &d, &none), "at %u", (unsigned)now_ms);
        CHECK(kit_send(&b, now_ms, &a, "x", 1, &d) && !kit_take(&a, now_ms, &d, &none), "at %u", (unsigned)now_ms);
        (void)kit_talk(&a, &b, now_ms);
        sent++;
        CHECK(now_ms < 630 || (epoch_in_use(&a, &b) == 2 && epoch_in_use(&b, &a) == 2), "both use it at %u", (unsigned)now_ms);
    }
    CHECK(a.taken == sent && b.taken == sent + 1, "nothing is lost: %u, %u", a.taken, b.taken);
    CHECK(sealed_count(a.sealed)->hellos + sealed_count(b.sealed)->hellos <= 8, "asked twice, not all the time");
    kit_end(&a);
    kit_end(&b);
}

/* ---- limits ------------------------------------------------------------------------------------- */

static void a_payload_has_a_size(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    uint8_t bytes[SEALED_PAYLOAD_MAX + 1] = {1};
    struct kit_datagram d, none;
    struct sealed_packet out = {.bytes = d.bytes};
    struct sealed_address nowhere = b.address;

    kit_meet(&a, &b, 0);
    CHECK(kit_send(&a, 0, &b, bytes, SEALED_PAYLOAD_MAX, &d) && d.size == SEALED_PACKET_MAX, "the largest");
    CHECK(!kit_take(&b, 0, &d, &none) && b.size == SEALED_PAYLOAD_MAX, "arrives");
    CHECK(sealed_send(a.sealed, 0, b.keys.id, &b.address, bytes, sizeof bytes, &out) == ERR_INVALID, "one more");
    CHECK(sealed_send(a.sealed, 0, b.keys.id, &b.address, bytes, 0, &out) == ERR_INVALID, "nothing");
    nowhere.port = 0;
    CHECK(sealed_send(a.sealed, 0, b.keys.id, &nowhere, bytes, 1, &out) == ERR_INVALID, "no port");
    CHECK(sealed_send(a.sealed, 0, a.keys.id, &b.address, bytes, 1, &out) == ERR_INVALID, "to ourselves");
    kit_end(&a);
    kit_end(&b);
}

static void few_wait(void)
{
    struct kit_node a = kit_node(1, 1, 1), peer = kit_node(2, 1, 1);
    struct kit_datagram d;
    struct sealed_packet out = {.bytes = d.bytes};
    uint8_t id[NODE_ID_LEN] = {0};

    for (unsigned i = 0; i < SEALED_WAIT_PEER_MAX; i++) {
        CHECK(!kit_send(&a, 0, &peer, "x", 1, &d), "waits");
    }
    CHECK(sealed_send(a.sealed, 0, peer.keys.id, &peer.address, (const uint8_t *)"x", 1, &out) == ERR_LIMIT, "one more");
    for (unsigned i = SEALED_WAIT_PEER_MAX; i < SEALED_WAIT_MAX; i++) {
        id[0] = (uint8_t)(i / SEALED_WAIT_PEER_MAX);
        id[1] = 77;
        CHECK(sealed_send(a.sealed, 0, id, &peer.address, (const uint8_t *)"x", 1, &out) == ERR_OK, "%u", i);
    }
    CHECK(sealed_count(a.sealed)->waiting == SEALED_WAIT_MAX, "%u wait", sealed_count(a.sealed)->waiting);
    id[0] = 200;
    CHECK(sealed_send(a.sealed, 0, id, &peer.address, (const uint8_t *)"x", 1, &out) == ERR_LIMIT, "one more of all");
    CHECK(sealed_count(a.sealed)->full == 2, "both are counted");
    while (kit_next(&a, 2 * SEALED_WAIT_MS, &d)) {
    }
    CHECK(sealed_count(a.sealed)->waiting == 0 && sealed_count(a.sealed)->expired == SEALED_WAIT_MAX, "they expire");
    kit_end(&a);
    kit_end(&peer);
}

/* Places for payloads are written when something waits in them; until then 300 KiB of every process are pages that are not there. */
static void places_that_nobody_used_are_untouched(void)
{
    struct kit_node a = kit_node(1, 1, 1), peer = kit_node(2, 1, 1);
    struct kit_datagram d;

    for (unsigned turn = 0; turn < 3; turn++) {
        static const struct sealed_wait none;
        unsigned written = 0;
        for (unsigned i = 0; i < SEALED_WAIT_MAX; i++) {
            written += memcmp(&a.sealed->wait_pool[i], &none, sizeof none) != 0;
        }
        CHECK(written == (turn == 0 ? 0 : 2), "turn %u: %u places were written", turn, written);
        CHECK(!kit_send(&a, 0, &peer, "x", 1, &d) && !kit_send(&a, 0, &peer, "y", 1, &d), "two wait");
        while (kit_next(&a, 2 * SEALED_WAIT_MS, &d)) {
        }
        CHECK(sealed_count(a.sealed)->waiting == 0, "they expire");
        kit_end(&peer);
        peer = kit_node(2 + turn + 1, 1, 1);
    }
    kit_end(&a);
    kit_end(&peer);
}

static void few_strangers_are_asked(void)
{
    struct kit_node a = kit_node(1, 1, 1);
    struct kit_datagram d;
    struct sealed_packet out = {.bytes = d.bytes};

    for (uint8_t i = 0; i <= SEALED_STRANGERS_MAX; i++) {
        struct sealed_address at = kit_address((uint8_t)(100 + i));
        enum err e = sealed_send(a.sealed, 0, NULL, &at, (const uint8_t *)"x", 1, &out);
        CHECK(e == (i < SEALED_STRANGERS_MAX ? ERR_OK : ERR_LIMIT), "%u", i);
    }
    for (uint64_t now_ms = 0; now_ms < 60000; now_ms += 50) {
        while (kit_next(&a, now_ms, &d)) {
        }
    }
    CHECK(sealed_count(a.sealed)->peers == 0, "who does not answer is forgotten");
    kit_end(&a);
}

static void the_longest_unused_peer_goes_first(void)
{
    struct kit_node a = kit_node(1, 1, 1), n[KIT_NODES_MAX];
    struct sealed_peer_numbers numbers;
    uint8_t seed[SEALED_SEED_LEN] = {5};
    struct kit_datagram d, none;

    sealed_free(a.sealed);
    REQUIRE(sealed_new(&a.keys, seed, 3, 0, &a.sealed) == ERR_OK, "room for three");
    for (uint8_t i = 0; i < 4; i++) {
        n[i] = kit_node((uint8_t)(10 + i), 1, 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        kit_meet(&n[i], &a, 0);
    }
    CHECK(kit_send(&n[0], 0, &a, "x", 1, &d) && !kit_take(&a, 0, &d, &none), "the first one is used");
    kit_meet(&n[3], &a, 0);
    CHECK(sealed_count(a.sealed)->evicted == 1 && sealed_count(a.sealed)->peers == 3, "one went");
    CHECK(!sealed_count_peer(a.sealed, n[1].keys.id, &numbers), "the second");
    CHECK(sealed_count_peer(a.sealed, n[0].keys.id, &numbers), "not the first");
    CHECK(kit_send(&n[1], 0, &a, "x", 1, &d) && kit_take(&a, 0, &d, &none) && none.bytes[0] == SEALED_NOTICE, "is told");
    (void)kit_take(&n[1], 0, &none, &d);
    (void)kit_send(&n[1], 0, &a, "again", 5, &d);
    (void)kit_talk(&n[1], &a, 0);
    CHECK(a.size == 5 && memcmp(a.bytes, "again", 5) == 0, "and is met anew");
    CHECK(sealed_new(&a.keys, seed, 0, 0, &n[0].sealed) == ERR_INVALID, "room for nobody");
    CHECK(sealed_new(&a.keys, seed, SEALED_PEERS_MAX + 1, 0, &n[0].sealed) == ERR_INVALID, "one too many");
    for (unsigned i = 0; i < 4; i++) {
        kit_end(&n[i]);
    }
    kit_end(&a);
}

/* Both forget each other when neither has used the session for a minute, and meet again when they want to. */
static void idle_sessions_are_given_up(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1), c = kit_node(3, 1, 1);
    struct sealed_peer_numbers numbers;
    struct kit_datagram d, none;
    uint64_t used_ms = 1000 + SEALED_IDLE_MS / 2;

    kit_meet(&a, &b, 1000);
    kit_meet(&a, &c, 1000);
    CHECK(sealed_due_ms(a.sealed) == 1000 + SEALED_IDLE_MS, "somebody is looked for in a minute");
    CHECK(kit_send(&b, used_ms, &a, "x", 1, &d) && !kit_take(&a, used_ms, &d, &none), "b is used again");
    CHECK(!kit_next(&a, 999 + SEALED_IDLE_MS, &d) && sealed_count(a.sealed)->peers == 2, "not before a minute");
    CHECK(!kit_next(&a, 1000 + SEALED_IDLE_MS, &d) && !sealed_count_peer(a.sealed, c.keys.id, &numbers), "then c goes");
    CHECK(sealed_count_peer(a.sealed, b.keys.id, &numbers) && sealed_count(a.sealed)->idle == 1, "and b stays");
    CHECK(sealed_due_ms(a.sealed) == used_ms + SEALED_IDLE_MS, "for a minute");
    CHECK(!kit_next(&a, used_ms + SEALED_IDLE_MS, &d) && !kit_next(&b, used_ms + SEALED_IDLE_MS, &d), "which ends");
    CHECK(sealed_count(a.sealed)->peers == 0 && sealed_count(b.sealed)->peers == 0, "on both sides");
    CHECK(sealed_due_ms(a.sealed) == UINT64_MAX, "nothing more is due");
    CHECK(!kit_send(&a, used_ms + SEALED_IDLE_MS, &b, "again", 5, &d), "no session any more");
    (void)kit_talk(&a, &b, used_ms + SEALED_IDLE_MS);
    CHECK(b.size == 5 && memcmp(b.bytes, "again", 5) == 0, "and they meet anew");
    kit_end(&a);
    kit_end(&b);
    kit_end(&c);
}

static void counters_end(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, none;

    kit_meet(&a, &b, 0);
    struct sealed_session *session = sealed_peer_role(sealed_peer_find(a.sealed, b.keys.id), SEALED_CURRENT);
    session->counter = SEALED_RENEW_AT;
    CHECK(kit_send(&a, 0, &b, "x", 1, &d) && kit_next(&a, 0, &d) && d.bytes[0] == SEALED_HELLO, "renewed in time");
    session->counter = SEALED_COUNTER_MAX;
    CHECK(kit_send(&a, 0, &b, "last", 4, &d) && !kit_take(&b, 0, &d, &none), "the last counter there is");
    CHECK(b.size == 4 && memcmp(b.bytes, "last", 4) == 0, "is taken");
    CHECK(!kit_send(&a, 0, &b, "x", 1, &d), "and none after it");

    session = sealed_peer_role(sealed_peer_find(b.sealed, a.keys.id), SEALED_CURRENT);
    session->forgeries = SEALED_FORGERIES_MAX - 2;
    for (unsigned i = 0; i < 2; i++) {
        struct sealed_header h = {1, 1000 + i, session->local, session->remote};
        d = (struct kit_datagram){.from = a.address, .size = 64};
        session->window = (struct sealed_window){0};
        sealed_wire_put_header(SEALED_DATA, &h, d.bytes);
        CHECK(session->is_live, "alive until too many forgeries");
        (void)kit_take(&b, 0, &d, &none);
        CHECK(b.verdict == SEALED_REFUSED_FORGED, "forged");
    }
    CHECK(!session->is_live, "and then no more");
    kit_end(&a);
    kit_end(&b);
}

/* Make a HELLO of `n` into another one that it could have sent. */
static void ask_otherwise(const struct kit_node *n, uint32_t number, struct kit_datagram *d)
{
    struct sealed_hello h;

    CHECK(sealed_wire_get_hello(d->bytes, &h), "a HELLO");
    memcpy(h.salt, &number, sizeof number);
    (void)sealed_wire_put_hello(&h, d->bytes);
    sealed_key_mac(n->sealed->epoch[0].hello_key, d->bytes, SEALED_HELLO_BODY, NULL, h.key[0].mac);
    (void)sealed_wire_put_hello(&h, d->bytes);
}

static void answers_have_a_budget(void)
{
    struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
    struct kit_datagram d, none;
    unsigned answers = 0;

    (void)kit_send(&a, 0, &b, "x", 1, &d);
    CHECK(kit_next(&a, 0, &d), "a question");
    for (unsigned i = 0; i < 1000; i++) {
        answers += kit_take(&b, 0, &d, &none);
    }
    CHECK(answers == SEALED_COOKIES_EACH, "%u answers to one question", answers);
    CHECK(refused(&b, SEALED_REFUSED_BUSY) == 1000 - SEALED_COOKIES_EACH, "the rest is counted");
    CHECK(kit_take(&b, 1000, &d, &none), "a second later it is answered again");
    for (uint32_t i = 0, others = 0; i < 2 * SEALED_COOKIES_MAX; i++) {
        ask_otherwise(&a, i, &d);
        others += kit_take(&b, 2000, &d, &none);
        CHECK(others <= SEALED_COOKIES_MAX, "%u answers to all", others);
        CHECK(i != 2 * SEALED_COOKIES_MAX - 1 || others == SEALED_COOKIES_MAX, "%u answers to all", others);
    }
    kit_end(&a);
    kit_end(&b);
}

static void a_token_ends(void)
{
    static const struct {
        uint64_t later_ms;
        unsigned answer;
        const char *why;
    } rows[] = {
        {0, SEALED_WELCOME, "at once"},
        {SEALED_TOKEN_MS, SEALED_WELCOME, "in the next time"},
        {2 * SEALED_TOKEN_MS, SEALED_COOKIE, "in the one after it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_node a = kit_node(1, 1, 1), b = kit_node(2, 1, 1);
        struct kit_datagram d, answer, elsewhere;
        (void)kit_send(&a, 0, &b, "x", 1, &d);
        CHECK(kit_next(&a, 0, &d) && kit_take(&b, 0, &d, &answer) && !kit_take(&a, 0, &answer, &d), "a token");
        CHECK(kit_next(&a, 0, &d), "a question with it");
        elsewhere = d;
        elsewhere.from = kit_address(9);
        CHECK(kit_take(&b, rows[i].later_ms, &elsewhere, &answer) && answer.bytes[0] == SEALED_COOKIE,
              "it is of no use elsewhere");
        CHECK(kit_take(&b, rows[i].later_ms, &d, &answer) && answer.bytes[0] == rows[i].answer, "row %zu: %s", i,
              rows[i].why);
        kit_end(&a);
        kit_end(&b);
    }
}

int main(void)
{
    a_first_payload_takes_two_round_trips();
    an_answerer_sends_when_it_is_confirmed();
    both_may_begin_at_once();
    a_seed_is_met_by_its_address();
    a_twin_is_noticed_and_an_echo_is_not();
    nobody_is_asked_for_ever();
    every_bit_counts();
    a_payload_comes_once_and_from_its_address();
    another_cluster_is_refused();
    nobody_speaks_for_another();
    garbage_makes_nothing();
    a_restarted_peer_says_so();
    silence_is_noticed();
    keys_rotate_without_a_gap();
    the_new_key_is_used_as_soon_as_both_have_it();
    a_payload_has_a_size();
    few_wait();
    places_that_nobody_used_are_untouched();
    few_strangers_are_asked();
    the_longest_unused_peer_goes_first();
    idle_sessions_are_given_up();
    counters_end();
    answers_have_a_budget();
    a_token_ends();
    return CHECK_RESULT();
}
