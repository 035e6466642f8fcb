/* Questions to the kernel by netlink, and its answers taken apart: netlink.c has the bytes alone, netlink_ask.c the socket.
 * Answers are there when the question was said: nobody waits.
 *
 * Source: netlink(7), rtnetlink(7); RFC 3549, section 2.3; Linux, Documentation/userspace-api/netlink/intro.rst. */
#ifndef CELL_COMMON_RUN_NETLINK_H
#define CELL_COMMON_RUN_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

enum {
    NETLINK_QUESTION = 128, /* bytes: a head, a body and three addresses                             */
    NETLINK_ANSWER = 16384, /* bytes of one: more than half of 8 KiB is said of an interface alone   */
    NETLINK_STALE = 8,      /* answers to earlier questions, that nobody took, which are passed over */
    NETLINK_PARTS_MAX = 64, /* of a list: 10,000 addresses                                           */
    NETLINK_MORE = -1,      /* netlink_reader.error: what was received ended without a last word     */
};

/* A message: its body, with attributes behind it. Borrowed from what was received. */
struct netlink_message {
    uint16_t type;
    const uint8_t *body;
    size_t size;
};

/* A question, and what was answered: `said` is in `answer`. */
struct netlink {
    union {
        struct nlmsghdr head;
        uint8_t question[NETLINK_QUESTION];
    };
    union {
        struct nlmsghdr align;
        uint8_t answer[NETLINK_ANSWER];
    };
    struct netlink_message said;
};

/* Begin a question with this body; attributes behind it. All fits by construction (asserted). */
void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *body, size_t size);
void netlink_add(struct netlink *n, uint16_t kind, const void *value, size_t size);

/* What was received, any bytes; borrowed. */
struct netlink_reader {
    const uint8_t *at;
    size_t left;
    uint32_t sequence;   /* of our question: messages to others are stepped over …              */
    bool is_news;        /* … but of what nobody asked for: all of them                         */
    bool is_interrupted; /* the list changed while it was told and may be half of each          */
    int error;           /* at the end: 0: all was said; EPROTO: not netlink, or cut off; else the kernel's errno, or NETLINK_MORE */
};

/* The next message to our question; false: there is none, and r->error says why. */
bool netlink_next(struct netlink_reader *r, struct netlink_message *ret);

/* The body as what it should be, of `size` bytes; NULL: it is shorter. */
const void *netlink_body(const struct netlink_message *m, size_t size);

/* Whether an attribute of this kind stands behind a body of `body` bytes, before the first that is broken. */
bool netlink_has(const struct netlink_message *m, size_t body, uint16_t kind);

/* What the first one has, if it is of just this size; false, and *ret is untouched: there is none. */
bool netlink_take(const struct netlink_message *m, size_t body, uint16_t kind, void *ret, size_t size);

/* Say the question, with the next number after *turn, and have its one answer in n->said. expected: its type; NLMSG_ERROR: the
 * kernel's word that it is done (NLM_F_ACK). 0, or an errno: EPROTO, it answers something else, or nothing. */
int netlink_ask(struct netlink *n, int fd, uint32_t *turn, uint16_t expected) MUST_CHECK;

/* Say it (NLM_F_DUMP) and hand out what the list has. 0: all of it; EINTR: it changed meanwhile; ENOBUFS: some was lost; or
 * another errno. */
int netlink_list(struct netlink *n, int fd, uint32_t *turn, uint16_t expected,
                 void (*take)(void *context, const struct netlink_message *m), void *context) MUST_CHECK;

#endif
