/* Handlers of nucleus.proto: see there for what each does; all follow cell_op.handle. */
#ifndef CELL_NUCLEUS_SERVICE_H
#define CELL_NUCLEUS_SERVICE_H

#include "nucleus/shell.h"

enum err service_status(void *state, struct cell_call *call, const void *request);
enum err service_apply(void *state, struct cell_call *call, const void *request);
enum err service_stop(void *state, struct cell_call *call, const void *request);
enum err service_restart(void *state, struct cell_call *call, const void *request);
enum err service_scale(void *state, struct cell_call *call, const void *request);
enum err service_resolve(void *state, struct cell_call *call, const void *request);
enum err service_heartbeat(void *state, struct cell_call *call, const void *request);
enum err service_down(void *state, struct cell_call *call, const void *request);

/* ---- for demand.c ------------------------------------------------------------------------------ */

/* The instance whose process the kernel says is calling; NULL: none of ours. */
const struct node_instance *service_caller(struct shell *s, const struct cell_call *call);

/* The operator may; a cell may when its may_call lists "nucleus.<operation>". ERR_DENIED, told and logged. */
enum err service_check_right(struct shell *s, struct cell_call *call, const char *operation) MUST_CHECK;

/* What a reference written by the operator means: a cell of the manifest and one or all of its instances. Without
 * a namespace: "default", then "global", then the only one that has the name. ERR_INVALID, ERR_NOT_FOUND. */
enum err service_find_target(struct shell *s, struct cell_call *call, const char *text, uint32_t *ret_cell,
                             int32_t *ret_instance) MUST_CHECK;

/* Judge, find and feed an order of a person; `ev` gets what `target` means. */
enum err service_order(struct shell *s, struct cell_call *call, const char *name, const char *target,
                       struct node_event *ev) MUST_CHECK;

/* How many instances an order to `cell` (and one instance or all) concerned. */
uint32_t service_count_instances(struct shell *s, uint32_t cell, int32_t instance);

#endif
