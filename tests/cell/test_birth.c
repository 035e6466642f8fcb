/* How a cell comes to life, hears and ends: NUC-1, NUC-2, NUC-3, NUC-9. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "fake.h"
#include "tests/support/check.h"

enum {
    BAD_PACKETS = 1000,
};

/* NUC-2: Booting, Listening with every door, Ready; nothing else and nothing more. */
static void birth_is_reported_in_order(void)
{
    static const struct fake_caller friend = {"default", "friend", {"testcell.Echo"}};
    const struct fake_spec spec = {.callers = &friend, .caller_count = 1};
    struct fake f;

    fake_spawn(&f, &spec, NULL);
    struct pollfd p = {.fd = f.gap, .events = POLLIN};
    CHECK(poll(&p, 1, 50) == 0, "a cell says nothing before it knows who it is");
    fake_say_genesis(&f, &spec);
    Cell__Gap__ToNucleus *m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_BOOTING, "Booting first");
    CHECK(m->booting->protocol == GAP_PROTOCOL && m->booting->version[0] != '\0', "its version");
    fake_heard_free(m);
    m = fake_hear(f.gap, FAKE_PATIENCE_MS);
    REQUIRE(m != NULL && m->what_case == CELL__GAP__TO_NUCLEUS__WHAT_LISTENING, "then Listening");
    REQUIRE(m->listening->n_endpoints == 2, "the operator's door and one per caller");
    for (size_t i = 0; i < 2; i++) {
        struct stat st;
        const Cell__Gap__Endpoint *at = m->listening->endpoints[i];
        const char *path = fake_door(&f, at->namespace_, at->cell);
        CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode), "%s is there", path);
        CHECK((st.st_mode & 07777) == 0600, "%s has mode 0600: %o", path, st.st_mode);
        CHECK(strcmp(strrchr(path, '/') + 1, at->file) == 0, "%s is named %s", path, at->file);
    }
    CHECK(m->listening->endpoints[0]->cell[0] == '\0', "the first is the operator's");
    CHECK(strcmp(m->listening->endpoints[1]->cell, "friend") == 0, "the second its caller's");
    fake_heard_free(m);
    fake_expect(f.gap, CELL__GAP__TO_NUCLEUS__WHAT_READY);
    CHECK(fake_echo(fake_door(&f, "", ""), "hello") == ERR_OK, "it serves");
    fake_finish(&f);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    birth_is_reported_in_order();
    return CHECK_RESULT();
}
