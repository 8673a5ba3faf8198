#include "base/timefmt.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

int64_t time_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * TIME_NS_PER_SEC + t.tv_nsec;
}

int64_t time_mono(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * TIME_NS_PER_SEC + t.tv_nsec;
}

/*
 * The date of a day counted from 1 January 1970. Years begin with March here, so that the day that is not always there is the last of
 * one; 146097 days are 400 years. Not gmtime_r(3), which reads the machine's time zone first: eight system calls and a parser
 * for a command that prints one line.
 */
static void date_of(int64_t day, int *year, int *month, int *mday)
{
	int64_t since = day + 719468; /* 1 March of the year 0 */
	int64_t era = (since >= 0 ? since : since - 146096) / 146097;
	int in_era = (int)(since - era * 146097);
	int y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int in_year = in_era - (365 * y + y / 4 - y / 100);
	int m = (5 * in_year + 2) / 153; /* 0: March */
	*mday = in_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = (int)(y + era * 400) + (*month <= 2);
}

static int split(int64_t ns, char *buf)
{
	int64_t sec = ns / TIME_NS_PER_SEC, rest = ns % TIME_NS_PER_SEC;
	if (rest < 0) {
		rest += TIME_NS_PER_SEC;
		sec--;
	}
	int64_t day = sec / 86400, in_day = sec % 86400;
	if (in_day < 0) {
		in_day += 86400;
		day--;
	}
	int year, month, mday, t = (int)in_day;
	date_of(day, &year, &month, &mday);
	return snprintf(buf, TIME_STR_LEN, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", year, month, mday,
		t / 3600, t / 60 % 60, t % 60, (int)rest);
}

char *time_rfc3339_fixed(int64_t ns, char *buf)
{
	split(ns, buf);
	return buf;
}

char *time_rfc3339(int64_t ns, char *buf)
{
	if (ns == 0)
		return strcpy(buf, "0001-01-01T00:00:00Z");
	int n = split(ns, buf) - 1;
	while (buf[n - 1] == '0')
		n--;
	if (buf[n - 1] == '.')
		n--;
	strcpy(buf + n, "Z");
	return buf;
}

/* Reads exactly @digits digits; -1 if they are not there. */
static int digits(const char **s, int count)
{
	int v = 0;
	for (int i = 0; i < count; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int fraction(const char **s, int64_t *ns)
{
	int64_t unit = TIME_NS_PER_SEC;
	if (**s < '0' || **s > '9')
		return -1;
	for (; **s >= '0' && **s <= '9'; (*s)++)
		*ns += (**s - '0') * (unit /= 10);
	return 0;
}

/* Zone at the end of a timestamp: Z, +hh:mm, -hh:mm; an absent one is UTC if @optional. */
static int zone(const char *s, bool optional, int64_t *seconds)
{
	*seconds = 0;
	if (str_eq(s, "Z") || str_eq(s, "z") || (optional && !*s))
		return 0;
	int sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
	if (!sign)
		return -1;
	s++;
	int h = digits(&s, 2);
	if (h < 0 || h > 23 || !literal(&s, ':'))
		return -1;
	int m = digits(&s, 2);
	if (m < 0 || m > 59 || *s)
		return -1;
	*seconds = sign * (h * 3600 + m * 60);
	return 0;
}

/* @lax: the zone, the seconds, the minutes or the whole time may be absent. */
static int parse_date(const char *s, bool lax, int64_t *ns)
{
	struct tm tm = {0};
	int64_t frac = 0, offset = 0;
	int y = digits(&s, 4);
	if (y < 0 || !literal(&s, '-'))
		return -1;
	int mon = digits(&s, 2);
	if (mon < 1 || mon > 12 || !literal(&s, '-'))
		return -1;
	int day = digits(&s, 2);
	if (day < 1 || day > 31)
		return -1;
	int h = 0, min = 0, sec = 0;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s++;
		h = digits(&s, 2);
		if (literal(&s, ':')) {
			min = digits(&s, 2);
			if (literal(&s, ':')) {
				sec = digits(&s, 2);
				if (literal(&s, '.') && fraction(&s, &frac) < 0)
					return -1;
			} else if (!lax) {
				return -1;
			}
		} else if (!lax) {
			return -1;
		}
	} else if (!lax) {
		return -1;
	}
	if (h < 0 || h > 23 || min < 0 || min > 59 || sec < 0 || sec > 60 ||
		zone(s, lax, &offset) < 0)
		return -1;
	if (y == 1 && mon == 1 && day == 1) {
		*ns = 0;
		return 0;
	}
	if (y < 1678 || y > 2261) /* what nanoseconds in 64 bits can hold */
		return -1;
	tm.tm_year = y - 1900;
	tm.tm_mon = mon - 1;
	tm.tm_mday = day;
	tm.tm_hour = h;
	tm.tm_min = min;
	tm.tm_sec = sec;
	*ns = (timegm(&tm) - offset) * TIME_NS_PER_SEC + frac;
	return 0;
}

int time_parse_rfc3339(const char *s, int64_t *ns)
{
	return parse_date(s, false, ns);
}

int time_parse_duration(const char *s, int64_t *ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"ns", 1},
		{"us", 1000},
		{"\xc2\xb5s", 1000},
		{"ms", 1000000},
		{"s", TIME_NS_PER_SEC},
		{"m", 60 * TIME_NS_PER_SEC},
		{"h", 3600 * TIME_NS_PER_SEC},
	};
	double total = 0;
	int sign = 1;
	if (*s == '-' || *s == '+')
		sign = *s++ == '-' ? -1 : 1;
	if (str_eq(s, "0")) {
		*ns = 0;
		return 0;
	}
	if (!*s)
		return -1;
	while (*s) {
		double v = 0, scale = 1;
		bool any = false;
		for (; *s >= '0' && *s <= '9'; s++, any = true)
			v = v * 10 + (*s - '0');
		if (*s == '.')
			for (s++; *s >= '0' && *s <= '9'; s++, any = true)
				v += (*s - '0') * (scale /= 10);
		size_t len = strcspn(s, "0123456789.");
		size_t i = 0;
		while (i < sizeof(units) / sizeof(units[0]) &&
			(strlen(units[i].name) != len || memcmp(units[i].name, s, len) != 0))
			i++;
		if (!any || i == sizeof(units) / sizeof(units[0]))
			return -1;
		total += v * (double)units[i].ns;
		s += len;
	}
	if (total >= 9.2e18)
		return -1;
	*ns = sign * (int64_t)(total + 0.5);
	return 0;
}

