#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/unit.h"
#include "common/run/fd.h"

int cli_file_read(struct cli *cli, const char *path, size_t max, char **ret, size_t *ret_len)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    AUTO_FD int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    AUTO_FREE char *data = NULL;
    size_t len;

    if (fd < 0) {
        return cli_fail(cli, err_from_errno(errno), NULL, "%s: %s", name, strerror(errno));
    }
    data = malloc(max + 1); /* + 1: a full read means "too long", and room for the terminator */
    if (data == NULL) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s: %s", name, err_text(ERR_NOMEM));
    }
    enum err e = fd_read_all(fd, data, max + 1, &len);
    if (e != ERR_OK) {
        return cli_fail(cli, e, NULL, "%s: %s", name, strerror(errno));
    }
    if (len > max) {
        char limit[UNIT_TEXT_MAX];

        unit_size_format(max, limit);
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: larger than %s", name, limit);
    }
    data[len] = '\0';
    *ret = take_ptr(&data);
    *ret_len = len;
    return CLI_DONE;
}
