#include "features/promised_bytes.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define MOST_PARTS 100000 /* of the outermost level: fragmented MP4 has two a fragment */
#define HEAD 16

static uint64_t big_endian(const uint8_t *bytes, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | bytes[i];
    return value;
}

/* The length of a part and its head; 0: none is told. ISO 14496-12, 4.2. */
static uint64_t box_length(const uint8_t *head, int n)
{
    const uint64_t length = n >= 8 ? big_endian(head, 4) : 0;
    if (length == 1) return n >= 16 ? big_endian(head + 8, 8) : 0;
    return length >= 8 ? length : 0;
}

/* All bits set: written to a pipe, where it could not be filled in later. Without the byte that pads an odd one: at the end of a file it may be missing. */
static uint64_t chunk_length(const uint8_t *head, int n)
{
    if (n < 8) return 0;
    const uint32_t length = (uint32_t)head[7] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[5] << 8 | head[4];
    return length == UINT32_MAX ? 0 : 8 + (uint64_t)length;
}

/* An id of 1 to 4 bytes, then a length of 1 to 8 bytes; all of its bits set: not known. RFC 8794, 4 and 6. */
static uint64_t element_length(const uint8_t *head, int n)
{
    const int id = n > 0 && head[0] ? __builtin_clz(head[0]) - 23 : 9;
    const int width = id <= 4 && n > id && head[id] ? __builtin_clz(head[id]) - 23 : 9;
    if (width > 8 || id + width > n) return 0;
    const uint64_t mask = ((uint64_t)1 << 7 * width) - 1, length = big_endian(head + id, width) & mask;
    return length == mask ? 0 : length + (uint64_t)(id + width);
}

/* What may stand at the outermost level; anything else is no part of the container, but bytes that somebody put behind it. */
static bool is_one_of(const uint8_t *type, const char *types)
{
    for (; *types; types += 4)
        if (memcmp(type, types, 4) == 0) return true;
    return false;
}

static bool is_box(const uint8_t *head)
{
    return is_one_of(head + 4, "ftypmoovmdatfreewideskipstypmoofmfrasidxmetauuidpdinemsgprft");
}

static bool is_chunk(const uint8_t *head)
{
    return is_one_of(head, "RIFF");
}

static bool is_element(const uint8_t *head)
{
    return is_one_of(head, "\x1a\x45\xdf\xa3\x18\x53\x80\x67") || head[0] == 0xec; /* EBML, Segment, Void */
}

int64_t desy_promised_bytes(int fd, int64_t offset, int64_t bytes)
{
    static const struct {
        bool (*is)(const uint8_t *head);
        uint64_t (*length)(const uint8_t *head, int n);
        int aligned; /* parts begin at multiples of so many bytes */
    } kinds[] = {{is_box, box_length, 1}, {is_chunk, chunk_length, 2}, {is_element, element_length, 1}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    int kind = KINDS;
    int64_t end = 0;
    for (int part = 0; part < MOST_PARTS && end < bytes; part++) {
        uint8_t head[HEAD] = {0};
        const int64_t start = end + (kind < KINDS ? end % kinds[kind].aligned : 0), left = bytes - start;
        const ssize_t n = pread(fd, head, left < HEAD ? (size_t)left : HEAD, offset + start);
        if (n <= 0) break;
        if (part == 0)
            for (kind = 0; kind < KINDS && !kinds[kind].is(head); kind++) {}
        const uint64_t length = kind < KINDS && kinds[kind].is(head) ? kinds[kind].length(head, (int)n) : 0;
        if (length == 0 || length > INT64_MAX / 2) break; /* to the end of the file, or no part of the container */
        end = start + (int64_t)length;
    }
    return end;
}
