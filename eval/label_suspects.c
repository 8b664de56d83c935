#include "eval/label_suspects.h"

#include "base/error.h"

#include <stdlib.h>

static int by_margin(const void *a, const void *b)
{
    const struct desy_label_suspect *x = a, *y = b;
    if (x->margin != y->margin) return x->margin < y->margin ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

int desy_label_suspects(struct desy_label_suspect **suspects, size_t *count, double thresholds[2], const uint8_t *labels, const double *probabilities, size_t n)
{
    size_t items[2] = {0};
    *count = 0;
    thresholds[0] = thresholds[1] = 0;
    *suspects = malloc((n + 1) * sizeof **suspects);
    if (!*suspects) return desy_error_memory("doubtful labels");
    for (size_t i = 0; i < n; i++) thresholds[labels[i]] += labels[i] ? probabilities[i] : 1 - probabilities[i], items[labels[i]]++;
    for (int y = 0; y < 2; y++) thresholds[y] = items[y] ? thresholds[y] / (double)items[y] : 1;
    for (size_t i = 0; i < n; i++) {
        const double other = labels[i] ? 1 - probabilities[i] : probabilities[i];
        if (other > .5 && other >= thresholds[!labels[i]]) (*suspects)[(*count)++] = (struct desy_label_suspect){i, 1 - 2 * other};
    }
    qsort(*suspects, *count, sizeof **suspects, by_margin);
    return DESY_OK;
}
