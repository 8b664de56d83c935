/* What the 2048 numbers a frame of the default extractor are: one table, read by training, `desy info`, explanations and docs/features.md. */
#ifndef DESY_FEATURES_BLOCKS_H
#define DESY_FEATURES_BLOCKS_H

#define DESY_ENCODER_DIMS 1280
#define DESY_TEXTURE_DIMS 320
#define DESY_FORENSIC_DIMS 448 /* all after those two: from the luma plane */
#define DESY_HYBRID_DIMS (DESY_ENCODER_DIMS + DESY_TEXTURE_DIMS + DESY_FORENSIC_DIMS)

struct desy_feature_block {
    const char *name;    /* "encoder", "texture", "e", "e_bn", "e_sd", "srm_co", "warp", "luma" */
    int first, count;    /* within the 2048 */
    const char *scale;   /* what it looks at: "224" (the network's input) or "256" (the middle of frames rescaled to height 256) */
    const char *formula; /* in words, one line */
    const char *source;  /* where it comes from */
};
/* In this order, without a gap; ends with a block whose name is NULL. */
extern const struct desy_feature_block desy_feature_blocks[];
const struct desy_feature_block *desy_feature_block_find(const char *name); /* NULL: none */

#endif
