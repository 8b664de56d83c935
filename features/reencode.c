#include "features/reencode.h"

#include "base/error.h"
#include "base/random.h"
#include "features/plane.h"
#include "features/video_picture.h"

#include <libavcodec/avcodec.h>
#include <libavutil/cpu.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICKS 90000              /* a second */
#define TIE 1e-6                 /* seconds: times closer than this are equal, whatever their rounding */
#define MOST_PIXELS (3840 * 2160.)
#define FEWEST_SIDE 32           /* that every encoder takes */
#define NOISE 65536              /* values, from which each row takes a stretch at a place of its own */

struct desy_reencode {
    struct desy_reencode_options options;
    desy_video_writer *writer;   /* opened with the first frame */
    AVFrame *source, *picture;   /* cropped, without a copy; yuv420p in its new size */
    AVFrame *held;               /* shown until the next one comes, where there is a frame rate */
    int64_t ticks;               /* frames that a frame rate made */
    int64_t last;                /* tick of the frame that was encoded last */
    int64_t encoded;
    double held_at;
    int matrix;                  /* of the frame at hand, by its number of ITU-T H.273 */
    bool full, yuv_full;         /* its range, and that of the YUV made of it */
    struct SwsContext *convert, *enlarge;
    AVFrame *small;              /* on the way to a smaller size and back */
    int64_t seen;                /* frames that came, or that a frame rate made */
    AVCodecContext *jpeg, *unjpeg;
    AVPacket *packet;
    AVFrame *decoded;            /* the JPEG */
    int8_t *noise;               /* (NOISE) */
};

static int failed(const char *what, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    return desy_error(DESY_EENV, "%s: %s", what, text);
}

static int make_noise(desy_reencode *reencode)
{
    const double sigma = reencode->options.recipe.noise / 10.;
    reencode->noise = malloc(NOISE);
    if (!reencode->noise) return desy_error_memory("noise");
    for (int i = 0; i < NOISE; i++) {
        const double value = rint(sigma * desy_random_normal(reencode->options.seed, 0, (uint64_t)i));
        reencode->noise[i] = (int8_t)fmax(-128, fmin(127, value));
    }
    return DESY_OK;
}

int desy_reencode_open(desy_reencode **out, const struct desy_reencode_options *options)
{
    desy_reencode *reencode = *out = calloc(1, sizeof *reencode);
    if (!reencode) return desy_error_memory("a view");
    reencode->options = *options;
    reencode->last = -1;
    reencode->source = av_frame_alloc(), reencode->picture = av_frame_alloc(), reencode->held = av_frame_alloc(), reencode->decoded = av_frame_alloc();
    reencode->small = av_frame_alloc();
    reencode->packet = av_packet_alloc();
    int rc = reencode->source && reencode->picture && reencode->held && reencode->decoded && reencode->small && reencode->packet ? DESY_OK : desy_error_memory("a view");
    if (rc == DESY_OK && options->recipe.noise) rc = make_noise(reencode);
    if (rc != DESY_OK) desy_reencode_close(out);
    return rc;
}

/* A whole even number of pixels. */
static int even(double side)
{
    const int half = (int)floor(side / 2 + .5);
    return 2 * half < FEWEST_SIDE ? FEWEST_SIDE : 2 * half;
}

/* Of a side, `from` the first pixel on: even, so that chroma stays in place. */
static int crop(int *from, int side, double part, double where)
{
    const int kept = part < 1 && even(side * part) < side ? even(side * part) : side & ~1;
    *from = 2 * (int)((side - kept) * where / 2);
    return kept;
}

/* The size that a frame of width x height pixels, upright, is brought to. */
static void rescale(int *width, int *height, const struct desy_augment_recipe *recipe)
{
    const double pixels = (double)*width * *height, factor = recipe->rows ? (double)recipe->rows / *height : recipe->factor;
    const double most = sqrt(MOST_PIXELS / pixels), by = factor < most ? factor : most;
    if (by == 1) return;
    *width = even(*width * by);
    *height = even(*height * by);
}

