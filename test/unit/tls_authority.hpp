#pragma once
// A certificate authority of its own for each test, and servers' certificates by it. Keys stay in memory; the
// certificate of the authority is written to a file, for clients to trust.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "temporary_directory.hpp"

namespace atelier::test {

struct CloseTls {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { ::X509_free(certificate); }
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using TlsKey = std::unique_ptr<EVP_PKEY, CloseTls>;
using TlsCertificate = std::unique_ptr<X509, CloseTls>;
using TlsContext = std::unique_ptr<SSL_CTX, CloseTls>;

class TlsAuthority {
  public:
    TlsAuthority();

    std::string file() const { return file_; }

    // What a server presents that is `names` ("DNS:good.test,IP:127.0.0.1"), valid from an hour ago until so many
    // seconds from now, which may be less than 0.
    TlsContext server(const std::string& names, long valid_seconds = 3600) const;

  private:
    TemporaryDirectory directory_;
    std::string file_;
    TlsKey key_;
    TlsCertificate certificate_;
};

}  // namespace atelier::test
