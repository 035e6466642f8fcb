/* Joining, both sides in one process: the good way, every bit and every cut of every frame, and the attacks
 * by name. The shells' part (files, sockets, certificates) is a system test; certificates are texts here. */
#include "common/node/join.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

enum {
    NOW = 1764316800,
    LATER = NOW + 3600,
    TEN_YEARS = 315360000,
    FRAMES = 4, /* HELLO, WELCOME, REQUEST, ANSWER */
};

static const uint8_t asked[] = "a certificate request, as far as this machine is concerned";
static struct tickets tickets; /* too large for a stack */

struct frame {
    uint8_t bytes[JOIN_FRAME_MAX + 1];
    size_t size;
};

/* A node and an issuer that know one token. */
struct both {
    struct token token;
    struct node_keys issuer;
    struct identity node;
    struct join_client c;
    struct join_server s;
    struct join_request request;
    struct join_grant grant;
    uint64_t now_s;
    struct frame frame[FRAMES]; /* as they were sent */
};

static void fill_grant(struct join_grant *g)
{
    *g = (struct join_grant){.authority = "authority", .certificate = "certificate"};
    g->cluster = (struct cluster){.keys = 2, .epoch = {7, 6}, .seeds = 1, .seed = {"10.0.0.1:7402"}};
    memset(g->cluster.id, 0xc1, sizeof g->cluster.id);
    memset(g->cluster.key[0], 0xa7, NODE_KEY_LEN);
    memset(g->cluster.key[1], 0xa6, NODE_KEY_LEN);
    memset(g->cluster.issuer, 1, sizeof g->cluster.issuer);
}

static void begin(struct both *b, uint8_t draw)
{
    uint8_t seed[NODE_SEED_LEN] = {1}, ephemeral[NOISE_KEY];

    memset(b, 0, sizeof *b);
    b->now_s = NOW;
    keys_derive(seed, &b->issuer);
    b->token = (struct token){.expires_s = LATER, .contacts = 1, .contact = {"a:1"}};
    memset(b->token.id, 0x77, TOKEN_ID);
    memset(b->token.secret, 0x5e, TOKEN_SECRET);
    memcpy(b->token.issuer, b->issuer.id, NODE_ID_LEN);
    b->node = (struct identity){.name = "db-2", .seed = {2}};
    memset(&tickets, 0, sizeof tickets);
    REQUIRE(tickets_enter_self(&tickets, "db-1", b->issuer.id, NOW) == ERR_OK, "the initial node");
    REQUIRE(tickets_add(&tickets, &b->token, 1, NOW) == ERR_OK, "a token");
    memset(ephemeral, 0x10 + draw, sizeof ephemeral);
    REQUIRE(join_client_init(&b->c, &b->token, &b->node, asked, sizeof asked, ephemeral) == ERR_OK, "the node");
    memset(ephemeral, 0x20 + draw, sizeof ephemeral);
    join_server_init(&b->s, &b->issuer, ephemeral);
}

/* What the issuer's shell does with a request that was proved. */
static void decide(struct both *b, struct frame *out)
{
    struct join_grant g;
    const struct join_request *r = &b->request;
    enum token_verdict v = tickets_admit(&tickets, r->token, r->name, r->id, r->has_previous ? r->previous : NULL,
                                         b->now_s);

    fill_grant(&g);
    join_server_answer(&b->s, v, v == TOKEN_GRANTED ? &g : NULL, out->bytes, &out->size);
}

/* Let the receiver of frame `index` take it; the next one, if it says something, into `out`. */
static enum err take(struct both *b, int index, const struct frame *in, struct frame *out)
{
    enum err e = ERR_OK;

    out->size = 0;
    switch (index) {
    case 0:
        return join_server_hello(&b->s, in->bytes, in->size, &tickets, b->now_s, out->bytes, &out->size);
    case 2:
        e = join_server_request(&b->s, in->bytes, in->size, &b->request);
        if (e == ERR_OK) {
            decide(b, out);
        }
        return e;
    default:
        return join_client_step(&b->c, in->bytes, in->size, out->bytes, &out->size, &b->grant);
    }
}

/* Carry the first `count` frames over; the one after stands in b->frame[count]. */
static void carry(struct both *b, int count)
{
    REQUIRE(join_client_start(&b->c, b->frame[0].bytes, &b->frame[0].size) == ERR_OK, "HELLO");
    for (int i = 0; i < count; i++) {
        struct frame last;
        REQUIRE(take(b, i, &b->frame[i], i + 1 < FRAMES ? &b->frame[i + 1] : &last) == ERR_OK, "frame %d", i);
    }
}

