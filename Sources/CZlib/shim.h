#include <zlib.h>

/// inflateInit2, a macro, for gzip alone.
static inline int czlib_inflate_gzip_init(z_streamp stream) { return inflateInit2(stream, 15 + 16); }

/// deflateInit2, a macro, for gzip.
static inline int czlib_deflate_gzip_init(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
