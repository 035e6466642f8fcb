/* Any packets in any order on a gap junction, at both ends: parsed or not, every step leads to a state
 * that the protocol knows, and nothing follows the last one.
 *
 * Input: packets one after another, each a byte that says who speaks (even: the nucleus) and a byte of
 * length. */
#include <stdlib.h>
#include <string.h>

#include "common/run/gap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void from_nucleus(enum gap_state *state, const uint8_t *data, size_t size)
{
    Cell__Gap__ToCell *message = cell__gap__to_cell__unpack(NULL, size, data);
    enum gap_state before = *state;

    if (message == NULL) {
        return;
    }
    enum err e = gap_step_from_nucleus(state, message);
    must(e == ERR_OK || (e == ERR_PRECONDITION && *state == before));
    /* The nucleus begins a life and otherwise moves nothing: how far a cell is, the cell says. */
    must(*state == before || (before == GAP_NEW && *state == GAP_GENESIS));
    if (message->what_case == CELL__GAP__TO_CELL__WHAT_GENESIS) {
        must(message->genesis != NULL && (e == ERR_OK) == (before == GAP_NEW));
    }
    cell__gap__to_cell__free_unpacked(message, NULL);
}

static void from_cell(enum gap_state *state, const uint8_t *data, size_t size)
{
    Cell__Gap__ToNucleus *message = cell__gap__to_nucleus__unpack(NULL, size, data);
    enum gap_state before = *state;

    if (message == NULL) {
        return;
    }
    enum err e = gap_step_from_cell(state, message);
    must(e == ERR_OK || (e == ERR_PRECONDITION && *state == before));
    must(*state >= before); /* a life goes forward */
    must(before != GAP_STOPPED || e != ERR_OK);
    must(*state != GAP_READY || before == GAP_READY || before == GAP_LISTENING);
    must(gap_state_name(*state)[0] != '\0');
    cell__gap__to_nucleus__free_unpacked(message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum gap_state state = GAP_NEW;

    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        if (data[0] % 2 == 0) {
            from_nucleus(&state, data + 2, len);
        } else {
            from_cell(&state, data + 2, len);
        }
        must(state <= GAP_STOPPED);
        data += 2 + len;
        size -= 2 + len;
    }
    return 0;
}
