/* metrics.json, and the page that shows it. Rank 0's business; nothing here is collective. */
#ifndef DESY_EVAL_METRICS_JSON_H
#define DESY_EVAL_METRICS_JSON_H

#include "eval/curves.h"
#include "eval/metrics.h"
#include "eval/report.h"

/* *json: new, caller deletes. What was not computed is absent, and said in `notes`. DESY_EENV: memory. */
int desy_metrics_json(cJSON **json, const struct desy_metrics *metrics, const struct desy_report_options *options);

struct desy_page {
    const struct desy_metrics *metrics;
    const struct desy_report_options *options;
    const cJSON *json;                     /* metrics.json */
    const struct desy_curve_point *points; /* NULL with one class alone */
    size_t n_points;
};
/* Writes report.html: self-contained, light and dark. DESY_EENV: the disk. */
int desy_page_write(const struct desy_page *page);

#endif
