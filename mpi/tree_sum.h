/* The sum of float vectors that are spread over the ranks, to the same bits on any number of ranks: additions are made in the order of one binary tree over all vectors (pairwise
 * summation; Higham 1993, section 2), whoever makes them. A rank that has consecutive vectors adds up whole subtrees of them, and sends those alone.
 *
 * Vector i is a leaf. A subtree of level l holds leaves k 2^l to (k + 1) 2^l - 1, as far as there are any; of two halves the left one comes first, and where the right one is empty
 * the sum is the left one. */
#ifndef DESY_MPI_TREE_SUM_H
#define DESY_MPI_TREE_SUM_H

#include "mpi/world.h"

#define DESY_TREE_LEAVES 1024 /* at most */

typedef struct desy_tree_sum desy_tree_sum;

/* Which of `leaves` are a rank's: consecutive ones. A single leaf is every rank's: all have its vector already. */
void desy_tree_share(size_t leaves, int rank, int ranks, size_t *first, size_t *own);

/* Not collective. Of vectors of `count` floats. DESY_EENV: memory. */
int desy_tree_sum_open(desy_tree_sum **tree, desy_world *world, size_t leaves, size_t count);
/* The vector of this rank's leaf k, the first of which is 0, for the caller to write; aligned to a line of the cache where `count` is a multiple of 16. */
float *desy_tree_sum_leaf(desy_tree_sum *tree, size_t k);
/* Collective. The sum of leaves 0 to present - 1, which the ranks have written (and which are changed); on all ranks, the caller's to change, until a leaf is written. Each rank adds up one part of the
 * vector: where the number of ranks is a power of two, what travels is what MPI_Allreduce would send by Rabenseifner's algorithm. */
float *desy_tree_sum_finish(desy_tree_sum *tree, size_t present);
void desy_tree_sum_close(desy_tree_sum **tree); /* NULL-safe */

#endif
