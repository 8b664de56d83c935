#include "features/blocks.h"

#include <stddef.h>
#include <string.h>

#define NETWORK_SOURCE "Tan and Le, EfficientNet, ICML 2019"
#define DCT_SOURCE "after Frank et al., Leveraging frequency analysis for deep fake image recognition, ICML 2020"
#define SRM_SOURCE "Fridrich and Kodovsky, Rich models for steganalysis of digital images, IEEE TIFS 7(3), 2012"

const struct desy_feature_block desy_feature_blocks[] = {
    {"encoder", 0, 1280, "224", "mean over positions of the last feature map of EfficientNet-Lite0", NETWORK_SOURCE},
    {"texture", 1280, 320, "224", "mean over positions of the feature map before it, of the last inverted residual block", NETWORK_SOURCE},
    {"e", 1600, 63, "256", "ln(mean over blocks of abs(C) + .05)", DCT_SOURCE},
    {"e_bn", 1663, 63, "256", "ln(mean over blocks of abs(C) / (8 + sum of the 63 abs(C)) + 1e-4)", DCT_SOURCE},
    {"e_sd", 1726, 63, "256", "standard deviation over blocks of ln(abs(C) + .5)", DCT_SOURCE},
    {"srm_co", 1789, 234, "256", "sqrt of the share of each class of triples of quantised residuals", SRM_SOURCE},
    {"warp", 2023, 7, "256", "what motion does not explain of a frame: the table below", "after Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016"},
    {"luma", 2030, 18, "256", "mean and standard deviation of luma, and the shares of 16 equal ranges of it", "none"},
    {0},
};

const struct desy_feature_block *desy_feature_block_find(const char *name)
{
    for (const struct desy_feature_block *block = desy_feature_blocks; block->name; block++)
        if (strcmp(block->name, name) == 0) return block;
    return NULL;
}
