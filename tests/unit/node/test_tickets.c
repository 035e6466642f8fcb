/* What an issuer remembers: who may join, how often, under which name; and its text. */
#include <sodium.h>
#include <string.h>

#include "common/node/tickets.h"
#include "tests/unit/node/vectors.h"

enum {
    NOW = 1764316800,
    LATER = NOW + 86400,
};

static struct tickets t; /* too large for a stack */

static struct token token_of(uint8_t number)
{
    struct token k = {.expires_s = LATER, .contacts = 1, .contact = {"a:1"}};

    memset(k.id, number, sizeof k.id);
    memset(k.secret, number, sizeof k.secret);
    memset(k.issuer, 0xd7, sizeof k.issuer);
    return k;
}

static const uint8_t *node(uint8_t number)
{
    static uint8_t id[4][NODE_ID_LEN];

    memset(id[number % 4], number, NODE_ID_LEN);
    return id[number % 4];
}

static void the_vector_reads_and_writes_the_same(void)
{
    char text[VECTOR_MAX], *again = NULL;
    size_t len = vector_read("issuer", text), again_len = 0;

    REQUIRE(tickets_parse(text, len, &t) == ERR_OK, "the vector");
    CHECK(t.tokens == 1 && t.token[0].uses == 3 && t.token[0].left == 2 && !t.token[0].is_revoked, "a token");
    CHECK(t.members == 2 && strcmp(t.member[1].name, "db-2") == 0, "two members");
    REQUIRE(tickets_format(&t, &again, &again_len) == ERR_OK, "written");
    CHECK(again_len == len && memcmp(again, text, len) == 0, "the same bytes");
    free(again);
    struct tickets *other = calloc(1, sizeof *other);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        CHECK(tickets_parse(text, len, other) != ERR_OK, "bit %zu", bit);
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t size = 0; size < len; size++) {
        CHECK(tickets_parse(text, size, other) != ERR_OK, "cut at %zu", size);
    }
    CHECK(other->tokens == 0 && other->members == 0, "nothing is written on error");
    free(other);
}

/* Rows share one issuer, top to bottom. */
static const struct {
    uint8_t token;
    const char *name;
    uint8_t id, previous; /* 0: none */
    uint64_t at;
    enum token_verdict verdict;
    uint32_t left; /* of that token afterwards */
    const char *why;
} rows[] = {
    {9, "a", 1, 0, NOW, TOKEN_UNKNOWN, 0, "no such token"},
    {1, "init", 1, 0, NOW, TOKEN_NAME_TAKEN, 1, "the initial node's name"},
    {1, "a", 1, 0, LATER, TOKEN_EXPIRED, 1, "in its last second it is too late"},
    {1, "a", 1, 0, LATER - 1, TOKEN_GRANTED, 0, "a second before, it is not"},
    {1, "b", 2, 0, NOW, TOKEN_USED, 0, "another node, and it is used up"},
    {1, "a", 1, 0, NOW, TOKEN_GRANTED, 0, "the same node again: its answer may have been lost"},
    {1, "a2", 1, 0, NOW, TOKEN_GRANTED, 0, "under another free name, too"},
    {1, "a", 1, 0, LATER, TOKEN_EXPIRED, 0, "but not for ever"},
    {2, "a2", 2, 0, NOW, TOKEN_NAME_TAKEN, 2, "a refusal costs no use"},
    {2, "b", 2, 0, NOW, TOKEN_GRANTED, 1, "two nodes"},
    {2, "b", 2, 0, NOW, TOKEN_GRANTED, 1, "the first of them again, at no cost"},
    {2, "a2", 3, 1, NOW, TOKEN_GRANTED, 0, "a new identity, for which the former one vouches"},
    {2, "c", 7, 0, NOW, TOKEN_USED, 0, "a third node"},
    {3, "b", 1, 0, NOW, TOKEN_NAME_TAKEN, 1, "the former identity of another node has no claim left"},
    {3, "a2", 2, 0, NOW, TOKEN_NAME_TAKEN, 1, "a member cannot take another's name"},
    {3, "a2", 2, 3, NOW, TOKEN_GRANTED, 0, "unless that one vouches"},
};

static void who_may_join(void)
{
    memset(&t, 0, sizeof t);
    REQUIRE(tickets_enter_self(&t, "init", node(200), NOW) == ERR_OK, "the initial node");
    for (uint8_t i = 1; i <= 3; i++) {
        struct token k = token_of(i);
        REQUIRE(tickets_add(&t, &k, i == 2 ? 2 : 1, NOW) == ERR_OK, "token %d", i);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token k = token_of(rows[i].token);
        uint8_t id[NODE_ID_LEN], previous[NODE_ID_LEN];
        memset(id, rows[i].id, sizeof id);
        memset(previous, rows[i].previous, sizeof previous);
        uint32_t members = t.members;
        enum token_verdict v = tickets_admit(&t, k.id, rows[i].name, id, rows[i].previous != 0 ? previous : NULL,
                                             rows[i].at);
        struct tickets_token *found = tickets_find(&t, k.id);
        CHECK(v == rows[i].verdict, "row %zu: %s: %s", i, rows[i].why, token_verdict_name(v));
        CHECK((found != NULL ? found->left : 0) == rows[i].left, "row %zu: %s: uses left", i, rows[i].why);
        CHECK(v == TOKEN_GRANTED || t.members == members, "row %zu: nobody came in", i);
    }
    CHECK(tickets_remove_member(&t, "nobody", NOW) == ERR_NOT_FOUND, "nobody has this name");
    CHECK(tickets_remove_member(&t, "a2", NOW) == ERR_OK && tickets_remove_member(&t, "a2", NOW) == ERR_NOT_FOUND, "once");
}

