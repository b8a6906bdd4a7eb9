/* Time zones by their names, from the machine's own database: a C face of CCTZ. */
#ifndef SHMGATE_ZONE_H
#define SHMGATE_ZONE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A zone; lives as long as the process. */
struct shmgate_zone;

/* The zone of a name such as Europe/Berlin or UTC; NULL if the database does not have it. */
const struct shmgate_zone *shmgate_zone_load(const char *name);

/* The seconds that the zone is ahead of UTC at an instant, given in seconds since 1970. */
int32_t shmgate_zone_offset(const struct shmgate_zone *zone, int64_t utc);

/* The instant, in seconds since 1970, of a local time, given in seconds since 1970-01-01T00:00:00 local time. A time that a
 * change of the clock repeats is the first of the two; one that it skips is read with the offset from before the change. */
int64_t shmgate_zone_instant(const struct shmgate_zone *zone, int64_t local);

#ifdef __cplusplus
}
#endif
#endif
