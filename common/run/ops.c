/* The table of operations a process serves: its own and those every cell answers. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "common/run/call.h"

/* The method of `service` that the operation numbered `number` stands for: the one whose request
 * type matches and whose name gives that enum value. */
static const ProtobufCMethodDescriptor *find_method(const ProtobufCServiceDescriptor *service,
                                                    const struct cell_op *op)
{
    const ProtobufCMethodDescriptor *found = NULL;

    for (unsigned i = 0; service != NULL && i < service->n_methods; i++) {
        if (service->methods[i].input == op->request) {
            if (found != NULL) {
                return NULL; /* two methods share a request type: a name cannot be told */
            }
            found = &service->methods[i];
        }
    }
    return found;
}

static enum err add(struct cell *cell, const struct cell_op *op,
                    const ProtobufCServiceDescriptor *service, bool is_inspect)
{
    const ProtobufCMethodDescriptor *method = find_method(service, op);

    if (method == NULL || host_ops_find(cell, op->number) != NULL) {
        log_error("OPS-TABLE", "operation=%u request=%s why=\"no single method has this request "
                  "type, or the number is used twice\"", op->number, op->request->name);
        return ERR_INVALID;
    }
    struct host_op *slot = &cell->ops[cell->op_count++];
    slot->op = op;
    slot->method = method;
    slot->is_inspect = is_inspect;
    for (size_t i = 0; i < cell->def->vital_count; i++) {
        slot->is_vital |= cell->def->vital[i] == op->number;
    }
    (void)snprintf(slot->name, sizeof slot->name, "%s", method->name);
    slot->fingerprint = sp_fingerprint(service->name, method->name, op->number,
                                       method->input->name, method->output->name);
    return ERR_OK;
}

static enum err pass_on(void *state, struct cell_call *call, const void *request)
{
    return call->cell->def->forward(state, call, request);
}

static const struct cell_op forward_op = {.handle = pass_on}; /* any number, any message */

enum err host_ops_build(struct cell *cell)
{
    size_t most = cell->def->op_count + host_inspect_op_count;

    cell->ops = calloc(most + 1, sizeof *cell->ops);
    if (cell->ops == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < cell->def->op_count; i++) {
        enum err e = add(cell, &cell->def->ops[i], cell->def->service, false);
        if (e != ERR_OK) {
            return e;
        }
    }
    for (size_t i = 0; i < host_inspect_op_count; i++) {
        enum err e = add(cell, &host_inspect_ops[i], &cell__inspect__inspect__descriptor, true);
        if (e != ERR_OK) {
            return e;
        }
    }
    cell->ops[cell->op_count].op = &forward_op;
    (void)snprintf(cell->ops[cell->op_count].name, NAME_SIZE, "(forward)"); /* no operation has such a name */
    return ERR_OK;
}

struct host_op *host_ops_forward(struct cell *cell)
{
    return cell->def->forward == NULL ? NULL : &cell->ops[cell->op_count];
}

size_t host_ops_counted(const struct cell *cell)
{
    return cell->op_count + (cell->def->forward != NULL);
}

struct host_op *host_ops_find(struct cell *cell, uint32_t number)
{
    for (size_t i = 0; i < cell->op_count; i++) { /* a cell serves a few dozen at most */
        if (cell->ops[i].op->number == number) {
            return &cell->ops[i];
        }
    }
    return NULL;
}
