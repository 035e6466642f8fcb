/* The handshake's machine: the good way, every bit flipped, and the attacks by name. */
#include "common/run/shm_auth.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/check.h"

static const struct shm_shape asked = {4, 256, 4096, 8192};
static const struct shm_shape most = {16, 2048, 1 << 20, 1 << 20};
static const uint8_t key[SHM_AUTH_KEY] = "a key of 32 bytes, known to both";
static const uint8_t other_key[SHM_AUTH_KEY] = "a key of 32 bytes, known to some";
static const uint8_t nonce_c[SHM_AUTH_NONCE] = "connector's nonce";
static const uint8_t nonce_a[SHM_AUTH_NONCE] = "acceptor's nonce";

struct both {
    struct shm_auth c, a;
    struct shm_auth_message m[SHM_AUTH_MESSAGES]; /* as they were sent */
};

static void begin(struct both *b)
{
    shm_auth_init(&b->c, SHM_CONNECTOR, key, &asked, nonce_c);
    shm_auth_init(&b->a, SHM_ACCEPTOR, key, &most, nonce_a);
    shm_auth_start(&b->c, &b->m[0]);
}

/* Carry the first `count` messages over. */
static void carry(struct both *b, int count)
{
    begin(b);
    for (int i = 0; i < count; i++) {
        struct shm_auth *to = i % 2 == 0 ? &b->a : &b->c;
        struct shm_auth_message out = {0};
        REQUIRE(shm_auth_step(to, &b->m[i], sizeof b->m[i], &out) == ERR_OK, "message %d", i);
        if (i + 1 < SHM_AUTH_MESSAGES) {
            b->m[i + 1] = out;
        }
    }
}

static void both_agree(void)
{
    struct both b;
    uint8_t mine[SHM_SHAPE_SESSION], theirs[SHM_SHAPE_SESSION], again[SHM_SHAPE_SESSION];

    carry(&b, 4);
    CHECK(b.c.state == SHM_AUTH_DONE && b.a.state == SHM_AUTH_DONE, "both are through");
    CHECK(b.a.shape.slots == asked.slots && b.a.shape.ring_bytes == asked.ring_bytes, "the shape asked for");
    shm_auth_session(&b.c, mine);
    shm_auth_session(&b.a, theirs);
    CHECK(memcmp(mine, theirs, sizeof mine) == 0, "one name");
    shm_auth_init(&b.a, SHM_ACCEPTOR, key, &most, (const uint8_t *)"another nonce, of the same sizeX");
    shm_auth_init(&b.c, SHM_CONNECTOR, key, &asked, nonce_c);
    shm_auth_start(&b.c, &b.m[0]);
    REQUIRE(shm_auth_step(&b.a, &b.m[0], sizeof b.m[0], &b.m[1]) == ERR_OK, "a second meeting");
    shm_auth_session(&b.a, again);
    CHECK(memcmp(mine, again, sizeof mine) != 0, "has another name");
}

/* Whatever bit of whatever message is flipped on the way: the handshake ends, and for ever. */
static void no_bit_may_differ(void)
{
    struct both b;
    struct shm_auth_message out;

    for (int which = 0; which < SHM_AUTH_MESSAGES; which++) {
        for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
            carry(&b, which);
            struct shm_auth *to = which % 2 == 0 ? &b.a : &b.c;
            struct shm_auth_message m = b.m[which];
            ((uint8_t *)&m)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum err e = shm_auth_step(to, &m, sizeof m, &out);
            if (which == 0 && e == ERR_OK) {
                /* HELLO proves nothing yet: the connector refuses the challenge over another HELLO. */
                e = shm_auth_step(&b.c, &out, sizeof out, &m);
                to = &b.c;
            }
            CHECK(e != ERR_OK && to->state == SHM_AUTH_FAILED, "message %d bit %zu", which, bit);
            CHECK(shm_auth_step(to, &b.m[which], sizeof m, &out) == ERR_PRECONDITION,
                  "message %d bit %zu: the true one comes too late", which, bit);
        }
    }
}

static void sizes_and_turns_are_kept(void)
{
    struct both b;
    struct shm_auth_message out;
    uint8_t longer[sizeof out + 1] = {0};

    for (int which = 0; which < SHM_AUTH_MESSAGES; which++) {
        for (int sent = 0; sent < SHM_AUTH_MESSAGES; sent++) {
            carry(&b, 4);
            struct shm_auth_message all[SHM_AUTH_MESSAGES];
            memcpy(all, b.m, sizeof all);
            carry(&b, which);
            struct shm_auth *to = which % 2 == 0 ? &b.a : &b.c;
            enum err e = shm_auth_step(to, &all[sent], sizeof out, &out);
            CHECK((e == ERR_OK) == (sent == which), "message %d for %d: %s", sent, which, err_name(e));
        }
        carry(&b, which);
        struct shm_auth *to = which % 2 == 0 ? &b.a : &b.c;
        memcpy(longer, &b.m[which], sizeof out);
        CHECK(shm_auth_step(to, longer, sizeof longer, &out) == ERR_MALFORMED, "one byte more");
        carry(&b, which);
        to = which % 2 == 0 ? &b.a : &b.c;
        CHECK(shm_auth_step(to, &b.m[which], sizeof out - 1, &out) == ERR_MALFORMED, "one byte less");
    }
    carry(&b, 4);
    CHECK(shm_auth_step(&b.a, &b.m[0], sizeof out, &out) == ERR_PRECONDITION, "it has ended");
}

