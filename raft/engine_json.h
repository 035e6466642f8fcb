/* JSON as etcd's gateway speaks it (ProtoJSON): bytes in base64, 64-bit numbers as text, members that have their
 * default left out. What comes in is a stranger's: whatever does not fit is as if it were not there, and whoever needs it
 * says so. */
#ifndef CELL_RAFT_ENGINE_JSON_H
#define CELL_RAFT_ENGINE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/macros.h"

/* Writing: set a member of an object. Out of memory leaves it out and sets `is_short`. */
struct raft_engine_json {
    bool is_short;
};
json_t *raft_engine_json_object(struct raft_engine_json *j);
json_t *raft_engine_json_array(struct raft_engine_json *j);
void raft_engine_json_set(struct raft_engine_json *j, json_t *object, const char *name, json_t *value);  /* takes value */
void raft_engine_json_push(struct raft_engine_json *j, json_t *array, json_t *value);                    /* the same    */
void raft_engine_json_bytes(struct raft_engine_json *j, json_t *object, const char *name, const void *bytes, size_t size);
void raft_engine_json_u64(struct raft_engine_json *j, json_t *object, const char *name, uint64_t value); /* 0: left out */
void raft_engine_json_flag(struct raft_engine_json *j, json_t *object, const char *name, bool value);    /* false: left out */
void raft_engine_json_text(struct raft_engine_json *j, json_t *object, const char *name, const char *value);

/* Reading; object may be NULL or anything else than an object: then all are missing. */
const json_t *raft_engine_json_get(const json_t *object, const char *name);  /* NULL: missing */
uint64_t raft_engine_json_number(const json_t *object, const char *name);    /* 0: missing, negative or no number */
bool raft_engine_json_is(const json_t *object, const char *name);            /* true alone is true */
const char *raft_engine_json_string(const json_t *object, const char *name); /* "": missing */

/* Bytes of base64 into memory of `a`. ERR_MALFORMED: no base64; ERR_NOMEM; *ret_size 0: missing or empty. */
enum err raft_engine_json_take(const json_t *object, const char *name, struct arena *a, uint8_t **ret, size_t *ret_size)
    MUST_CHECK;

#endif
