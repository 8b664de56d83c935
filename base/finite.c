#include "base/finite.h"

#include "base/cpu.h"

#include <stdint.h>
#include <string.h>

/* Magnitudes are in the order of their bits, with infinity and then NaN above all numbers. */
DESY_VECTOR_CLONES bool desy_all_finite(const float *values, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    return most < 0x7f800000u;
}
