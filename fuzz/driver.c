/* Run a fuzz target over files: each argument is a file or a directory of files (not nested). Needs no
 * fuzzing engine, so that the corpus is an ordinary test. Exit 0: every input was run. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DRIVER_INPUT_MAX = 16 * 1024 * 1024, /* bytes: the largest message there is */
    DRIVER_PATH_SIZE = 4096,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static size_t inputs;

static int run_file(int fd, const char *path)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || about.st_size > DRIVER_INPUT_MAX) {
        fprintf(stderr, "%s: cannot be read or is larger than %d bytes\n", path, DRIVER_INPUT_MAX);
        return 1;
    }
    /* A fresh block of exactly this size: a read past the end is seen by the sanitizer. */
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    size_t done = 0;
    while (data != NULL && done < size) {
        ssize_t now = read(fd, data + done, size - done);
        if (now <= 0) {
            break;
        }
        done += (size_t)now;
    }
    if (data == NULL || done != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(data);
        return 1;
    }
    /* Named before it runs: a crash leaves the name as the last line. */
    fprintf(stderr, "%s: %zu bytes\n", path, size);
    (void)LLVMFuzzerTestOneInput(data, size); /* its value only guides an engine */
    free(data);
    inputs++;
    return 0;
}

static int run_path(const char *path, int depth)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    DIR *folder = fd >= 0 && depth == 0 ? fdopendir(fd) : NULL;
    if (fd < 0) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    if (folder == NULL) {
        int failed = run_file(fd, path);
        close(fd);
        return failed;
    }
    int failed = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char inner[DRIVER_PATH_SIZE];
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner) {
            failed = 1;
            continue;
        }
        failed |= run_path(inner, depth + 1);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        failed |= run_path(argv[i], 0);
    }
    printf("%zu inputs\n", inputs);
    return failed != 0 || inputs == 0; /* an empty corpus has shown nothing */
}
