/* cell-guard: restarts the nucleus, nothing else. Only wiring lives here. */
#include "nucleus/guard.h"

int main(int argc, char **argv)
{
    return guard_run(argc, argv);
}
