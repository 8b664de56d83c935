#include "stages/shard.h"

#include "base/error.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define MOST_DIGITS 4
#define MOST_SHARDS 9999

int desy_shard_parse(struct desy_shard *shard, const char *text)
{
    *shard = (struct desy_shard){1, 1};
    if (!text) return DESY_OK;
    const size_t number = strspn(text, DIGITS), of = text[number] == '/' ? strspn(text + number + 1, DIGITS) : 0;
    const bool good = number >= 1 && number <= MOST_DIGITS && of >= 1 && of <= MOST_DIGITS && text[number + 1 + of] == '\0';
    if (good) *shard = (struct desy_shard){atoi(text), atoi(text + number + 1)};
    if (!good || shard->of < 1)
        return desy_error(DESY_EUSAGE, "--shard %s: must be K/N, part K of N (N at most %d), like 2/8", text, MOST_SHARDS);
    if (shard->number < 1 || shard->number > shard->of)
        return desy_error(DESY_EUSAGE, "--shard %s: the parts are numbered from 1 to %d", text, shard->of);
    return DESY_OK;
}

int desy_shard_writer(const struct desy_shard *shard, int rank)
{
    return shard->of > 1 ? shard->number * 100000 + rank : rank;
}
