/* An IP packet that was captured: as a person reads it, and as a file for tcpdump and its like has it. */
#ifndef CELL_CLI_PACKET_H
#define CELL_CLI_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLI_PACKET_HEAD = 24,       /* bytes of a file before the first packet */
    CLI_PACKET_RECORD = 16,     /* bytes before each                       */
    CLI_PACKET_PLACE_SIZE = 56, /* "[address]:port"                        */
    CLI_PACKET_WORDS_SIZE = 32,
    CLI_PACKET_EXTENSIONS_MAX = 8, /* heads between those of IPv6 and what it carries that are looked behind */
};

struct cli_packet {
    char source[CLI_PACKET_PLACE_SIZE], destination[CLI_PACKET_PLACE_SIZE]; /* with ports, where there are any; "": not to be seen */
    char protocol[CLI_PACKET_WORDS_SIZE]; /* "TCP SYN ACK", "ICMP echo request", "UDP", "protocol 47"    */
};

/* Read what there is of it: `size` bytes, which anybody can have written, and the rest may be cut off. */
void cli_packet_read(const uint8_t *bytes, size_t size, struct cli_packet *ret);

/* A frame of Ethernet: hardware addresses, and of what is in it what cli_packet_read says, or the number of its type. */
void cli_packet_read_frame(const uint8_t *bytes, size_t size, struct cli_packet *ret);

/* The beginning of a file of packets of at most `snap` bytes, and what stands before one of them, of which the file has
 * `kept` bytes; little-endian, in microseconds, packets without a link's head, or (is_of_frames) frames of Ethernet.
 * Source: the file format of libpcap (pcap-savefile(5)), LINKTYPE_RAW, LINKTYPE_ETHERNET. */
void cli_packet_head(uint32_t snap, bool is_of_frames, uint8_t out[CLI_PACKET_HEAD]);
void cli_packet_record(uint64_t time_us, uint32_t kept, uint32_t size, uint8_t out[CLI_PACKET_RECORD]);

#endif