static void a_revoked_token_lets_nobody_in(void)
{
    struct token k = token_of(4);

    REQUIRE(tickets_add(&t, &k, 2, NOW) == ERR_OK, "a token");
    REQUIRE(tickets_admit(&t, k.id, "r", node(50), NULL, NOW) == TOKEN_GRANTED, "lets in");
    CHECK(tickets_revoke(&t, k.id) == ERR_OK, "revoked");
    CHECK(tickets_admit(&t, k.id, "r", node(50), NULL, NOW) == TOKEN_REVOKED, "not even who was in");
    CHECK(tickets_judge(tickets_find(&t, k.id), LATER) == TOKEN_REVOKED, "revoked is said before expired");
    k = token_of(99);
    CHECK(tickets_revoke(&t, k.id) == ERR_NOT_FOUND, "no such token");
}

static void what_a_token_may_be(void)
{
    static const struct {
        uint32_t uses;
        uint64_t expires_s;
        enum err e;
        const char *why;
    } made[] = {
        {0, LATER, ERR_INVALID, "no use"},
        {1, NOW, ERR_INVALID, "dead at once"},
        {1, NOW + 1, ERR_OK, "a second"},
        {TICKETS_USES_MAX, LATER, ERR_OK, "the most uses"},
        {TICKETS_USES_MAX + 1, LATER, ERR_INVALID, "one more"},
    };

    memset(&t, 0, sizeof t);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        struct token k = token_of((uint8_t)(i + 1));
        k.expires_s = made[i].expires_s;
        CHECK(tickets_add(&t, &k, made[i].uses, NOW) == made[i].e, "row %zu: %s", i, made[i].why);
    }
    struct token k = token_of(4);
    CHECK(tickets_add(&t, &k, 1, NOW) == ERR_EXISTS, "an id twice");
    memset(k.id, 0, sizeof k.id);
    CHECK(tickets_add(&t, &k, 1, NOW) == ERR_INVALID, "the initial node's mark is no id");
}

static void full_is_said_and_the_dead_make_room(void)
{
    struct token k = token_of(1);
    char *text = NULL;
    size_t len = 0;

    memset(&t, 0, sizeof t);
    for (uint32_t i = 0; i < TICKETS_TOKENS_MAX; i++) {
        memcpy(k.id, &(uint64_t){i + 1}, TOKEN_ID);
        REQUIRE(tickets_add(&t, &k, TICKETS_USES_MAX, NOW) == ERR_OK, "token %u", i);
        t.token[i].is_revoked = true;
    }
    memset(k.id, 0xff, TOKEN_ID);
    CHECK(tickets_add(&t, &k, 1, NOW) == ERR_LIMIT, "one past the limit");
    k.expires_s = 2 * (uint64_t)LATER;
    CHECK(tickets_add(&t, &k, 1, LATER + TICKETS_KEEP_S - 1) == ERR_LIMIT, "dead for less than a day");
    struct tickets *full = malloc(sizeof *full);
    *full = t;
    for (uint32_t i = 0; i < TICKETS_MEMBERS_MAX; i++) {
        struct tickets_member *m = &full->member[full->members++];
        *m = (struct tickets_member){.joined_s = UINT64_MAX};
        (void)snprintf(m->name, sizeof m->name, "%064u", i);
        memset(m->id, 0xee, sizeof m->id);
    }
    REQUIRE(tickets_format(full, &text, &len) == ERR_OK, "everything there is room for");
    CHECK(len <= TICKETS_TEXT_MAX && tickets_parse(text, len, &t) == ERR_OK, "is written and read: %zu bytes", len);
    free(text);
    CHECK(tickets_add(full, &k, 1, LATER + TICKETS_KEEP_S) == ERR_OK && full->tokens == 1, "dead for a day");
    CHECK(tickets_admit(full, k.id, "one-more", node(1), NULL, NOW) == TOKEN_FULL, "a node past the limit");
    CHECK(full->token[0].left == 1, "costs no use");
    CHECK(tickets_enter_self(full, "me", node(2), NOW) == ERR_LIMIT, "not even the initial node");
    free(full);
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_vector_reads_and_writes_the_same();
    who_may_join();
    a_revoked_token_lets_nobody_in();
    what_a_token_may_be();
    full_is_said_and_the_dead_make_room();
    return CHECK_RESULT();
}
