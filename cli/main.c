/* cell: the one command a person types. Only wiring lives here. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_args_main(argc, argv);
}
