#include "include/shmgate_zone.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <chrono>

struct shmgate_zone {
    cctz::time_zone zone;
};

static cctz::time_point<cctz::seconds> point(int64_t utc) {
    return std::chrono::time_point_cast<cctz::seconds>(std::chrono::system_clock::from_time_t(0)) + cctz::seconds(utc);
}

const struct shmgate_zone *shmgate_zone_load(const char *name) {
    cctz::time_zone zone;
    if (!cctz::load_time_zone(name, &zone)) return nullptr;
    return new shmgate_zone{zone};
}

int32_t shmgate_zone_offset(const struct shmgate_zone *zone, int64_t utc) {
    return zone->zone.lookup(point(utc)).offset;
}

int64_t shmgate_zone_instant(const struct shmgate_zone *zone, int64_t local) {
    const cctz::civil_second civil = cctz::civil_second(1970, 1, 1) + local;
    return (zone->zone.lookup(civil).pre - point(0)).count();
}