static bool contains(const struct frame *f, const void *what, size_t size)
{
    return memmem(f->bytes, f->size, what, size) != NULL;
}

static void a_node_is_let_in(void)
{
    static struct both b;
    struct join_grant expected;
    struct node_keys keys;

    begin(&b, 0);
    carry(&b, FRAMES);
    fill_grant(&expected);
    memcpy(expected.cluster.issuer, b.issuer.id, NODE_ID_LEN);
    CHECK(memcmp(&b.grant, &expected, sizeof expected) == 0, "everything it was granted, from who it trusts");
    CHECK(b.c.issuer_clock_s == NOW, "and the issuer's clock");
    keys_derive(b.node.seed, &keys);
    CHECK(strcmp(b.request.name, "db-2") == 0 && memcmp(b.request.id, keys.id, NODE_ID_LEN) == 0, "who asked");
    CHECK(b.request.request_size == sizeof asked && memcmp(b.request.request, asked, sizeof asked) == 0, "for what");
    CHECK(!b.request.has_previous, "it was nobody before");
    CHECK(b.frame[0].size == JOIN_HELLO_LEN && b.frame[1].size == JOIN_WELCOME_LEN, "sizes as documented");
}

static void nothing_secret_travels(void)
{
    static struct both b;
    uint8_t psk[TOKEN_PSK];
    struct join_grant g;

    begin(&b, 0);
    carry(&b, FRAMES);
    fill_grant(&g);
    token_psk(&b.token, psk);
    for (int i = 0; i < FRAMES; i++) {
        CHECK(!contains(&b.frame[i], b.token.secret, TOKEN_SECRET), "frame %d: the secret", i);
        CHECK(!contains(&b.frame[i], psk, 8), "frame %d: a part of the key", i);
        CHECK(!contains(&b.frame[i], b.token.issuer, 8), "frame %d: who answers", i);
        CHECK(!contains(&b.frame[i], "db-2", 4) && !contains(&b.frame[i], b.request.id, 8), "frame %d: who asks", i);
        CHECK(!contains(&b.frame[i], g.cluster.key[0], 8), "frame %d: a cluster key", i);
        CHECK(!contains(&b.frame[i], "certificate", 11), "frame %d: certificates", i);
    }
    CHECK(contains(&b.frame[0], b.token.id, TOKEN_ID), "the token's id does");
}

/* Whatever bit of whatever frame differs, and wherever it is cut: nobody is let in who was not, and both sides
 * have ended for ever. */
static void no_bit_may_differ(void)
{
    static struct both b, at;

    for (int which = 0; which < FRAMES; which++) {
        begin(&at, 0);
        carry(&at, which);
        size_t size = at.frame[which].size;
        for (size_t bit = 0; bit < 8 * size; bit++) {
            struct frame f = at.frame[which], out;
            b = at;
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(take(&b, which, &f, &out) != ERR_OK, "frame %d bit %zu", which, bit);
            CHECK((which % 2 == 0 ? b.s.state : b.c.state) == JOIN_ENDED, "frame %d bit %zu: ended", which, bit);
        }
        for (size_t cut = 0; cut <= size + 1; cut++) {
            struct frame f = at.frame[which], out;
            if (cut != size) {
                b = at;
                f.size = cut;
                CHECK(take(&b, which, &f, &out) != ERR_OK, "frame %d cut at %zu", which, cut);
            }
        }
    }
}

/* Any frame in any other's place. */
static void turns_are_kept(void)
{
    static struct both b, whole, at;

    begin(&whole, 0);
    carry(&whole, FRAMES);
    for (int which = 0; which < FRAMES; which++) {
        begin(&at, 0);
        carry(&at, which);
        for (int sent = 0; sent < FRAMES; sent++) {
            struct frame out;
            b = at;
            enum err e = take(&b, which, &whole.frame[sent], &out);
            CHECK((e == ERR_OK) == (sent == which), "frame %d for %d: %s", sent, which, err_name(e));
        }
    }
    struct frame out;
    CHECK(join_client_step(&whole.c, whole.frame[3].bytes, whole.frame[3].size, out.bytes, &out.size,
                           &whole.grant) == ERR_PRECONDITION, "an answer twice");
}

