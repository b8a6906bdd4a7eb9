#include "shmgate_engine.h"
#include <malloc.h>

/* What the last call left free: holes between what is in use, whose whole pages have been given back already. */
static size_t left;

void shmgate_give_back_heap(size_t most) {
    size_t now = mallinfo2().fordblks;
    if (now < left) left = now;
    if (now - left <= most) return;
    malloc_trim(0);
    left = mallinfo2().fordblks;
}
