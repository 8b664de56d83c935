/* Several reports side by side (`desy eval --compare`): what their metrics.json say, on one page. Rank 0's business. */
#ifndef DESY_EVAL_COMPARE_H
#define DESY_EVAL_COMPARE_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* *comparison (new, caller deletes): `runs`, an object a report with the figures that both have and its directory as `report`; `notes`: what makes them hard to compare, such as
 * other clips. DESY_EDATA: a directory without a metrics.json of a report, or named twice. */
int desy_compare_reports(cJSON **comparison, const char *const *reports, size_t n);
/* Writes compare.json and compare.html into the directory. DESY_EENV: the disk. */
int desy_compare_write(const cJSON *comparison, const char *directory);

#endif
