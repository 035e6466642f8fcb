/* A cell whose doors nng serves. Apart from cell_own.c, so that who has the other wire is not linked with libnng. */
#include "common/run/door_core.h"

int cell_main(const struct cell_def *def, int argc, char **argv)
{
    return cell_main_on(def, &door_nng_wire, argc, argv);
}
