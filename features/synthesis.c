#include "features/synthesis.h"

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "features/video_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SIDE 256   /* of a texture, which repeats */

static const struct {
    const char *suffix, *muxer, *encoder, *options, *sound;
} formats[] = {
    /* mbtree off: libx264 164's, with AVX-512, gives other bytes from call to call. */
    {"mp4", "mp4", "libx264", "preset=fast:crf=20:bf=3:mbtree=0", "aac"},
    {"avi", "avi", "mpeg4", "qmin=3:qmax=3", "mp2"},
    {"webm", "webm", "libvpx-vp9", "deadline=realtime:cpu-used=8:crf=28:b=0", "libopus"},
    {"gif", "gif", "gif", "", NULL},
    {"mkv", "matroska", "libx264", "preset=fast:crf=23:bf=2:mbtree=0", "libvorbis"},
};
static const struct { int width, height; } sizes[] = {{320, 240}, {352, 288}, {424, 240}, {480, 272}};
static const int rates[] = {10, 25, 8, 15, 30, 12, 24};
static const char *const sources[2][3] = {{DESY_SYNTHETIC "camera-handheld", DESY_SYNTHETIC "camera-tripod", DESY_SYNTHETIC "camera-zoom"},
                                          {DESY_SYNTHETIC "nearest", DESY_SYNTHETIC "bilinear", DESY_SYNTHETIC "checkerboard"}};

/* Strides 3 (source), 5 (format), 4 (size), 7 (rate) have no common factor: every combination turns up. */
void desy_synthesis_plan(struct desy_synthesis *clip, uint64_t seed, int index)
{
    const int pair = index / 2, label = index % 2, kind = pair % 3, turn = pair / 3;
    const int scene = turn - (turn % 4 == 3); /* the fourth clip of a source shows the scene of the third */
    *clip = (struct desy_synthesis){
        .label = label, .source = sources[label][kind], .kind = kind, .seed = seed, .scene = (uint64_t)scene * 6 + (uint64_t)(label * 3 + kind),
        .index = index, .format = pair % 5, .width = sizes[pair % 4].width, .height = sizes[pair % 4].height, .fps = rates[pair % 7],
    };
    clip->frames = clip->fps * (4 + turn % 3) / 2;
    clip->sound = formats[clip->format].sound && turn % 2 == 0;
    snprintf(clip->name, sizeof clip->name, "%05d.%s", index, formats[clip->format].suffix);
    snprintf(clip->group, sizeof clip->group, "%c-%05d", label ? 'g' : 'c', scene * 3 + kind);
}

/* Separate streams of random numbers, by what they are for. */
enum purpose { TEXTURE, MOTION, NOISE, SOUND, PURPOSES };

static uint64_t stream_of(uint64_t number, enum purpose purpose) { return number * PURPOSES + purpose; }

struct painter {
    const struct desy_synthesis *clip;
    float *texture[3];            /* (SIDE, SIDE) in about [-1, 1]: luma, two chroma */
    float *latent, *grain;        /* generated-like: low-resolution picture, smooth noise */
    uint8_t *planes[3];
    double speed[2], phase[2], object[2];
    uint64_t noise;               /* counter */
};

/* Value noise: octaves of a random lattice, each half as strong as the one before. */
static void paint_texture(float *texture, const struct desy_synthesis *clip, int channel)
{
    for (int i = 0; i < SIDE * SIDE; i++) texture[i] = 0;
    float strength = .6f;
    for (int cells = 4; cells <= SIDE; cells *= 2, strength *= .62f) {
        const int step = SIDE / cells;
        const uint64_t base = ((uint64_t)channel << 40) + ((uint64_t)cells << 20);
        for (int cy = 0; cy < cells; cy++)
            for (int cx = 0; cx < cells; cx++) {
                float corner[4];
                for (int k = 0; k < 4; k++) {
                    const int x = (cx + k % 2) % cells, y = (cy + k / 2) % cells;
                    corner[k] = 2.f * (float)desy_random_uniform(clip->seed, stream_of(clip->scene, TEXTURE), base + (uint64_t)(y * cells + x)) - 1.f;
                }
                for (int y = 0; y < step; y++)
                    for (int x = 0; x < step; x++) {
                        const float u = (float)x / (float)step, v = (float)y / (float)step;
                        const float top = corner[0] + u * (corner[1] - corner[0]), bottom = corner[2] + u * (corner[3] - corner[2]);
                        texture[(cy * step + y) * SIDE + cx * step + x] += strength * (top + v * (bottom - top));
                    }
            }
    }
}

static float sample(const float *texture, double x, double y)
{
    const double fx = floor(x), fy = floor(y);
    const int x0 = (int)((int64_t)fx & (SIDE - 1)), y0 = (int)((int64_t)fy & (SIDE - 1));
    const int x1 = (x0 + 1) & (SIDE - 1), y1 = (y0 + 1) & (SIDE - 1);
    const float u = (float)(x - fx), v = (float)(y - fy);
    const float top = texture[y0 * SIDE + x0] + u * (texture[y0 * SIDE + x1] - texture[y0 * SIDE + x0]);
    const float bottom = texture[y1 * SIDE + x0] + u * (texture[y1 * SIDE + x1] - texture[y1 * SIDE + x0]);
    return top + v * (bottom - top);
}

