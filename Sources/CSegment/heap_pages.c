#include "shmgate_engine.h"
#include <malloc.h>

size_t shmgate_free_heap(void) { return mallinfo2().fordblks; }

void shmgate_trim_heap(void) { malloc_trim(0); }
