/* Why something that claims to be of a repository is not believed: one name for each way it can be wrong. */
#ifndef CELL_REGISTRY_FAULT_H
#define CELL_REGISTRY_FAULT_H

#include "common/base/macros.h"

/* X(name, what an operator should read) */
#define REGISTRY_FAULT_MAP(X)                                                                                                   \
    X(NONE, "believed")                                                                                                         \
    X(TOO_LARGE, "more bytes than what is asked for can have")                                                                  \
    X(TOO_SLOW, "the other side sends so slowly that it would never end")                                                       \
    X(MALFORMED, "not in the one form that such a document has")                                                                \
    X(ORIGIN, "of another repository")                                                                                          \
    X(ORDER, "what vouches for it has not been believed yet")                                                                   \
    X(FORGED, "a signature by a key that may sign does not verify")                                                             \
    X(UNSIGNED, "fewer signatures by keys that may sign than are needed")                                                       \
    X(REVOKED, "enough signatures only with those of keys that were revoked")                                                   \
    X(SKIPPED, "a root that does not follow the one that is trusted")                                                           \
    X(UNREVOKED, "a root that trusts keys again that were revoked")                                                             \
    X(ROLLBACK, "older than what was believed before")                                                                          \
    X(JUMP, "so much newer that the numbers would come to their end")                                                           \
    X(FORK, "other content under a number that was believed before")                                                            \
    X(EXPIRED, "no longer valid: somebody withholds what is newer, or the repository is not maintained")                        \
    X(FUTURE, "made after the present time: this clock or theirs is wrong")                                                     \
    X(MIXED, "not what the signed document above it names")                                                                     \
    X(NO_SPACE, "nobody may sign names of this space")                                                                          \
    X(NOT_LISTED, "the repository has no such version")                                                                         \
    X(NOT_LOGGED, "not in the log that everybody sees")                                                                         \
    X(WRONG_TARGET, "signed, but for another name or version")

enum registry_fault {
#define X(name, text) REGISTRY_FAULT_##name,
    REGISTRY_FAULT_MAP(X)
#undef X
};

/* "ROLLBACK", and what an operator should read. Never NULL. */
const char *registry_fault_name(enum registry_fault f);
const char *registry_fault_text(enum registry_fault f);

#endif
