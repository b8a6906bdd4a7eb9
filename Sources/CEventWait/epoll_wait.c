#include "ceventwait.h"
#include <stddef.h>

int epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms) {
    /* The set of which this thread got a full batch when it last waited. */
    static _Thread_local int full_set = -1;
    int count = epoll_pwait(set, events, most, set == full_set ? 0 : timeout_ms, NULL);
    full_set = count == most ? set : -1;
    return count;
}
