/// The least that a write under a lock and a copy can cost in C: lock a range of a file, store, unlock, wake who waits;
/// memcpy of 8 MB.
///
///     local FILE
///
/// FILE is a scratch file in the tmpfs. Prints nanoseconds of CPU time for each, the median of batches.
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 15, WRITES = 2000, COPIES = 10, COPIED = 8000000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times) {
    qsort(times, BATCHES, sizeof times[0], ascending);
    return times[BATCHES / 2];
}

static int measure_writes(int file, volatile uint32_t *word) {
    double times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (int i = 0; i < WRITES; i++) {
            struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
            if (fcntl(file, F_OFD_SETLKW, &lock) != 0) return -1;
            word[1]++;
            lock.l_type = F_UNLCK;
            if (fcntl(file, F_OFD_SETLK, &lock) != 0) return -1;
            syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
        }
        times[batch] = (now() - began) / WRITES;
    }
    printf("write %.1f\n", median(times));
    return 0;
}

static void measure_copies(const char *from, char *to) {
    double times[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = now();
        for (int i = 0; i < COPIES; i++) {
            memcpy(to, from, COPIED);
            __asm__ volatile("" ::"r"(to) : "memory");
        }
        times[batch] = (now() - began) / COPIES;
    }
    printf("snapshot %.1f\n", median(times));
}

int main(int count, char **words) {
    if (count != 2) return fprintf(stderr, "usage: local FILE\n"), 2;
    int file = open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, COPIED) != 0) return perror(words[1]), 1;
    char *bytes = mmap(NULL, COPIED, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *copy = malloc(COPIED);
    if (bytes == MAP_FAILED || copy == NULL) return perror(words[1]), 1;
    memset(bytes, 1, COPIED);
    memset(copy, 0, COPIED);
    if (measure_writes(file, (volatile uint32_t *)bytes) != 0) return perror("lock"), 1;
    measure_copies(bytes, copy);
    return 0;
}
