/* What protoc-c calls things: "cell.greeter.GreetRequest" is Cell__Greeter__GreetRequest, cell__greeter__greet_request__descriptor and
 * CELL__GREETER__GREET_REQUEST__INIT. Source: protobuf-c 1.4, protoc-c/c_helpers.cc (FullNameToC, FullNameToLower, FullNameToUpper). */
#ifndef CELL_CODEGEN_PROTOBUFC_H
#define CELL_CODEGEN_PROTOBUFC_H

#include "codegen/schema.h"

enum {
    CODEGEN_PROTOBUFC_SIZE = 2 * CODEGEN_SCHEMA_NAME_MAX + 2, /* each letter may get an underscore, each dot is two */
};

enum codegen_protobufc_form {
    CODEGEN_PROTOBUFC_TYPE,
    CODEGEN_PROTOBUFC_LOWER,
    CODEGEN_PROTOBUFC_UPPER
};

/* A full name in one of its forms; terminated. */
void codegen_protobufc_name(const char *full, enum codegen_protobufc_form form, char out[CODEGEN_PROTOBUFC_SIZE]);

#endif
