/* Whose date is wrong. Ends of signed values are dates, so who puts with a clock that is behind is refused by all others, and who
 * asks with one that is ahead believes nothing that they hold: neither sees why by itself. */
#ifndef CELL_DHT_CLOCK_H
#define CELL_DHT_CLOCK_H

#include "dht/core.h"

enum { DHT_CLOCK_SIZE = 200 };

/* Log it (DHT-CLOCK) where the dates of others, told with the end of a wish, are further off than clocks may differ. */
void dht_clock_look(const struct dht_done *done);

/* Why it ended with ERR_RANGE: by how much, against whom. False: it ended otherwise; done may be NULL. */
bool dht_clock_explain(const struct dht_done *done, char to[DHT_CLOCK_SIZE]);

#endif
