/* Times as Docker writes them. All times are UTC nanoseconds since the epoch in int64_t. */
#ifndef KIST_BASE_TIMEFMT_H
#define KIST_BASE_TIMEFMT_H

#include <stddef.h>
#include <stdint.h>

#define TIME_NS_PER_SEC 1000000000LL
#define TIME_STR_LEN 40

/** CLOCK_REALTIME now. */
int64_t time_now(void);
/** CLOCK_MONOTONIC now, for time-outs. */
int64_t time_mono(void);
/** RFC 3339 with nanoseconds, trailing zeros cut as Go's RFC3339Nano does ("...05.12Z"); 0 gives Go's
 * zero time "0001-01-01T00:00:00Z". Returns @buf (at least TIME_STR_LEN). */
char *time_rfc3339(int64_t ns, char *buf);
/** The same with all nine digits (json-file timestamps of `docker logs -t`). */
char *time_rfc3339_fixed(int64_t ns, char *buf);
/** RFC 3339 with any fraction and zone (0 or -1). Go's zero time gives 0. */
int time_parse_rfc3339(const char *s, int64_t *ns);
/**
 * What docker accepts for --since/--until on the API: seconds[.nanoseconds] since the epoch, RFC 3339
 * (also without zone, without time), or a Go duration before @now ("10m"). 0 or -1.
 */
int time_parse_timestamp(const char *s, int64_t now, int64_t *ns);
/** Go duration ("1h2m3.5s", "300ms"): 0 or -1. */
int time_parse_duration(const char *s, int64_t *ns);
/** units.HumanDuration: "Less than a second", "About a minute", "3 hours"... */
char *time_human(int64_t ns, char *buf, size_t len);

#endif
