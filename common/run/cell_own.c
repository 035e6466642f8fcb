/* A cell whose doors its own loop serves. */
#include "common/run/door_core.h"

int cell_main_own_wire(const struct cell_def *def, int argc, char **argv)
{
    return cell_main_on(def, &door_sp_wire, argc, argv);
}
