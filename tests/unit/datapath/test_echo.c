/* Questions that hosts answer: what is asked is a packet that holds, and only its answer is taken for one. */
#include "datapath/echo.h"

#include <stdio.h>
#include <string.h>

#include "common/base/macros.h"
#include "datapath/checksum.h"
#include "datapath/inner.h"
#include "tests/support/check.h"

/* The answer that a host makes of a question. */
static void turn(uint8_t *packet, size_t size)
{
    size_t at = size == 16 ? 8 : 12, network = size == 16 ? 40 : 20;
    uint8_t address[16];

    memcpy(address, packet + at, size);
    memcpy(packet + at, packet + at + size, size);
    memcpy(packet + at + size, address, size);
    packet[network] = size == 16 ? 129 : 0;
}

static void a_question_and_its_answer(size_t size)
{
    static const uint8_t token[DATAPATH_ECHO_TOKEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const uint8_t us[16] = {10, 9, 0, 1}, them[16] = {10, 9, 0, 2};
    uint8_t packet[DATAPATH_ECHO_SIZE_MAX], copy[DATAPATH_ECHO_SIZE_MAX];
    struct datapath_inner head;
    size_t network = size == 16 ? 40 : 20, total = datapath_echo_write(us, them, size, token, packet);
    uint64_t sum = size == 16 ? datapath_checksum_pseudo(packet + 8, 16, 58, (uint32_t)(total - network)) : 0;

    CHECK(datapath_inner_read(packet, total, &head) && head.size == total && head.address_size == size, "it is a packet");
    CHECK(memcmp(head.source, us, size) == 0 && memcmp(head.destination, them, size) == 0, "from us to them");
    CHECK(datapath_checksum_end(datapath_checksum_add(sum, packet + network, total - network)) == 0, "its checksum holds");
    CHECK(size == 16 || datapath_checksum_end(datapath_checksum_add(0, packet, 20)) == 0, "and that of its head");
    CHECK(!datapath_echo_is_answer(packet, total, us, size, token), "a question is no answer");
    turn(packet, size);
    CHECK(datapath_echo_is_answer(packet, total, them, size, token), "the answer is");
    CHECK(!datapath_echo_is_answer(packet, total, us, size, token), "not of somebody else");
    CHECK(!datapath_echo_is_answer(packet, total - 1, them, size, token), "nor a part of it");
    const size_t places[] = {0, size == 16 ? 6u : 9u, network, network + 1, network + 8, total - 1};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        memcpy(copy, packet, total);
        copy[places[i]] ^= 0x11;
        CHECK(!datapath_echo_is_answer(copy, total, them, size, token), "nor one with another byte %zu", places[i]);
    }
}

int main(void)
{
    a_question_and_its_answer(4);
    a_question_and_its_answer(16);
    return CHECK_RESULT();
}