int time_parse_timestamp(const char *s, int64_t now, int64_t *ns)
{
	const char *p = s;
	bool negative = *p == '-';
	p += negative;
	const char *start = p;
	while (*p >= '0' && *p <= '9')
		p++;
	if (p > start && p - start <= 10 && (*p == 0 || *p == '.')) {
		int64_t sec = 0, frac = 0;
		for (const char *q = start; q < p; q++)
			sec = sec * 10 + (*q - '0');
		if (*p == '.') {
			p++;
			if (fraction(&p, &frac) < 0 || *p)
				return -1;
		}
		if (sec > 9000000000LL)
			return -1;
		*ns = (negative ? -1 : 1) * (sec * TIME_NS_PER_SEC + frac);
		return 0;
	}
	int64_t duration;
	if (time_parse_duration(s, &duration) == 0) {
		return __builtin_sub_overflow(now, duration, ns) ? -1 : 0;
	}
	return parse_date(s, true, ns);
}

char *time_human(int64_t ns, char *buf, size_t len)
{
	double sec = (double)ns / 1e9;
	int64_t s = (int64_t)sec, m = s / 60, h = (int64_t)(sec / 3600 + 0.5);
	if (s < 1)
		snprintf(buf, len, "Less than a second");
	else if (s == 1)
		snprintf(buf, len, "1 second");
	else if (s < 60)
		snprintf(buf, len, "%" PRId64 " seconds", s);
	else if (m == 1)
		snprintf(buf, len, "About a minute");
	else if (m < 60)
		snprintf(buf, len, "%" PRId64 " minutes", m);
	else if (h == 1)
		snprintf(buf, len, "About an hour");
	else if (h < 48)
		snprintf(buf, len, "%" PRId64 " hours", h);
	else if (h < 24 * 7 * 2)
		snprintf(buf, len, "%" PRId64 " days", h / 24);
	else if (h < 24 * 30 * 2)
		snprintf(buf, len, "%" PRId64 " weeks", h / 24 / 7);
	else if (h < 24 * 365 * 2)
		snprintf(buf, len, "%" PRId64 " months", h / 24 / 30);
	else
		snprintf(buf, len, "%" PRId64 " years", (int64_t)(sec / 3600) / 24 / 365);
	return buf;
}
