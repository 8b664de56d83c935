#include "features/forensic.h"

#include "base/error.h"
#include "features/forensic_blocks.h"
#include "features/kernels.h"
#include "features/warp.h"

#include <stdlib.h>

enum { E, E_BN = E + 63, E_SD = E_BN + 63, SRM_CO = E_SD + 63, WARP = SRM_CO + 234, LUMA = WARP + DESY_WARP_DIMS };
_Static_assert(LUMA + 18 == DESY_FORENSIC_DIMS, "the blocks fill the row");

struct desy_forensic {
    const struct desy_kernels *kernels;
    desy_warp *warp;
    struct desy_region region[2]; /* of frame k: k % 2 */
    uint8_t scaled[2][DESY_SCALED_HEIGHT * DESY_SCALED_SIDE];
};

int desy_forensic_open(desy_forensic **out)
{
    int rc;
    desy_forensic *f = *out = calloc(1, sizeof *f);
    if (!f) return desy_error_memory("the forensic numbers");
    DESY_TRY(desy_kernels(&f->kernels));
    DESY_TRY(desy_warp_open(&f->warp));
out:
    if (rc != DESY_OK) desy_forensic_close(out);
    return rc;
}

void desy_forensic_close(desy_forensic **f)
{
    if (!*f) return;
    desy_warp_close(&(*f)->warp);
    free(*f);
    *f = NULL;
}

int desy_forensic_region(struct desy_region *region, uint8_t *scaled, const uint8_t *luma, int stride, int width, int height, const struct desy_kernels *kernels)
{
    if (width < 16 || height < 16 || desy_rescale_width(width, height) < 16)
        return desy_error(DESY_EDATA, "a frame of %d x %d is too small: 16 x 16 are needed, as decoded and at height %d", width, height, DESY_SCALED_HEIGHT);
    const int whole = desy_rescale_width(width, height), count = (whole < DESY_SCALED_SIDE ? whole : DESY_SCALED_SIDE) / 16 * 16;
    *region = (struct desy_region){scaled, count, count, DESY_SCALED_HEIGHT};
    return desy_rescale_columns(scaled, (whole - count) / 2 / 16 * 16, count, luma, stride, width, height, kernels);
}

void desy_forensic_numbers(float *out, const struct desy_region *region, const struct desy_kernels *kernels)
{
    desy_dct_energy(out + E, out + E_BN, out + E_SD, region, kernels);
    desy_cooccurrence(out + SRM_CO, region, kernels);
    desy_luma_statistics(out + LUMA, region);
}

int desy_forensic_frame(desy_forensic *f, float (*rows)[DESY_FORENSIC_DIMS], int k, const uint8_t *luma, int stride, int width, int height)
{
    struct desy_region *region = &f->region[k % 2], *before = &f->region[(k + 1) % 2];
    float *pair = rows[k] + WARP;
    int rc;
    DESY_TRY(desy_forensic_region(region, f->scaled[k % 2], luma, stride, width, height, f->kernels));
    desy_forensic_numbers(rows[k], region, f->kernels);
    for (int i = 0; i < DESY_WARP_DIMS; i++) pair[i] = 0;
    DESY_TRY(k > 0 ? desy_warp_pair(f->warp, pair, before, region) : desy_warp_energy(f->warp, &pair[DESY_WARP_ENERGY], region));
    if (k == 1)
        for (int i = 0; i < DESY_WARP_DIMS; i++)
            if (i != DESY_WARP_ENERGY) rows[0][WARP + i] = pair[i];
out:
    return rc;
}
