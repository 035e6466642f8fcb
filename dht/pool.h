/* Rows of memory made once, taken and given back one by one. One that was never taken is not touched, so what there is room for
 * costs nothing before it is used, and what was given back is taken first. A vacant row's first two bytes name the next. */
#ifndef CELL_DHT_POOL_H
#define CELL_DHT_POOL_H

#include <stddef.h>
#include <stdint.h>

struct dht_pool {
    uint8_t *base;     /* `most` rows of `stride` bytes, zero at first                          */
    size_t stride;     /* at least two bytes                                                    */
    uint32_t most;     /* below UINT16_MAX                                                      */
    uint32_t touched;  /* rows before this one were in use at some time                         */
    uint16_t vacant;   /* the row given back last, plus one; 0: none is                         */
};

void dht_pool_init(struct dht_pool *p, void *rows, size_t stride, uint32_t most);

/* A row nobody has; its bytes are anything. There is one: whoever takes counts what it has. O(1). */
uint16_t dht_pool_take(struct dht_pool *p);

/* Give a row back; what it held is lost. */
void dht_pool_give(struct dht_pool *p, uint16_t index);

#endif
