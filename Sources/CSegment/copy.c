#include "guard.h"
#include "shmgate_engine.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES_ON_PURPOSE __attribute__((no_sanitize("thread"), noinline))
#define UNDER_THREAD_SANITIZER 1
#endif
#endif
#ifndef RACES_ON_PURPOSE
#define RACES_ON_PURPOSE
#endif

enum { MAXIMUM_RANK = 64 };

/* A region whose axes of one element are gone and whose contiguous axes are one. */
struct plan {
    const uint8_t *shared;
    int64_t item_bytes;
    int32_t rank;
    struct shmgate_axis axes[MAXIMUM_RANK];
    int empty;
};

static void simplify(const void *base, const struct shmgate_region *region, struct plan *plan) {
    plan->shared = (const uint8_t *)base + region->offset;
    plan->item_bytes = region->item_bytes;
    plan->rank = 0;
    plan->empty = region->item_bytes == 0;
    for (int32_t i = 0; i < region->rank; i++) plan->empty |= region->axes[i].count == 0;
    if (plan->empty) return; /* beside an axis of no elements the others may be so long that products overflow */
    for (int32_t i = 0; i < region->rank; i++) {
        struct shmgate_axis axis = region->axes[i];
        if (axis.count == 1) {
            if (axis.offsets) plan->shared += axis.offsets[0];
            continue;
        }
        struct shmgate_axis *outer = plan->rank ? &plan->axes[plan->rank - 1] : NULL;
        if (outer && !outer->offsets && !axis.offsets && outer->stride == axis.count * axis.stride) {
            outer->count *= axis.count;
            outer->stride = axis.stride;
        } else {
            plan->axes[plan->rank++] = axis;
        }
    }
    if (plan->rank) {
        struct shmgate_axis *last = &plan->axes[plan->rank - 1];
        if (!last->offsets && last->stride == plan->item_bytes) {
            plan->item_bytes *= last->count;
            plan->rank--;
        }
    }
}

/* From here on a copy is larger than the caches that it would drive out: its stores go around them, which spares
 * the memory the reading of every line that is about to be overwritten anyway. */
enum { STREAMED_FROM = 8 << 20 };

#if __has_builtin(__builtin_nontemporal_store) && !defined(UNDER_THREAD_SANITIZER)
typedef long long lane __attribute__((vector_size(16), may_alias));
typedef long long unaligned_lane __attribute__((vector_size(16), may_alias, aligned(1)));

/* Copies a long run into private memory and orders its stores before all that follow. */
RACES_ON_PURPOSE static void stream(uint8_t *restrict to, const uint8_t *restrict from, int64_t bytes) {
    enum { LINE = 64, LANES = 4, AHEAD = 1024 };
    int64_t first = -(intptr_t)to & (LINE - 1);
    if (first > bytes) first = bytes;
    memcpy(to, from, (size_t)first);
    int64_t i = first;
    for (; i + LINE <= bytes; i += LINE) {
        __builtin_prefetch(from + i + AHEAD, 0, 0);
        for (int lane_number = 0; lane_number < LANES; lane_number++) {
            int64_t place = i + lane_number * (int64_t)sizeof(lane);
            __builtin_nontemporal_store(*(const unaligned_lane *)(from + place), (lane *)(to + place));
        }
    }
    memcpy(to + i, from + i, (size_t)(bytes - i));
#if defined(__x86_64__)
    __builtin_ia32_sfence(); /* no other fence is promised to hold for these stores */
#endif
}
#define HAS_STREAM 1
#endif

/* Moves one run of bytes. Under the thread sanitizer memcpy is watched even from an exempt function, so there
 * the bytes go one by one. */
