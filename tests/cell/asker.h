/* What tests say to a cell that asks others for them: testcell.Ask. */
#ifndef CELL_TESTS_CELL_ASKER_H
#define CELL_TESTS_CELL_ASKER_H

#include "fake.h"
#include "testcell.pb-c.h"

/* `count` calls of Echo to `target` (borrowed) at once. */
Cell__Testcell__AskRequest asker_to(const char *target, uint32_t count, uint32_t deadline_ms);

/* Ask the cell to ask; REQUIREs an answer with `count` outcomes. Free it. */
Cell__Testcell__AskReply *asker_ask(const struct fake *f, const Cell__Testcell__AskRequest *request, uint32_t timeout_ms);

/* How many of the outcomes have this status. */
size_t asker_count(const Cell__Testcell__AskReply *r, enum err e);

/* Where a hub that is this instance of testcell listens; good until the next call. */
const char *asker_hub_name(uint32_t instance);

#endif
