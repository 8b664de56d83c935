/* metrics.json. Rank 0's business; nothing here is collective. */
#ifndef DESY_EVAL_METRICS_JSON_H
#define DESY_EVAL_METRICS_JSON_H

#include "eval/metrics.h"
#include "eval/report.h"

#define DESY_METRICS_SCHEMA "desy-metrics-1" /* docs/metrics.schema.json */

/* *json: new, caller deletes. What was not computed is absent, and said in `notes`. DESY_EENV: memory. */
int desy_metrics_json(cJSON **json, const struct desy_metrics *metrics, const struct desy_report_options *options);

#endif
