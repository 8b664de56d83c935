/* Sums of doubles that do not depend on the number of ranks or on the order of addition: int64 fixed point.
 *
 * An addend x becomes llrint(x * 2^k), and integers add exactly. k is chosen from an agreed bound so that `addends`
 * of them cannot overflow. MOM6 does the same for its reproducing sums (Hallberg & Adcroft, Parallel Computing 2014). */
#ifndef DESY_MPI_FIXED_SUM_H
#define DESY_MPI_FIXED_SUM_H

#include "mpi/world.h"

/* The exponent k for sums of `addends` values of magnitude <= `bound`. Not collective; a pure function.
 * bound 0 gives 0. bound must be finite. k stays within +-1000, so that addends below 2^-1001 count as 0. */
int desy_fixed_exponent(double bound, uint64_t addends);

/* accumulator[i] += llrint(values[i] * 2^k). Not collective. DESY_EDATA at NaN, infinity or a value that would leave
 * the range (the bound was a lie): the message gives the index. */
int desy_fixed_add(int64_t *accumulator, const double *values, size_t n, int exponent);

/* Collective: sums the accumulators of all ranks, then values[i] = accumulator[i] * 2^-k. */
void desy_fixed_finish(desy_world *world, int64_t *accumulator, double *values, size_t n, int exponent);

/* Collective, in one call: `mine` holds this rank's addends (count, n), row-major; sums[n] gets the total over all ranks.
 * One scale for all n, from the largest magnitude anywhere. `addends`: their number over all ranks.
 * DESY_EDATA on every rank if any value is not finite. */
int desy_fixed_sum(desy_world *world, const double *mine, size_t count, size_t n, uint64_t addends, double *sums);

#endif
