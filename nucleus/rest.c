#include "nucleus/rest.h"

#include "common/run/tidy.h"
#include "nucleus/journal.h"
#include "nucleus/logs.h"
#include "nucleus/pages.h"
#include "nucleus/sockets.h"
#include "nucleus/tuns.h"

enum {
    REST_LOOK_MS = 250,     /* a log may outgrow its limit by what is written in this time */
    REST_AFTER_CHANGE = 4,  /* looks until memory is tidied                                */
    REST_AFTER_STATUS = 20,
};

static void on_look(void *context)
{
    struct shell *s = context;

    s->rest_is_due = false;
    bool is_written = logs_check(s);
    if (journal_check(s, is_written) || !logs_wait(s)) {
        rest_soon(s);
    }
    if (s->has_stale_pages) {
        s->has_stale_pages = false;
        pages_sweep(s);
        sockets_sweep(s);
        tuns_sweep(s);
    }
    if (s->untidy_looks > 0 && --s->untidy_looks == 0) {
        tidy_memory();
    } else if (s->untidy_looks > 0) {
        rest_soon(s);
    }
}

enum err rest_open(struct shell *s)
{
    s->rest_timer = loop_timer_new(host_loop(s->cell), UINT32_MAX, 0, on_look, s);
    return s->rest_timer == NULL ? ERR_NOMEM : ERR_OK;
}

void rest_close(struct shell *s)
{
    loop_timer_free(s->rest_timer);
    s->rest_timer = NULL;
}

void rest_soon(struct shell *s)
{
    if (!s->rest_is_due && s->rest_timer != NULL) {
        s->rest_is_due = true;
        loop_timer_again(s->rest_timer, REST_LOOK_MS, 0);
    }
}

void rest_after_change(struct shell *s)
{
    s->untidy_looks = REST_AFTER_CHANGE;
    s->was_only_asked = false;
    rest_soon(s);
}

void rest_after_status(struct shell *s)
{
    if (s->untidy_looks == 0 || s->was_only_asked) {
        s->untidy_looks = REST_AFTER_STATUS;
        s->was_only_asked = true;
        rest_soon(s);
    }
}
