/* A client of one service in Python, one file with nothing beside Python's own library: messages as dataclasses, a class for threads and one
 * for asyncio. */
#ifndef CELL_CODEGEN_PYTHON_H
#define CELL_CODEGEN_PYTHON_H

#include "codegen/out.h"
#include "codegen/schema.h"

/* Append the file to `out`. `runtime`: codegen/runtime/python_messages.py and python_wire.py, in this order; they have no NUL.
 * The same schema and runtime give the same bytes. ERR_UNSUPPORTED: an operation streams, `why` names it; ERR_NOMEM. */
enum err codegen_python_write(const struct codegen_schema *s, const struct codegen_service *service, const char *const runtime[2], struct codegen_out *out,
                              char why[CODEGEN_WHY_SIZE]) MUST_CHECK;

#endif
