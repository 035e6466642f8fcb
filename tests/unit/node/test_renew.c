/* Asking what is new: both sides against each other, and against everybody else. */
#include "common/node/renew.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

enum {
    NOW = 1764316800,
    FRAMES = 4,
};

struct frame {
    uint8_t bytes[RENEW_FRAME_MAX];
    size_t size;
};

/* A conversation and what was said. */
struct talk {
    struct node_keys issuer, node;
    struct renew_client c;
    struct renew_server s;
    struct renew_ask ask, asked;
    struct frame frame[FRAMES], update;
    enum err error; /* of who failed first */
    int failed_at;  /* the frame that it did not take; FRAMES: none */
};

static struct tickets tickets;
static struct talk t, old;
static uint8_t counter;

static void derive(uint8_t number, struct node_keys *ret)
{
    uint8_t seed[NODE_SEED_LEN] = {number};

    keys_derive(seed, ret);
}

static void prepare(struct talk *k)
{
    struct token token = {.expires_s = NOW + 60, .contacts = 1, .contact = {"a:1"}, .id = {7}, .secret = {5}};

    memset(k, 0, sizeof *k);
    derive(1, &k->issuer);
    derive(2, &k->node);
    k->ask = (struct renew_ask){.epoch = 3, .crl = 9, .certificate = "an old certificate"};
    memset(&tickets, 0, sizeof tickets);
    REQUIRE(tickets_enter_self(&tickets, "db-1", k->issuer.id, NOW) == ERR_OK, "the issuer");
    REQUIRE(tickets_add(&tickets, &token, 1, NOW) == ERR_OK, "a token");
    REQUIRE(tickets_admit(&tickets, token.id, "db-2", k->node.id, NULL, NOW) == TOKEN_GRANTED, "a member");
}

static const uint8_t *fresh(void)
{
    static uint8_t key[NOISE_KEY];

    memset(key, ++counter, sizeof key);
    return key;
}

static void decide(struct talk *k, struct frame *out)
{
    renew_server_answer(&k->s, TOKEN_GRANTED, (const uint8_t *)"the update", 10, out->bytes, &out->size);
}

/* Run it; `change` may touch the frame that is about to arrive. */
static void run(struct talk *k, void (*change)(struct talk *k, int at, struct frame *f, void *context), void *context)
{
    bool is_done = false;

    k->failed_at = FRAMES;
    renew_server_init(&k->s, &k->issuer, fresh());
    REQUIRE(renew_client_start(&k->c, &k->node, k->issuer.id, &k->ask, fresh(), k->frame[0].bytes, &k->frame[0].size) == ERR_OK,
            "HELLO");
    for (int i = 0; i < FRAMES && k->failed_at == FRAMES; i++) {
        struct frame *f = &k->frame[i], *out = i + 1 < FRAMES ? &k->frame[i + 1] : &k->update;
        if (change != NULL) {
            change(k, i, f, context);
        }
        if (i == 0) {
            k->error = renew_server_hello(&k->s, f->bytes, f->size, &tickets, NOW, out->bytes, &out->size);
        } else if (i == 2) {
            k->error = renew_server_request(&k->s, f->bytes, f->size, &k->asked);
            if (k->error == ERR_OK) {
                decide(k, out);
            }
        } else {
            k->error = renew_client_step(&k->c, f->bytes, f->size, out->bytes, &out->size, &is_done);
            CHECK(k->error != ERR_OK || is_done == (i == 3), "done at the end");
        }
        if (k->error != ERR_OK) {
            k->failed_at = i;
            CHECK((i % 2 == 0 ? k->s.state : k->c.state) == JOIN_ENDED, "who refuses has ended");
        }
    }
}

static void a_member_is_served(void)
{
    prepare(&t);
    run(&t, NULL, NULL);
    REQUIRE(t.failed_at == FRAMES, "frame %d: %s", t.failed_at, err_name(t.error));
    CHECK(t.frame[0].size == RENEW_HELLO_LEN && t.frame[1].size == RENEW_WELCOME_LEN, "sizes");
    CHECK(t.asked.epoch == 3 && t.asked.crl == 9 && strcmp(t.asked.certificate, "an old certificate") == 0, "what it asked");
    CHECK(memcmp(t.s.node, t.node.id, NODE_ID_LEN) == 0, "who it is");
    CHECK(t.update.size == 10 && memcmp(t.update.bytes, "the update", 10) == 0, "the update");
    CHECK(t.c.issuer_clock_s == NOW, "the issuer's clock");
    /* Nothing of it is in the clear. */
    for (int i = 0; i < FRAMES; i++) {
        CHECK(memmem(t.frame[i].bytes, t.frame[i].size, t.node.id, NODE_ID_LEN) == NULL &&
                  memmem(t.frame[i].bytes, t.frame[i].size, t.node.dh_public, NODE_KEY_LEN) == NULL &&
                  memmem(t.frame[i].bytes, t.frame[i].size, t.issuer.id, NODE_ID_LEN) == NULL &&
                  memmem(t.frame[i].bytes, t.frame[i].size, "certificate", 11) == NULL, "frame %d", i);
    }
}

