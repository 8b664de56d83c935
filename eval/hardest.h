/* The clips that it is most wrong about, to be looked at. */
#ifndef DESY_EVAL_HARDEST_H
#define DESY_EVAL_HARDEST_H

#include "eval/evaluated.h"
#include "eval/report.h"

#define DESY_HARDEST 20 /* of either kind */

/* Collective; agreed. Adds `hardest` to json (rank 0; NULL elsewhere): the AI-generated clips with the lowest scores (`missed`) and the real ones with the highest (`false_alarms`),
 * whatever the threshold says of them; ties by id, then row. With options->thumbnails > 0 a picture each of the first so many, in the report's thumbnails/ID.jpg, where one
 * can be had. DESY_EENV: memory, the disk. */
int desy_hardest_add(desy_world *world, const struct desy_scores *scores, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json);

#endif
