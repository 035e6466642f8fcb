/* What goes over the wire: RPC-1, RPC-2, RPC-3. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "tests/support/check.h"

static struct fake f;

/* RPC-2: every error code crosses the wire with its number, text and hint. */
static void every_status_arrives(void)
{
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        for (unsigned later = 0; later < 2; later++) {
            enum err sent = (enum err)i;
            Cell__Testcell__FailRequest request = CELL__TESTCELL__FAIL_REQUEST__INIT;
            char text[SP_TEXT_SIZE];

            if (sent == ERR_OK || sent == ERR_LATER) {
                continue; /* never an error on the wire; see below */
            }
            request.status = err_to_wire(sent);
            request.text = "because";
            request.hint = later ? "over there" : "";
            request.later = later;
            enum err got = fake_call(fake_door(&f, "", ""), CELL__TESTCELL__OP__OP_FAIL,
                                     &request.base, &cell__testcell__fail_reply__descriptor,
                                     FAKE_PATIENCE_MS, NULL, text);
            CHECK(got == sent, "%s arrives as %s", err_name(sent), err_name(got));
            CHECK(strstr(text, "because") != NULL, "%s with its explanation: %s", err_name(sent),
                  text);
        }
    }
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    fake_start(&f, &(struct fake_spec){0});
    every_status_arrives();
    fake_finish(&f);
    return CHECK_RESULT();
}