static void flip(struct talk *k, int at, struct frame *f, void *context)
{
    const int *where = context;

    (void)k;
    if (at == where[0]) {
        f->bytes[where[1] / 8] ^= (uint8_t)(1 << where[1] % 8);
    }
}

static void cut(struct talk *k, int at, struct frame *f, void *context)
{
    const int *where = context;

    (void)k;
    f->size = at == where[0] ? (size_t)where[1] : f->size;
}

static void nothing_may_differ(void)
{
    for (int at = 0; at < FRAMES; at++) {
        prepare(&t);
        run(&t, NULL, NULL);
        int size = (int)t.frame[at].size;
        for (int bit = 0; bit < 8 * size; bit += bit < 400 ? 1 : 5) {
            int where[] = {at, bit};
            prepare(&t);
            run(&t, flip, where);
            CHECK(t.failed_at == at, "frame %d, bit %d", at, bit);
        }
        for (int shorter = 0; shorter < size; shorter += shorter < 12 ? 1 : 7) {
            int where[] = {at, shorter};
            prepare(&t);
            run(&t, cut, where);
            CHECK(t.failed_at == at, "frame %d cut at %d", at, shorter);
        }
    }
}

/* Each row: who is not served, and by whose word. */
static void strange_node(struct talk *k, int at, struct frame *f, void *context)
{
    (void)context;
    if (at == 0) { /* somebody else, under its own key: no member */
        struct node_keys own;
        derive(3, &own);
        REQUIRE(renew_client_start(&k->c, &own, k->issuer.id, &k->ask, fresh(), f->bytes, &f->size) == ERR_OK, "HELLO");
    }
}

static void claimed_node(struct talk *k, int at, struct frame *f, void *context)
{
    (void)context;
    if (at == 0) { /* somebody else, who says to be the member */
        struct node_keys own;
        derive(3, &own);
        memcpy(own.id, k->node.id, NODE_ID_LEN);
        REQUIRE(renew_client_start(&k->c, &own, k->issuer.id, &k->ask, fresh(), f->bytes, &f->size) == ERR_OK, "HELLO");
    }
}

static void removed_meanwhile(struct talk *k, int at, struct frame *f, void *context)
{
    (void)k;
    (void)f;
    (void)context;
    if (at == 0) {
        REQUIRE(tickets_remove_member(&tickets, "db-2", NOW) == ERR_OK, "removed");
    }
}

static void other_issuer(struct talk *k, int at, struct frame *f, void *context)
{
    (void)context;
    if (at == 0) { /* it is asked for another issuer's key */
        struct node_keys other;
        derive(4, &other);
        REQUIRE(renew_client_start(&k->c, &k->node, other.id, &k->ask, fresh(), f->bytes, &f->size) == ERR_OK, "HELLO");
    }
}

static void old_welcome(struct talk *k, int at, struct frame *f, void *context)
{
    (void)k;
    (void)context;
    *f = at == 1 ? old.frame[1] : *f;
}

static void old_answer(struct talk *k, int at, struct frame *f, void *context)
{
    (void)k;
    (void)context;
    *f = at == 3 ? old.frame[3] : *f;
}

static void old_hello_and_request(struct talk *k, int at, struct frame *f, void *context)
{
    (void)k;
    (void)context;
    *f = at == 0 || at == 2 ? old.frame[at] : *f;
}

static void old_request(struct talk *k, int at, struct frame *f, void *context)
{
    (void)k;
    (void)context;
    *f = at == 2 ? old.frame[2] : *f;
}

static const struct {
    void (*change)(struct talk *k, int at, struct frame *f, void *context);
    int failed_at;
    enum err e;
    uint32_t verdict; /* in the frame that the refuser sends: 1, the welcome; 0: none */
    const char *why;
} rows[] = {
    {strange_node, 0, ERR_DENIED, TOKEN_STRANGER, "a node that never joined"},
    {claimed_node, 0, ERR_FORGED, 0, "a node that claims a member's id"},
    {removed_meanwhile, 0, ERR_DENIED, TOKEN_STRANGER, "a member that was removed"},
    {other_issuer, 0, ERR_FORGED, 0, "an issuer that is not the one that is asked"},
    {old_welcome, 1, ERR_FORGED, 0, "an issuer's words of another conversation"},
    {old_answer, 3, ERR_FORGED, 0, "… or its answer"},
    {old_hello_and_request, 1, ERR_FORGED, 0, "a member's words of another conversation: its answer is for nobody"},
    {old_request, 2, ERR_FORGED, 0, "… or its request alone"},
};

