/* What the kernel says about a process. Everything here is read from /proc at the moment. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nucleus/look.h"

enum {
    LOOK_TEXT = 1024,
    LOOK_NAME = 15, /* characters of a process's name that the kernel keeps */
};

static ssize_t read_proc(const char *path, char text[LOOK_TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -1;
    }
    ssize_t len = read(fd, text, LOOK_TEXT - 1);
    (void)close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len;
}

enum err look_start_ticks(int32_t pid, uint64_t *ret_ticks, char *ret_state)
{
    char path[64];
    char text[LOOK_TEXT];
    uint64_t ticks;
    char state;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/stat", pid);
    if (read_proc(path, text) <= 0) {
        return ERR_NOT_FOUND;
    }
    /* The name may hold anything, parentheses too: fields count from the last one. */
    const char *after = strrchr(text, ')');
    if (after == NULL ||
        sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
               "%*d %*d %" SCNu64, &state, &ticks) != 2) {
        return ERR_MALFORMED;
    }
    *ret_ticks = ticks;
    *ret_state = state;
    return ERR_OK;
}

/* The last part of the program's path; "" when this process may not know it. " (deleted)" when it was replaced since. */
static void read_program(int32_t pid, char out[SHELL_PATH_SIZE])
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/exe", pid);
    ssize_t len = readlink(path, out, SHELL_PATH_SIZE - 1);
    out[len > 0 ? len : 0] = '\0';
    const char *slash = strrchr(out, '/');
    if (slash != NULL) {
        memmove(out, slash + 1, strlen(slash));
    }
}

bool look_is_program(int32_t pid, const char *name)
{
    char path[64], text[LOOK_TEXT], program[SHELL_PATH_SIZE];
    size_t len = strlen(name);

    read_program(pid, program);
    if (program[0] != '\0') {
        return strncmp(program, name, len) == 0 && (program[len] == '\0' || strcmp(program + len, " (deleted)") == 0);
    }
    /* Another's, or one that has more rights than this process: its name says what it was started as, and it can change
     * that, but then what it is told by is all there is. */
    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/stat", pid);
    if (read_proc(path, text) <= 0) {
        return false;
    }
    char *begin = strchr(text, '('), *end = strrchr(text, ')'); /* between them anything, these two as well */
    if (begin == NULL || end == NULL) {
        return false;
    }
    *end = '\0';
    len = len < LOOK_NAME ? len : LOOK_NAME;
    return strncmp(begin + 1, name, len) == 0 && begin[1 + len] == '\0';
}

/* The clock of a whole process, nanoseconds exact. The C library makes the same number in
 * clock_getcpuclockid(3), but asks the kernel first whether there is such a process: a second call. */
uint64_t look_cpu_us(int32_t pid)
{
    enum {
        CLOCK_OF_PROCESS = 2 /* CPUCLOCK_SCHED in the kernel's posix-timers.h */
    };
    clockid_t clock = (clockid_t)(~(uint32_t)pid << 3 | CLOCK_OF_PROCESS);
    struct timespec t;

    if (clock_gettime(clock, &t) != 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Time spent runnable without a CPU, over all threads: second field of schedstat, nanoseconds. */
uint64_t look_delay_us(int32_t pid)
{
    char path[320];
    char text[LOOK_TEXT];
    uint64_t total_ns = 0;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        uint64_t delay_ns;
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/task/%.32s/schedstat", pid,
                       entry->d_name);
        if (read_proc(path, text) > 0 && sscanf(text, "%*u %" SCNu64, &delay_ns) == 1) {
            total_ns += delay_ns;
        }
    }
    (void)closedir(tasks);
    return total_ns / 1000u;
}

/* The state letter in a stat file: the first field after the name, which may hold anything. */
static char read_state(const char *path)
{
    char text[LOOK_TEXT];
    const char *after = read_proc(path, text) > 0 ? strrchr(text, ')') : NULL;

    return after != NULL && after[1] == ' ' ? after[2] : '?';
}

bool look_is_runnable(int32_t pid)
{
    char path[320];
    bool any = false;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL && !any; entry = readdir(tasks)) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/task/%.32s/stat", pid,
                           entry->d_name);
            any = read_state(path) == 'R';
        }
    }
    (void)closedir(tasks);
    return any;
}

uint64_t look_rss_bytes(int32_t pid)
{
    char path[64];
    char text[LOOK_TEXT];
    uint64_t pages = 0;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/statm", pid);
    if (read_proc(path, text) <= 0 || sscanf(text, "%*u %" SCNu64, &pages) != 1) {
        return 0;
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
