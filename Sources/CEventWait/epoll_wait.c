#include "ceventwait.h"
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER_WATCHES_WAITS 1 /* with its own function, which must not be hidden from it */
#endif
#endif

#ifndef SANITIZER_WATCHES_WAITS
int epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms) {
    /* The set of which this thread got a full batch when it last waited. */
    static _Thread_local int full_set = -1;
    int count = epoll_pwait(set, events, most, set == full_set ? 0 : timeout_ms, NULL);
    full_set = count == most ? set : -1;
    return count;
}
#endif
