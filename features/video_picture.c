#include "features/video_picture.h"

#include "base/error.h"

#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#define LONGEST_SIDE 65536
#define PADDING 64 /* swscale writes whole vectors */

static int reserve(uint8_t **buffer, size_t *size, size_t wanted)
{
    if (wanted <= *size) return DESY_OK;
    av_freep(buffer);
    *size = 0;
    *buffer = av_malloc(wanted);
    if (!*buffer) return desy_error_memory("a converted frame");
    *size = wanted;
    return DESY_OK;
}

static bool is_rgb(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *description = av_pix_fmt_desc_get(format);
    return description->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
}

/* The first plane is luma, one byte a pixel. */
static bool has_luma(const AVFrame *frame)
{
    const AVPixFmtDescriptor *description = av_pix_fmt_desc_get(frame->format);
    const AVComponentDescriptor *y = &description->comp[0];
    bool other = description->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL);
    return !other && y->plane == 0 && y->step == 1 && y->offset == 0 && y->shift == 0 && y->depth == 8 && frame->linesize[0] > 0;
}

/* swscale's number for the matrix. RGB that becomes luma: BT.601, as the ffmpeg command line does. */
static int matrix_of(const AVFrame *frame)
{
    if (is_rgb(frame->format)) return SWS_CS_ITU601;
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    default: return frame->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
    }
}

/* yuvj420p and its like are full range by their name. */
static bool full_range(const AVFrame *frame)
{
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ411P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ444P: return true;
    default:
        /* Gray without a range is full, as swscale and so ffmpeg take it. */
        if (av_pix_fmt_desc_get(frame->format)->nb_components < 3 && frame->color_range == AVCOL_RANGE_UNSPECIFIED) return true;
        return frame->color_range == AVCOL_RANGE_JPEG || is_rgb(frame->format);
    }
}

void desy_video_picture_colours(const AVFrame *frame, int *matrix, bool *full, bool *yuv_full)
{
    *matrix = matrix_of(frame);
    *full = full_range(frame);
    *yuv_full = *full && !is_rgb(frame->format);
}

static int convert(struct SwsContext **context, uint8_t *const planes[4], const int strides[4], enum AVPixelFormat to, int flags, const AVFrame *frame)
{
    int width = frame->width & ~1, height = frame->height & ~1, number;
    bool from_full, yuv_full;
    desy_video_picture_colours(frame, &number, &from_full, &yuv_full);
    *context = sws_getCachedContext(*context, width, height, frame->format, width, height, to, flags, NULL, NULL, NULL);
    if (!*context) return desy_error(DESY_EDATA, "frames of %s can't be converted", av_get_pix_fmt_name(frame->format));
    const int *matrix = sws_getCoefficients(number);
    /* Says -1 between formats that have neither matrix nor range; then there is nothing to set. */
    (void)sws_setColorspaceDetails(*context, matrix, from_full, matrix, to == AV_PIX_FMT_RGB24 || yuv_full, 0, 1 << 16, 1 << 16);
    int rows = sws_scale(*context, (const uint8_t *const *)frame->data, frame->linesize, 0, height, planes, strides);
    return rows == height ? DESY_OK : desy_error(DESY_EDATA, "a frame of %s can't be converted", av_get_pix_fmt_name(frame->format));
}

static int make_luma(struct desy_video_picture *picture, const AVFrame *frame)
{
    struct desy_frame *out = &picture->frame;
    out->luma = frame->data[0];
    out->luma_stride = frame->linesize[0];
    if (has_luma(frame)) return DESY_OK;
    int rc, stride = FFALIGN(out->width, PADDING), half = FFALIGN(out->width / 2, PADDING);
    size_t luma = (size_t)stride * (size_t)out->height, chroma = (size_t)half * (size_t)(out->height / 2);
    DESY_TRY(reserve(&picture->luma, &picture->luma_size, luma + 2 * chroma + PADDING));
    uint8_t *const planes[4] = {picture->luma, picture->luma + luma, picture->luma + luma + chroma};
    const int strides[4] = {stride, half, half};
    DESY_TRY(convert(&picture->to_luma, planes, strides, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, frame));
    out->luma = picture->luma;
    out->luma_stride = stride;
out:
    return rc;
}

