/* What outlives a restart: kept and found, whatever became of some of its bytes. */
#include "datapath/store.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct datapath_peer_config peer_of(uint8_t number, uint8_t stamp)
{
    struct datapath_peer_config c = {.public = {number}};

    c.heard[11] = stamp;
    return c;
}

static uint8_t heard(const struct datapath_store *s, uint8_t number)
{
    uint8_t public[DATAPATH_NOISE_KEY] = {number}, stamp[DATAPATH_MESSAGE_TIME];

    datapath_store_heard(s, public, stamp);
    return stamp[11];
}

static void flip(const char *directory, off_t at)
{
    char path[512];
    uint8_t byte;

    (void)snprintf(path, sizeof path, "%s/stamps", directory);
    int fd = open(path, O_RDWR);
    REQUIRE(fd >= 0 && pread(fd, &byte, 1, at) == 1, "%s", path);
    byte ^= 1;
    REQUIRE(pwrite(fd, &byte, 1, at) == 1, "%s", path);
    (void)close(fd);
}

int main(void)
{
    const char *directory = scratch_dir;
    struct datapath_store s = {.fd = 0};

    REQUIRE(datapath_store_open(&s, "") == ERR_OK && s.fd == -1, "nothing is kept, and that is no error");
    struct datapath_peer_config c = peer_of(1, 7);
    CHECK(datapath_store_keep(&s, 1, 0, &c) == ERR_OK, "nor is keeping");
    datapath_store_close(&s);
    CHECK(datapath_store_open(&s, "/nonexistent") == ERR_NOT_FOUND, "no directory");
    (void)close(scratch_open());
    for (int life = 0; life < 2; life++) {
        REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "life %d", life);
        CHECK(s.stamp_ns == (life == 0 ? 0 : 1000) && s.records == (life == 0 ? 0 : 2u), "life %d", life);
        c = peer_of(1, (uint8_t)(10 + life));
        CHECK(datapath_store_keep(&s, 999, (uint32_t)life, &c) == ERR_OK, "kept"); /* another number in the second life */
        c = peer_of(2, 20);
        CHECK(datapath_store_keep(&s, 1000, (uint32_t)(1 - life), &c) == ERR_OK, "kept");
        datapath_store_close(&s);
    }
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "again");
    CHECK(heard(&s, 1) == 11 && heard(&s, 2) == 20 && heard(&s, 3) == 0, "%u %u", heard(&s, 1), heard(&s, 2));
    datapath_store_close(&s);
    flip(directory, 48 + 3);
    flip(directory, 40);
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "damaged");
    CHECK(s.stamp_ns == 0 && s.records == 1, "what is damaged is left out");
    datapath_store_close(&s);
    datapath_store_close(&s);
    return CHECK_RESULT();
}
