/* The cases of `cell test`: what to call and what must come back. Data only. */
#ifndef CELL_CLI_CASES_H
#define CELL_CLI_CASES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CLI_CASES_MAX = 10000,        /* in one file; a thousand is a large suite */
    CLI_CASES_DEADLINE_MS = 5000, /* of a call that names none                */
    CLI_CASES_WHY_SIZE = 1024,
};

struct cli_case {
    const char *name;
    const char *call;         /* "Greet" or "greeter.Greet"                         */
    const json_t *with;       /* the request                                        */
    const json_t *expect;     /* NULL: any reply                                    */
    const char *expect_error; /* name of the error; NULL: success is expected       */
    uint32_t deadline_ms;
};

/* All strings and values are borrowed from `document`, which it owns. */
struct cli_cases {
    json_t *document;
    struct cli_case *cases;
    size_t count;
};

/* Parse the YAML text of a cases file. ERR_MALFORMED, ERR_INVALID (which case, which field, what was
 * expected), ERR_LIMIT, ERR_NOMEM with one line in `why`; *ret is untouched then. */
enum err cli_cases_parse(const char *text, size_t size, struct cli_cases *ret,
                         char why[CLI_CASES_WHY_SIZE]) MUST_CHECK;
void cli_cases_fini(struct cli_cases *cases); /* a zeroed one is fine */

/* Whether `got` has everything `want` has: of an object the named members, of a list every item in
 * order and no more, of anything else the same value. A number is the same as its decimal text,
 * since 64-bit integers are text in ProtoJSON. null stands for an absent member. When not, `why`
 * says where: "items[2].name: expected \"a\", got \"b\"". */
bool cli_cases_match(const json_t *want, const json_t *got, char why[CLI_CASES_WHY_SIZE]);

/* Whether an error is the expected one, by its own or its canonical name. */
bool cli_cases_is_error(const char *want, enum err got);

#endif
