/// The least that a write under a lock can cost in C: lock a range of a file, store, unlock, wake who waits.
///
///     local FILE
///
/// FILE is a scratch file in the tmpfs. Prints nanoseconds of CPU time for each write, the median of batches.
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 15, WRITES = 2000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words) {
    if (count != 2) return fprintf(stderr, "usage: local FILE\n"), 2;
    int file = open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, 4096) != 0) return perror(words[1]), 1;
    volatile uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (word == MAP_FAILED) return perror(words[1]), 1;
    double times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (int i = 0; i < WRITES; i++) {
            struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
            if (fcntl(file, F_OFD_SETLKW, &lock) != 0) return perror("lock"), 1;
            word[1]++;
            lock.l_type = F_UNLCK;
            if (fcntl(file, F_OFD_SETLK, &lock) != 0) return perror("unlock"), 1;
            syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
        }
        times[batch] = (now() - began) / WRITES;
    }
    qsort(times, BATCHES, sizeof times[0], ascending);
    printf("%.1f\n", times[BATCHES / 2]);
    return 0;
}