static uint8_t to_byte(float value) { return value < 0.f ? 0 : value > 255.f ? 255 : (uint8_t)(value + .5f); }

/* Where the camera looks at `time` seconds, and how near. */
struct view { double x, y, zoom; };

static struct view look(const struct painter *painter, double time, int frame)
{
    const struct desy_synthesis *clip = painter->clip;
    struct view view = {painter->phase[0], painter->phase[1], .6};
    if (clip->kind != 1 || clip->label) {
        view.x += painter->speed[0] * time;
        view.y += painter->speed[1] * time;
    }
    if (clip->kind == 2) view.zoom *= 1. - .08 * time;
    if (clip->label == 0 && clip->kind == 0) { /* a hand shakes */
        view.x += .7 * desy_random_normal(clip->seed, stream_of((uint64_t)clip->index, MOTION), 16 + 2 * (uint64_t)frame);
        view.y += .7 * desy_random_normal(clip->seed, stream_of((uint64_t)clip->index, MOTION), 17 + 2 * (uint64_t)frame);
    }
    return view;
}

/* Sum of four bytes, centred and scaled to variance 1; two of them from one random number. */
static void two_normals(struct painter *painter, float normal[2])
{
    uint64_t bits = desy_random_u64(painter->clip->seed, stream_of((uint64_t)painter->clip->index, NOISE), painter->noise++);
    for (int i = 0; i < 2; i++, bits >>= 32)
        normal[i] = ((float)((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24 & 255)) - 510.f) / 147.8f;
}

/* A textured world seen by a moving lens, with an object passing, and noise that grows with brightness. */
static void paint_camera(struct painter *painter, double time, int frame)
{
    const struct desy_synthesis *clip = painter->clip;
    const struct view view = look(painter, time, frame);
    const float read_noise = clip->kind == 1 ? 2.5f : 1.5f, shot_noise = .16f;
    const double ox = painter->object[0] + 60. * time, oy = painter->object[1], radius = clip->height / 6.;
    float normal[2] = {0, 0};

    for (int c = 0; c < 3; c++) {
        const int scale = c ? 2 : 1, width = clip->width / scale, height = clip->height / scale;
        const float gain = c ? 45.f : 80.f;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const double px = x * scale, py = y * scale;
                const bool on_object = (px - ox) * (px - ox) + (py - oy) * (py - oy) < radius * radius;
                const double tx = on_object ? px - ox + 91. : (px - clip->width / 2.) * view.zoom + view.x;
                const double ty = on_object ? py - oy + 37. : (py - clip->height / 2.) * view.zoom + view.y;
                const float light = 128.f + gain * sample(painter->texture[c], tx, ty);
                if (x % 2 == 0) two_normals(painter, normal);
                painter->planes[c][y * width + x] = to_byte(light + normal[x % 2] * (read_noise + shot_noise * sqrtf(light > 0.f ? light : 0.f)) / (float)scale);
            }
    }
}

/* A low-resolution picture up-sampled: nearest or bilinear. */
static float upsample(const float *latent, int columns, int x, int y, int stride, bool nearest)
{
    const int cx = x / stride, cy = y / stride;
    const float *at = latent + cy * columns + cx;
    if (nearest) return at[0];
    const float u = (float)(x % stride) / (float)stride, v = (float)(y % stride) / (float)stride;
    const float top = at[0] + u * (at[1] - at[0]), bottom = at[columns] + u * (at[columns + 1] - at[columns]);
    return top + v * (bottom - top);
}

/* A small latent of the same kind of world, up-sampled, with the traces of up-sampling and smooth noise that hardly changes. */
static void paint_generated(struct painter *painter, double time, int frame)
{
    const struct desy_synthesis *clip = painter->clip;
    const struct view view = look(painter, time, frame);
    const bool nearest = clip->kind == 0;
    const int stride = clip->kind == 1 ? 8 : 4;
    const float checkerboard = clip->kind == 2 ? 4.f : 1.5f;

    for (int c = 0; c < 3; c++) {
        const int scale = c ? 2 : 1, width = clip->width / scale, height = clip->height / scale;
        const int columns = width / stride + 2, rows = height / stride + 2;
        const float gain = c ? 45.f : 80.f;
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                const double px = (x * stride * scale - clip->width / 2.) * view.zoom, py = (y * stride * scale - clip->height / 2.) * view.zoom;
                const double drift = 6. * sin(.9 * time + .02 * px); /* shapes melt into each other */
                painter->latent[y * columns + x] = 128.f + gain * sample(painter->texture[c], px + view.x, py + view.y + drift);
                painter->grain[y * columns + x] = 3.f * sample(painter->texture[c], 31. * x + 2. * time, 17. * y);
            }
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                const float board = ((x ^ y) & 1) ? checkerboard : -checkerboard;
                painter->planes[c][y * width + x] = to_byte(upsample(painter->latent, columns, x, y, stride, nearest)
                                                            + upsample(painter->grain, columns, x, y, stride, false) + (c ? 0.f : board));
            }
    }
}

