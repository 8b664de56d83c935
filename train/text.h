/* Inside train/: a text as numbers: hashed n-grams of its characters (Weinberger et al. 2009, "Feature hashing for large scale multitask learning"). */
#ifndef DESY_TRAIN_TEXT_H
#define DESY_TRAIN_TEXT_H

#include <stdbool.h>

#define DESY_TEXT_BUCKETS 4096 /* of model/high_text.cpp, too */
#define DESY_TEXT_MOST 1024    /* bytes of a text that are read: the memory that an item's takes */

/* White space becomes single spaces, with one at both ends, A to Z lower case; of each n-gram of 3 to 5 characters (UTF-8) the MurmurHash3 gives
 * a bucket and a sign; buckets (DESY_TEXT_BUCKETS) are the sums of signs, brought to length 1. What scikit-learn's HashingVectorizer(analyzer="char",
 * ngram_range=(3, 5), n_features=4096) gives. NULL, or without a character: zeros. */
void desy_text_buckets(float *buckets, const char *text);
/* Is there a text? */
bool desy_text_is_there(const char *text);

#endif