/* Each row changes something before HELLO or before the issuer looks; what the node hears. */
static void other_secret(struct both *b) { b->token.secret[15] ^= 1; }
static void other_id(struct both *b) { b->token.id[0] ^= 1; }
static void other_issuer(struct both *b)
{
    struct node_keys k;
    uint8_t seed[NODE_SEED_LEN] = {9};
    keys_derive(seed, &k);
    memcpy(b->token.issuer, k.id, NODE_ID_LEN);
}
static void late(struct both *b) { b->now_s = LATER; }
static void in_time(struct both *b) { b->now_s = LATER - 1; }
static void revoked(struct both *b) { REQUIRE(tickets_revoke(&tickets, b->token.id) == ERR_OK, "revoked"); }
static void used(struct both *b)
{
    uint8_t id[NODE_ID_LEN] = {7};
    REQUIRE(tickets_admit(&tickets, b->token.id, "db-7", id, NULL, NOW) == TOKEN_GRANTED, "another came first");
}
static void used_by_itself(struct both *b)
{
    struct node_keys k;
    keys_derive(b->node.seed, &k);
    REQUIRE(tickets_admit(&tickets, b->token.id, "db-2", k.id, NULL, NOW) == TOKEN_GRANTED, "it came before");
}
static void name_taken(struct both *b) { strcpy(b->node.name, "db-1"); }
static void clock_ahead(struct both *b) { b->node.created_s = NOW + TEN_YEARS; b->token.expires_s = NOW - TEN_YEARS; }
static void nothing(struct both *b) { (void)b; }

static const struct {
    void (*change)(struct both *b);
    uint32_t verdict; /* GRANTED, or why not */
    bool is_proven;
    enum err at_issuer; /* what its first step says */
    const char *why;
} rows[] = {
    {nothing, TOKEN_GRANTED, false, ERR_OK, "as it should be"},
    {other_secret, TOKEN_UNKNOWN, false, ERR_NOT_FOUND, "a wrong secret"},
    {other_id, TOKEN_UNKNOWN, false, ERR_NOT_FOUND, "an id that was never given out: told as a wrong secret is"},
    {other_issuer, TOKEN_UNKNOWN, false, ERR_NOT_FOUND, "a token of another cluster"},
    {late, TOKEN_EXPIRED, true, ERR_DENIED, "in the second it expires"},
    {in_time, TOKEN_GRANTED, false, ERR_OK, "the second before"},
    {revoked, TOKEN_REVOKED, true, ERR_DENIED, "a revoked token"},
    {used, TOKEN_USED, true, ERR_OK, "a token that let another in"},
    {used_by_itself, TOKEN_GRANTED, false, ERR_OK, "its own, whose answer was lost"},
    {name_taken, TOKEN_NAME_TAKEN, true, ERR_OK, "the initial node's name"},
    {clock_ahead, TOKEN_GRANTED, false, ERR_OK, "a node ten years ahead, whose token says it expired ten years ago"},
};

static void the_node_hears_why(void)
{
    static struct both b;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t ephemeral[NOISE_KEY] = {3};
        begin(&b, 1);
        rows[i].change(&b);
        REQUIRE(join_client_init(&b.c, &b.token, &b.node, asked, sizeof asked, ephemeral) == ERR_OK, "row %zu", i);
        REQUIRE(join_client_start(&b.c, b.frame[0].bytes, &b.frame[0].size) == ERR_OK, "row %zu", i);
        enum err first = take(&b, 0, &b.frame[0], &b.frame[1]), e = ERR_OK;
        CHECK(first == rows[i].at_issuer, "row %zu: %s: %s", i, rows[i].why, err_name(first));
        CHECK(b.frame[1].size > 0, "row %zu: there is always an answer", i);
        for (int f = 1; f < FRAMES && e == ERR_OK; f++) {
            struct frame last;
            e = take(&b, f, &b.frame[f], f + 1 < FRAMES ? &b.frame[f + 1] : &last);
        }
        CHECK((e == ERR_OK) == (rows[i].verdict == TOKEN_GRANTED), "row %zu: %s: %s", i, rows[i].why, err_name(e));
        if (e != ERR_OK) {
            CHECK(e == ERR_DENIED && b.c.verdict == rows[i].verdict && b.c.is_proven == rows[i].is_proven,
                  "row %zu: %s: %s", i, rows[i].why, token_verdict_name(b.c.verdict));
        }
    }
}

