/* How much a property of the file, its container or its codec, tells of the label: what a detector could learn in place of the picture. Not collective. */
#ifndef DESY_EVAL_SHORTCUT_H
#define DESY_EVAL_SHORTCUT_H

#include <stddef.h>
#include <stdint.h>

#define DESY_SHORTCUT_PERMUTATIONS 999

struct desy_shortcut {
    size_t n[2];          /* videos of label 0, 1 */
    double plug_in;       /* mutual information of property and label in bits, of the frequencies as they are */
    double bits;          /* less its bias, from 0 to H(label): (Kxy - Kx - Ky + 1) / (2 n ln 2), K the numbers of cells that are not empty (Miller & Madow, 1955) */
    double share;         /* bits / H(label); 0 if H(label) is */
    double p_value;       /* (1 + permutations of the labels with as much plug-in information or more) / (1 + DESY_SHORTCUT_PERMUTATIONS) */
    double accuracy;      /* of guessing each video's label by the majority of the others of its value; a tie is half right */
    double base_accuracy; /* of always guessing the larger class */
    int telling;          /* the value whose shares of the two classes differ most */
};

/* counts (values, 2): videos of each value of the property with label 0 and 1. The tables that permuted labels would give are drawn directly, value by value
 * hypergeometric, so the time depends on how many values there are, hardly on how many videos; by base/random.h, a function of (seed, stream). DESY_EENV: memory. */
int desy_shortcut_measure(struct desy_shortcut *shortcut, const size_t (*counts)[2], int values, uint64_t seed, uint64_t stream);

/* Bins of a continuous property with about as many videos in each, at most `most`, equal values always together; bins[n], ascending numbers without a gap; *count: how many
 * there are. A bin's values lie in [low, high] (most). DESY_EENV: memory. */
int desy_shortcut_bins(int32_t *bins, int *count, double *low, double *high, const double *values, size_t n, int most);

#endif
