#define _GNU_SOURCE
#include "shmgate_engine.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int alarm_signal(void) { return SIGRTMIN + 6; }

static void on_alarm(int number) { (void)number; }

static void install(void) {
    struct sigaction action = {0};
    action.sa_handler = on_alarm; /* without SA_RESTART: its only work is to end the wait with EINTR */
    sigemptyset(&action.sa_mask);
    sigaction(alarm_signal(), &action, NULL);
}

/* Lets the alarm through to this thread, whose mask may block every signal, as those of Swift's own pool do. */
static void unblock_alarm(sigset_t *before) {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, alarm_signal());
    pthread_sigmask(SIG_UNBLOCK, &alarm, before);
}

/* A timer that interrupts this thread at the deadline, and again every 20 ms, for the first signal may come just
 * before the thread enters the kernel. */
static int start_timer(int64_t deadline_ns, timer_t *timer) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    struct sigevent event = {0};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = alarm_signal();
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, timer) != 0) return errno;
    struct itimerspec at = {
        .it_interval = {.tv_sec = 0, .tv_nsec = 20000000},
        .it_value = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000},
    };
    timer_settime(*timer, TIMER_ABSTIME, &at, NULL);
    return 0;
}

static int64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits of this thread, and of all threads: only who has to wait looks at the clock. */
static _Thread_local int64_t thread_waited_ns;
static _Atomic int64_t waited_ns, waits;

void shmgate_waited(int64_t since_ns) {
    int64_t duration_ns = monotonic_ns() - since_ns;
    thread_waited_ns += duration_ns;
    atomic_fetch_add_explicit(&waited_ns, duration_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&waits, 1, memory_order_relaxed);
}

int64_t shmgate_thread_waited_ns(void) { return thread_waited_ns; }
int64_t shmgate_waited_ns(void) { return atomic_load_explicit(&waited_ns, memory_order_relaxed); }
int64_t shmgate_waits(void) { return atomic_load_explicit(&waits, memory_order_relaxed); }

static int lock_range_for_ever(int fd, short type, int start) {
    int error;
    do error = shmgate_lock_range(fd, F_OFD_SETLKW, type, start); while (error == EINTR);
    return error;
}

int shmgate_lock_range_until(int fd, short type, int start, int64_t deadline_ns) {
    int error = shmgate_lock_range(fd, F_OFD_SETLK, type, start);
    if (error != EAGAIN && error != EACCES) return error;
    int64_t since_ns = monotonic_ns();
    if (deadline_ns < 0) {
        error = lock_range_for_ever(fd, type, start);
        shmgate_waited(since_ns);
        return error;
    }
    if (since_ns >= deadline_ns) return EAGAIN;
    timer_t timer;
    if ((error = start_timer(deadline_ns, &timer))) return error;
    sigset_t before;
    unblock_alarm(&before);
    do {
        error = shmgate_lock_range(fd, F_OFD_SETLKW, type, start);
    } while (error == EINTR && monotonic_ns() < deadline_ns);
    /* In this order, so that no alarm is left pending for the thread's owner. */
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    shmgate_waited(since_ns);
    return error == EINTR ? EAGAIN : error;
}

int shmgate_lock_holder(int fd, short type, int start) {
    struct flock range;
    memset(&range, 0, sizeof range);
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = start;
    range.l_len = SHMGATE_LOCK_BYTES;
    if (fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK) return 0;
    return range.l_pid;
}

int shmgate_has_futex_waitv(void) {
    const long futex_waitv = 449; /* the same number on every architecture; older headers do not name it */
    return syscall(futex_waitv, NULL, 0, 0, NULL, 0) == 0 || errno != ENOSYS;
}

void shmgate_wake(const void *base) {
    shmgate_futex(&((const struct shmgate_control *)base)->sequence, FUTEX_WAKE, INT_MAX, NULL);
}

int shmgate_mutex_lock_until(pthread_mutex_t *mutex, int64_t deadline_ns) {
    int error = pthread_mutex_trylock(mutex);
    if (error != EBUSY || deadline_ns == 0) return error;
    int64_t since_ns = monotonic_ns();
    if (deadline_ns < 0) {
        error = pthread_mutex_lock(mutex);
    } else {
        struct timespec at = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
        error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at);
    }
    shmgate_waited(since_ns);
    return error;
}
