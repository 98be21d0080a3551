#pragma once
// SHA-256 through OpenSSL.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace atelier::core {

class Sha256 {
  public:
    Sha256();

    void update(std::string_view bytes);

    // 64 lower-case hex digits. Call once.
    std::string finish();

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_hex(std::string_view bytes);

// Whether a text is a hash as we write it: 64 lower-case hex digits.
bool is_sha256_hex(std::string_view text) noexcept;

}  // namespace atelier::core
