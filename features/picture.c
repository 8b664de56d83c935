#include "features/picture.h"

#include "base/error.h"

#include <libavutil/pixdesc.h>

static const int *matrix_of(const AVFrame *frame)
{
    if (frame->colorspace != AVCOL_SPC_UNSPECIFIED && frame->colorspace != AVCOL_SPC_RGB) return sws_getCoefficients(frame->colorspace);
    return sws_getCoefficients(frame->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601);
}

/* One conversion at the frame's own size; *scaler and *target are kept for the next frame. */
static int convert(struct SwsContext **scaler, AVFrame **target, const AVFrame *frame, enum AVPixelFormat format)
{
    *scaler = sws_getCachedContext(*scaler, frame->width, frame->height, frame->format, frame->width, frame->height, format,
                                   SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!*scaler) return desy_error(DESY_EDATA, "its pixel format %s cannot be converted", av_get_pix_fmt_name(frame->format));
    const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(frame->format);
    const int *matrix = matrix_of(frame);
    int full = frame->color_range == AVCOL_RANGE_JPEG || (kind->flags & AV_PIX_FMT_FLAG_RGB);
    sws_setColorspaceDetails(*scaler, matrix, full, matrix, format == AV_PIX_FMT_RGB24, 0, 1 << 16, 1 << 16);
    if (*target && ((*target)->width != frame->width || (*target)->height != frame->height)) av_frame_free(target);
    if (!*target) {
        *target = av_frame_alloc();
        if (!*target) return desy_error_memory("a picture");
        (*target)->width = frame->width, (*target)->height = frame->height, (*target)->format = format;
        if (av_frame_get_buffer(*target, 0) < 0) return desy_error_memory("a picture");
    }
    int rows = sws_scale(*scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, (*target)->data, (*target)->linesize);
    return rows == frame->height ? DESY_OK : desy_error(DESY_EDATA, "its pictures cannot be converted");
}

static bool has_plain_luma(const AVFrame *frame)
{
    const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(frame->format);
    return kind && !(kind->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL)) &&
           kind->comp[0].plane == 0 && kind->comp[0].depth == 8 && kind->comp[0].step == 1 && frame->linesize[0] > 0;
}

int desy_picture_convert(struct desy_picture *picture, struct desy_frame *view, const AVFrame *frame)
{
    int rc = convert(&picture->to_rgb, &picture->rgb, frame, AV_PIX_FMT_RGB24);
    const AVFrame *luma = frame;
    if (rc == DESY_OK && !has_plain_luma(frame)) {
        rc = convert(&picture->to_yuv, &picture->yuv, frame, AV_PIX_FMT_YUV420P);
        luma = picture->yuv;
    }
    if (rc != DESY_OK) return rc;
    *view = (struct desy_frame){.luma = luma->data[0], .luma_stride = luma->linesize[0], .rgb = picture->rgb->data[0],
        .rgb_stride = picture->rgb->linesize[0], .width = frame->width & ~1, .height = frame->height & ~1};
    if (view->width < 16 || view->height < 16) return desy_error(DESY_EDATA, "its pictures are smaller than 16 x 16");
    return DESY_OK;
}

void desy_picture_close(struct desy_picture *picture)
{
    sws_freeContext(picture->to_rgb);
    sws_freeContext(picture->to_yuv);
    av_frame_free(&picture->rgb);
    av_frame_free(&picture->yuv);
    *picture = (struct desy_picture){0};
}
