/* The fault guard, private to this module: `SHMGATE_GUARDED { copy }` makes the function return EFAULT where the
 * copy touches a page that the file no longer has. Only plain loads and stores may stand inside, and
 * between them shmgate_pause, which takes the guard away for as long as it lasts. */
#ifndef SHMGATE_GUARD_H
#define SHMGATE_GUARD_H

#include <setjmp.h>

extern _Thread_local sigjmp_buf *volatile shmgate_guard_jump;

/* The thread sanitizer's own handler blocks every signal meanwhile, whatever ours asks for; there, and only there, the
 * jump out has to restore the mask, which costs a system call for each access. */
#define SHMGATE_RESTORES_MASK 0
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef SHMGATE_RESTORES_MASK
#define SHMGATE_RESTORES_MASK 1
#endif
#endif

#define SHMGATE_GUARDED(statements)                                 \
    do {                                                            \
        sigjmp_buf jump_;                                           \
        if (sigsetjmp(jump_, SHMGATE_RESTORES_MASK)) return EFAULT; \
        shmgate_guard_jump = &jump_;                                \
        __asm__ volatile("" ::: "memory");                          \
        statements;                                                 \
        __asm__ volatile("" ::: "memory");                          \
        shmgate_guard_jump = NULL;                                  \
    } while (0)

#endif
