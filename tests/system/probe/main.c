/* cell-probe. Only wiring lives here. */
#include "probe.h"

int main(int argc, char **argv)
{
    return cell_main(&probe_cell, argc, argv);
}
