#include "common/run/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

static int dir; /* the scratch directory */

/* ---- descriptors ------------------------------------------------------------------------------- */

static void closing_keeps_errno_and_forgets(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int number = fd;

    REQUIRE(fd >= 0, "a descriptor");
    errno = EXDEV;
    fd_close(&fd);
    CHECK(fd == -1 && fcntl(number, F_GETFD) == -1, "closed and forgotten");
    errno = EXDEV;
    fd_close(&fd);
    CHECK(errno == EXDEV, "a second close does nothing");
    fd = number;
    fd_close(&fd);
    CHECK(errno == EXDEV && fd == -1, "a close that fails keeps errno too");
    {
        AUTO_FD int scoped = open("/dev/null", O_RDONLY | O_CLOEXEC);
        number = scoped;
    }
    CHECK(fcntl(number, F_GETFD) == -1, "closed by the scope");
    {
        AUTO_FD int scoped = open("/dev/null", O_RDONLY | O_CLOEXEC);
        fd = fd_take(&scoped);
        CHECK(scoped == -1, "taken");
    }
    CHECK(fcntl(fd, F_GETFD) != -1, "what was taken stays open");
    fd_close(&fd);
}

/* ---- reading and writing everything ------------------------------------------------------------ */

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* Interrupt system calls all the time: without SA_RESTART each returns EINTR or is short. */
static void interrupt_every_us(unsigned us)
{
    struct sigaction act = {.sa_handler = on_alarm};
    struct itimerval every = {{0, (suseconds_t)us}, {0, (suseconds_t)us}};

    REQUIRE(sigaction(SIGALRM, &act, NULL) == 0, "a handler");
    REQUIRE(setitimer(ITIMER_REAL, &every, NULL) == 0, "a timer");
}

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static void everything_passes_a_pipe_despite_signals(void)
{
    enum { SIZE = 3 << 20 }; /* many times a pipe's 64 KiB: all writes are short or blocked */
    unsigned char *data = malloc(SIZE + 1);
    int ends[2];
    size_t len = 0, wrong = 0;

    REQUIRE(data != NULL && pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    pid_t child = fork();
    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        for (size_t i = 0; i < SIZE; i++) {
            data[i] = pattern(i);
        }
        close(ends[0]);
        interrupt_every_us(150);
        _exit(fd_write_all(ends[1], data, SIZE) == ERR_OK ? 0 : 1);
    }
    fd_close(&ends[1]);
    interrupt_every_us(200);
    enum err e = fd_read_all(ends[0], data, SIZE + 1, &len);
    interrupt_every_us(0);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child, "the writer ends");
    CHECK(e == ERR_OK && len == SIZE, "all arrives: %zu, %s", len, err_name(e));
    CHECK(status == 0, "all is written");
    for (size_t i = 0; i < len; i++) {
        wrong += data[i] != pattern(i);
    }
    CHECK(wrong == 0, "%zu bytes differ", wrong);
    fd_close(&ends[0]);
    free(data);
}

static void reading_stops_at_the_size_asked_for(void)
{
    char out[8] = "-------";
    int ends[2];
    size_t len = 99;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    REQUIRE(write(ends[1], "abcdef", 6) == 6, "bytes in it");
    CHECK(fd_read_all(ends[0], out, 4, &len) == ERR_OK && len == 4, "four of six");
    CHECK(memcmp(out, "abcd---", 7) == 0, "no byte more");
    CHECK(fd_read_all(ends[0], out, 0, &len) == ERR_OK && len == 0, "none of two");
    fd_close(&ends[1]);
    CHECK(fd_read_all(ends[0], out, 4, &len) == ERR_OK && len == 2, "the end of file");
    fd_close(&ends[0]);
    len = 99;
    CHECK(fd_read_all(-1, out, 4, &len) == ERR_IO && len == 99, "no descriptor; output untouched");
    CHECK(fd_write_all(-1, out, 4) == ERR_IO, "no descriptor");
    CHECK(fd_write_all(-1, out, 0) == ERR_OK, "nothing is written anywhere");
}

