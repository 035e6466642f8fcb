/* The directory of secrets: what is made, and what is refused with its name. */
#include "common/node/vault.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "tests/support/scratch.h"

static struct identity who = {.name = "db-1", .created_s = 7, .seed = {1}};
static char state[PATH_MAX];

static struct vault open_vault(void)
{
    struct vault v;

    REQUIRE(vault_open(&v, state, true) == ERR_OK, "%s", v.why);
    return v;
}

static void what_is_made_is_ours_alone(void)
{
    struct stat st;

    /* The mask of the most careless shell, and the strangest. */
    for (mode_t mask = 0; mask <= 0777; mask += 0777) {
        (void)snprintf(state, sizeof state, "%s/deep/%03o", scratch_dir, mask);
        umask(022);
        REQUIRE(mkdir(scratch_path("deep"), 0755) == 0 || mask != 0, "a directory");
        umask(mask == 0777 ? 0077 : mask);
        struct vault v = open_vault();
        CHECK(fstat(v.fd, &st) == 0 && (st.st_mode & 07777) == 0700, "the directory: %o", st.st_mode & 07777);
        REQUIRE(vault_put_identity(&v, &who) == ERR_OK, "%s", v.why);
        CHECK(fstatat(v.fd, VAULT_IDENTITY, &st, 0) == 0 && (st.st_mode & 07777) == 0600, "the file: %o",
              st.st_mode & 07777);
        struct identity back;
        CHECK(vault_identity(&v, &back) == ERR_OK && memcmp(&back, &who, sizeof who) == 0, "and back");
        vault_close(&v);
    }
    umask(022);
}

/* Each row does something to a good directory; `words` must be in what is said. */
static void make_group(int dir) { (void)!fchmodat(dir, VAULT_IDENTITY, 0640, 0); }
static void make_others(int dir) { (void)!fchmodat(dir, VAULT_IDENTITY, 0604, 0); }
static void make_link(int dir)
{
    (void)renameat(dir, VAULT_IDENTITY, dir, "elsewhere");
    (void)!symlinkat("elsewhere", dir, VAULT_IDENTITY);
}
static void make_second_name(int dir) { (void)!linkat(dir, VAULT_IDENTITY, dir, "copy", 0); }
static void make_pipe(int dir)
{
    (void)unlinkat(dir, VAULT_IDENTITY, 0);
    (void)mkfifoat(dir, VAULT_IDENTITY, 0600);
}
static void make_none(int dir) { (void)unlinkat(dir, VAULT_IDENTITY, 0); }
static void make_empty(int dir)
{
    int fd = openat(dir, VAULT_IDENTITY, O_WRONLY | O_TRUNC | O_CLOEXEC);
    close(fd);
}
static void make_bit(int dir)
{
    int fd = openat(dir, VAULT_IDENTITY, O_RDWR | O_CLOEXEC);
    CHECK(pwrite(fd, "8", 1, 60) == 1, "a digit of the seed");
    close(fd);
}
static void make_long(int dir)
{
    int fd = openat(dir, VAULT_IDENTITY, O_RDWR | O_CLOEXEC);
    CHECK(ftruncate(fd, IDENTITY_TEXT_MAX + 1) == 0, "longer");
    close(fd);
}
static void make_foreign(int dir)
{
    CHECK(fd_replace_file(dir, VAULT_IDENTITY, "-----BEGIN", 10, 0600) == ERR_OK, "another file");
}

static const struct {
    void (*damage)(int dir);
    enum err e;
    const char *words;
} rows[] = {
    {make_group, ERR_DENIED, "has mode 0640"},
    {make_others, ERR_DENIED, "has mode 0604"},
    {make_link, ERR_DENIED, "symbolic link"},
    {make_second_name, ERR_DENIED, "with one name"},
    {make_pipe, ERR_DENIED, "no regular file"},
    {make_none, ERR_NOT_FOUND, "No such file"},
    {make_empty, ERR_MALFORMED, "is no such file"},
    {make_bit, ERR_DATA_LOSS, "is damaged"},
    {make_long, ERR_LIMIT, "longer than any"},
    {make_foreign, ERR_MALFORMED, "is no such file"},
};

static void a_file_that_is_not_as_it_was_is_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct identity back = {.name = "untouched"};
        (void)snprintf(state, sizeof state, "%s/row%zu", scratch_dir, i);
        struct vault v = open_vault();
        REQUIRE(vault_put_identity(&v, &who) == ERR_OK, "%s", v.why);
        rows[i].damage(v.fd);
        enum err e = vault_identity(&v, &back);
        CHECK(e == rows[i].e, "row %zu: %s, not %s", i, err_name(e), err_name(rows[i].e));
        CHECK(strstr(v.why, rows[i].words) != NULL && strstr(v.why, "/node/identity") != NULL, "row %zu: %s", i, v.why);
        CHECK(strcmp(back.name, "untouched") == 0, "row %zu", i);
        vault_close(&v);
    }
}

static void a_directory_that_others_see_is_refused(void)
{
    struct vault v;
    char path[PATH_MAX + 8];

    (void)snprintf(state, sizeof state, "%s/open", scratch_dir);
    v = open_vault();
    CHECK(fchmod(v.fd, 0750) == 0, "opened up");
    vault_close(&v);
    CHECK(vault_open(&v, state, false) == ERR_DENIED && strstr(v.why, "0750") != NULL, "%s", v.why);
    vault_close(&v);
    (void)snprintf(path, sizeof path, "%s/node", state);
    CHECK(rename(path, scratch_path("moved")) == 0 && symlink(scratch_path("moved"), path) == 0, "a link in its place");
    CHECK(vault_open(&v, state, false) == ERR_DENIED, "%s", v.why);
    CHECK(unlink(path) == 0 && vault_open(&v, state, false) == ERR_NOT_FOUND, "none: %s", v.why);
    vault_close(&v);
}

static void what_is_removed_is_gone(void)
{
    char old[IDENTITY_TEXT_MAX] = "";
    struct vault v, second;

    (void)snprintf(state, sizeof state, "%s/gone", scratch_dir);
    v = open_vault();
    REQUIRE(vault_put_identity(&v, &who) == ERR_OK, "%s", v.why);
    int fd = openat(v.fd, VAULT_IDENTITY, O_RDONLY | O_CLOEXEC);
    CHECK(vault_remove(&v, VAULT_IDENTITY) == ERR_OK && !vault_has(&v, VAULT_IDENTITY), "%s", v.why);
    CHECK(pread(fd, old, sizeof old - 1, 0) > 0 && old[0] == '\0', "its bytes too, for who still has it open");
    close(fd);
    CHECK(vault_remove(&v, VAULT_IDENTITY) == ERR_OK, "none is fine");
    CHECK(vault_lock(&v) == ERR_OK, "%s", v.why);
    REQUIRE(vault_open(&second, state, false) == ERR_OK, "%s", second.why);
    CHECK(vault_lock(&second) == ERR_UNAVAILABLE && strstr(second.why, "another command") != NULL, "one at a time");
    vault_close(&v);
    CHECK(vault_lock(&second) == ERR_OK, "then the next");
    vault_close(&second);
    vault_close(&second);
}

int main(void)
{
    int dir = scratch_open();

    what_is_made_is_ours_alone();
    a_file_that_is_not_as_it_was_is_refused();
    a_directory_that_others_see_is_refused();
    what_is_removed_is_gone();
    close(dir);
    return CHECK_RESULT();
}
