/* Versions: Semantic Versioning 2.0.0 (semver.org), whole: precedence (section 11), pre-releases (9), build metadata (10). */
#ifndef CELL_REGISTRY_VERSION_H
#define CELL_REGISTRY_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

#define REGISTRY_VERSION_NUMBER_MAX UINT64_C(9007199254740991) /* 2^53 - 1: what JSON keeps exact */

enum {
    REGISTRY_VERSION_TAG_MAX = 64, /* characters of a pre-release, and of build metadata          */
    REGISTRY_VERSION_MAX = 3 * 16 + 2 + 2 * (1 + REGISTRY_VERSION_TAG_MAX), /* … of a whole version */
    REGISTRY_VERSION_SIZE = REGISTRY_VERSION_MAX + 1,
};

struct registry_version {
    uint64_t major, minor, patch;           /* 0 to REGISTRY_VERSION_NUMBER_MAX           */
    char pre[REGISTRY_VERSION_TAG_MAX + 1]; /* identifiers with dots between; "": none    */
    char build[REGISTRY_VERSION_TAG_MAX + 1];
};

/* Read text[0..len), any bytes. ERR_MALFORMED: not of the grammar (a leading zero, "v1.0.0" and blanks are not); ERR_LIMIT: it is, but
 * a number or tag is larger than the limits above. *ret is then untouched. */
enum err registry_version_parse(const char *text, size_t len, struct registry_version *ret) MUST_CHECK;

/* Precedence: negative, 0 or positive as `a` is before, the same as or behind `b`. Build metadata does not count. */
int registry_version_compare(const struct registry_version *a, const struct registry_version *b);

/* The one text of it, which parses to it again; returns its length. */
size_t registry_version_print(const struct registry_version *v, char to[REGISTRY_VERSION_SIZE]);

/* Of the parser of ranges, which reads versions in part: a number without a leading zero at *at, which moves behind it; and identifiers
 * with dots between into `to`. Errors as above; of an error *at and what is written are undefined. is_numeric_strict: a leading zero of
 * a number is refused (pre-releases, section 9; not build metadata). */
enum err registry_version_take_number(const char **at, const char *end, uint64_t *ret) MUST_CHECK;
enum err registry_version_take_tag(const char **at, const char *end, bool is_numeric_strict, char to[REGISTRY_VERSION_TAG_MAX + 1]) MUST_CHECK;

#endif
