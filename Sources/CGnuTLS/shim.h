/* GnuTLS as Swift can call it: its enumerations chosen, its calls in the order in which they belong together. */
#ifndef CGNUTLS_SHIM_H
#define CGNUTLS_SHIM_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <time.h>

/* SHA-256 of some bytes, 32 bytes; 0 if it worked. */
static inline int cgnutls_sha256(const void *bytes, size_t count, uint8_t *digest) {
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, count, digest);
}

/* Random bytes that nobody can foresee; 0 if it worked. */
static inline int cgnutls_random(void *bytes, size_t count) { return gnutls_rnd(GNUTLS_RND_KEY, bytes, count); }

/* The versions and ciphers of a server: TLS 1.2 and 1.3, nothing older. */
#define CGNUTLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

static inline gnutls_datum_t cgnutls_datum(const void *bytes, size_t count) {
    gnutls_datum_t datum = {(unsigned char *)bytes, (unsigned int)count};
    return datum;
}

/* When the first certificate of a PEM text ends; 0, or why there is none. */
static inline int cgnutls_expiration(const void *certificate, size_t count, time_t *end) {
    gnutls_datum_t text = cgnutls_datum(certificate, count);
    gnutls_x509_crt_t first;
    int code = gnutls_x509_crt_init(&first);
    if (code < 0) return code;
    code = gnutls_x509_crt_import(first, &text, GNUTLS_X509_FMT_PEM);
    if (code >= 0) *end = gnutls_x509_crt_get_expiration_time(first);
    gnutls_x509_crt_deinit(first);
    return code < 0 ? code : 0;
}

/* Whether a PEM text is a private key that needs no password; 0, or why not. */
static inline int cgnutls_check_key(const void *key, size_t count) {
    gnutls_datum_t text = cgnutls_datum(key, count);
    gnutls_x509_privkey_t read;
    int code = gnutls_x509_privkey_init(&read);
    if (code < 0) return code;
    code = gnutls_x509_privkey_import2(read, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(read);
    return code < 0 ? code : 0;
}

/* Whether a chain of certificates and a key belong together; 0, or why not. */
static inline int cgnutls_check_pair(const void *chain, size_t chain_count, const void *key, size_t key_count) {
    gnutls_datum_t chain_text = cgnutls_datum(chain, chain_count), key_text = cgnutls_datum(key, key_count);
    gnutls_certificate_credentials_t both;
    int code = gnutls_certificate_allocate_credentials(&both);
    if (code < 0) return code;
    code = gnutls_certificate_set_x509_key_mem2(both, &chain_text, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(both);
    return code < 0 ? code : 0;
}

/* How many authorities a PEM text has; below 0, why it has none. */
static inline int cgnutls_count_authorities(const void *text, size_t count) {
    gnutls_datum_t datum = cgnutls_datum(text, count);
    gnutls_certificate_credentials_t all;
    int code = gnutls_certificate_allocate_credentials(&all);
    if (code < 0) return code;
    code = gnutls_certificate_set_x509_trust_mem(all, &datum, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(all);
    return code;
}

/*
 * Whether the other side of a session showed a certificate of an authority that is trusted, for the use of a client.
 *
 * 1 if so, with the SHA-256 of the certificate; 0 if it showed none; -1 if it is none that counts.
 */
static inline int cgnutls_client_certificate(void *session, uint8_t *digest) {
    unsigned int count = 0, status = 0;
    const gnutls_datum_t *shown = gnutls_certificate_get_peers((gnutls_session_t)session, &count);
    gnutls_typed_vdata_st use = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    if (shown == NULL || count == 0) return 0;
    if (gnutls_certificate_verify_peers((gnutls_session_t)session, &use, 1, &status) < 0 || status != 0) return -1;
    return cgnutls_sha256(shown[0].data, shown[0].size, digest) == 0 ? 1 : -1;
}

/* What a client has of a connection: the session, the authorities that it believes, and what was found wrong. */
typedef struct {
    gnutls_session_t session;
    gnutls_certificate_credentials_t trust;
    unsigned int status;
} cgnutls_client_t;

static inline void cgnutls_client_end(cgnutls_client_t *client) {
    if (client->session != NULL) gnutls_deinit(client->session);
    if (client->trust != NULL) gnutls_certificate_free_credentials(client->trust);
    client->session = NULL;
    client->trust = NULL;
}

/*
 * Begins TLS on a connected socket; 0, or why not, the status of the certificate beside it.
 *
 * A host of NULL believes every certificate. Without a text of authorities the system's count.
 */
static inline int cgnutls_client_begin(
    cgnutls_client_t *client, int descriptor, const char *host, int is_name, const void *authorities, size_t count) {
    gnutls_datum_t text = cgnutls_datum(authorities, count);
    int code = gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    if (code == 0) code = gnutls_certificate_allocate_credentials(&client->trust);
    if (code == 0 && host != NULL) {
        code = authorities != NULL ? gnutls_certificate_set_x509_trust_mem(client->trust, &text, GNUTLS_X509_FMT_PEM)
                                   : gnutls_certificate_set_x509_system_trust(client->trust);
        if (code >= 0) code = 0;
    }
    if (code == 0) code = gnutls_priority_set_direct(client->session, CGNUTLS_PRIORITIES, NULL);
    if (code == 0) code = gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->trust);
    if (code == 0 && host != NULL && is_name)
        code = gnutls_server_name_set(client->session, GNUTLS_NAME_DNS, host, __builtin_strlen(host));
    if (code != 0) return code;
    if (host != NULL) gnutls_session_set_verify_cert(client->session, host, 0);
    gnutls_transport_set_int(client->session, descriptor);
    do code = gnutls_handshake(client->session);
    while (code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        client->status = gnutls_session_get_verify_cert_status(client->session);
    return code;
}

/* What is wrong with a certificate, as text that the caller frees; NULL if there are no words for it. */
static inline char *cgnutls_explain(unsigned int status) {
    gnutls_datum_t text = {0};
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0) return NULL;
    return (char *)text.data;
}

/* Says something in a session, and that nothing follows; what its socket does not take at once is lost. */
static inline void cgnutls_last_words(void *session, const void *bytes, size_t count) {
    if (gnutls_record_send((gnutls_session_t)session, bytes, count) == (ssize_t)count)
        gnutls_bye((gnutls_session_t)session, GNUTLS_SHUT_WR);
}

#endif
