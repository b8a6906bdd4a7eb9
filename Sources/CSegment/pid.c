#include "shmgate_engine.h"
#include <pthread.h>
#include <stdatomic.h>

static _Atomic pid_t pid; /* 0: not known */

static void look(void) { atomic_store_explicit(&pid, getpid(), memory_order_relaxed); }

static void watch_forks(void) {
    look();
    pthread_atfork(NULL, NULL, look);
}

pid_t shmgate_own_pid(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    return atomic_load_explicit(&pid, memory_order_relaxed);
}
