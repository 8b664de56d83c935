/* A bucket of tokens for each address: a minute's worth at most, filled steadily. A small table: an address that is pushed out of it begins anew. */
#include "serve/service.h"

#include "base/error.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct desy_rates {
    pthread_mutex_t lock;
    double a_second, most;
    struct bucket {
        uint8_t address[16];
        double tokens, at;
    } buckets[BUCKETS];
};

struct desy_rates *desy_rates_open(double a_minute)
{
    struct desy_rates *rates = calloc(1, sizeof *rates);
    if (!rates) {
        desy_error_memory("the table of addresses");
        return NULL;
    }
    pthread_mutex_init(&rates->lock, NULL);
    rates->a_second = a_minute / 60, rates->most = a_minute > 1 ? a_minute : 1;
    return rates;
}

/* Of IPv6 the first 64 bits: whoever has one address has them all. */
static void address_of(const struct sockaddr *socket, uint8_t address[16])
{
    memset(address, 0, 16);
    if (socket && socket->sa_family == AF_INET) memcpy(address + 12, &((const struct sockaddr_in *)(const void *)socket)->sin_addr, 4);
    else if (socket && socket->sa_family == AF_INET6 && (IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr) || IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr)))
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 16);
    else if (socket && socket->sa_family == AF_INET6) memcpy(address, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 8);
}

bool desy_rates_take(struct desy_rates *rates, const struct sockaddr *socket, double *wait)
{
    uint8_t address[16];
    uint64_t hash = 14695981039346656037u;
    const double now = desy_monotonic();
    address_of(socket, address);
    for (int i = 0; i < 16; i++) hash = (hash ^ address[i]) * 1099511628211u;
    pthread_mutex_lock(&rates->lock);
    struct bucket *bucket = &rates->buckets[hash % BUCKETS];
    if (bucket->at == 0 || memcmp(bucket->address, address, 16) != 0) {
        memcpy(bucket->address, address, 16);
        bucket->tokens = rates->most;
    } else bucket->tokens += (now - bucket->at) * rates->a_second;
    if (bucket->tokens > rates->most) bucket->tokens = rates->most;
    bucket->at = now;
    const bool taken = bucket->tokens >= 1;
    if (taken) bucket->tokens--;
    *wait = taken ? 0 : (1 - bucket->tokens) / rates->a_second;
    pthread_mutex_unlock(&rates->lock);
    return taken;
}

void desy_rates_close(struct desy_rates **rates)
{
    if (!*rates) return;
    pthread_mutex_destroy(&(*rates)->lock);
    free(*rates);
    *rates = NULL;
}