static void shapes_are_granted_up_to_the_limit(void)
{
    static const struct {
        struct shm_shape shape;
        enum err e;
        const char *why;
    } rows[] = {
        {{16, 2048, 1 << 20, 1 << 20}, ERR_OK, "all that is granted"},
        {{17, 2048, 1 << 20, 1 << 20}, ERR_LIMIT, "a slot more"},
        {{16, 2048 + 128, 1 << 20, 1 << 20}, ERR_LIMIT, "longer slots"},
        {{16, 2048, (1 << 20) + 4096, 1 << 20}, ERR_LIMIT, "larger loans"},
        {{16, 2048, 1 << 20, (1 << 20) + 4096}, ERR_LIMIT, "a larger ring"},
        {{1, 128, 0, 0}, ERR_OK, "the least"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct both b;
        struct shm_auth_message m, out;
        begin(&b);
        shm_auth_init(&b.c, SHM_CONNECTOR, key, &rows[i].shape, nonce_c);
        shm_auth_start(&b.c, &m);
        CHECK(shm_auth_step(&b.a, &m, sizeof m, &out) == rows[i].e, "row %zu: %s", i, rows[i].why);
        m.stride = 100;
        begin(&b);
        CHECK(shm_auth_step(&b.a, &m, sizeof m, &out) == ERR_INVALID, "row %zu: no shape at all", i);
    }
}

static void attacks_fail(void)
{
    struct both b, old;
    struct shm_auth_message out, m;
    struct shm_auth wrong;

    /* An impostor without the key: its challenge is refused before anything is proved to it. */
    begin(&b);
    shm_auth_init(&wrong, SHM_ACCEPTOR, other_key, &most, nonce_a);
    REQUIRE(shm_auth_step(&wrong, &b.m[0], sizeof m, &out) == ERR_OK, "the impostor answers");
    CHECK(shm_auth_step(&b.c, &out, sizeof out, &m) == ERR_FORGED, "an impostor of a server");
    CHECK(b.c.said_count == 1, "and has learned our HELLO alone");

    /* A connector without the key. */
    begin(&b);
    shm_auth_init(&wrong, SHM_CONNECTOR, other_key, &asked, nonce_c);
    shm_auth_start(&wrong, &m);
    REQUIRE(shm_auth_step(&b.a, &m, sizeof m, &out) == ERR_OK, "it is challenged");
    m = out;
    m.kind = SHM_AUTH_PROOF;
    CHECK(shm_auth_step(&b.a, &m, sizeof m, &out) == ERR_FORGED, "our mac under another kind");

    /* The challenge sent back to who made it. */
    carry(&b, 1);
    m = b.m[1];
    m.kind = SHM_AUTH_PROOF;
    CHECK(shm_auth_step(&b.a, &m, sizeof m, &out) == ERR_FORGED, "a reflected challenge");
    begin(&b);
    CHECK(shm_auth_step(&b.c, &b.m[0], sizeof m, &out) == ERR_MALFORMED, "our own HELLO");
    begin(&b);
    memcpy(b.m[0].nonce, nonce_a, sizeof nonce_a);
    CHECK(shm_auth_step(&b.a, &b.m[0], sizeof m, &out) == ERR_FORGED, "our own nonce");

    /* Everything of an old meeting, played again to a fresh acceptor. */
    carry(&old, 4);
    begin(&b);
    shm_auth_init(&b.a, SHM_ACCEPTOR, key, &most, (const uint8_t *)"a fresh nonce, of the same size.");
    REQUIRE(shm_auth_step(&b.a, &old.m[0], sizeof m, &out) == ERR_OK, "an old HELLO is a HELLO");
    CHECK(shm_auth_step(&b.a, &old.m[2], sizeof m, &out) == ERR_FORGED, "an old PROOF proves nothing");

    /* A shape changed in the middle. */
    begin(&b);
    b.m[0].slots = 1;
    REQUIRE(shm_auth_step(&b.a, &b.m[0], sizeof m, &out) == ERR_OK, "the acceptor cannot know");
    CHECK(shm_auth_step(&b.c, &out, sizeof out, &m) == ERR_FORGED, "the connector does");
}

static void versions_are_told_apart(void)
{
    struct both b;
    struct shm_auth_message out;

    begin(&b);
    b.m[0].version++;
    CHECK(shm_auth_step(&b.a, &b.m[0], sizeof out, &out) == ERR_INCOMPATIBLE, "the next version");
}

int main(void)
{
    both_agree();
    no_bit_may_differ();
    sizes_and_turns_are_kept();
    shapes_are_granted_up_to_the_limit();
    attacks_fail();
    versions_are_told_apart();
    return CHECK_RESULT();
}