/* Two tones and a little noise, alike in both classes. */
static int write_sound(desy_video_writer *writer, const struct desy_synthesis *clip, int64_t first, int64_t last)
{
    float samples[1024];
    while (first < last) {
        const int n = last - first < 1024 ? (int)(last - first) : 1024;
        for (int i = 0; i < n; i++) {
            const double t = (double)(first + i) / DESY_SOUND_RATE;
            const double noise = desy_random_uniform(clip->seed, stream_of((uint64_t)clip->index / 2, SOUND), (uint64_t)(first + i)) - .5;
            samples[i] = (float)(.2 * sin(2. * M_PI * (180. + 30. * (clip->index / 2 % 9)) * t) + .1 * sin(2. * M_PI * 523. * t) + .05 * noise);
        }
        int rc = desy_video_writer_sound(writer, samples, (size_t)n);
        if (rc != DESY_OK) return rc;
        first += n;
    }
    return DESY_OK;
}

static int open_painter(struct painter *painter, const struct desy_synthesis *clip)
{
    const size_t pixels = (size_t)clip->width * (size_t)clip->height;
    *painter = (struct painter){.clip = clip};
    painter->latent = malloc(pixels * sizeof(float));
    painter->grain = malloc(pixels * sizeof(float));
    if (!painter->latent || !painter->grain) return desy_error_memory("a picture");
    for (int c = 0; c < 3; c++) {
        painter->planes[c] = malloc(pixels);
        painter->texture[c] = malloc(SIDE * SIDE * sizeof(float));
        if (!painter->planes[c] || !painter->texture[c]) return desy_error_memory("a picture");
        paint_texture(painter->texture[c], clip, c);
    }
    const uint64_t stream = stream_of((uint64_t)clip->index, MOTION);
    for (int i = 0; i < 2; i++) {
        painter->speed[i] = 30. * (desy_random_uniform(clip->seed, stream, (uint64_t)i) - .5);
        painter->phase[i] = SIDE * desy_random_uniform(clip->seed, stream, 2 + (uint64_t)i);
        painter->object[i] = (i ? clip->height : clip->width) * desy_random_uniform(clip->seed, stream, 4 + (uint64_t)i);
    }
    return DESY_OK;
}

static void close_painter(struct painter *painter)
{
    free(painter->latent);
    free(painter->grain);
    for (int c = 0; c < 3; c++) {
        free(painter->planes[c]);
        free(painter->texture[c]);
    }
}

int desy_synthesis_write(const struct desy_synthesis *clip, const char *path)
{
    int rc = DESY_OK;
    desy_video_writer *writer = NULL;
    struct painter painter = {0};
    int64_t heard = 0;
    const struct desy_video_writer_options options = {
        .path = path, .muxer = formats[clip->format].muxer, .video_encoder = formats[clip->format].encoder,
        .video_options = formats[clip->format].options, .audio_encoder = clip->sound ? formats[clip->format].sound : NULL,
        .width = clip->width, .height = clip->height, .fps = clip->fps,
    };
    DESY_TRY(open_painter(&painter, clip));
    DESY_TRY(desy_video_writer_open(&writer, &options));
    for (int frame = 0; frame < clip->frames; frame++) {
        const double time = (double)frame / clip->fps;
        if (clip->label) paint_generated(&painter, time, frame);
        else paint_camera(&painter, time, frame);
        DESY_TRY(desy_video_writer_frame(writer, (const uint8_t *const *)painter.planes));
        const int64_t due = (int64_t)(frame + 1) * DESY_SOUND_RATE / clip->fps;
        if (clip->sound) DESY_TRY(write_sound(writer, clip, heard, due));
        heard = due;
    }
    DESY_TRY(desy_video_writer_commit(&writer));
out:
    desy_video_writer_abort(&writer);
    close_painter(&painter);
    return rc;
}

int desy_synthesis_write_broken(const char *path, int kind, const char *whole)
{
    static const char text[] = "This is a text file that calls itself a video.\n";
    if (kind % DESY_SYNTHESIS_BROKEN_KINDS == 0) return desy_file_write_atomic(path, text, sizeof text - 1);
    if (kind % DESY_SYNTHESIS_BROKEN_KINDS == 2) return desy_file_write_atomic(path, "", 0);
    char *data = NULL;
    size_t size = 0;
    int rc = desy_file_read(&data, &size, whole);
    if (rc == DESY_OK) rc = desy_file_write_atomic(path, data, size / 2);
    free(data);
    return rc;
}
