/* cell-issuer: lets nodes into the cluster. Only wiring lives here. */
#include "common/run/cell.h"
#include "issuer/service.h"
#include "issuer/shell.h"
#include "proto/issuer.pb-c.h"
#include "proto/issuer.schema.h"

static const struct cell_op ops[] = {
    {CELL__ISSUER__OP__OP_CREATE_TOKEN, &cell__issuer__create_token_request__descriptor,
     issuer_service_create_token},
    {CELL__ISSUER__OP__OP_LIST_TOKENS, &cell__issuer__list_tokens_request__descriptor, issuer_service_list_tokens},
    {CELL__ISSUER__OP__OP_REVOKE_TOKEN, &cell__issuer__revoke_token_request__descriptor,
     issuer_service_revoke_token},
    {CELL__ISSUER__OP__OP_LIST_MEMBERS, &cell__issuer__list_members_request__descriptor,
     issuer_service_list_members},
    {CELL__ISSUER__OP__OP_REMOVE_MEMBER, &cell__issuer__remove_member_request__descriptor,
     issuer_service_remove_member},
    {CELL__ISSUER__OP__OP_ROTATE, &cell__issuer__rotate_request__descriptor, issuer_service_rotate},
};

static const struct cell_def issuer_cell = {
    .name = "issuer",
    .state_size = sizeof(struct issuer_shell),
    .open = issuer_shell_open,
    .start = issuer_shell_start,
    .granted = issuer_shell_granted,
    .stop = issuer_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__issuer__issuer__descriptor,
    .schema = issuer_schema,
    .schema_size = sizeof issuer_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&issuer_cell, argc, argv);
}
