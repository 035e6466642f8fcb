/* A history: what clients asked a store of keys for, when they asked and heard, and what they were told. */
#ifndef CELL_TESTS_LINEAR_HISTORY_H
#define CELL_TESTS_LINEAR_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HISTORY_STEPS_MAX = 16, /* comparisons and operations of one request, both branches together */
    HISTORY_KEYS_MAX = 1024,
};

/* Keys and values are numbers here; value 0: there is none. */
enum history_step_kind { HISTORY_PUT, HISTORY_DELETE, HISTORY_GET };
struct history_step {
    enum history_step_kind kind;
    uint32_t key;
    uint32_t value; /* put: what; get: what was read, when the outcome is ok */
};
struct history_compare {
    uint32_t key, value; /* value 0: the key must not exist */
};

enum history_outcome {
    HISTORY_OK,      /* it was done, and this came of it                      */
    HISTORY_FAIL,    /* it certainly was not                                  */
    HISTORY_UNKNOWN, /* it was done at some time after it was asked, or never */
};

/* Every request is a transaction: a put is one without comparisons. */
struct history_op {
    int64_t call, end; /* end: of HISTORY_OK only */
    enum history_outcome outcome;
    bool succeeded;    /* the comparisons held: known when the outcome is ok */
    uint64_t revision; /* that it was told; 0: none */
    bool is_write;     /* the revision is one that it made, not one that it read */
    uint8_t compares, success, failure;
    struct history_compare compare[HISTORY_STEPS_MAX];
    struct history_step step[2][HISTORY_STEPS_MAX]; /* [0]: of success */
};

struct history {
    struct history_op *op;
    size_t count, room;
    uint32_t keys, values;  /* numbers given so far */
    struct history_name { char *text; } *key_name, *value_name;
};

void history_init(struct history *h);
void history_fini(struct history *h);
struct history_op *history_add(struct history *h); /* zeroed; ends the process without memory */

/* Read JSON, one request a line:
 *   {"call": 12, "end": 15, "outcome": "ok", "op": "put", "key": "a", "value": "1"}
 *   {…, "op": "get", "key": "a", "result": null}
 *   {…, "op": "delete", "key": "a"}
 *   {…, "op": "cas", "key": "a", "expected": "1", "value": "2", "succeeded": true, "result": "7"}
 *   {…, "op": "txn", "compare": [{"key": "a", "value": null}], "success": [{"put": "b", "value": "1"}, {"get": "c",
 *    "result": "2"}, {"delete": "d"}], "failure": […], "succeeded": true}
 * Times are integers of one clock; "revision" may be there. False: a line is not of this kind; *ret_line names it. */
bool history_read(struct history *h, FILE *from, size_t *ret_line);

#endif