static void who_is_not_served(void)
{
    uint8_t out[RENEW_FRAME_MAX];
    size_t size;
    bool is_done;

    prepare(&old);
    run(&old, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        prepare(&t);
        run(&t, rows[i].change, NULL);
        CHECK(t.failed_at == rows[i].failed_at && t.error == rows[i].e, "row %zu: %s: frame %d, %s", i, rows[i].why, t.failed_at,
              err_name(t.error));
        if (rows[i].verdict != 0) { /* the refused side hears it, and knows whose word it is */
            CHECK(renew_client_step(&t.c, t.frame[1].bytes, t.frame[1].size, out, &size, &is_done) == ERR_DENIED, "row %zu", i);
            CHECK(t.c.verdict == rows[i].verdict && t.c.is_proven, "row %zu: %s", i, token_verdict_name(t.c.verdict));
        }
    }
}

/* Whoever plays HELLO again learns nothing, and cannot go on: also with the issuer's answer in hand. */
static void a_replayed_hello_leads_to_nothing(void)
{
    uint8_t out[RENEW_FRAME_MAX], empty[RENEW_FRAME_MAX] = {0};
    struct renew_ask asked;
    struct renew_server s;
    size_t size = 0;

    prepare(&old);
    run(&old, NULL, NULL);
    renew_server_init(&s, &old.issuer, fresh());
    CHECK(renew_server_hello(&s, old.frame[0].bytes, old.frame[0].size, &tickets, NOW, out, &size) == ERR_OK, "an answer");
    CHECK(size == RENEW_WELCOME_LEN && memcmp(out, old.frame[1].bytes, size) != 0, "another one");
    CHECK(renew_server_request(&s, old.frame[2].bytes, old.frame[2].size, &asked) == ERR_FORGED, "to which the old reply is none");
    renew_server_init(&s, &old.issuer, fresh());
    REQUIRE(renew_server_hello(&s, old.frame[0].bytes, old.frame[0].size, &tickets, NOW, out, &size) == ERR_OK, "again");
    CHECK(renew_server_request(&s, empty, 100, &asked) == ERR_FORGED, "nor anything else");
}

static void refusals_in_the_clear_are_nobodys_word(void)
{
    uint8_t out[RENEW_FRAME_MAX], refusal[JOIN_FRAME_MAX];
    struct renew_client c;
    size_t size, refused = join_server_refusal(TOKEN_STRANGER, refusal);
    bool is_done;

    prepare(&t);
    REQUIRE(renew_client_start(&c, &t.node, t.issuer.id, &t.ask, fresh(), out, &size) == ERR_OK, "HELLO");
    CHECK(renew_client_step(&c, refusal, refused, out, &size, &is_done) == ERR_DENIED && c.verdict == TOKEN_STRANGER && !c.is_proven,
          "anybody can say that we are none");
    CHECK(renew_client_step(&c, refusal, refused, out, &size, &is_done) == ERR_PRECONDITION, "it has ended");
    CHECK(renew_client_start(&c, &t.node, (const uint8_t[NODE_ID_LEN]){0}, &t.ask, fresh(), out, &size) == ERR_MALFORMED, "no id");
}

static void limits(void)
{
    uint8_t out[RENEW_FRAME_MAX];
    static uint8_t most[UPDATE_MAX];
    size_t size = 0;

    prepare(&t);
    memset(t.ask.certificate, 'c', sizeof t.ask.certificate - 1);
    run(&t, NULL, NULL);
    CHECK(t.failed_at == FRAMES && strlen(t.asked.certificate) == sizeof t.ask.certificate - 1, "the longest certificate");
    CHECK(t.frame[2].size == RENEW_REQUEST_MAX - 1, "%zu", t.frame[2].size);
    memset(most, 'u', sizeof most);
    t.s.state = JOIN_DECIDES;
    renew_server_answer(&t.s, TOKEN_GRANTED, most, sizeof most, out, &size);
    CHECK(size == RENEW_FRAME_MAX, "the longest update fits a frame");
    CHECK(renew_is_hello((const uint8_t *)"CELLRENW", 8) && !renew_is_hello((const uint8_t *)"CELLRENW", 7) &&
              !renew_is_hello((const uint8_t *)"CELLJOIN", 8), "which protocol it is");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    a_member_is_served();
    nothing_may_differ();
    who_is_not_served();
    a_replayed_hello_leads_to_nothing();
    refusals_in_the_clear_are_nobodys_word();
    limits();
    return CHECK_RESULT();
}
