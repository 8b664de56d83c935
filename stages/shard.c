#include "stages/shard.h"

#include "base/error.h"

#include <stdio.h>

#define MOST_SHARDS 9999

int desy_shard_parse(struct desy_shard *shard, const char *text)
{
    char rest;
    *shard = (struct desy_shard){1, 1};
    if (!text) return DESY_OK;
    if (sscanf(text, "%d/%d%c", &shard->number, &shard->of, &rest) != 2 || shard->of < 1 || shard->of > MOST_SHARDS)
        return desy_error(DESY_EUSAGE, "--shard %s: must be K/N, part K of N (N at most %d), like 2/8", text, MOST_SHARDS);
    if (shard->number < 1 || shard->number > shard->of)
        return desy_error(DESY_EUSAGE, "--shard %s: the parts are numbered from 1 to %d", text, shard->of);
    return DESY_OK;
}

int desy_shard_writer(const struct desy_shard *shard, int rank)
{
    return shard->of > 1 ? shard->number * 100000 + rank : rank;
}
