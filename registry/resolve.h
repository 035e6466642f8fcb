/* Which versions to install: those that all requirements, and the requirements of what they lead to, allow together.
 *
 * The answer follows from the documents alone. Packages are looked at in the order in which they come to be required: first what the
 * project needs, in its order, then what the chosen version of the first of these needs, and so on. Each gets the version that is locked, where
 * everything else still goes with it; else the newest with which it does (the oldest, if that is asked for). So nobody's version is
 * changed by what is required later, unless there is no other way; and a lock is left as far as it must be. Yanked versions are for those
 * alone who have them locked. Pre-releases are in the ranges that name them (range.h). Cycles are no fault: a package is installed once.
 *
 * Where there is no answer, why is said by whose requirements exclude one another. Source: Weizenbaum, "PubGrub: Next-Generation Version
 * Solving", 2018, and the description of it in Dart's pub, doc/solver.md (conflict-driven learning with explanations). Here a package is
 * a variable whose values are its versions and "absent", sets of which are bits: ranges with holes are exact, pre-releases too. */
#ifndef CELL_REGISTRY_RESOLVE_H
#define CELL_REGISTRY_RESOLVE_H

#include "common/base/arena.h"
#include "registry/text.h"

enum {
    REGISTRY_RESOLVE_PACKAGES_MAX = 100000,
    REGISTRY_RESOLVE_VERSIONS_MAX = 4096,      /* of a package */
    REGISTRY_RESOLVE_STEPS_USUAL = 20 * 1000 * 1000, /* a thousand packages take less than 200,000 */
    REGISTRY_RESOLVE_WHY_MAX = 8192,           /* bytes of an explanation; a longer one is cut */
};

#define REGISTRY_RESOLVE_NONE UINT32_MAX

struct registry_resolve_need {
    uint32_t package;            /* by its place in `package`             */
    struct registry_slice range; /* as registry_range_parse takes it      */
};

struct registry_resolve_version {
    struct registry_version version;
    bool is_yanked;
    uint32_t needs;
    const struct registry_resolve_need *need; /* at most one of each package */
};

struct registry_resolve_package {
    struct registry_slice name;
    uint32_t versions;                              /* 0: the registry has no such package */
    const struct registry_resolve_version *version; /* ascending                           */
    const struct registry_version *locked;          /* NULL: free                          */
};

struct registry_resolve_question {
    uint32_t packages, needs;
    const struct registry_resolve_package *package;
    const struct registry_resolve_need *need; /* what the project needs */
    bool is_oldest;                           /* of what is free, the oldest that does */
    uint64_t steps_max;                       /* looks at rules until it is given up   */
};

/* choice[packages]: for each the place of its version, or REGISTRY_RESOLVE_NONE: it is not needed. `a` is what it may use; the caller
 * resets it afterwards. why: room of REGISTRY_RESOLVE_WHY_MAX; lines without an end of the last one, empty on ERR_OK.
 *
 * ERR_NOT_FOUND: there is no answer, `why` says why. ERR_LIMIT: there may be one, but steps_max were not enough; or there are more packages or
 * versions than the limits. ERR_NOMEM: `a` was not enough. ERR_MALFORMED: a requirement is no range, `why` says whose. Of an error choice
 * is undefined. */
enum err registry_resolve_run(const struct registry_resolve_question *q, struct arena *a, uint32_t *choice, struct bytes_text *why) MUST_CHECK;

#endif
