/* The scores of a video over time as an SVG file of its own. */
#ifndef DESY_STAGES_TIMELINE_SVG_H
#define DESY_STAGES_TIMELINE_SVG_H

#include <cjson/cJSON.h>

/* result: of desy_scoring_next, with a timeline; one without (an unreadable video) gives a plot that says so. Written atomically. DESY_EENV. */
int desy_timeline_svg(const cJSON *result, const char *path);

#endif
