/* What the issuer of a cluster remembers: its join tokens and who has joined. Pure; a change is written
 * as a whole to one file before anybody hears of it, so that what was accepted stays accepted.
 *
 *   cell-issuer 1
 *   token ID PSK CREATED EXPIRES USES LEFT            hex, hex, seconds, seconds, counts
 *   revoked ID
 *   member NAME NODE TOKEN JOINED                     name, 64 hex digits, token's id, seconds
 *   hash …                                            lines.h */
#ifndef CELL_COMMON_NODE_TICKETS_H
#define CELL_COMMON_NODE_TICKETS_H

#include <stdbool.h>

#include "common/node/token.h"

enum {
    TICKETS_TOKENS_MAX = 256,     /* at once; those past their time make room                */
    TICKETS_MEMBERS_MAX = 4096,   /* nodes of a cluster                                      */
    TICKETS_USES_MAX = 1000,      /* nodes that one token may let in                         */
    TICKETS_KEEP_S = 86400,       /* a dead token is listed for a day, to say why it is dead */
    TICKETS_TEXT_MAX = 1 << 20,   /* bytes of the file                                       */
};

struct tickets_token {
    uint8_t id[TOKEN_ID];
    uint8_t psk[TOKEN_PSK];
    uint64_t created_s, expires_s;
    uint32_t uses, left;
    bool is_revoked;
};

struct tickets_member {
    char name[NODE_NAME_MAX + 1];
    uint8_t id[NODE_ID_LEN];
    uint8_t token[TOKEN_ID]; /* the one it joined with last; zeros: the initial node */
    uint64_t joined_s;
};

struct tickets {
    uint32_t tokens, members;
    struct tickets_token token[TICKETS_TOKENS_MAX];
    struct tickets_member member[TICKETS_MEMBERS_MAX];
};

/* Add a token. Forgets dead ones first. ERR_INVALID: uses is not 1 to TICKETS_USES_MAX, or it would be dead
 * at once; ERR_EXISTS: its id is taken; ERR_LIMIT: too many live ones. */
enum err tickets_add(struct tickets *t, const struct token *token, uint32_t uses, uint64_t now_s) MUST_CHECK;

/* The token of that id, or NULL. O(tokens). */
struct tickets_token *tickets_find(struct tickets *t, const uint8_t id[TOKEN_ID]);

/* What to say to who holds it now: GRANTED, EXPIRED or REVOKED. Whether it is used up is said by tickets_admit
 * alone: who used it may come again. */
enum token_verdict tickets_judge(const struct tickets_token *token, uint64_t now_s);

/* ERR_NOT_FOUND: no such token. */
enum err tickets_revoke(struct tickets *t, const uint8_t id[TOKEN_ID]) MUST_CHECK;

/* Let the node `id` in under `name`. previous: the id it had before, which it has proved to be its own, or
 * NULL. GRANTED: `t` has changed and is to be stored before the node hears of it. Whoever was let in with this
 * token may be let in with it again, at no cost, as long as it lives: an answer may get lost. */
enum token_verdict tickets_admit(struct tickets *t, const uint8_t token[TOKEN_ID], const char *name,
                                 const uint8_t id[NODE_ID_LEN], const uint8_t *previous, uint64_t now_s);

/* Enter the initial node itself: its name cannot be taken. Nothing changes when it is in. ERR_LIMIT. */
enum err tickets_enter_self(struct tickets *t, const char *name, const uint8_t id[NODE_ID_LEN],
                            uint64_t now_s) MUST_CHECK;

/* Give a name free. ERR_NOT_FOUND: nobody has it. */
enum err tickets_remove_member(struct tickets *t, const char *name) MUST_CHECK;

/* Write the file's text into fresh memory (wipe and free it), and read one: as identity_parse. ERR_NOMEM. */
enum err tickets_format(const struct tickets *t, char **ret, size_t *ret_len) MUST_CHECK;
enum err tickets_parse(const char *text, size_t size, struct tickets *ret) MUST_CHECK;

#endif
