#include "guard.h"
#include "shmgate_engine.h"

static _Thread_local void (*pause_function)(void *context);
static _Thread_local void *pause_context;

void shmgate_set_pause(void (*pause)(void *context), void *context) {
    pause_function = pause;
    pause_context = context;
}

void shmgate_pause(void) {
    if (pause_function == NULL) return;
    /* A fault in the pause is none of the copy's: nothing may jump out of what the function does, or out of a lock. */
    sigjmp_buf *jump = shmgate_guard_jump;
    shmgate_guard_jump = NULL;
    __asm__ volatile("" ::: "memory");
    pause_function(pause_context);
    __asm__ volatile("" ::: "memory");
    shmgate_guard_jump = jump;
}
