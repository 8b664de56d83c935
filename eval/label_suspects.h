/* Labels that out-of-fold probabilities speak against: confident learning (Northcutt, Jiang & Chuang, "Confident learning: estimating uncertainty in
 * dataset labels", JAIR 2021) of two classes. Not collective. */
#ifndef DESY_EVAL_LABEL_SUSPECTS_H
#define DESY_EVAL_LABEL_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

struct desy_label_suspect {
    size_t item;
    double margin; /* probability of the given label less that of the other: -1 to 0, the lower the more doubtful */
};

/* labels (n) and probabilities (n) of label 1, of a model that has not seen the item. thresholds[y]: the mean probability of y over the items of label y. Suspect is an
 * item whose other label is the likelier one, and as likely as it is for items of that label on average. *suspects: new, caller frees; lowest margin first, ties by item. DESY_EENV: memory. */
int desy_label_suspects(struct desy_label_suspect **suspects, size_t *count, double thresholds[2], const uint8_t *labels, const double *probabilities, size_t n);

#endif
