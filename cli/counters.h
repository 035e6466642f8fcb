/* The pages of counters in the run directory, as inspect and top show them: of cells that live, hang or
 * have ended. See common/run/counters.h. */
#ifndef CELL_CLI_COUNTERS_H
#define CELL_CLI_COUNTERS_H

#include "cli/cli.h"
#include "common/base/name.h"
#include "common/reflect/jsonout.h"
#include "common/run/counters.h"

/* The page of one instance; a reference without number means the lowest that has one. false: there is
 * none, or it is not to be read. */
bool cli_counters_find(struct cli *cli, const struct name_ref *ref, struct counters_page *ret)
    MUST_CHECK;

/* All of it for a person: values, then a table of channels. */
int cli_counters_print(struct cli *cli, const struct counters_page *page) MUST_CHECK;

/* "counters": {…}; page NULL: null. */
void cli_counters_emit(struct jsonout *out, const struct counters_page *page);

/* What happened since the last look, of every page. Zeroed is empty. */
struct cli_counters_rates {
    struct cli_counters_sample *sample;
    size_t count;
};

/* Look again. CLI_FAILED without memory. */
int cli_counters_look(struct cli *cli, struct cli_counters_rates *rates) MUST_CHECK;
int cli_counters_print_rates(struct cli *cli, const struct cli_counters_rates *rates) MUST_CHECK;
void cli_counters_emit_rates(struct jsonout *out, const struct cli_counters_rates *rates);
void cli_counters_fini(struct cli_counters_rates *rates);

#endif
