#include "base/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* m * 2^-shift, and something below that if `sticky`, to the nearest double, ties to even. m's highest bit is set, the result is a normal number. */
static double round_to_double(uint64_t m, int shift, bool sticky)
{
    const uint64_t half = 1 << 10, low = m & 2047; /* 64 - 53 bits go */
    uint64_t kept = m >> 11;
    if (low > half || (low == half && (sticky || (kept & 1)))) kept++;
    const uint64_t bits = (uint64_t)(1023 + 11 - shift) << 52; /* 2^(11 - shift) */
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return (double)kept * scale;
}

/* digits / 10^places for places <= 19: one division of 128 by 64 bits, whose remainder tells the rest. */
static double divide(uint64_t digits, int places)
{
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
                                      100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000U};
    static const double exact[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
    if (digits <= (uint64_t)1 << 53) return (double)digits / exact[places]; /* both exact, rounded once (Clinger, PLDI 1990) */
    const int of_digits = __builtin_clzll(digits), of_power = __builtin_clzll(powers[places]);
    const uint64_t power = powers[places] << of_power;
    /* Shifted to just below the divisor, so that the quotient has 64 bits. */
    unsigned __int128 dividend = (unsigned __int128)(digits << of_digits) << 63;
    const uint64_t quotient = (uint64_t)(dividend / power), rest = (uint64_t)dividend - quotient * power; /* below power: 64 bits hold it */
    /* digits / 10^places = quotient * 2^(of_power - of_digits - 63) */
    const int lead = __builtin_clzll(quotient); /* 0 or 1 */
    return round_to_double(quotient << lead, of_digits - of_power + 63 + lead, rest != 0);
}

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

/* Adds the digits at c to *digits, four at a time, which one multiplication waits for, not four; returns their end. Nothing behind the first other character is read. */
static const char *take_digits(const char *c, uint64_t *digits)
{
    uint64_t sum = *digits;
    while (is_digit(c[0]) && is_digit(c[1]) && is_digit(c[2]) && is_digit(c[3])) {
        sum = 10000 * sum + (unsigned)(1000 * (c[0] - '0') + 100 * (c[1] - '0') + 10 * (c[2] - '0') + (c[3] - '0'));
        c += 4;
    }
    for (; is_digit(*c); c++) sum = 10 * sum + (unsigned)(*c - '0');
    *digits = sum;
    return c;
}

/* Plain digits with at most one point: false if there are more than 19, or something else. */
static bool plain(const char *c, double *value)
{
    uint64_t digits = 0;
    int count = 0, places = 0;
    const bool negative = *c == '-';
    c += negative;
    const char *begin = c;
    for (; *c == '0'; c++) continue;
    const char *first = c;
    c = take_digits(c, &digits);
    count = (int)(c - first);
    bool any = c > begin;
    if (*c == '.') {
        const char *point = c++;
        if (count == 0)
            for (; *c == '0'; c++) continue;
        const char *significant = c;
        c = take_digits(c, &digits);
        count += (int)(c - significant);
        places = (int)(c - point - 1);
        any |= places > 0;
    }
    if (!any || *c || count > 19 || places > 19) return false;
    *value = divide(digits, places);
    if (negative) *value = -*value;
    return true;
}

bool desy_decimal(const char *text, double *value)
{
    char *end = NULL;
    if (plain(text, value)) return true;
    *value = strtod(text, &end);
    return end != text && end[strspn(end, " \t")] == '\0' && isfinite(*value);
}