RACES_ON_PURPOSE static inline void move(uint8_t *restrict to, const uint8_t *restrict from, int64_t bytes) {
#ifdef UNDER_THREAD_SANITIZER
    for (int64_t i = 0; i < bytes; i++) ((volatile uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

#ifndef HAS_STREAM
RACES_ON_PURPOSE static void stream(uint8_t *restrict to, const uint8_t *restrict from, int64_t bytes) {
    move(to, from, bytes);
}
#endif

static inline int64_t at(const struct shmgate_axis *axis, int64_t i) {
    return axis->offsets ? axis->offsets[i] : i * axis->stride;
}

/* Moves one element, in or out. */
#define MOVE_ITEM(ELEMENT, BYTES)                                    \
    do {                                                             \
        if (into) move((uint8_t *)(ELEMENT), packed, (BYTES));       \
        else move(packed, (ELEMENT), (BYTES));                       \
        packed += (BYTES);                                           \
    } while (0)

/* Moves the elements of an axis. Its numbers are in locals, for a store of bytes may change all that is behind a
 * pointer; and each form has a loop, for the compiler does not take the choice out of one by itself. */
#define MOVE_ITEMS(BYTES)                                                                      \
    if (offsets) for (int64_t i = 0; i < count; i++) MOVE_ITEM(shared + offsets[i], BYTES);    \
    else for (int64_t i = 0; i < count; i++) MOVE_ITEM(shared + i * stride, BYTES);            \
    break

/* The innermost axis, with the size of an element known to the compiler where it is a usual one. */
RACES_ON_PURPOSE static inline __attribute__((always_inline)) uint8_t *copy_items(
    const uint8_t *shared, const struct shmgate_axis *axis, int64_t item_bytes, uint8_t *packed, int into) {
    const int64_t count = axis->count, stride = axis->stride;
    const int64_t *const offsets = axis->offsets;
    switch (item_bytes) {
    case 1: MOVE_ITEMS(1);
    case 2: MOVE_ITEMS(2);
    case 4: MOVE_ITEMS(4);
    case 8: MOVE_ITEMS(8);
    case 16: MOVE_ITEMS(16);
    default: MOVE_ITEMS(item_bytes);
    }
    return packed;
}

/* So much is copied between two pauses, if there are any: some 50 us. */
enum { PIECE = 256 << 10 };

/* Pauses if it is time, and counts what is copied next, over all rows and regions; NULL never pauses. */
static inline void before_copy(int64_t *since_pause, int64_t bytes) {
    if (since_pause == NULL) return;
    if (*since_pause >= PIECE) {
        *since_pause = 0;
        shmgate_pause();
    }
    *since_pause += bytes;
}

/* Copies one run out. */
RACES_ON_PURPOSE static void copy_run(const uint8_t *shared, int64_t bytes, uint8_t *packed, int64_t *since_pause) {
    const int64_t most = since_pause ? PIECE : bytes;
    for (int64_t done = 0, count; done < bytes; done += count) {
        count = bytes - done < most ? bytes - done : most;
        before_copy(since_pause, count);
        if (bytes >= STREAMED_FROM) stream(packed + done, shared + done, count);
        else move(packed + done, shared + done, count);
    }
}

/* Copies the innermost axis out. */
RACES_ON_PURPOSE static inline uint8_t *copy_axis(
    const uint8_t *row, const struct shmgate_axis *axis, int64_t item_bytes, uint8_t *packed, int64_t *since_pause) {
    if (since_pause == NULL || axis->count * item_bytes <= PIECE) {
        before_copy(since_pause, axis->count * item_bytes);
        return copy_items(row, axis, item_bytes, packed, 0);
    }
    const int64_t most = item_bytes < PIECE ? PIECE / item_bytes : 1;
    for (int64_t done = 0; done < axis->count; done += most) {
        if (item_bytes > PIECE) {
            copy_run(row + at(axis, done), item_bytes, packed, since_pause);
            packed += item_bytes;
            continue;
        }
        struct shmgate_axis piece = *axis;
        piece.count = axis->count - done < most ? axis->count - done : most;
        if (axis->offsets) piece.offsets += done;
        before_copy(since_pause, piece.count * item_bytes);
        packed = copy_items(axis->offsets ? row : row + done * axis->stride, &piece, item_bytes, packed, 0);
    }
    return packed;
}

/* The copy loop of the seqlock, hot: races with writers on purpose; the sequence tells whether it lost. */
RACES_ON_PURPOSE static void copy(const struct plan *plan, uint8_t *packed, int into, int64_t *since_pause) {
    if (plan->empty) return;
    if (plan->rank == 0) {
        if (into) move((uint8_t *)plan->shared, packed, plan->item_bytes);
        else copy_run(plan->shared, plan->item_bytes, packed, since_pause);
        return;
    }
    const struct shmgate_axis *inner = &plan->axes[plan->rank - 1];
    const int32_t outer = plan->rank - 1;
    int64_t index[MAXIMUM_RANK] = {0};
    const uint8_t *row = plan->shared;
    for (int32_t d = 0; d < outer; d++) row += at(&plan->axes[d], 0);
    for (;;) {
        if (into) packed = copy_items(row, inner, plan->item_bytes, packed, 1);
        else packed = copy_axis(row, inner, plan->item_bytes, packed, since_pause);
        int32_t d = outer - 1;
        for (; d >= 0; d--) {
            const struct shmgate_axis *axis = &plan->axes[d];
            row -= at(axis, index[d]);
            if (++index[d] < axis->count) {
                row += at(axis, index[d]);
                break;
            }
            index[d] = 0;
            row += at(axis, 0);
        }
        if (d < 0) return;
    }
}

static void copy_all(
    const void *base, const struct shmgate_region *regions, int32_t count, int into, int64_t *since_pause) {
    for (int32_t i = 0; i < count; i++) {
        struct plan plan;
        simplify(base, &regions[i], &plan);
        copy(&plan, regions[i].packed, into, since_pause);
    }
}

int shmgate_gather(const void *base, const struct shmgate_region *regions, int32_t count) {
    SHMGATE_GUARDED(copy_all(base, regions, count, 0, NULL));
    return 0;
}

int shmgate_scatter(void *base, const struct shmgate_region *regions, int32_t count) {
    SHMGATE_GUARDED(copy_all(base, regions, count, 1, NULL));
    return 0;
}

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Whether a page that says this sequence is one at all: a file that was cut and grown again reads as zeros, and zeros
 * would pass for a snapshot of the sequence 0. */
static int is_page(const struct shmgate_control *page, uint64_t sequence) {
    return sequence != 0 || memcmp(page->magic, "SHMGATE", sizeof page->magic) == 0;
}

static int snapshot(
    const struct shmgate_control *page, const struct shmgate_region *regions, int32_t count, int32_t tries,
    uint64_t *sequence, uint64_t *damaged, int32_t *retries) {
    enum { PAUSES_PER_TRY = 64 };
    int64_t since_pause = 0;
    *retries = 0;
    for (int32_t left = tries; left > 0; left--) {
        uint64_t began = shmgate_read_begin(page);
        for (int i = 0; (began & 1) && i < PAUSES_PER_TRY; i++) {
            relax();
            began = shmgate_read_begin(page);
        }
        if (!(began & 1)) {
            copy_all(page, regions, count, 0, &since_pause);
            *damaged = __atomic_load_n(&page->damaged, __ATOMIC_RELAXED);
            if (!shmgate_read_retry(page, began)) {
                *sequence = began;
                return is_page(page, began) ? 0 : EFAULT;
            }
        }
        ++*retries;
    }
    return EAGAIN;
}

int shmgate_snapshot(
    const void *base, const struct shmgate_region *regions, int32_t count, int32_t tries, uint64_t *sequence,
    uint64_t *damaged, int32_t *retries) {
    int result;
    SHMGATE_GUARDED(result = snapshot(base, regions, count, tries, sequence, damaged, retries));
    return result;
}

int shmgate_load_sequence(const void *base, uint64_t *value) {
    const struct shmgate_control *page = base;
    int holds;
    SHMGATE_GUARDED(*value = shmgate_read_begin(page); holds = is_page(page, *value));
    return holds ? 0 : EFAULT;
}

int shmgate_load_word(const void *base, int64_t offset, uint64_t *value) {
    SHMGATE_GUARDED(*value = __atomic_load_n((const uint64_t *)((const uint8_t *)base + offset), __ATOMIC_ACQUIRE));
    return 0;
}

int shmgate_store_word(void *base, int64_t offset, uint64_t value) {
    SHMGATE_GUARDED(__atomic_store_n((uint64_t *)((uint8_t *)base + offset), value, __ATOMIC_RELEASE));
    return 0;
}

int shmgate_load_bytes(const void *base, int64_t offset, void *bytes, int64_t count) {
    SHMGATE_GUARDED(move(bytes, (const uint8_t *)base + offset, count));
    return 0;
}

int shmgate_store_bytes(void *base, int64_t offset, const void *bytes, int64_t count) {
    SHMGATE_GUARDED(move((uint8_t *)base + offset, bytes, count));
    return 0;
}

int shmgate_same_bytes(const void *base, int64_t offset, const void *bytes, int64_t count, int *same) {
    SHMGATE_GUARDED(*same = memcmp((const uint8_t *)base + offset, bytes, (size_t)count) == 0);
    return 0;
}

int shmgate_store_odd(void *base, uint64_t sequence) {
    SHMGATE_GUARDED(__atomic_store_n(&((struct shmgate_control *)base)->sequence, sequence, __ATOMIC_RELAXED);
                    __atomic_thread_fence(__ATOMIC_SEQ_CST));
    return 0;
}
