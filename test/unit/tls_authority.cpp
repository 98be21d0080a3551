#include "tls_authority.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace atelier::test {
namespace {

void check(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(what);
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    check(extension != nullptr && ::X509_add_ext(certificate, extension, -1) == 1, "extension");
    ::X509_EXTENSION_free(extension);
}

TlsKey new_key() {
    TlsKey key(EVP_EC_gen("P-256"));
    check(key != nullptr, "key");
    return key;
}

// Not signed yet.
TlsCertificate new_certificate(EVP_PKEY* key, const char* common_name, long serial, long valid_seconds) {
    TlsCertificate certificate(::X509_new());
    ::X509_set_version(certificate.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), serial);
    ::X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    ::X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds);
    ::X509_set_pubkey(certificate.get(), key);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    return certificate;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
    ::X509_set_issuer_name(certificate, ::X509_get_subject_name(issuer));
    check(::X509_sign(certificate, key, ::EVP_sha256()) > 0, "sign");
}

}  // namespace

TlsAuthority::TlsAuthority()
    : file_(directory_.path() / "ca.pem"),
      key_(new_key()),
      certificate_(new_certificate(key_.get(), directory_.path().c_str(), 1, 3600)) {
    add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    sign(certificate_.get(), certificate_.get(), key_.get());
    std::FILE* const file = std::fopen(file_.c_str(), "w");
    check(file != nullptr && ::PEM_write_X509(file, certificate_.get()) == 1, "write");
    std::fclose(file);
}

TlsContext TlsAuthority::server(const std::string& names, long valid_seconds) const {
    const TlsKey key = new_key();
    const TlsCertificate certificate = new_certificate(key.get(), "server of a test", 2, valid_seconds);
    add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, names);
    sign(certificate.get(), certificate_.get(), key_.get());
    TlsContext context(::SSL_CTX_new(::TLS_server_method()));
    check(::SSL_CTX_use_certificate(context.get(), certificate.get()) == 1, "certificate");
    check(::SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "private key");
    return context;
}

}  // namespace atelier::test
