/* cell-stubborn: a program that ignores everything: it never speaks on fd 3 and no signal but
 * SIGKILL ends it. */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;) {
        (void)pause();
    }
}
