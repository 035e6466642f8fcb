#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/unit.h"

enum cli_view_rank cli_view_rank(const cli_view_instance *i)
{
    static const struct {
        const char *state;
        enum cli_view_rank rank;
    } ranks[] = {
        {"crash-loop", CLI_VIEW_CRASH_LOOP}, {"failed", CLI_VIEW_FAILED},
        {"booting", CLI_VIEW_STARTING},      {"listening", CLI_VIEW_STARTING},
        {"draining", CLI_VIEW_DRAINING},     {"stopped", CLI_VIEW_STOPPED},
    };

    for (size_t k = 0; k < ARRAY_LEN(ranks); k++) {
        if (strcmp(i->state, ranks[k].state) == 0) {
            return ranks[k].rank;
        }
    }
    if (strcmp(i->state, "ready") != 0) {
        return CLI_VIEW_UNKNOWN;
    }
    if (!i->healthy) {
        return CLI_VIEW_UNHEALTHY;
    }
    return i->outdated ? CLI_VIEW_OUTDATED : CLI_VIEW_READY;
}

enum cli_paint_style cli_view_style(enum cli_view_rank rank)
{
    switch (rank) {
    case CLI_VIEW_CRASH_LOOP:
    case CLI_VIEW_FAILED:
    case CLI_VIEW_UNHEALTHY: return CLI_PAINT_BAD;
    case CLI_VIEW_UNKNOWN:
    case CLI_VIEW_STARTING:
    case CLI_VIEW_DRAINING:
    case CLI_VIEW_OUTDATED: return CLI_PAINT_WARN;
    case CLI_VIEW_READY: return CLI_PAINT_GOOD;
    case CLI_VIEW_STOPPED: return CLI_PAINT_DIM;
    }
    return CLI_PAINT_PLAIN;
}

void cli_view_name(const cli_view_instance *i, char out[CLI_VIEW_NAME_SIZE])
{
    bool is_default = strcmp(i->namespace_, "default") == 0 || *i->namespace_ == '\0';

    snprintf(out, CLI_VIEW_NAME_SIZE, "%s%s%s.%" PRIu32, is_default ? "" : i->namespace_,
             is_default ? "" : "/", i->cell, i->instance);
}

const char *cli_view_state(const cli_view_instance *i)
{
    return cli_view_rank(i) == CLI_VIEW_UNHEALTHY ? "unhealthy" : i->state;
}

static int worst_first(const void *a, const void *b)
{
    const cli_view_instance *x = *(cli_view_instance *const *)a;
    const cli_view_instance *y = *(cli_view_instance *const *)b;
    int order = (int)cli_view_rank(x) - (int)cli_view_rank(y);

    if (order == 0) {
        order = strcmp(x->namespace_, y->namespace_);
    }
    if (order == 0) {
        order = strcmp(x->cell, y->cell);
    }
    return order != 0 ? order : (x->instance > y->instance) - (x->instance < y->instance);
}

void cli_view_sort(cli_view_instance **cells, size_t count)
{
    if (count > 1) {
        qsort(cells, count, sizeof *cells, worst_first);
    }
}

void cli_view_count(cli_view_instance *const *cells, size_t count,
                    size_t ret[CLI_VIEW_STOPPED + 1])
{
    memset(ret, 0, (CLI_VIEW_STOPPED + 1) * sizeof *ret);
    for (size_t i = 0; i < count; i++) {
        ret[cli_view_rank(cells[i])]++;
    }
}

void cli_view_uptime(double seconds, char *out, size_t size)
{
    char text[UNIT_TEXT_MAX] = "-";

    if (seconds > 0 && seconds < 1e10) {
        /* Nobody reads fractions of a second behind minutes. */
        unit_duration_format((uint64_t)(seconds < 10 ? seconds * 1e3 : seconds) *
                                 (seconds < 10 ? 1000u : 1000000u),
                             text);
    }
    snprintf(out, size, "%s", text);
}

void cli_view_size(uint64_t bytes, char *out, size_t size)
{
    char text[UNIT_TEXT_MAX] = "-";

    if (bytes > 0) {
        unit_size_format(bytes, text);
    }
    snprintf(out, size, "%s", text);
}

void cli_view_us(uint64_t us, char *out, size_t size)
{
    char text[UNIT_TEXT_MAX] = "-";

    if (us > 0) {
        unit_duration_format(us, text);
    }
    snprintf(out, size, "%s", text);
}
