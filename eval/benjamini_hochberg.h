/* Many tests at once. */
#ifndef DESY_EVAL_BENJAMINI_HOCHBERG_H
#define DESY_EVAL_BENJAMINI_HOCHBERG_H

#include <stddef.h>

/* p[n] in [0, 1] become adjusted ones: those below q are a set of which at most the share q is expected to be false alarms (Benjamini & Hochberg, JRSS B 1995). Not
 * collective. DESY_EENV: memory. */
int desy_benjamini_hochberg(double *p, size_t n);

#endif
