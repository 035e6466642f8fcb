/* A client of one service in Go, one file with nothing beside Go's own library: messages as structs, a client for any number of goroutines,
 * deadlines and cancellation by context. */
#ifndef CELL_CODEGEN_GO_H
#define CELL_CODEGEN_GO_H

#include "codegen/out.h"
#include "codegen/schema.h"

/* Append the file, as gofmt has it, to `out`; its package is the cell's name without underscores. `runtime`: codegen/runtime/go_client.go, whose first line
 * is left out. The same schema and runtime give the same bytes. ERR_UNSUPPORTED: an operation streams, `why` names it; ERR_MALFORMED: a
 * runtime of one line; ERR_NOMEM. */
enum err codegen_go_write(const struct codegen_schema *s, const struct codegen_service *service, const char *runtime, struct codegen_out *out,
                          char why[CODEGEN_WHY_SIZE]) MUST_CHECK;

#endif
