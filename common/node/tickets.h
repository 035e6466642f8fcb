/* What the issuer of a cluster remembers: its join tokens, who has joined, with which certificates, which of them are
 * good no more, and the cluster's keys. Pure; a change is written
 * as a whole to one file before anybody hears of it, so that what was accepted stays accepted.
 *
 *   cell-issuer 1
 *   key EPOCH KEY                                     as in cluster.h; absent before the first start
 *   changed SECONDS GRACE                             when the newest came, how long the other stays
 *   crl NUMBER
 *   stale SERIAL SINCE UNTIL                          a revoked certificate, until when it would have been good
 *   token ID PSK CREATED EXPIRES USES LEFT            hex, hex, seconds, seconds, counts
 *   revoked ID
 *   member NAME NODE TOKEN JOINED                     name, 64 hex digits, token's id, seconds
 *   certificate SERIAL UNTIL                          of that member, the newest first
 *   hash …                                            lines.h */
#ifndef CELL_COMMON_NODE_TICKETS_H
#define CELL_COMMON_NODE_TICKETS_H

#include <stdbool.h>

#include "common/node/cluster.h"
#include "common/node/token.h"

enum {
    TICKETS_TOKENS_MAX = 256,     /* at once; those past their time make room                */
    TICKETS_MEMBERS_MAX = 4096,   /* nodes of a cluster                                      */
    TICKETS_USES_MAX = 1000,      /* nodes that one token may let in                         */
    TICKETS_KEEP_S = 86400,       /* a dead token is listed for a day, to say why it is dead */
    TICKETS_TEXT_MAX = 1 << 21,   /* bytes of the file                                       */
    TICKETS_SERIAL = 16,          /* bytes of a certificate's serial number: PKI_SERIAL       */
    TICKETS_CERTIFICATES_MAX = 2, /* good ones of a member: that in use and the one before    */
    TICKETS_STALE_MAX = 1024,     /* revoked ones that have not ended: 36 KiB of a list       */
    TICKETS_STALE_SPARE = 256,    /* of them for removals: who has its certificate renewed again and
                                   * again cannot keep itself in                              */
    TICKETS_CRL_MAX = INT32_MAX,  /* of the list's number: what readers of certificates take  */
    TICKETS_STALE_SLACK_S = 30 * 86400, /* … by the clock of a node that is so far behind     */
};

struct tickets_token {
    uint8_t id[TOKEN_ID];
    uint8_t psk[TOKEN_PSK];
    uint64_t created_s, expires_s;
    uint32_t uses, left;
    bool is_revoked;
};

struct tickets_certificate {
    uint8_t serial[TICKETS_SERIAL];
    uint64_t since_s; /* revoked; of a member's: 0 */
    uint64_t until_s; /* 0: there is none          */
};

struct tickets_member {
    char name[NODE_NAME_MAX + 1];
    uint8_t id[NODE_ID_LEN];
    uint8_t token[TOKEN_ID]; /* the one it joined with last; zeros: the initial node */
    uint64_t joined_s;
    struct tickets_certificate certificate[TICKETS_CERTIFICATES_MAX]; /* the newest first */
};

struct tickets {
    uint32_t keys; /* 0: not known yet */
    uint32_t epoch[NODE_CLUSTER_KEYS];
    uint8_t key[NODE_CLUSTER_KEYS][NODE_KEY_LEN];
    uint64_t changed_s;
    uint32_t grace_s;
    uint32_t crl;
    uint32_t tokens, members, stales;
    struct tickets_certificate stale[TICKETS_STALE_MAX];
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

/* The member that has this id, or NULL. O(members). */
const struct tickets_member *tickets_member(const struct tickets *t, const uint8_t id[NODE_ID_LEN]);

/* Enter the initial node itself: its name cannot be taken. Nothing changes when it is in. ERR_LIMIT. */
enum err tickets_enter_self(struct tickets *t, const char *name, const uint8_t id[NODE_ID_LEN],
                            uint64_t now_s) MUST_CHECK;

/* Give a name free and revoke its certificates: the list has another number afterwards. ERR_NOT_FOUND: nobody has
 * it; ERR_LIMIT: TICKETS_STALE_MAX. */
enum err tickets_remove_member(struct tickets *t, const char *name, uint64_t now_s) MUST_CHECK;

/* ---- keys and certificates (tickets_roll.c) ---------------------------------------------------------- */

/* Take the keys of the cluster file when they are newer than what is remembered, or nothing is. Whether that was so. */
bool tickets_take_keys(struct tickets *t, const struct cluster *c, uint64_t now_s);

/* Draw on `key` for the next epoch; the one in force stays for grace_s (at most CLUSTER_GRACE_MAX_S) more. ERR_RANGE:
 * there is no next epoch. */
enum err tickets_rotate(struct tickets *t, const uint8_t key[NODE_KEY_LEN], uint32_t grace_s, uint64_t now_s) MUST_CHECK;

/* Write the keys that are good now into `c`, with what is left of the second one's time. A clock that goes back
 * lengthens that to the whole of it at most. */
void tickets_tell_keys(const struct tickets *t, uint64_t now_s, struct cluster *c);

/* Remember a certificate that the member `id` is about to get. One past TICKETS_CERTIFICATES_MAX revokes the oldest.
 * ERR_NOT_FOUND: no member; ERR_LIMIT: TICKETS_STALE_MAX less TICKETS_STALE_SPARE, nothing is changed. */
enum err tickets_certify(struct tickets *t, const uint8_t id[NODE_ID_LEN], const uint8_t serial[TICKETS_SERIAL],
                         uint64_t until_s, uint64_t now_s) MUST_CHECK;

/* Revoke all certificates of `m`. ERR_LIMIT: nothing is changed. */
enum err tickets_revoke_all(struct tickets *t, struct tickets_member *m, uint64_t now_s) MUST_CHECK;

bool tickets_is_stale(const struct tickets *t, const uint8_t serial[TICKETS_SERIAL]);

/* Forget revoked ones that ended longer ago than TICKETS_STALE_SLACK_S: no clock takes them for good any more. */
void tickets_forget_stale(struct tickets *t, uint64_t now_s);

/* Write the file's text into fresh memory (wipe and free it), and read one: as identity_parse. ERR_NOMEM. */
enum err tickets_format(const struct tickets *t, char **ret, size_t *ret_len) MUST_CHECK;
enum err tickets_parse(const char *text, size_t size, struct tickets *ret) MUST_CHECK;

#endif
