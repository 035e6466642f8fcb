/* A join token: what a person carries from the node that answers joins to the node that joins. Pure.
 *
 *   cell1-aeb7…     base32 (RFC 4648, lower case, no padding) of
 *   version 1 (1), id 8, secret 16, issuer 32, expires 8 (big-endian seconds since 1970),
 *   contacts (1), each length (1) and text, BLAKE2b-256 of all before, its first 4 bytes
 *
 * Who has the text may join; it is a secret like a password. The issuer's id is in it, so that no other
 * holder of the token can pass for the issuer. */
#ifndef CELL_COMMON_NODE_TOKEN_H
#define CELL_COMMON_NODE_TOKEN_H

#include "common/node/contact.h"
#include "common/node/keys.h"

enum {
    TOKEN_ID = 8,            /* bytes: names it in lists and on the wire; not secret */
    TOKEN_SECRET = 16,       /* bytes                                                */
    TOKEN_PSK = 32,
    TOKEN_CONTACTS_MAX = 4,  /* where the issuer is reached                          */
    TOKEN_TEXT_SIZE = 768,   /* bytes that hold any token's text                     */
};

struct token {
    uint8_t id[TOKEN_ID];
    uint8_t secret[TOKEN_SECRET];
    uint8_t issuer[NODE_ID_LEN];
    uint64_t expires_s; /* since 1970, by the issuer's clock; for people: the issuer judges */
    uint32_t contacts;  /* 1 to TOKEN_CONTACTS_MAX                                          */
    char contact[TOKEN_CONTACTS_MAX][CONTACT_SIZE];
};

/* How a join ends. Numbers are part of the wire format. */
#define TOKEN_VERDICT_MAP(X)                                                                       \
    X(GRANTED, 1, "granted")                                                                       \
    X(UNKNOWN, 2, "the issuer does not know this token")                                           \
    X(EXPIRED, 3, "the token has expired")                                                         \
    X(USED, 4, "the token has been used up")                                                       \
    X(REVOKED, 5, "the token was revoked")                                                         \
    X(NAME_TAKEN, 6, "another node has this name")                                                 \
    X(BUSY, 7, "the issuer answers no more joins just now")                                        \
    X(MALFORMED, 8, "the issuer does not understand the request")                                  \
    X(FAILED, 9, "the issuer could not do it; its log says why")                                   \
    X(VERSION, 10, "the issuer speaks another version of the protocol")                            \
    X(FULL, 11, "the issuer keeps no more members")                                                \
    X(STRANGER, 12, "this node is no member of the cluster")

enum token_verdict {
#define X(name, number, text) TOKEN_##name = number,
    TOKEN_VERDICT_MAP(X)
#undef X
};

/* What a person should read, and a word for logs and JSON ("NAME_TAKEN"); unlisted numbers have one too. */
const char *token_verdict_text(uint32_t verdict);
const char *token_verdict_name(uint32_t verdict);

/* Write the text of `t`, terminated. Every contact is valid. */
void token_format(const struct token *t, char out[TOKEN_TEXT_SIZE]);

/* Read a text: anything. ERR_MALFORMED: no token, or a mistyped one (every character counts);
 * ERR_INCOMPATIBLE: of another version. On error *ret is untouched. */
enum err token_parse(const char *text, struct token *ret) MUST_CHECK;

/* The key that both sides mix into the handshake. The issuer keeps this and not the secret. */
void token_psk(const struct token *t, uint8_t ret[TOKEN_PSK]);

/* Wipe it. */
void token_forget(struct token *t);

#endif