static void a_full_pipe_is_an_error_not_a_loop(void)
{
    static char data[1 << 20];
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
    CHECK(fd_write_all(ends[1], data, sizeof data) == ERR_UNAVAILABLE, "the reader is slow");
    fd_close(&ends[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK(fd_write_all(ends[1], data, 1) == ERR_PEER_DEAD, "the reader is gone");
    fd_close(&ends[1]);
}

/* ---- whole files ------------------------------------------------------------------------------- */

static void put_file(const char *name, const void *data, size_t size)
{
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    REQUIRE(fd >= 0 && fd_write_all(fd, data, size) == ERR_OK, "file %s", name);
}

static void a_file_is_read_up_to_its_limit(void)
{
    enum { BIG = 300000 };
    static char big[BIG];
    static const struct {
        const char *name;
        size_t max;
        enum err e;
        size_t len;
        const char *why;
    } rows[] = {
        {"empty", 0, ERR_OK, 0, "nothing, and nothing allowed"},
        {"empty", 10, ERR_OK, 0, "nothing"},
        {"five", 5, ERR_OK, 5, "exactly the limit"},
        {"five", 4, ERR_LIMIT, 0, "one byte more than the limit"},
        {"five", 0, ERR_LIMIT, 0, "a byte where none is allowed"},
        {"five", 6, ERR_OK, 5, "below the limit"},
        {"big", BIG, ERR_OK, BIG, "more than one chunk, exactly the limit"},
        {"big", BIG - 1, ERR_LIMIT, 0, "one byte more"},
        {"big", SSIZE_MAX - 2, ERR_OK, BIG, "a limit that says: any"},
        {"big", SIZE_MAX, ERR_INVALID, 0, "a limit that would wrap"},
        {"missing", 10, ERR_NOT_FOUND, 0, "no file"},
        {"link", 10, ERR_DENIED, 0, "a symbolic link, also to a good file"},
        {"directory", 10, ERR_INVALID, 0, "a directory"},
        {"fifo", 10, ERR_INVALID, 0, "a pipe nobody writes to must not hang"},
        {"five/x", 10, ERR_IO, 0, "a path through a file"},
    };

    for (size_t i = 0; i < BIG; i++) {
        big[i] = (char)pattern(i);
    }
    put_file("empty", "", 0);
    put_file("five", "ab\0de", 5);
    put_file("big", big, BIG);
    REQUIRE(symlinkat("five", dir, "link") == 0 && mkdirat(dir, "directory", 0700) == 0 &&
                mkfifoat(dir, "fifo", 0600) == 0, "files to read");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = NULL;
        size_t len = 99;
        enum err e = fd_read_file(dir, rows[i].name, rows[i].max, &text, &len);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        if (e == ERR_OK) {
            CHECK(len == rows[i].len && text[len] == '\0', "row %zu: length, terminated", i);
            const char *wanted = len == BIG ? big : "ab\0de";
            CHECK(memcmp(text, wanted, len) == 0, "row %zu: content", i);
        } else {
            CHECK(text == NULL && len == 99, "row %zu: outputs untouched", i);
        }
        free(text);
    }
}

static void a_file_without_a_size_is_read(void)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    CHECK(fd_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &len) == ERR_OK, "/proc");
    CHECK(text != NULL && strstr(text, "\nPid:\t") != NULL, "its size is 0, its content is not");
}

/* ---- replacing --------------------------------------------------------------------------------- */

static bool holds(const char *name, const void *data, size_t size)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    return fd_read_file(dir, name, 1 << 20, &text, &len) == ERR_OK && len == size &&
           memcmp(text, data, size) == 0;
}

/* Files of the directory whose name contains `part`. */
static unsigned count_files(const char *part)
{
    DIR *d = opendir(scratch_dir);
    unsigned count = 0;

    REQUIRE(d != NULL, "the directory opens");
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        count += strstr(entry->d_name, part) != NULL;
    }
    closedir(d);
    return count;
}

static void a_file_is_replaced_whole(void)
{
    struct stat st;

    umask(022);
    CHECK(fd_replace_file(dir, "r", "one", 3, 0600) == ERR_OK && holds("r", "one", 3), "made");
    CHECK(fstatat(dir, "r", &st, 0) == 0 && (st.st_mode & 0777) == 0600, "with the mode asked for");
    ino_t before = st.st_ino;
    CHECK(fd_replace_file(dir, "r", "", 0, 0666) == ERR_OK && holds("r", "", 0), "by nothing");
    CHECK(fstatat(dir, "r", &st, 0) == 0 && (st.st_mode & 0777) == 0644, "umask counts");
    CHECK(st.st_ino != before, "a reader of the old file keeps the old file");
    AUTO_FD int path_only = openat(dir, ".", O_PATH | O_CLOEXEC);
    CHECK(fd_replace_file(path_only, "r", "two", 3, 0600) == ERR_OK && holds("r", "two", 3),
          "by a descriptor that cannot be synced itself");
    REQUIRE(symlinkat("five", dir, "s") == 0, "a link");
    CHECK(fd_replace_file(dir, "s", "x", 1, 0600) == ERR_OK && holds("s", "x", 1) &&
              holds("five", "ab\0de", 5), "a link is replaced, not followed");
    char left[64];
    snprintf(left, sizeof left, ".r.%d.new", (int)gettid());
    put_file(left, "half", 4);
    CHECK(fd_replace_file(dir, "r", "three", 5, 0600) == ERR_OK && holds("r", "three", 5),
          "what a crash left is in nobody's way");
    CHECK(count_files(".new") == 0, "nothing temporary is left");
}

