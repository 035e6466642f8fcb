/* cell-shield: keeps what the shield takes of the kernel. Only wiring lives here. */
#include "datapath/keeper.h"

int main(int argc, char **argv)
{
    return datapath_keeper_run(argc, argv);
}