/* reencode->source: the kept part of the frame. */
static int crop_frame(desy_reencode *reencode, const AVFrame *frame)
{
    struct desy_augment_recipe recipe = reencode->options.recipe;
    AVFrame *source = reencode->source;
    int x, y;
    av_frame_unref(source);
    int error = av_frame_ref(source, frame);
    if (error < 0) return failed("a view", error);
    if (reencode->options.lying) {
        const struct desy_augment_recipe upright = recipe;
        recipe.crop_x = upright.crop_y, recipe.crop_y = upright.crop_x, recipe.from_x = upright.from_y, recipe.from_y = upright.from_x;
    }
    const int width = crop(&x, source->width, recipe.crop_x, recipe.from_x), height = crop(&y, source->height, recipe.crop_y, recipe.from_y);
    source->crop_left = (size_t)x, source->crop_right = (size_t)(source->width - width - x);
    source->crop_top = (size_t)y, source->crop_bottom = (size_t)(source->height - height - y);
    error = av_frame_apply_cropping(source, AV_FRAME_CROP_UNALIGNED);
    return error < 0 ? desy_error(DESY_EDATA, "frames of this format can't be cropped") : DESY_OK;
}

/* x264's macroblock tree in AVX-512 reads memory that it did not write (x264 164, with B-frames): with AVX2 the same frames give the same bits. */
static void encoder_options(char text[200], const struct desy_augment_recipe *recipe)
{
    desy_augment_encoder_options(text, recipe);
    if (recipe->encoder == DESY_AUGMENT_X264 && av_get_cpu_flags() & AV_CPU_FLAG_AVX512) strcat(text, ":x264-params=asm=avx2");
}

static int make_frame(AVFrame *frame, int width, int height)
{
    frame->format = AV_PIX_FMT_YUV420P, frame->width = width, frame->height = height;
    const int error = av_frame_get_buffer(frame, 0);
    return error < 0 ? failed("a view", error) : DESY_OK;
}

static int open_writer(desy_reencode *reencode)
{
    const struct desy_augment_recipe *recipe = &reencode->options.recipe;
    const AVFrame *source = reencode->source;
    char text[200];
    int rc, width = source->width, height = source->height;
    if (reencode->options.lying) rescale(&height, &width, recipe);
    else rescale(&width, &height, recipe);
    if (recipe->back) {
        DESY_TRY(make_frame(reencode->small, width, height));
        width = source->width & ~1, height = source->height & ~1;
    }
    DESY_TRY(make_frame(reencode->picture, width, height));
    encoder_options(text, recipe);
    const struct desy_video_writer_options options = {
        .muxer = "mp4", .video_encoder = desy_augment_encoder_name(recipe->encoder), .video_options = text, .width = width, .height = height,
        .fps = recipe->rate ? recipe->rate : reencode->options.fps, .ticks = TICKS, .gop = recipe->gop, .matrix = reencode->matrix, .full_range = reencode->yuv_full};
    rc = desy_video_writer_open(&reencode->writer, &options);
out:
    return rc;
}

