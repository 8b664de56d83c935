/* Results of desy batch as they come: one JSON Lines file a rank in a directory of their own, so that a killed run loses
 * at most the line that it was writing. Not collective. */
#ifndef DESY_STAGES_JOURNAL_H
#define DESY_STAGES_JOURNAL_H

#include "features/dataset.h"

#include <cjson/cJSON.h>
#include <stdio.h>

typedef struct desy_journal desy_journal;

/* This rank's file, appended to. */
int desy_journal_open(desy_journal **journal, const char *directory, int rank);
/* One result, with what it rests on: the configuration (hex), size and time of the file, and what the data set says comes with it. */
int desy_journal_add(desy_journal *journal, const struct desy_item *item, const char *config_sha256, const char *path, const cJSON *result);
void desy_journal_close(desy_journal **journal);

/* Rank 0: where the newest valid result of every item lies. */
struct desy_journal_index;
/* done(i) holds if some rank's file has a whole line of item i under this configuration, and its video, text and name of a sound file are as they were then. */
int desy_journal_read(struct desy_journal_index **index, const char *directory, const desy_dataset *dataset, const char *config_sha256);
bool desy_journal_done(const struct desy_journal_index *index, size_t item);
/* The result of a done item; new, caller deletes. */
int desy_journal_result(struct desy_journal_index *index, size_t item, cJSON **result);
void desy_journal_index_close(struct desy_journal_index **index);

#endif
