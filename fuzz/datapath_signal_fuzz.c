/* What a peer may say, and what a stranger may send: whatever reads is written as the same bytes again, members are read
 * to the end of their list and no further, and no datagram of a stranger opens.
 *
 * Input: what is said in a signal, after its life and counter. */
#include <stdlib.h>
#include <string.h>

#include "datapath/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void read_members(const uint8_t *bytes, size_t size)
{
    uint8_t again[DATAPATH_SIGNAL_MEMBER_MOST];
    struct datapath_signal_member m;
    size_t at = 0, before = 0;

    while (datapath_signal_take_member(bytes, size, &at, &m)) {
        must(at > before && at <= size && m.places <= DATAPATH_SIGNAL_PLACES && m.prefixes <= DATAPATH_SIGNAL_PREFIXES);
        must(datapath_signal_put_member(&m, again, sizeof again) > 0);
        before = at;
    }
    must(at == 0 || at == size);
}

static void read_again(const uint8_t *exact, size_t size)
{
    uint8_t once[DATAPATH_SIGNAL_MOST], twice[DATAPATH_SIGNAL_MOST];
    struct datapath_signal s, t;

    if (!datapath_signal_read(exact, size, &s)) {
        return;
    }
    read_members(s.members, s.members_size);
    size_t written = datapath_signal_write(&s, once, sizeof once);
    must(written <= size || size > sizeof once || s.places > 0); /* an IPv4 address may have come in the long form */
    if (written > 0) {
        must(datapath_signal_read(once, written, &t));
        must(datapath_signal_write(&t, twice, sizeof twice) == written && memcmp(once, twice, written) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct datapath_signal_keys keys = {.who = 7};
    struct datapath_signal_window w = {0};
    struct datapath_signal s;
    uint8_t *exact = malloc(size + 1);

    must(exact != NULL);
    memcpy(exact, data, size);
    read_again(exact, size);
    read_members(exact, size);
    (void)datapath_message_own(exact, size);
    (void)datapath_signal_who(exact, size);
    must(!datapath_signal_open(&keys, &w, exact, size, &s) && w.life == 0);
    free(exact);
    return 0;
}