static void a_name_that_is_no_component_is_refused(void)
{
    static const struct {
        const char *name;
        enum err e;
        const char *why;
    } rows[] = {
        {"", ERR_INVALID, "nothing"},
        {".", ERR_INVALID, "the directory itself"},
        {"..", ERR_INVALID, "the parent"},
        {"../x", ERR_INVALID, "traversal"},
        {"a/b", ERR_INVALID, "the wrong directory would be synced"},
        {"/etc/x", ERR_INVALID, "an absolute path"},
        {"directory", ERR_IO, "a directory is not replaced"},
    };
    char longest[NAME_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = fd_replace_file(dir, rows[i].name, "x", 1, 0600);
        CHECK(e == rows[i].e, "<%s>: %s: %s", rows[i].name, rows[i].why, err_name(e));
    }
    memset(longest, 'n', sizeof longest);
    longest[NAME_MAX] = '\0';
    CHECK(fd_replace_file(dir, longest, "x", 1, 0600) == ERR_LIMIT, "no room for the temporary name");
    char part[64];
    size_t extra = (size_t)snprintf(part, sizeof part, "..%d.new", (int)gettid());
    longest[NAME_MAX - extra + 1] = '\0';
    CHECK(fd_replace_file(dir, longest, "x", 1, 0600) == ERR_LIMIT, "one character too long");
    longest[NAME_MAX - extra] = '\0';
    CHECK(fd_replace_file(dir, longest, "x", 1, 0600) == ERR_OK, "the longest possible");
    CHECK(count_files(".new") == 0, "nothing temporary is left");
}

static void a_full_disk_leaves_the_old_content(void)
{
    static char much[100000];
    struct rlimit before, small;

    REQUIRE(fd_replace_file(dir, "kept", "old", 3, 0600) == ERR_OK, "the old content");
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0, "a limit");
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 50000; /* the write stops in the middle, as on a full disk */
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0, "a lower limit");
    enum err e = fd_replace_file(dir, "kept", much, sizeof much, 0600);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0, "the limit as before");
    CHECK(e == ERR_LIMIT, "refused: %s", err_name(e));
    CHECK(holds("kept", "old", 3), "the old content is whole");
    CHECK(count_files(".new") == 0, "nothing temporary is left");
    CHECK(fd_replace_file(dir, "kept", much, sizeof much, 0600) == ERR_OK &&
              holds("kept", much, sizeof much), "and it works again");
}