struct desy_video_turn desy_video_turn_of(const AVStream *stream, bool *ignored)
{
    size_t size = 0;
    const int32_t *matrix = (const int32_t *)av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    *ignored = false;
    if (!matrix || size < 9 * sizeof *matrix) return (struct desy_video_turn){0};
    const int32_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4]; /* x' = a x + c y, y' = b x + d y */
    if (a && d && !b && !c) return (struct desy_video_turn){false, a < 0, d < 0, a < 0 && d < 0 ? 180 : 0};
    if (b && c && !a && !d) return (struct desy_video_turn){true, c < 0, b < 0, c < 0 && b > 0 ? 90 : c > 0 && b < 0 ? 270 : 90};
    *ignored = true;
    return (struct desy_video_turn){0};
}

/* (height, width) pixels of so many bytes. */
static void turn_plane(uint8_t *out, int out_stride, const uint8_t *in, int in_stride, int width, int height, int bytes, const struct desy_video_turn *turn)
{
    const int wide = turn->transpose ? height : width, high = turn->transpose ? width : height;
    for (int y = 0; y < high; y++) {
        for (int x = 0; x < wide; x++) {
            const int u = turn->mirror_x ? wide - 1 - x : x, v = turn->mirror_y ? high - 1 - y : y;
            const uint8_t *pixel = in + (ptrdiff_t)(turn->transpose ? u : v) * in_stride + (ptrdiff_t)(turn->transpose ? v : u) * bytes;
            for (int i = 0; i < bytes; i++) out[(ptrdiff_t)y * out_stride + (ptrdiff_t)x * bytes + i] = pixel[i];
        }
    }
}

static int turn_picture(struct desy_video_picture *picture, const struct desy_video_turn *turn)
{
    struct desy_frame *frame = &picture->frame;
    const int width = turn->transpose ? frame->height : frame->width, height = turn->transpose ? frame->width : frame->height;
    const int luma_stride = FFALIGN(width, PADDING), rgb_stride = FFALIGN(width * 3, PADDING);
    int rc;
    DESY_TRY(reserve(&picture->turned_luma, &picture->turned_luma_size, (size_t)luma_stride * (size_t)height));
    DESY_TRY(reserve(&picture->turned_rgb, &picture->turned_rgb_size, (size_t)rgb_stride * (size_t)height));
    turn_plane(picture->turned_luma, luma_stride, frame->luma, frame->luma_stride, frame->width, frame->height, 1, turn);
    turn_plane(picture->turned_rgb, rgb_stride, frame->rgb, frame->rgb_stride, frame->width, frame->height, 3, turn);
    *frame = (struct desy_frame){picture->turned_luma, luma_stride, picture->turned_rgb, rgb_stride, width, height};
out:
    return rc;
}

int desy_video_picture_make(struct desy_video_picture *picture, const AVFrame *frame, const struct desy_video_turn *turn)
{
    struct desy_frame *out = &picture->frame;
    *out = (struct desy_frame){.width = frame->width & ~1, .height = frame->height & ~1};
    if (!out->width || !out->height) return desy_error(DESY_EDATA, "a frame of %d x %d pixels", frame->width, frame->height);
    if (out->width > LONGEST_SIDE || out->height > LONGEST_SIDE) return desy_error(DESY_EDATA, "a frame of %d x %d pixels", frame->width, frame->height);
    if (!av_pix_fmt_desc_get(frame->format)) return desy_error(DESY_EDATA, "a frame of no known pixel format");
    int rc;
    DESY_TRY(make_luma(picture, frame));
    out->rgb_stride = FFALIGN(out->width * 3, PADDING);
    DESY_TRY(reserve(&picture->rgb, &picture->rgb_size, (size_t)out->rgb_stride * (size_t)out->height + PADDING));
    uint8_t *const planes[4] = {picture->rgb};
    const int strides[4] = {out->rgb_stride};
    DESY_TRY(convert(&picture->to_rgb, planes, strides, AV_PIX_FMT_RGB24, SWS_BILINEAR, frame));
    out->rgb = picture->rgb;
    if (turn->transpose || turn->mirror_x || turn->mirror_y) DESY_TRY(turn_picture(picture, turn));
out:
    return rc;
}

void desy_video_picture_close(struct desy_video_picture *picture)
{
    sws_freeContext(picture->to_rgb);
    sws_freeContext(picture->to_luma);
    av_freep(&picture->rgb);
    av_freep(&picture->luma);
    av_freep(&picture->turned_rgb);
    av_freep(&picture->turned_luma);
    *picture = (struct desy_video_picture){0};
}
