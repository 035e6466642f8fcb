/* What is due when: scripts of events with virtual times. */
#include "datapath/timers.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/macros.h"
#include "tests/support/check.h"

enum { START = 1000000, JITTER = 100 };

enum what { BEGUN, INITIATED, COMPLETED, DERIVED, SENT_DATA, SENT, RECEIVED_DATA, RECEIVED, PERSIST, LOOK, END };

/* Rows share timers until END. LOOK: what is due at that time; all of it is taken, the first must be `due`. */
static const struct {
    enum what what;
    uint64_t at_ms;
    enum datapath_timers_due due;
    const char *why;
} rows[] = {
    {LOOK, 900000, DATAPATH_DUE_NOTHING, "nothing happened, nothing is due"},
    {END, 0, 0, ""},
    {BEGUN, 0, 0, ""},
    {INITIATED, 0, 0, ""},
    {LOOK, 5099, DATAPATH_DUE_NOTHING, "5 s and the jitter"},
    {LOOK, 5100, DATAPATH_DUE_RETRY, "then again"},
    {INITIATED, 5100, 0, ""},
    {LOOK, 10200, DATAPATH_DUE_RETRY, "and again"},
    {INITIATED, 84900, 0, "the last within 90 s"},
    {LOOK, 90000, DATAPATH_DUE_GIVE_UP, "enough"},
    {LOOK, 629999, DATAPATH_DUE_NOTHING, "what keys there are stay for 9 minutes"},
    {LOOK, 630000, DATAPATH_DUE_ERASE, "and go"},
    {LOOK, 10000000, DATAPATH_DUE_NOTHING, "silence for ever"},
    {END, 0, 0, ""},
    {BEGUN, 0, 0, ""},
    {INITIATED, 84899, 0, ""},
    {LOOK, 89999, DATAPATH_DUE_RETRY, "one ms before it is enough"},
    {END, 0, 0, ""},
    {BEGUN, 0, 0, ""},
    {INITIATED, 0, 0, ""},
    {DERIVED, 50, 0, ""},
    {COMPLETED, 50, 0, ""},
    {LOOK, 500000, DATAPATH_DUE_NOTHING, "a session ends the tries"},
    {DERIVED, 500000, 0, "a new one keeps its keys"},
    {LOOK, 1039999, DATAPATH_DUE_NOTHING, "for as long"},
    {LOOK, 1040000, DATAPATH_DUE_ERASE, ""},
    {END, 0, 0, ""},
    {BEGUN, 0, 0, ""},
    {INITIATED, 0, 0, ""},
    {DERIVED, 10, 0, "we answered the peer's, and he has not shown that he heard"},
    {LOOK, 5100, DATAPATH_DUE_RETRY, "so ours goes on"},
    {END, 0, 0, ""},
    {BEGUN, 0, 0, ""},
    {INITIATED, 0, 0, ""},
    {COMPLETED, 10, 0, ""},
    {LOOK, 500000, DATAPATH_DUE_NOTHING, "the peer's handshake came first"},
    {END, 0, 0, ""},
    {RECEIVED_DATA, 0, 0, ""},
    {LOOK, 9999, DATAPATH_DUE_NOTHING, ""},
    {LOOK, 10000, DATAPATH_DUE_KEEPALIVE, "who says nothing for 10 s says that he hears"},
    {SENT, 10000, 0, ""},
    {LOOK, 90000, DATAPATH_DUE_NOTHING, "once is enough for what came before"},
    {END, 0, 0, ""},
    {RECEIVED_DATA, 0, 0, ""},
    {RECEIVED_DATA, 4000, 0, ""},
    {LOOK, 10000, DATAPATH_DUE_KEEPALIVE, "the first sets the time"},
    {LOOK, 20000, DATAPATH_DUE_KEEPALIVE, "the second sets another"},
    {LOOK, 90000, DATAPATH_DUE_NOTHING, ""},
    {END, 0, 0, ""},
    {RECEIVED_DATA, 0, 0, ""},
    {SENT_DATA, 5000, 0, ""},
    {LOOK, 15000, DATAPATH_DUE_NOTHING, "data says it too"},
    {LOOK, 20099, DATAPATH_DUE_NOTHING, ""},
    {LOOK, 20100, DATAPATH_DUE_SILENCE, "15 s without an answer, and the jitter"},
    {END, 0, 0, ""},
    {RECEIVED, 0, 0, ""},
    {LOOK, 90000, DATAPATH_DUE_NOTHING, "a keepalive is not answered: two would never stop"},
    {SENT, 90000, 0, ""},
    {LOOK, 190000, DATAPATH_DUE_NOTHING, "nor is one awaited for ours"},
    {END, 0, 0, ""},
    {SENT_DATA, 0, 0, ""},
    {SENT_DATA, 14000, 0, "the first that is not answered counts"},
    {LOOK, 15100, DATAPATH_DUE_SILENCE, ""},
    {END, 0, 0, ""},
    {SENT_DATA, 0, 0, ""},
    {RECEIVED, 14000, 0, "a keepalive is an answer"},
    {LOOK, 90000, DATAPATH_DUE_NOTHING, ""},
    {END, 0, 0, ""},
    {PERSIST, 0, 0, "every 25 s"},
    {LOOK, 24999, DATAPATH_DUE_NOTHING, ""},
    {LOOK, 25000, DATAPATH_DUE_KEEPALIVE, ""},
    {LOOK, 50000, DATAPATH_DUE_KEEPALIVE, "again, though nobody said that it was sent"},
    {RECEIVED, 60000, 0, "any packet, either way, keeps the way open"},
    {SENT, 70000, 0, ""},
    {LOOK, 94999, DATAPATH_DUE_NOTHING, ""},
    {LOOK, 95000, DATAPATH_DUE_KEEPALIVE, ""},
    {END, 0, 0, ""},
};

