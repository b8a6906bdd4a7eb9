#include "shmgate_engine.h"

static _Thread_local void (*pause_function)(void *context);
static _Thread_local void *pause_context;

void shmgate_set_pause(void (*pause)(void *context), void *context) {
    pause_function = pause;
    pause_context = context;
}

void shmgate_pause(void) {
    if (pause_function != NULL) pause_function(pause_context);
}