static void an_old_capture_proves_nothing(void)
{
    static struct both old, b;
    struct frame out;

    begin(&old, 0);
    carry(&old, FRAMES);
    /* To a fresh issuer that knows the token still: its HELLO is a HELLO, nothing more. */
    begin(&b, 1);
    REQUIRE(take(&b, 0, &old.frame[0], &out) == ERR_OK, "an old HELLO gets a WELCOME");
    CHECK(out.size != old.frame[1].size || memcmp(out.bytes, old.frame[1].bytes, out.size) != 0, "another one");
    CHECK(take(&b, 2, &old.frame[2], &out) == ERR_FORGED, "an old REQUEST is none");
    CHECK(tickets.member[0].name[3] == '1' && tickets.members == 1 && tickets.token[0].left == 1, "and costs no use");
    /* To a fresh node: an old issuer's words. */
    begin(&b, 1);
    carry(&b, 0);
    CHECK(take(&b, 1, &old.frame[1], &out) == ERR_FORGED, "an old WELCOME");
    begin(&b, 1);
    carry(&b, 1);
    REQUIRE(take(&b, 1, &b.frame[1], &out) == ERR_OK, "its own WELCOME");
    CHECK(take(&b, 3, &old.frame[3], &out) == ERR_FORGED, "an old ANSWER");
}

/* Another holder of the token, who would pass for the issuer or for a node. */
static void a_holder_of_the_token_is_neither(void)
{
    static struct both b;
    struct frame out, none;
    struct node_keys impostor;
    uint8_t seed[NODE_SEED_LEN] = {5}, ephemeral[NOISE_KEY] = {6};

    begin(&b, 0);
    carry(&b, 0);
    keys_derive(seed, &impostor);
    join_server_init(&b.s, &impostor, ephemeral);
    CHECK(take(&b, 0, &b.frame[0], &out) == ERR_FORGED, "without the issuer's key it cannot read HELLO");
    CHECK(out.size == JOIN_REFUSAL_LEN, "and says so in the clear");
    CHECK(take(&b, 1, &out, &none) == ERR_DENIED && !b.c.is_proven, "which the node takes for what it is");
    /* A node that claims an id whose key it has not. */
    begin(&b, 0);
    carry(&b, 1);
    struct node_keys victim;
    keys_derive(b.node.seed, &victim);
    b.c.identity.seed[0] = 0x66;
    REQUIRE(take(&b, 1, &b.frame[1], &b.frame[2]) == ERR_OK, "a REQUEST of another identity");
    REQUIRE(take(&b, 2, &b.frame[2], &out) == ERR_OK, "is one");
    CHECK(memcmp(b.request.id, victim.id, NODE_ID_LEN) != 0, "under its own id, not the victim's");
}

/* REQUESTs that only a dishonest holder of the token writes, sealed as they must be. */
static void requests_are_checked(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum err e;
        const char *why;
    } edits[] = {
        {0, 0, ERR_MALFORMED, "no name"},
        {0, 200, ERR_MALFORMED, "a name longer than everything"},
        {1, '/', ERR_MALFORMED, "a name that is a path"},
        {1, '-', ERR_MALFORMED, "a name that is an option"},
        {2, '\n', ERR_MALFORMED, "a line's end in a name"},
        {2, 'c', ERR_FORGED, "a name that was not signed"},
        {5, 0, ERR_FORGED, "an id that did not sign"},
        {5 + 32, 0, ERR_FORGED, "another signature"},
        {5 + 32 + 64, 2, ERR_MALFORMED, "neither a former identity nor none"},
        {5 + 32 + 64, 1, ERR_MALFORMED, "a former identity that is not there"},
        {5 + 32 + 64 + 2, 0, ERR_MALFORMED, "a length that is not the request's"},
        {5 + 32 + 64 + 3, 'x', ERR_FORGED, "a request that was not signed"},
    };
    static struct both b;

    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        uint8_t text[JOIN_FRAME_MAX];
        struct noise_cipher listener, speaker;
        struct frame out;
        begin(&b, 0);
        carry(&b, 2);
        listener = b.s.receive;
        speaker = (struct noise_cipher){.counter = 0};
        memcpy(speaker.key, b.s.receive.key, sizeof speaker.key);
        size_t size = b.frame[2].size - NOISE_TAG;
        REQUIRE(noise_open(&listener, b.frame[2].bytes, b.frame[2].size, text) == ERR_OK, "row %zu", i);
        text[edits[i].at] = edits[i].at == 5 || edits[i].at == 37 ? text[edits[i].at] ^ 1 : edits[i].value;
        noise_seal(&speaker, text, size, b.frame[2].bytes);
        enum err e = take(&b, 2, &b.frame[2], &out);
        CHECK(e == edits[i].e, "row %zu: %s: %s", i, edits[i].why, err_name(e));
    }
}

