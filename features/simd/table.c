#include "features/simd/level.h"

#define DESY_STRING(text) #text
#define DESY_STRING_EXPANDED(text) DESY_STRING(text)

const struct desy_kernels DESY_KERNEL(kernels) = {
    .name = DESY_STRING_EXPANDED(DESY_LEVEL),
    .blur_down = DESY_KERNEL(blur_down),
    .blur_across = DESY_KERNEL(blur_across),
    .resize_down = DESY_KERNEL(resize_down),
    .resize_across = DESY_KERNEL(resize_across),
    .dct_sums = DESY_KERNEL(dct_sums),
    .count_triples = DESY_KERNEL(count_triples),
};
