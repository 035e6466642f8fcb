/* The operations every cell answers. */
#include <string.h>

#include "common/run/call.h"
#include "common/run/door.h"

static enum err describe(void *state, struct cell_call *call, const void *request)
{
    struct cell *cell = call->cell;
    Cell__Inspect__DescribeReply reply = CELL__INSPECT__DESCRIBE_REPLY__INIT;
    Cell__Inspect__Sandbox sandbox = CELL__INSPECT__SANDBOX__INIT;
    Cell__Inspect__Operation *item = cell_call_alloc(call, cell->op_count * sizeof *item);
    Cell__Inspect__Operation **slot = cell_call_alloc(call, cell->op_count * sizeof *slot);

    (void)state;
    (void)request;
    if (item == NULL || slot == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < cell->op_count; i++) {
        const struct host_op *op = &cell->ops[i];
        item[i] = (Cell__Inspect__Operation)CELL__INSPECT__OPERATION__INIT;
        item[i].number = op->op->number;
        item[i].name = (char *)op->name;
        item[i].request = (char *)op->method->input->name;
        item[i].reply = (char *)op->method->output->name;
        item[i].schema = op->fingerprint;
        slot[i] = &item[i];
    }
    reply.cell = cell->birth.name;
    reply.namespace_ = cell->birth.space;
    reply.instance = cell->birth.instance;
    reply.node = cell->birth.node;
    reply.generation = cell->birth.generation;
    reply.state = (char *)life_state_name(cell);
    reply.version = (char *)(cell->def->version != NULL ? cell->def->version : HOST_VERSION);
    reply.uptime_ms = loop_now_ms() - cell->started_ms;
    reply.operations = slot;
    reply.n_operations = cell->op_count;
    if (!cell->is_supervisor) {
        seal_look(&sandbox);
        reply.sandbox = &sandbox;
    }
    door_fill_describe(cell, &reply, call);
    if (cell->outlet != NULL) {
        cell->outlet->describe(cell, &reply, call);
    }
    return cell_reply(call, &reply);
}

static enum err health(void *state, struct cell_call *call, const void *request)
{
    struct cell *cell = call->cell;
    Cell__Inspect__HealthReply reply = CELL__INSPECT__HEALTH_REPLY__INIT;

    (void)state;
    (void)request;
    reply.state = (char *)life_state_name(cell);
    reply.calls_waiting = door_calls_in_flight(cell);
    reply.calls_waiting_max = cell->birth.calls_waiting;
    reply.loop_lag_us_p99 = loop_lag_us_p99(cell->loop);
    reply.healthy = !cell->is_draining && cell->trouble == NULL;
    if (cell->is_draining) {
        reply.reason = cell->stop_reason;
    } else if (cell->trouble != NULL) {
        reply.reason = (char *)cell->trouble;
    } else if (cell->lost_ms != 0) {
        reply.reason = (char *)"serving without a supervisor";
    }
    return cell_reply(call, &reply);
}

static enum err metrics(void *state, struct cell_call *call, const void *request)
{
    Cell__Inspect__MetricsReply reply = CELL__INSPECT__METRICS_REPLY__INIT;

    (void)state;
    (void)request;
    host_metrics_fill(call->cell, &reply, call);
    return cell_reply(call, &reply);
}

static enum err schema(void *state, struct cell_call *call, const void *request)
{
    const struct cell_def *def = call->cell->def;
    Cell__Inspect__SchemaReply reply = CELL__INSPECT__SCHEMA_REPLY__INIT;

    (void)state;
    (void)request;
    if (def->schema == NULL || def->service == NULL) {
        cell_call_explain(call, "this cell was built without its schema");
        return ERR_NOT_FOUND;
    }
    reply.descriptor_set.data = (uint8_t *)def->schema;
    reply.descriptor_set.len = def->schema_size;
    reply.service = (char *)def->service->name;
    reply.fingerprint = sp_fingerprint_bytes(def->schema, def->schema_size);
    return cell_reply(call, &reply);
}

static enum err set_log(void *state, struct cell_call *call, const void *request)
{
    const Cell__Inspect__LogRequest *ask = request;
    Cell__Inspect__LogReply reply = CELL__INSPECT__LOG_REPLY__INIT;

    (void)state;
    if (ask->level != NULL && ask->level[0] != '\0') {
        enum log_level level;
        if (log_level_parse(ask->level, &level) != ERR_OK) {
            cell_call_explain(call, "level is error, warn, info or debug");
            return ERR_INVALID;
        }
        log_set_level(level);
        log_info("LOG-LEVEL", "level=%s", log_level_name(level));
    }
    reply.level = (char *)log_level_name(log_get_level());
    return cell_reply(call, &reply);
}

static enum err drain(void *state, struct cell_call *call, const void *request)
{
    Cell__Inspect__DrainReply reply = CELL__INSPECT__DRAIN_REPLY__INIT;

    (void)state;
    (void)request;
    if (call->cell->is_supervisor) {
        cell_call_explain(call, "the supervisor does not drain; use Shutdown to take the node down");
        return ERR_PRECONDITION;
    }
    life_drain(call->cell, "asked to drain");
    reply.calls_in_flight = door_calls_in_flight(call->cell) - 1; /* without this one */
    return cell_reply(call, &reply);
}

static enum err shut_down(void *state, struct cell_call *call, const void *request)
{
    Cell__Inspect__ShutdownReply reply = CELL__INSPECT__SHUTDOWN_REPLY__INIT;

    (void)request;
    if (call->cell->is_supervisor) {
        call->cell->def->drain(state); /* ends its cells first */
    } else {
        cell_stop(call->cell, "asked to shut down");
    }
    return cell_reply(call, &reply);
}

const struct cell_op host_inspect_ops[] = {
    {CELL__INSPECT__OP__OP_DESCRIBE, &cell__inspect__describe_request__descriptor, describe},
    {CELL__INSPECT__OP__OP_HEALTH, &cell__inspect__health_request__descriptor, health},
    {CELL__INSPECT__OP__OP_METRICS, &cell__inspect__metrics_request__descriptor, metrics},
    {CELL__INSPECT__OP__OP_SCHEMA, &cell__inspect__schema_request__descriptor, schema},
    {CELL__INSPECT__OP__OP_LOG, &cell__inspect__log_request__descriptor, set_log},
    {CELL__INSPECT__OP__OP_DRAIN, &cell__inspect__drain_request__descriptor, drain},
    {CELL__INSPECT__OP__OP_SHUTDOWN, &cell__inspect__shutdown_request__descriptor, shut_down},
};
const size_t host_inspect_op_count = ARRAY_LEN(host_inspect_ops);
