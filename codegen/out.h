/* Text under construction, as long as an arena lets it be. */
#ifndef CELL_CODEGEN_OUT_H
#define CELL_CODEGEN_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/macros.h"

struct codegen_out {
    struct arena *arena; /* borrowed */
    char *at;            /* terminated unless NULL */
    size_t len, room;
    bool failed;         /* no memory: what is there is no use */
};

void codegen_out_init(struct codegen_out *out, struct arena *arena);
void codegen_out_add(struct codegen_out *out, const char *format, ...) PRINTF_LIKE(2, 3);
void codegen_out_bytes(struct codegen_out *out, const char *text, size_t len);

/* bytes[0..len) as what stands between the quotes of a string of bytes in C, Python, Go, Rust and Java alike: printable ASCII but quotes,
 * backslash, '?', '$' and '%' as it is, all else as three octal digits (is_octal) or \xNN. */
void codegen_out_quoted(struct codegen_out *out, const char *bytes, size_t len, bool is_octal);

/* A comment of another's, line by line, each after `before`: characters that could end a comment, turn the order of what is shown or drive
 * a terminal are replaced by '?': controls, marks of direction (Boucher and Anderson, "Trojan Source", 2021), line separators, backslashes
 * before u, and the '/' of a "* /" and the quotes of three. `text` is UTF-8. Nothing for "". */
void codegen_out_comment(struct codegen_out *out, const char *text, const char *before);

#endif
