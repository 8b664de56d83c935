/* Extractors that users bring: any encoder as a TorchScript file, [N, 3, 224, 224] -> [N, D]. Its input is that of resnet50
 * (docs/features.md): ImageNet's mean and deviation taken off. */
#ifndef DESY_FEATURES_TORCHSCRIPT_H
#define DESY_FEATURES_TORCHSCRIPT_H

#include "features/extractor.h"

#define DESY_TORCHSCRIPT_MOST_DIMS 16384

struct desy_torchscript {
    struct desy_extractor extractor; /* its name is that below: do not copy */
    char name[64];                   /* the file's, without folder and ".pt"; what is not a letter, a digit, "-" or "_" is "_" */
};

/* Does this word name a file of TorchScript rather than an extractor of the table? It ends in ".pt". */
bool desy_is_torchscript(const char *word);
/* Fills `made` for the file, which open takes as options->weights. DESY_EUSAGE: dims of 0 (not given) or out of range, or the name of one of the table. */
int desy_torchscript_extractor(struct desy_torchscript *made, const char *file, int dims);

#endif
