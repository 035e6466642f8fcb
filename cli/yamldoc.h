/* YAML files of a cell's own folder: its manifest and its test cases. */
#ifndef CELL_CLI_YAMLDOC_H
#define CELL_CLI_YAMLDOC_H

#include <jansson.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CLI_YAMLDOC_BYTES_MAX = 1024 * 1024, /* as for a manifest                                     */
    CLI_YAMLDOC_DEPTH_MAX = 100,         /* a request may be as deep as a message                 */
    CLI_YAMLDOC_NODES_MAX = 100000,
    CLI_YAMLDOC_WHY_SIZE = 320,
};

/* One document as JSON, by YAML 1.2's core schema: plain null, true, 12, 0x1f, 1.5 are what they
 * look like, everything quoted is text; an integer beyond 64 bits stays text. Anchors and aliases,
 * other tags, several documents and duplicate keys are refused. json_decref(*ret). ERR_MALFORMED,
 * ERR_LIMIT, ERR_NOMEM with "line 12: …" in `why`. */
enum err cli_yamldoc_parse(const char *text, size_t size, json_t **ret, char why[CLI_YAMLDOC_WHY_SIZE])
    MUST_CHECK;

/* A manifest in which every cell lives in namespace `space`, otherwise the same to the letter of
 * its scalars: a number in somebody's config must not change its form. *ret is terminated (free
 * it). Errors as above. */
enum err cli_yamldoc_respace(const char *text, size_t size, const char *space, char **ret,
                          char why[CLI_YAMLDOC_WHY_SIZE]) MUST_CHECK;

#endif
