/* What a resampling draws: units of clips, numbered alike on all ranks by their names, never by rank or order of rows. */
#ifndef DESY_EVAL_UNITS_H
#define DESY_EVAL_UNITS_H

#include "eval/scores.h"
#include "mpi/world.h"

enum desy_unit {
    DESY_UNIT_CLIPS,   /* each clip; strata: source x label */
    DESY_UNIT_GROUPS,  /* clips of one `group`, whatever their source and label, and each clip without one; strata: groups of reals, of AI-generated clips, of both */
    DESY_UNIT_SOURCES, /* groups (or clips without one) within a source x label; strata: those, which are drawn themselves: generators and real sources */
};

struct desy_units {
    enum desy_unit kind;
    size_t n;          /* over all ranks */
    size_t n_strata;
    size_t *first;     /* (n_strata + 1): the units of stratum s are first[s] to first[s + 1] - 1 */
    size_t n_real;     /* of SOURCES: strata 0 to n_real - 1 are real sources, the others generators; else 0 */
    uint32_t *of;      /* (scores->n): the unit of each of this rank's rows; of one without a score: 0 */
};

/* Collective; agreed. Of the rows with a score. Clips without a source are together one source more. Every rank holds all units, 16 bytes each while they are numbered.
 * DESY_EENV: memory. */
int desy_units_open(desy_world *world, const struct desy_scores *scores, enum desy_unit kind, struct desy_units *units);
void desy_units_close(struct desy_units *units);

#endif
