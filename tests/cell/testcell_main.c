/* The cell under test. Only wiring lives here. */
#include "testcell.h"
#include "testcell.pb-c.h"
#include "testcell.schema.h"

static const struct cell_op ops[] = {
    {CELL__TESTCELL__OP__OP_ECHO, &cell__testcell__echo_request__descriptor, testcell_echo},
    {CELL__TESTCELL__OP__OP_SLOW, &cell__testcell__slow_request__descriptor, testcell_slow},
    {CELL__TESTCELL__OP__OP_NEVER, &cell__testcell__never_request__descriptor, testcell_never},
    {CELL__TESTCELL__OP__OP_FAIL, &cell__testcell__fail_request__descriptor, testcell_fail},
    {CELL__TESTCELL__OP__OP_BIG, &cell__testcell__big_request__descriptor, testcell_big},
    {CELL__TESTCELL__OP__OP_FORGETFUL, &cell__testcell__forgetful_request__descriptor,
     testcell_forgetful},
    {CELL__TESTCELL__OP__OP_ASK, &cell__testcell__ask_request__descriptor, testcell_ask},
    {CELL__TESTCELL__OP__OP_WHO, &cell__testcell__who_request__descriptor, testcell_who},
    {CELL__TESTCELL__OP__OP_STREAM, &cell__testcell__stream_request__descriptor, testcell_stream},
    {CELL__TESTCELL__OP__OP_COUNTS, &cell__testcell__counts_request__descriptor, testcell_counts},
    {CELL__TESTCELL__OP__OP_PUSH, &cell__testcell__push_request__descriptor, testcell_push},
    {CELL__TESTCELL__OP__OP_WATCH, &cell__testcell__watch_request__descriptor, testcell_watch},
    {CELL__TESTCELL__OP__OP_ALL, &cell__testcell__all_request__descriptor, testcell_all},
    {CELL__TESTCELL__OP__OP_FOLLOW, &cell__testcell__follow_request__descriptor, testcell_follow},
};

static const uint32_t vital[] = {CELL__TESTCELL__OP__OP_NEVER};

static const struct cell_def testcell = {
    .name = "testcell",
    .state_size = sizeof(struct testcell),
    .open = testcell_open,
    .drain = testcell_drain,
    .stop = testcell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .vital = vital,
    .vital_count = ARRAY_LEN(vital),
    .forward = testcell_forward,
    .service = &cell__testcell__testcell__descriptor,
    .schema = testcell_schema,
    .schema_size = sizeof testcell_schema,
};

int main(int argc, char **argv)
{
    return TESTCELL_MAIN(&testcell, argc, argv);
}
