#include "eval/timestamp.h"

#include "base/decimal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* n digits at *text, which moves behind them; -1: there are not so many. */
static int digits(const char **text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) return -1;
        value = 10 * value + (**text - '0');
    }
    return value;
}

static bool skip(const char **text, char c)
{
    if (**text != c) return false;
    (*text)++;
    return true;
}

/* "Z", "+01:00", "-0530", or nothing: seconds east of Greenwich. */
static bool parse_zone(const char **text, double *east)
{
    *east = 0;
    if (skip(text, 'Z') || skip(text, 'z') || !**text) return true;
    const int sign = **text == '+' ? 1 : **text == '-' ? -1 : 0;
    if (sign == 0) return false;
    (*text)++;
    const int hours = digits(text, 2);
    skip(text, ':');
    const int minutes = **text ? digits(text, 2) : 0;
    *east = sign * (hours * 3600. + minutes * 60.);
    return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

static bool parse_clock(const char **text, struct tm *when, double *fraction)
{
    when->tm_hour = digits(text, 2);
    if (!skip(text, ':')) return false;
    when->tm_min = digits(text, 2);
    if (skip(text, ':')) when->tm_sec = digits(text, 2);
    if (skip(text, '.') || skip(text, ','))
        for (double place = .1; isdigit((unsigned char)**text); place /= 10) *fraction += place * (*(*text)++ - '0');
    return when->tm_hour >= 0 && when->tm_hour < 24 && when->tm_min >= 0 && when->tm_min < 60 && when->tm_sec >= 0 && when->tm_sec <= 60;
}

/* Has that month such a day? */
static bool is_a_day(const struct tm *when)
{
    struct tm day = {.tm_year = when->tm_year, .tm_mon = when->tm_mon, .tm_mday = when->tm_mday};
    timegm(&day); /* puts right what is none */
    return day.tm_mon == when->tm_mon && day.tm_mday == when->tm_mday;
}

bool desy_timestamp_parse(const char *text, double *seconds)
{
    struct tm when = {0};
    double fraction = 0, east = 0;
    const char *at = text;
    when.tm_year = digits(&at, 4) - 1900;
    if (when.tm_year < -1900 || !skip(&at, '-')) return desy_decimal(text, seconds);
    when.tm_mon = digits(&at, 2) - 1;
    if (!skip(&at, '-')) return false;
    when.tm_mday = digits(&at, 2);
    if (!is_a_day(&when)) return false;
    if ((skip(&at, 'T') || skip(&at, 't') || skip(&at, ' ')) && !parse_clock(&at, &when, &fraction)) return false;
    if (!parse_zone(&at, &east) || *at) return false;
    *seconds = (double)timegm(&when) + fraction - east;
    return true;
}

const char *desy_timestamp_text(char text[DESY_TIMESTAMP_TEXT], double seconds)
{
    struct tm when;
    const time_t whole = (time_t)floor(seconds);
    if (fabs(seconds) > 2e11 || !gmtime_r(&whole, &when) || !strftime(text, DESY_TIMESTAMP_TEXT, "%Y-%m-%dT%H:%M:%SZ", &when)) snprintf(text, DESY_TIMESTAMP_TEXT, "%.6g", seconds);
    return text;
}