static void a_former_identity_vouches(void)
{
    static struct both b;
    struct frame last;
    struct node_keys old;
    uint8_t ephemeral[NOISE_KEY] = {3};

    for (int row = 0; row < 2; row++) {
        begin(&b, 0);
        keys_derive(b.node.seed, &old);
        REQUIRE(tickets_admit(&tickets, b.token.id, "db-2", old.id, NULL, NOW) == TOKEN_GRANTED, "it was in");
        tickets.token[0].left = 1;
        b.node.has_previous = row == 0;
        memcpy(b.node.previous, b.node.seed, NODE_SEED_LEN);
        b.node.seed[0] = 0x44;
        REQUIRE(join_client_init(&b.c, &b.token, &b.node, asked, sizeof asked, ephemeral) == ERR_OK, "anew");
        carry(&b, 3);
        enum err e = take(&b, 3, &b.frame[3], &last);
        CHECK(row == 0 ? e == ERR_OK && b.request.has_previous : e == ERR_DENIED && b.c.verdict == TOKEN_NAME_TAKEN,
              "row %d: %s", row, err_name(e));
        CHECK(tickets.members == 2, "row %d: one node, one entry", row);
    }
}

/* What a node signed in one session, said in another by somebody who learned it and holds the token; and the word
 * of a former identity that did not give it. */
static void a_signature_is_good_for_one_session(void)
{
    enum {
        FORMER = 1 + 4 + NODE_ID_LEN + JOIN_SIGNATURE,
    };
    static struct both old, b;
    uint8_t text[JOIN_FRAME_MAX];
    struct frame out;

    for (int row = 0; row < 3; row++) {
        uint8_t ephemeral[NOISE_KEY] = {3};
        begin(&old, 0);
        old.node.has_previous = row > 0;
        old.node.previous[0] = 0x55;
        REQUIRE(join_client_init(&old.c, &old.token, &old.node, asked, sizeof asked, ephemeral) == ERR_OK, "a node");
        carry(&old, 2);
        struct noise_cipher opened = old.s.receive, speaker;
        size_t size = old.frame[2].size - NOISE_TAG;
        REQUIRE(noise_open(&opened, old.frame[2].bytes, old.frame[2].size, text) == ERR_OK, "learned");
        b = old;
        if (row == 0) { /* the same words under another handshake */
            begin(&b, 1);
            carry(&b, 2);
        } else { /* another former id, or another signature of it */
            text[FORMER + (row == 1 ? 1 : 1 + NODE_ID_LEN)] ^= 1;
        }
        speaker = (struct noise_cipher){.counter = 0};
        memcpy(speaker.key, b.s.receive.key, sizeof speaker.key);
        noise_seal(&speaker, text, size, b.frame[2].bytes);
        b.frame[2].size = size + NOISE_TAG;
        enum err e = take(&b, 2, &b.frame[2], &out);
        CHECK(e == ERR_FORGED, "row %d: %s", row, err_name(e));
    }
}

static void versions_are_told_apart(void)
{
    static struct both b;
    struct frame out, none;

    begin(&b, 0);
    carry(&b, 0);
    b.frame[0].bytes[8] = JOIN_VERSION + 1;
    b.frame[0].size = 20; /* another version may be of any size */
    CHECK(take(&b, 0, &b.frame[0], &out) == ERR_MALFORMED && out.size == JOIN_REFUSAL_LEN, "the next version");
    CHECK(take(&b, 1, &out, &none) == ERR_DENIED && b.c.verdict == TOKEN_VERSION, "is told so");
    size_t size = join_server_refusal(TOKEN_BUSY, out.bytes);
    CHECK(size == JOIN_REFUSAL_LEN && out.bytes[9] == TOKEN_BUSY, "busy");
}

static void forgotten_is_forgotten(void)
{
    static struct both b;

    begin(&b, 0);
    carry(&b, FRAMES);
    join_client_fini(&b.c);
    join_server_fini(&b.s);
    b.c.state = b.s.state = JOIN_FRESH;
    CHECK(sodium_is_zero((const uint8_t *)&b.c, sizeof b.c) && sodium_is_zero((const uint8_t *)&b.s, sizeof b.s),
          "no key is left");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    a_node_is_let_in();
    nothing_secret_travels();
    no_bit_may_differ();
    turns_are_kept();
    the_node_hears_why();
    an_old_capture_proves_nothing();
    a_holder_of_the_token_is_neither();
    requests_are_checked();
    a_former_identity_vouches();
    a_signature_is_good_for_one_session();
    versions_are_told_apart();
    forgotten_is_forgotten();
    return CHECK_RESULT();
}