/* Run `act` as a user that owns nothing; its exit status, or -1. */
static int as_nobody(int (*act)(void))
{
    pid_t child = fork();
    int status = -1;

    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        bool is_nobody = geteuid() != 0 || (setresgid(65534, 65534, 65534) == 0 &&
                                            setresuid(65534, 65534, 65534) == 0);
        _exit(is_nobody ? act() : 99);
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it ends");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int replace_kept(void)
{
    return (int)fd_replace_file(dir, "kept", "new", 3, 0600);
}

static void a_directory_without_right_leaves_the_old_content(void)
{
    REQUIRE(fd_replace_file(dir, "kept", "old", 3, 0644) == ERR_OK, "the old content");
    REQUIRE(fchmod(dir, 0555) == 0, "a directory that is not writable");
    int e = as_nobody(replace_kept);
    REQUIRE(fchmod(dir, 0700) == 0, "as before");
    CHECK(e == ERR_DENIED, "refused: %d", e);
    CHECK(holds("kept", "old", 3), "the old content is whole");
}

/* ---- directories ------------------------------------------------------------------------------- */

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void missing_directories_are_made(void)
{
    static const struct {
        const char *path; /* below the scratch directory */
        enum err e;
        const char *why;
    } rows[] = {
        {"m", ERR_OK, "one"},
        {"m", ERR_OK, "again"},
        {"m/a/b/c", ERR_OK, "several"},
        {"m/a/", ERR_OK, "a slash at the end"},
        {"m//d///e", ERR_OK, "slashes in a row are one"},
        {"m/to_a/f", ERR_OK, "through a link to a directory"},
        {"m/file", ERR_EXISTS, "a file has the name"},
        {"m/file/x", ERR_EXISTS, "a file is in the way"},
        {"m/dangling", ERR_EXISTS, "a link to nothing has the name"},
    };
    char path[PATH_MAX + 8];
    struct stat st;

    umask(0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(path, sizeof path, "%s/%s", scratch_dir, rows[i].path);
        enum err e = fd_make_dirs(path, 0750);
        CHECK(e == rows[i].e, "<%s>: %s: %s", rows[i].path, rows[i].why, err_name(e));
        CHECK(is_dir(path) == (rows[i].e == ERR_OK), "<%s>: %s", rows[i].path, rows[i].why);
        if (i == 2) {
            put_file("m/file", "", 0);
            REQUIRE(symlinkat("a", dir, "m/to_a") == 0 && symlinkat("no", dir, "m/dangling") == 0,
                    "links");
        }
    }
    CHECK(stat(scratch_path("m/a/b"), &st) == 0 && (st.st_mode & 07777) == 0750, "the mode");
    CHECK(chmod(scratch_path("m/a"), 0700) == 0 && fd_make_dirs(scratch_path("m/a/b"), 0777) ==
              ERR_OK && stat(scratch_path("m/a"), &st) == 0 && (st.st_mode & 07777) == 0700,
          "an existing one keeps its mode");
    CHECK(fd_make_dirs("/", 0700) == ERR_OK, "the root is there");
    CHECK(fd_make_dirs("relative/path", 0700) == ERR_MALFORMED, "not absolute");
    CHECK(fd_make_dirs("", 0700) == ERR_MALFORMED, "nothing");
    memset(path, '/', sizeof path);
    path[PATH_MAX - 1] = '\0';
    CHECK(fd_make_dirs(path, 0700) == ERR_OK, "PATH_MAX with its terminator");
    path[PATH_MAX - 1] = '/';
    path[PATH_MAX] = '\0';
    CHECK(fd_make_dirs(path, 0700) == ERR_LIMIT, "one more");
    umask(022);
}

/* A process that was killed leaves the name of its socket; one that lives has it for itself. */
static void a_dead_socket_gives_up_its_name(void)
{
    const char *path = scratch_path("socket");
    int first = -1, second = -1;

    REQUIRE(fd_relisten_unix(path, 1, &first) == ERR_OK, "a socket");
    CHECK(fd_relisten_unix(path, 1, &second) == ERR_EXISTS && access(path, F_OK) == 0, "somebody listens there");
    fd_close(&first);
    CHECK(fd_listen_unix(path, SOCK_STREAM, 1, &second) == ERR_EXISTS, "nobody does, the name is taken");
    CHECK(fd_relisten_unix(path, 1, &second) == ERR_OK, "and is given up");
    fd_close(&second);
    REQUIRE(unlink(path) == 0, "the socket goes");
    put_file("socket", "text", 4);
    CHECK(fd_relisten_unix(path, 1, &second) == ERR_EXISTS && access(path, F_OK) == 0, "a file is none of ours to remove");
}

static int make_without_right(void)
{
    return (int)fd_make_dirs(scratch_path("m/no/right"), 0700);
}

int main(void)
{
    dir = scratch_open();
    closing_keeps_errno_and_forgets();
    everything_passes_a_pipe_despite_signals();
    reading_stops_at_the_size_asked_for();
    a_full_pipe_is_an_error_not_a_loop();
    a_file_is_read_up_to_its_limit();
    a_file_without_a_size_is_read();
    a_file_is_replaced_whole();
    a_name_that_is_no_component_is_refused();
    a_full_disk_leaves_the_old_content();
    a_directory_without_right_leaves_the_old_content();
    missing_directories_are_made();
    a_dead_socket_gives_up_its_name();
    REQUIRE(fchmod(dir, 0755) == 0 && chmod(scratch_path("m"), 0555) == 0, "others may look in");
    CHECK(as_nobody(make_without_right) == ERR_DENIED, "no right to make a directory");
    REQUIRE(chmod(scratch_path("m"), 0700) == 0, "as before");
    fd_close(&dir);
    return CHECK_RESULT();
}
