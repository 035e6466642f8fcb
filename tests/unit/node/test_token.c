/* Join tokens: the vector, every character, and the limits of what a token may say. */
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/token.h"
#include "tests/unit/node/vectors.h"

static struct token good(void)
{
    char text[VECTOR_MAX];
    struct token t;

    text[vector_read("token", text) - 1] = '\0';
    REQUIRE(token_parse(text, &t) == ERR_OK, "the vector");
    return t;
}

static void the_vector_is_read(void)
{
    struct token t = good();
    char text[VECTOR_MAX], again[TOKEN_TEXT_SIZE];
    uint8_t psk[TOKEN_PSK], expected[TOKEN_PSK];

    CHECK(t.id[0] == 1 && t.id[7] == 8 && t.secret[0] == 0x10 && t.secret[15] == 0x1f, "id and secret");
    CHECK(t.issuer[0] == 0xd7 && t.expires_s == 1764403200, "issuer and time");
    CHECK(t.contacts == 2 && strcmp(t.contact[0], "10.0.0.1:7402") == 0 &&
              strcmp(t.contact[1], "db-1.example:7402") == 0, "contacts");
    text[vector_read("token", text) - 1] = '\0';
    token_format(&t, again);
    CHECK(strcmp(text, again) == 0, "and written the same");
    text[vector_read("token-psk", text) - 1] = '\0';
    REQUIRE(bytes_from_hex(text, expected, sizeof expected), "the key's vector");
    token_psk(&t, psk);
    CHECK(memcmp(psk, expected, sizeof psk) == 0, "the key that follows");
    t.issuer[0] ^= 1;
    token_psk(&t, psk);
    CHECK(memcmp(psk, expected, sizeof psk) != 0, "depends on the issuer");
    t.issuer[0] ^= 1;
    t.id[0] ^= 1;
    token_psk(&t, psk);
    CHECK(memcmp(psk, expected, sizeof psk) != 0, "and on the token's id");
}

static void every_character_counts(void)
{
    char text[TOKEN_TEXT_SIZE];
    struct token t = good(), untouched = t, back = t;
    static const char others[] = "a7-1A=";

    token_format(&t, text);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        for (const char *c = others; *c != '\0'; c++) {
            char was = text[at];
            if (was != *c) {
                text[at] = *c;
                CHECK(token_parse(text, &back) != ERR_OK, "character %zu as %c", at, *c);
                text[at] = was;
            }
        }
        char was = text[at];
        text[at] = '\0';
        CHECK(token_parse(text, &back) != ERR_OK, "cut at %zu", at);
        text[at] = was;
    }
    strcpy(text + len, "a");
    CHECK(token_parse(text, &back) != ERR_OK, "a character more");
    CHECK(memcmp(&back, &untouched, sizeof back) == 0, "nothing is written on error");
}

static void other_texts_are_refused(void)
{
    static const struct {
        const char *text;
        enum err e;
        const char *why;
    } rows[] = {
        {"", ERR_MALFORMED, "nothing"},
        {"cell1-", ERR_MALFORMED, "no bytes"},
        {"cell2-aeaq", ERR_INCOMPATIBLE, "a later version says so"},
        {"cell10-aeaq", ERR_INCOMPATIBLE, "of two digits, too"},
        {"cell-aeaq", ERR_MALFORMED, "no version"},
        {"hunter2", ERR_MALFORMED, "a password"},
        {"CELL1-AEAQ", ERR_MALFORMED, "upper case"},
    };
    char longest[2 * TOKEN_TEXT_SIZE];
    struct token t;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(token_parse(rows[i].text, &t) == rows[i].e, "row %zu: %s", i, rows[i].why);
    }
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "cell1-", 6);
    longest[sizeof longest - 1] = '\0';
    CHECK(token_parse(longest, &t) == ERR_MALFORMED, "longer than any");
}

static void contacts_have_limits(void)
{
    struct token t = good(), back;
    char text[TOKEN_TEXT_SIZE];

    t.contacts = TOKEN_CONTACTS_MAX;
    for (uint32_t i = 0; i < TOKEN_CONTACTS_MAX; i++) {
        (void)snprintf(t.contact[i], CONTACT_SIZE, "%087d:65535", (int)i);
    }
    token_format(&t, text);
    CHECK(token_parse(text, &back) == ERR_OK && memcmp(&back, &t, sizeof t) == 0, "four of the longest");
    token_forget(&t);
    CHECK(sodium_is_zero((const uint8_t *)&t, sizeof t), "forgotten");
}

static void verdicts_have_words(void)
{
    CHECK(strcmp(token_verdict_name(TOKEN_NAME_TAKEN), "NAME_TAKEN") == 0, "a listed one");
    CHECK(strcmp(token_verdict_name(0), "OTHER") == 0 && strcmp(token_verdict_name(200), "OTHER") == 0,
          "what a peer makes up has a word too");
    CHECK(token_verdict_text(200)[0] != '\0', "and a text");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_vector_is_read();
    every_character_counts();
    other_texts_are_refused();
    contacts_have_limits();
    verdicts_have_words();
    return CHECK_RESULT();
}