static void look(struct datapath_timers *t, const struct datapath_pace *pace, size_t row)
{
    uint64_t now_ms = START + rows[row].at_ms, when_ms = datapath_timers_when_ms(t);
    enum datapath_timers_due due = datapath_timers_next(t, pace, now_ms);

    CHECK(due == rows[row].due, "row %zu: %d: %s", row, (int)due, rows[row].why);
    CHECK((due == DATAPATH_DUE_NOTHING) == (when_ms > now_ms), "row %zu: it says when", row);
    for (int i = 0; i < 8 && due != DATAPATH_DUE_NOTHING; i++) {
        due = datapath_timers_next(t, pace, now_ms);
    }
    CHECK(due == DATAPATH_DUE_NOTHING, "row %zu: it comes to rest", row);
}

int main(void)
{
    struct datapath_pace pace = datapath_pace_usual();
    struct datapath_timers t = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t now_ms = START + rows[i].at_ms;
        switch (rows[i].what) {
        case BEGUN:
            datapath_timers_begun(&t, &pace, now_ms);
            break;
        case INITIATED:
            datapath_timers_initiated(&t, &pace, JITTER, now_ms);
            break;
        case COMPLETED:
            datapath_timers_completed(&t);
            break;
        case DERIVED:
            datapath_timers_derived(&t, &pace, now_ms);
            break;
        case SENT_DATA:
        case SENT:
            datapath_timers_sent(&t, &pace, rows[i].what == SENT_DATA, JITTER, now_ms);
            break;
        case RECEIVED_DATA:
        case RECEIVED:
            datapath_timers_received(&t, &pace, rows[i].what == RECEIVED_DATA, now_ms);
            break;
        case PERSIST:
            datapath_timers_persist(&t, 25000, now_ms);
            break;
        case LOOK:
            look(&t, &pace, i);
            break;
        case END:
            t = (struct datapath_timers){0};
            break;
        }
    }
    return CHECK_RESULT();
}
