/* Ranges of versions, one grammar for those who know Cargo's and npm's:
 *
 *   range  = set *("||" set)                        any of them
 *   set    = hyphen / test *([","] test)            all of them
 *   hyphen = partial " - " partial                  from .. to, both included
 *   test   = ["^" / "~" / "=" / "<" / "<=" / ">" / ">="] partial
 *   partial = "*" / number ["." ("*" / number ["." ("*" / number [pre])])]     x and X are *
 *
 * with blanks around everything but inside a partial. What is missing or * is any:
 *
 *   ^1.2.3  >=1.2.3 <2.0.0-0    ^0.2.3  >=0.2.3 <0.3.0-0    ^0.0.3  >=0.0.3 <0.0.4-0    ^0.0  >=0.0.0 <0.1.0-0
 *   ~1.2.3  >=1.2.3 <1.3.0-0    ~1      >=1.0.0 <2.0.0-0    1.2.x, =1.2  >=1.2.0 <1.3.0-0     1.2 - 2.3  >=1.2.0 <2.4.0-0
 *   >1.2    >=1.3.0             <=1.2   <1.3.0-0            <1.2    <1.2.0-0
 *
 * A version without a sign is with ^, as Cargo reads it and npm writes it: 1.2.3 is ^1.2.3, 1.2 is ^1.2. A pre-release is only in a set that
 * names a pre-release of the same three numbers (both do so): 1.3.0-rc.1 is in >=1.3.0-beta, not in ^1.2 nor in *. Build metadata is
 * passed over.
 *
 * Sources: The Cargo Book, "Specifying dependencies"; npm's node-semver, README, "Ranges". */
#ifndef CELL_REGISTRY_RANGE_H
#define CELL_REGISTRY_RANGE_H

#include "registry/version.h"

enum {
    REGISTRY_RANGE_MAX = 256,  /* characters that are read: some ten versions      */
    REGISTRY_RANGE_SETS = 8,
    REGISTRY_RANGE_TESTS = 16, /* of all sets, each sign as the two that it means  */
    REGISTRY_RANGE_SIZE = REGISTRY_RANGE_TESTS * (REGISTRY_VERSION_MAX + 6) + 6 * REGISTRY_RANGE_SETS, /* bytes of any printed range */
};

enum registry_range_sign { REGISTRY_EQUAL, REGISTRY_LESS, REGISTRY_LESS_EQUAL, REGISTRY_MORE, REGISTRY_MORE_EQUAL };

struct registry_range {
    uint8_t sets;
    uint8_t end[REGISTRY_RANGE_SETS]; /* where in `test` each set ends; an empty set is any version */
    struct {
        enum registry_range_sign sign;
        struct registry_version version; /* without build metadata */
    } test[REGISTRY_RANGE_TESTS];
};

/* Read text[0..len), any bytes. ERR_MALFORMED: not of the grammar (an empty text is not, nor are ">*" and "<*", in which there is
 * nothing); ERR_LIMIT: too long, too many sets or tests, or a version past its limits. *ret is then untouched. */
enum err registry_range_parse(const char *text, size_t len, struct registry_range *ret) MUST_CHECK;

bool registry_range_has(const struct registry_range *r, const struct registry_version *v);

/* The range by =, <, <=, >, >= alone; "*" for an empty set; parses to the same where it is not longer than REGISTRY_RANGE_MAX. Returns
 * its length. */
size_t registry_range_print(const struct registry_range *r, char to[REGISTRY_RANGE_SIZE]);

#endif
