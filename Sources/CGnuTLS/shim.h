/* GnuTLS as Swift can call it: its enumerations chosen. */
#ifndef CGNUTLS_SHIM_H
#define CGNUTLS_SHIM_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdint.h>

/* SHA-256 of some bytes, 32 bytes; 0 if it worked. */
static inline int cgnutls_sha256(const void *bytes, size_t count, uint8_t *digest) {
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, count, digest);
}

/* Random bytes that nobody can foresee; 0 if it worked. */
static inline int cgnutls_random(void *bytes, size_t count) { return gnutls_rnd(GNUTLS_RND_KEY, bytes, count); }

#endif
