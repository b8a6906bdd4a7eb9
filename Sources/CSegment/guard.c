#define _GNU_SOURCE
#include "guard.h"
#include "shmgate_engine.h"
#include <pthread.h>
#include <signal.h>

_Thread_local sigjmp_buf *volatile shmgate_guard_jump;

static struct sigaction previous;

/* A fault inside a guarded copy leaves the copy; any other is the previous handler's. */
static void on_bus_error(int number, siginfo_t *info, void *context) {
    sigjmp_buf *jump = shmgate_guard_jump;
    if (jump != NULL && info->si_code > 0) {
        shmgate_guard_jump = NULL;
        siglongjmp(*jump, 1);
    }
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        signal(number, SIG_DFL); /* the instruction faults again and ends the process as it should */
    }
}

static void install(void) {
    struct sigaction action = {0};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER; /* the jump out does not restore the mask */
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

void shmgate_guard_install(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}
