#include "core/json.hpp"

namespace atelier::core {
namespace {

// Reads once without building anything, and ends at the first breach of a limit.
class LimitChecker : public nlohmann::json_sax<Json> {
  public:
    explicit LimitChecker(std::size_t max_depth) : max_depth_(max_depth) {}

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t& text) override { return check_text(text); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return enter(); }
    bool key(string_t& text) override { return check_text(text); }
    bool end_object() override { return leave(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_array() override { return leave(); }
    bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
        // 406: a number out of the range of double.
        reason_ = error.id == 406 ? "a number out of range" : "a syntax error";
        reason_ += " at byte " + std::to_string(position);
        return false;
    }

    const std::string& reason() const { return reason_; }

  private:
    bool enter() {
        if (++depth_ <= max_depth_) return true;
        reason_ = "nesting deeper than " + std::to_string(max_depth_);
        return false;
    }
    bool leave() {
        --depth_;
        return true;
    }
    // The lexer has checked UTF-8.
    bool check_text(const std::string& text) {
        if (text.find('\0') == std::string::npos) return true;
        reason_ = "U+0000 in a string";
        return false;
    }

    std::size_t max_depth_;
    std::size_t depth_ = 0;
    std::string reason_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits, ErrorClass on_error) {
    if (text.size() > limits.max_bytes) {
        return Error{on_error, "JSON of " + std::to_string(text.size()) + " bytes, at most " +
                                   std::to_string(limits.max_bytes) + " are allowed"};
    }
    LimitChecker checker(limits.max_depth);
    if (!Json::sax_parse(text, &checker)) return Error{on_error, "JSON with " + checker.reason()};
    return Json::parse(text, nullptr, false);
}

std::string write_json(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* find_member(const Json& object, const char* name, Json::value_t type) {
    if (!object.is_object()) return nullptr;
    const auto member = object.find(name);
    if (member == object.end() || member->type() != type) return nullptr;
    return &*member;
}

const std::string* find_string(const Json& object, const char* name) {
    const Json* member = find_member(object, name, Json::value_t::string);
    return member ? member->get_ptr<const std::string*>() : nullptr;
}

}  // namespace atelier::core
