/* cell-shield: keeps what the shield takes of the kernel, or minds who does. Only wiring lives here. */
#include <string.h>

#include "datapath/keeper.h"
#include "datapath/minder.h"

int main(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "mind") == 0 ? datapath_minder_run(argc - 1, argv + 1) : datapath_keeper_run(argc, argv);
}
