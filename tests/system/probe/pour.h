/* Answers in parts: Pour sends them, Drink asks another cell for them. */
#ifndef CELL_TESTS_SYSTEM_PROBE_POUR_H
#define CELL_TESTS_SYSTEM_PROBE_POUR_H

#include "common/run/cell.h"

enum err pour(struct cell *cell, struct cell_call *call, const void *request);
enum err drink(struct cell *cell, struct cell_call *call, const void *request);

#endif
