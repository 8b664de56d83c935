/* check_numbers information: of each table on stdin, VALUES and as many pairs of counts, what eval/shortcut.h measures.
 * check_numbers bins MOST: of numbers on stdin the bin of each. check_numbers labels: of pairs "label probability" on stdin the items whose label is doubtful, and their margins. */
#include "base/error.h"
#include "eval/label_suspects.h"
#include "eval/shortcut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 100000 };

static int information(void)
{
    static size_t counts[1000][2];
    struct desy_shortcut s;
    int values, rc = DESY_OK;
    while (rc == DESY_OK && scanf("%d", &values) == 1) {
        if (values < 0 || values > 1000) return DESY_EUSAGE;
        for (int v = 0; v < values; v++)
            if (scanf("%zu %zu", &counts[v][0], &counts[v][1]) != 2) return DESY_EUSAGE;
        rc = desy_shortcut_measure(&s, (const size_t(*)[2])counts, values, 1, 2);
        printf("%.17g %.17g %.17g %.17g %.17g %.17g %d\n", s.plug_in, s.bits, s.share, s.p_value, s.accuracy, s.base_accuracy, s.telling);
    }
    return rc;
}

static int bins(int most)
{
    static double values[MOST], low[64], high[64];
    static int32_t bin[MOST];
    size_t n = 0;
    int count;
    while (n < MOST && scanf("%lf", &values[n]) == 1) n++;
    const int rc = desy_shortcut_bins(bin, &count, low, high, values, n, most);
    for (size_t i = 0; i < n; i++) printf("%d %.17g %.17g\n", bin[i], low[bin[i]], high[bin[i]]);
    return rc;
}

static int labels(void)
{
    static double probabilities[MOST];
    static uint8_t given[MOST];
    struct desy_label_suspect *suspects = NULL;
    double thresholds[2];
    size_t n = 0, count;
    int label;
    for (; n < MOST && scanf("%d %lf", &label, &probabilities[n]) == 2; n++) given[n] = label != 0;
    const int rc = desy_label_suspects(&suspects, &count, thresholds, given, probabilities, n);
    for (size_t i = 0; rc == DESY_OK && i < count; i++) printf("%zu %.17g\n", suspects[i].item, suspects[i].margin);
    free(suspects);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "information") == 0) return information();
    if (argc == 3 && strcmp(argv[1], "bins") == 0) return bins(atoi(argv[2]));
    return argc == 2 && strcmp(argv[1], "labels") == 0 ? labels() : DESY_EUSAGE;
}
