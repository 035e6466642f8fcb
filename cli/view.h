/* Instances as status, top, health and the waiting commands show them. */
#ifndef CELL_CLI_VIEW_H
#define CELL_CLI_VIEW_H

#include "cli/paint.h"
#include "common/base/name.h"
#include "proto/nucleus.pb-c.h"

typedef Cell__Nucleus__InstanceStatus cli_view_instance;

enum {
    CLI_VIEW_NAME_SIZE = 2 * 256 + 32, /* namespace/cell.instance of untrusted length, cut */
};

/* States in the order of how much they need a person; the first is worst. */
enum cli_view_rank {
    CLI_VIEW_CRASH_LOOP,
    CLI_VIEW_FAILED,
    CLI_VIEW_UNHEALTHY, /* ready by name, but its heartbeat is late */
    CLI_VIEW_UNKNOWN,   /* a state this version does not know       */
    CLI_VIEW_STARTING,  /* booting, listening                       */
    CLI_VIEW_DRAINING,
    CLI_VIEW_OUTDATED, /* ready, built from something older */
    CLI_VIEW_READY,
    CLI_VIEW_STOPPED,
};

enum cli_view_rank cli_view_rank(const cli_view_instance *i);
enum cli_paint_style cli_view_style(enum cli_view_rank rank);

/* "greeter.0"; with the namespace in front unless it is "default". */
void cli_view_name(const cli_view_instance *i, char out[CLI_VIEW_NAME_SIZE]);

/* What the state column says: the state, or "unhealthy". */
const char *cli_view_state(const cli_view_instance *i);

/* Worst first, then by name and number. */
void cli_view_sort(cli_view_instance **cells, size_t count);

/* How many instances have each rank. */
void cli_view_count(cli_view_instance *const *cells, size_t count,
                    size_t ret[CLI_VIEW_STOPPED + 1]);

/* "3m20s", "1.5M", or "-" for nothing. */
void cli_view_uptime(double seconds, char *out, size_t size);
void cli_view_size(uint64_t bytes, char *out, size_t size);
void cli_view_us(uint64_t us, char *out, size_t size);

#endif
