/* The fault guard, private to this module: `SHMGATE_GUARDED { copy }` makes the function return EFAULT where the
 * copy touches a page that the file no longer has. Only plain loads and stores may stand inside. */
#ifndef SHMGATE_GUARD_H
#define SHMGATE_GUARD_H

#include <setjmp.h>

extern _Thread_local sigjmp_buf *volatile shmgate_guard_jump;

#define SHMGATE_GUARDED(statements)              \
    do {                                         \
        sigjmp_buf jump_;                        \
        if (sigsetjmp(jump_, 0)) return EFAULT;  \
        shmgate_guard_jump = &jump_;             \
        __asm__ volatile("" ::: "memory");       \
        statements;                              \
        __asm__ volatile("" ::: "memory");       \
        shmgate_guard_jump = NULL;               \
    } while (0)

#endif
