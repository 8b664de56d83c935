/* A result of desy_scoring_next as people read it. */
#ifndef DESY_STAGES_DETECT_WORDS_H
#define DESY_STAGES_DETECT_WORDS_H

#include <cjson/cJSON.h>

/* To stdout: verdict, levels, and what of timeline and explanation there is. */
void desy_detect_print_words(const cJSON *result);

#endif
