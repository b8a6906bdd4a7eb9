#include "shmgate_engine.h"
#include <malloc.h>

void shmgate_give_back_heap(size_t most) {
    if (mallinfo2().fordblks > most) malloc_trim(0);
}
