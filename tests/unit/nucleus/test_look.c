/* What is said of a process: which program it runs. */
#include "nucleus/look.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

enum {
    SOMEBODY = 65534,
    PATH_SIZE = 256,
};

static char top[] = "/tmp/test-look-XXXXXX";

/* A copy of sleep of this name. */
static void make_program(const char *name, char path[PATH_SIZE])
{
    struct stat st;
    int from = open("/bin/sleep", O_RDONLY | O_CLOEXEC);

    (void)snprintf(path, PATH_SIZE, "%s/%s", top, name);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    REQUIRE(from >= 0 && to >= 0 && fstat(from, &st) == 0 && sendfile(to, from, NULL, (size_t)st.st_size) == st.st_size, "%s", path);
    (void)close(from);
    (void)close(to);
}

static void read_name(pid_t pid, char out[32])
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, 31) : 0;
    out[len > 0 ? len : 0] = '\0';
    (void)close(fd);
}

/* Runs until end(); it is there, as the program that it is, when this returns. */
static pid_t begin(const char *path, uid_t uid)
{
    int pipe_fd[2];
    char byte;

    REQUIRE(pipe2(pipe_fd, O_CLOEXEC) == 0, "a pipe");
    pid_t child = fork();
    if (child == 0) {
        if (setgid(uid) != 0 || setuid(uid) != 0) {
            _exit(9);
        }
        (void)execl(path, path, "1000", NULL);
        _exit(9);
    }
    (void)close(pipe_fd[1]);
    REQUIRE(child > 0 && read(pipe_fd[0], &byte, 1) == 0, "it closes when the program begins");
    (void)close(pipe_fd[0]);
    char own[32], name[32];
    read_name(getpid(), own);
    do { /* its name comes a moment later */
        read_name(child, name);
    } while (strcmp(own, name) == 0);
    return child;
}

static void end(pid_t child)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

/* Asked by somebody who is not root. */
static bool is_program_to(uid_t uid, pid_t pid, const char *name)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        if (setgid(uid) != 0 || setuid(uid) != 0) {
            _exit(9);
        }
        _exit(look_is_program(pid, name) ? 0 : 1);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) < 2, "it looks");
    return WEXITSTATUS(status) == 0;
}

static void a_program_is_known_by_its_path(void)
{
    static const struct {
        const char *file, *name;
        bool is;
    } rows[] = {
        {"cell-shield", "cell-shield", true},
        {"cell-shields", "cell-shield", false},
        {"cell-shiel", "cell-shield", false},
        {"my (cell-shield)", "cell-shield", false},
        {"a) (b c", "a) (b c", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[PATH_SIZE];
        make_program(rows[i].file, path);
        pid_t child = begin(path, getuid());
        CHECK(look_is_program(child, rows[i].name) == rows[i].is, "%s", rows[i].file);
        (void)unlink(path);
        CHECK(look_is_program(child, rows[i].name) == rows[i].is, "%s, deleted", rows[i].file);
        end(child);
        CHECK(!look_is_program(child, rows[i].name), "%s, ended", rows[i].file);
    }
}

static void a_name_alone_is_none(void)
{
    pid_t child = fork();

    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        (void)prctl(PR_SET_NAME, "cell-shield", 0, 0, 0);
        for (;;) {
            (void)pause();
        }
    }
    CHECK(!look_is_program(child, "cell-shield"), "its path says what it is");
    end(child);
}

/* A program that nobody but root may read says nothing of itself to others: as one with rights of its own. */
static void a_path_that_is_hidden_leaves_the_name(void)
{
    static const struct {
        const char *file, *name;
        bool is;
    } rows[] = {
        {"cell-shield", "cell-shield", true},
        {"cell-shields", "cell-shield", false},
        {"cell-shiel", "cell-shield", false},
        {"a) S 1 (b c", "a) S 1 (b c", true},
        {"a-name-longer-than-kept", "a-name-longer-than-kept", true},
        {"a-name-longer-", "a-name-longer-than-kept", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[PATH_SIZE];
        make_program(rows[i].file, path);
        REQUIRE(chmod(path, 0711) == 0, "it may be run");
        pid_t child = begin(path, SOMEBODY);
        CHECK(look_is_program(child, rows[i].name) == rows[i].is, "%s, to root", rows[i].file);
        CHECK(is_program_to(SOMEBODY, child, rows[i].name) == rows[i].is, "%s, to somebody", rows[i].file);
        end(child);
        (void)unlink(path);
    }
}

int main(void)
{
    REQUIRE(mkdtemp(top) != NULL && chmod(top, 0711) == 0, "a directory");
    a_program_is_known_by_its_path();
    a_name_alone_is_none();
    if (getuid() == 0) {
        a_path_that_is_hidden_leaves_the_name();
    }
    (void)rmdir(top);
    if (getuid() != 0) {
        printf("skipped: hidden programs, without root\n");
        return check_failures == 0 ? CHECK_SKIPPED : CHECK_RESULT();
    }
    return CHECK_RESULT();
}
