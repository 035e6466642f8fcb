/* The commands that need certificates live in a program of their own, cell-node: loading what makes and reads
 * them would cost every other command a quarter of its time. `cell` becomes that program, which is built from
 * the same table of commands and has node.c and join.c in this file's place. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/join.h"
#include "cli/node.h"
#include "cli/place.h"

static int become(struct cli *cli)
{
    char path[CLI_PATH_SIZE];

    if (!cli_place_program("cell-node", path)) {
        return cli_fail(cli, ERR_NOT_FOUND, "build or install it beside cell", "the program cell-node is not there");
    }
    (void)execv(path, cli->argv);
    return cli_fail(cli, err_from_errno(errno), NULL, "%s cannot be run: %s", path, strerror(errno));
}

int cli_node_init(struct cli *cli)
{
    return become(cli);
}

int cli_node_identity(struct cli *cli)
{
    return become(cli);
}

int cli_node_rotate(struct cli *cli)
{
    return become(cli);
}

int cli_node_leave(struct cli *cli)
{
    return become(cli);
}

int cli_join_run(struct cli *cli)
{
    return become(cli);
}
