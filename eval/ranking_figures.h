/* The figures of a ranking, in one pass over its groups. For desy_ranking_open alone. */
#ifndef DESY_EVAL_RANKING_FIGURES_H
#define DESY_EVAL_RANKING_FIGURES_H

#include "eval/ranking.h"

/* Collective; agreed. Sets all_groups, first_group, and with both classes present the figures. */
int desy_ranking_measure(desy_world *world, desy_ranking *ranking);

#endif
