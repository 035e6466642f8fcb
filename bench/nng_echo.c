/* The bare floor of a call: an nng rep0 socket that sends back what it got.
 *
 *   nng_echo URL */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    nng_socket door;
    int fault = argc == 2 ? nng_rep0_open(&door) : NNG_EINVAL;

    if (fault == 0) {
        fault = nng_listen(door, argv[1], NULL, 0);
    }
    while (fault == 0) {
        nng_msg *message;
        fault = nng_recvmsg(door, &message, 0);
        if (fault == 0) {
            fault = nng_sendmsg(door, message, 0);
        }
    }
    (void)fprintf(stderr, "nng_echo: %s\n", nng_strerror(fault));
    return 1;
}
