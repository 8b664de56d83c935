/* Inside train/: from a row of the store to the input of a channel's network, and which rows have one. Apart from train/reading.h, so that what scores clips needs no HDF5. */
#ifndef DESY_TRAIN_READING_STORE_H
#define DESY_TRAIN_READING_STORE_H

#include "train/reading.h"
#include "train/stored.h"

/* Does the store have the array that the channel reads? */
bool desy_reading_possible(const struct desy_channel *channel, const struct desy_stored *stored);
/* What to do about one that has not: "extract it with --crops". */
const char *desy_reading_advice(const struct desy_channel *channel);
/* Has row `row` what the channel reads of the store? A clip without sound, or without a text, has none; what the pooled vector lacks is not looked at. */
bool desy_reading_has(const struct desy_channel *channel, const struct desy_stored *stored, size_t row);

/* As desy_reader_clip, of a row of the store. */
int desy_reader_row(const struct desy_reader *reader, size_t row, void *input, int32_t *length);

#endif
