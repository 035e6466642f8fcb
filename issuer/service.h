/* The issuer's operations, for the operator of the initial node. */
#ifndef CELL_ISSUER_SERVICE_H
#define CELL_ISSUER_SERVICE_H

#include "common/run/cell.h"

enum err issuer_service_create_token(void *state, struct cell_call *call, const void *request);
enum err issuer_service_list_tokens(void *state, struct cell_call *call, const void *request);
enum err issuer_service_revoke_token(void *state, struct cell_call *call, const void *request);
enum err issuer_service_list_members(void *state, struct cell_call *call, const void *request);
enum err issuer_service_remove_member(void *state, struct cell_call *call, const void *request);

enum err issuer_service_rotate(void *state, struct cell_call *call, const void *request);

#endif
