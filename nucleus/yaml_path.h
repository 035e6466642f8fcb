/* Which paths a manifest may name. Text only: whether anything stands there is another question. */
#ifndef CELL_NUCLEUS_YAML_PATH_H
#define CELL_NUCLEUS_YAML_PATH_H

#include <stdbool.h>

/* NULL when `path` may be granted to a cell or executed; else what is wrong with it ("is not
 * absolute"), static. Absolute, normalised (no empty part, no "." or "..", no slash at the end), at
 * most MANIFEST_PATH_MAX - 1 bytes without control characters; not "/", nothing of /proc, /sys and
 * /dev, nothing that holds or lies in the usual run and state directories of a node. */
const char *yaml_path_judge(const char *path);

/* Whether one of two normalised absolute paths is, holds or lies in the other. */
bool yaml_path_overlap(const char *a, const char *b);

#endif
