/* Frames of nobody's: each that is run through this gets a source and an id of its own and leaves by the interface that it
 * was run at. */
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
    ETHERNET = 14,
    V4 = 20,
    UDP = 8,
    SOURCE = ETHERNET + 12,    /* of the address          */
    CHECKSUM = ETHERNET + 10,
    MESSAGE = ETHERNET + V4 + UDP,
    LEAST = MESSAGE + 16,
};

/* The network that they say they are from: 198.18.0.0/15, which is for benches (RFC 2544, appendix C.2.2). */
const volatile __u32 flood_network = 0xc6120000;

/* Whose signals these say they are; 0: somebody else's each. */
const volatile __u64 flood_who = 0;

SEC("xdp")
int flood_frame(struct xdp_md *ctx)
{
    __u8 *p = (void *)(long)ctx->data;
    __u32 drawn = bpf_get_prandom_u32(), sum = 0;

    if (p + LEAST > (__u8 *)(long)ctx->data_end) {
        return XDP_ABORTED;
    }
    *(__u32 *)(p + SOURCE) = bpf_htonl(flood_network | (drawn & 0x1ffff));
    *(__u16 *)(p + CHECKSUM) = 0;
    for (int i = 0; i < V4; i += 2) {
        sum += *(__u16 *)(p + ETHERNET + i);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    *(__u16 *)(p + CHECKSUM) = (__u16)~sum;
    *(__u32 *)(p + MESSAGE + 4) = flood_who != 0 ? (__u32)flood_who : drawn | 0x80;
    *(__u32 *)(p + MESSAGE + 8) = flood_who != 0 ? (__u32)(flood_who >> 32) : bpf_get_prandom_u32();
    return XDP_TX;
}

/* What a shield costs nothing against: it looks at the network that the flood is from, and at nothing else. */
SEC("xdp")
int flood_drop(struct xdp_md *ctx)
{
    __u8 *p = (void *)(long)ctx->data;

    if (p + SOURCE + 4 > (__u8 *)(long)ctx->data_end) {
        return XDP_PASS;
    }
    return *(__u16 *)(p + SOURCE) == bpf_htons(flood_network >> 16) || *(__u16 *)(p + SOURCE) == bpf_htons((flood_network >> 16) + 1)
               ? XDP_DROP
               : XDP_PASS;
}

/* No helper here is for programs under the GPL alone. */
char LICENSE[] SEC("license") = "Apache-2.0";