/* The source's picture in the size of `to`, as yuv420p. */
static int resize_frame(struct SwsContext **context, const desy_reencode *reencode, const AVFrame *from, bool full, AVFrame *to, int filter)
{
    const int error = av_frame_make_writable(to);
    if (error < 0) return failed("a view", error);
    *context = sws_getCachedContext(*context, from->width, from->height, from->format, to->width, to->height, AV_PIX_FMT_YUV420P, filter | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    if (!*context) return desy_error(DESY_EDATA, "frames of this format can't be converted");
    const int *coefficients = sws_getCoefficients(reencode->matrix);
    (void)sws_setColorspaceDetails(*context, coefficients, full, coefficients, reencode->yuv_full, 0, 1 << 16, 1 << 16);
    if (sws_scale(*context, (const uint8_t *const *)from->data, from->linesize, 0, from->height, to->data, to->linesize) != to->height)
        return desy_error(DESY_EDATA, "a frame can't be converted");
    return DESY_OK;
}

/* reencode->picture: the source in its new size. */
static int resize(desy_reencode *reencode)
{
    static const int filters[] = {SWS_AREA, SWS_BICUBIC, SWS_BILINEAR};
    const struct desy_augment_recipe *recipe = &reencode->options.recipe;
    AVFrame *first = recipe->back ? reencode->small : reencode->picture;
    int rc = resize_frame(&reencode->convert, reencode, reencode->source, reencode->full, first, filters[recipe->filter]);
    if (rc == DESY_OK && recipe->back) rc = resize_frame(&reencode->enlarge, reencode, first, reencode->yuv_full, reencode->picture, SWS_BICUBIC);
    return rc;
}

/* Mirrored as it is seen: a picture that is yet to be turned is so upside down. */
static void mirror(desy_reencode *reencode)
{
    AVFrame *picture = reencode->picture;
    for (int c = 0; c < 3; c++) {
        const int half = c > 0, width = picture->width >> half, height = picture->height >> half, stride = picture->linesize[c];
        if (!reencode->options.lying) desy_plane_mirror(picture->data[c], stride, width, height);
        else desy_plane_turn_over(picture->data[c], stride, width, height);
    }
}

static int blur(desy_reencode *reencode)
{
    AVFrame *picture = reencode->picture;
    const double sigma = reencode->options.recipe.blur / 10.;
    int rc = DESY_OK;
    for (int c = 0; c < 3 && rc == DESY_OK; c++) {
        const int half = c > 0;
        rc = desy_plane_blur(picture->data[c], picture->linesize[c], picture->width >> half, picture->height >> half, half ? sigma / 2 : sigma);
    }
    return rc;
}

static void add_noise(desy_reencode *reencode)
{
    AVFrame *picture = reencode->picture;
    for (int y = 0; y < picture->height; y++) {
        uint8_t *row = picture->data[0] + (ptrdiff_t)y * picture->linesize[0];
        const uint64_t from = desy_random_u64(reencode->options.seed, 1, (uint64_t)reencode->encoded << 20 | (uint64_t)y);
        for (int x = 0; x < picture->width; x++) {
            const int value = row[x] + reencode->noise[(from + (uint64_t)x) % NOISE];
            row[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

/* One that needs a single thread and nothing but the size of frames. */
static int open_jpeg(AVCodecContext **context, const AVCodec *codec, const desy_reencode *reencode)
{
    if (!codec) return desy_error(DESY_EENV, "this FFmpeg has no mjpeg; use a build that has it (Debian's has)");
    *context = avcodec_alloc_context3(codec);
    if (!*context) return desy_error_memory("JPEG");
    (*context)->width = reencode->picture->width, (*context)->height = reencode->picture->height;
    (*context)->pix_fmt = AV_PIX_FMT_YUVJ420P;
    (*context)->time_base = (AVRational){1, TICKS};
    (*context)->thread_count = 1;
    (*context)->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_QSCALE;
    (*context)->qmin = 1;
    (*context)->global_quality = reencode->options.recipe.jpeg * FF_QP2LAMBDA;
    const int error = avcodec_open2(*context, codec, NULL);
    return error < 0 ? failed("JPEG", error) : DESY_OK;
}

/* reencode->decoded: the picture, once a JPEG. Its planes, whatever their range is. */
static int pass_jpeg(desy_reencode *reencode)
{
    AVFrame *picture = reencode->picture;
    int rc, error;
    if (!reencode->jpeg) DESY_TRY(open_jpeg(&reencode->jpeg, avcodec_find_encoder(AV_CODEC_ID_MJPEG), reencode));
    if (!reencode->unjpeg) DESY_TRY(open_jpeg(&reencode->unjpeg, avcodec_find_decoder(AV_CODEC_ID_MJPEG), reencode));
    picture->format = AV_PIX_FMT_YUVJ420P;
    picture->quality = reencode->jpeg->global_quality;
    picture->pts = reencode->encoded;
    error = avcodec_send_frame(reencode->jpeg, picture);
    picture->format = AV_PIX_FMT_YUV420P;
    if (error >= 0) error = avcodec_receive_packet(reencode->jpeg, reencode->packet);
    if (error >= 0) error = avcodec_send_packet(reencode->unjpeg, reencode->packet);
    if (error >= 0) error = avcodec_receive_frame(reencode->unjpeg, reencode->decoded);
    av_packet_unref(reencode->packet);
    rc = error < 0 ? failed("JPEG", error) : DESY_OK;
out:
    return rc;
}

/* What is encoded: the picture, or what JPEG left of it. */
static int make_picture(desy_reencode *reencode, const AVFrame *frame)
{
    const struct desy_augment_recipe *recipe = &reencode->options.recipe;
    int rc;
    desy_video_picture_colours(frame, &reencode->matrix, &reencode->full, &reencode->yuv_full); /* untagged, they depend on its size */
    DESY_TRY(crop_frame(reencode, frame));
    if (!reencode->writer) DESY_TRY(open_writer(reencode));
    DESY_TRY(resize(reencode));
    if (recipe->mirrored) mirror(reencode);
    if (recipe->blur) DESY_TRY(blur(reencode));
    if (recipe->noise) add_noise(reencode);
    if (recipe->jpeg) DESY_TRY(pass_jpeg(reencode));
out:
    return rc;
}

static int encode(desy_reencode *reencode, const AVFrame *frame, int64_t tick)
{
    const struct desy_augment_recipe *recipe = &reencode->options.recipe;
    const AVFrame *done = recipe->jpeg ? reencode->decoded : reencode->picture;
    const int64_t number = reencode->seen++;
    int rc = DESY_OK;
    if (recipe->drop && number % recipe->drop == recipe->drop - 1) return DESY_OK;
    if (!recipe->repeat || number % recipe->repeat < recipe->repeat - 1) DESY_TRY(make_picture(reencode, frame)); /* else the one before is still there */
    reencode->last = tick > reencode->last ? tick : reencode->last + 1;
    reencode->encoded++;
    DESY_TRY(desy_video_writer_frame_at(reencode->writer, (const uint8_t *const *)done->data, done->linesize, reencode->last));
out:
    return rc;
}

/* The held frame at all ticks of the frame rate up to `until`. */
static int encode_held(desy_reencode *reencode, double until)
{
    const int rate = reencode->options.recipe.rate;
    int rc = DESY_OK;
    for (; (double)reencode->ticks / rate < until; reencode->ticks++) DESY_TRY(encode(reencode, reencode->held, reencode->ticks * TICKS / rate));
out:
    return rc;
}

int desy_reencode_frame(desy_reencode *reencode, const AVFrame *frame, double seconds)
{
    int rc;
    if (!av_pix_fmt_desc_get(frame->format) || frame->width < 2 || frame->height < 2) return desy_error(DESY_EDATA, "a frame of no known format");
    if (!reencode->options.recipe.rate) return encode(reencode, frame, llrint(seconds * TICKS));
    if (reencode->held->buf[0]) DESY_TRY(encode_held(reencode, seconds - TIE));
    av_frame_unref(reencode->held);
    const int error = av_frame_ref(reencode->held, frame);
    reencode->held_at = seconds;
    rc = error < 0 ? failed("a view", error) : DESY_OK;
out:
    return rc;
}

int desy_reencode_take(desy_reencode **reencode, struct desy_video_bytes *bytes, int64_t *frames, int fewest)
{
    int rc = DESY_OK;
    *bytes = (struct desy_video_bytes){0};
    if ((*reencode)->held->buf[0]) DESY_TRY(encode_held(*reencode, (*reencode)->held_at + TIE));
    *frames = (*reencode)->encoded;
    if (*frames < fewest) DESY_TRY(desy_error(DESY_EDATA, "%lld frames, and at least %d are needed", (long long)*frames, fewest));
    DESY_TRY(desy_video_writer_take(&(*reencode)->writer, bytes));
out:
    desy_reencode_close(reencode);
    return rc;
}

void desy_reencode_close(desy_reencode **out)
{
    desy_reencode *reencode = *out;
    if (!reencode) return;
    desy_video_writer_abort(&reencode->writer);
    av_frame_free(&reencode->source);
    av_frame_free(&reencode->picture);
    av_frame_free(&reencode->held);
    av_frame_free(&reencode->decoded);
    av_frame_free(&reencode->small);
    av_packet_free(&reencode->packet);
    avcodec_free_context(&reencode->jpeg);
    avcodec_free_context(&reencode->unjpeg);
    sws_freeContext(reencode->convert);
    sws_freeContext(reencode->enlarge);
    free(reencode->noise);
    free(reencode);
    *out = NULL;
}
