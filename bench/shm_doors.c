/* The processes of a bench as they are. */
#include "bench/shm_peers.h"

void peers_doors(void)
{
}
