/* Items as a message between ranks: fixed fields and NUL-terminated texts, back to back. */
#include "features/dataset.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct head {
    uint64_t id;
    double cost;
    int32_t label, split;
};

enum { TEXTS = 5 };

static void texts_of(const struct desy_item *item, const char *texts[TEXTS])
{
    const char *all[TEXTS] = {item->video_path, item->source, item->group, item->text, item->audio_path};
    memcpy(texts, all, sizeof all);
}

int desy_items_pack(void **bytes, size_t *size, const desy_dataset *dataset, size_t first, size_t count)
{
    struct desy_item item;
    const char *texts[TEXTS];
    uint64_t n = count;
    *size = sizeof n;
    for (size_t i = first; i < first + count; i++) {
        desy_dataset_item(dataset, i, &item);
        texts_of(&item, texts);
        *size += sizeof(struct head);
        for (int t = 0; t < TEXTS; t++) *size += strlen(texts[t]) + 1;
    }
    char *position = *bytes = malloc(*size);
    if (!position) return desy_error_memory("a message");
    memcpy(position, &n, sizeof n);
    position += sizeof n;
    for (size_t i = first; i < first + count; i++) {
        desy_dataset_item(dataset, i, &item);
        texts_of(&item, texts);
        struct head head = {item.id, item.cost, item.label, item.split};
        memcpy(position, &head, sizeof head);
        position += sizeof head;
        for (int t = 0; t < TEXTS; t++) position = stpcpy(position, texts[t]) + 1;
    }
    return DESY_OK;
}

/* The text at *position, which moves behind it; NULL if it does not end within the message. */
static const char *next_text(const char **position, const char *end)
{
    const char *text = *position, *stop = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (stop) *position = stop + 1;
    return stop ? text : NULL;
}

int desy_items_unpack(struct desy_item **items, size_t *count, const void *bytes, size_t size)
{
    const char *position = bytes, *end = position + size;
    uint64_t n = 0;
    *items = NULL;
    if (size >= sizeof n) memcpy(&n, position, sizeof n);
    if (size < sizeof n || n > size / sizeof(struct head)) return desy_error(DESY_EDATA, "a message of items is damaged");
    position += sizeof n;
    struct desy_item *list = calloc(n ? n : 1, sizeof *list);
    if (!list) return desy_error_memory("items");
    for (size_t i = 0; i < n; i++) {
        struct head head;
        const char *texts[TEXTS] = {NULL};
        bool whole = (size_t)(end - position) >= sizeof head;
        if (whole) {
            memcpy(&head, position, sizeof head);
            position += sizeof head;
            for (int t = 0; t < TEXTS && whole; t++) whole = (texts[t] = next_text(&position, end)) != NULL;
        }
        if (!whole) {
            free(list);
            return desy_error(DESY_EDATA, "a message of items is damaged");
        }
        list[i] = (struct desy_item){.id = head.id, .cost = head.cost, .label = head.label, .split = (enum desy_split_part)head.split,
            .video_path = texts[0], .source = texts[1], .group = texts[2], .text = texts[3], .audio_path = texts[4]};
    }
    *items = list, *count = n;
    return DESY_OK;
}
