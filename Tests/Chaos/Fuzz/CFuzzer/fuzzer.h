#ifndef FUZZER_H
#define FUZZER_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer without a main of its own: reads its options from the words, then calls `body` with one input after
 * another. */
int LLVMFuzzerRunDriver(int *count, char ***words, int (*body)(const uint8_t *bytes, size_t size));

#endif
