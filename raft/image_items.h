/* The items of an image: kinds and sizes of what is fixed in them. */
#ifndef CELL_RAFT_IMAGE_ITEMS_H
#define CELL_RAFT_IMAGE_ITEMS_H

enum image_kind {
    IMAGE_HEAD = 1,    /* u32 version, u64 revision, compacted, time, quota, applied, u8 in a restore, u32 its part */
    IMAGE_LEASE = 2,   /* u64 id, renewed, stamp, u32 ttl                                                           */
    IMAGE_SESSION = 3, /* u64 id, used, stamp, acknowledged, u32 ttl                                                */
    IMAGE_ANSWER = 4,  /* u64 session, sequence, revision, number, u32 error, ttl, u8 succeeded, cut, body          */
    IMAGE_RECORD = 5,  /* u64 created, modified, lease, u32 version, part, u8 is deleted, u16 key size, key, value  */
    IMAGE_END = 6,     /* u64 records                                                                               */
};

enum {
    IMAGE_ITEM = 5, /* in front of each */
    IMAGE_HEAD_SIZE = 49,
    IMAGE_LEASE_SIZE = 28,
    IMAGE_SESSION_SIZE = 36,
    IMAGE_ANSWER_SIZE = 42,
    IMAGE_RECORD_SIZE = 35,
    IMAGE_END_SIZE = 8,
};

#endif
