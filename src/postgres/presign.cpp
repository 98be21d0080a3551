// presign(): a URL of an S3 store that carries its signature. Declared in sql/engine/04_providers.sql.
// First what SQL asked for and what the catalog says of the store, in plain data; then the signature, in C++; an error
// is raised when nothing of C++ is left.

#include "postgres/guard.hpp"
#include "postgres/option_values.hpp"
#include "postgres/server_description.hpp"
#include "postgres/store_options.hpp"
#include "storage/s3_signature.hpp"

namespace atelier::postgres {

namespace {

namespace s3 = storage::s3;

struct Refusal {
    int sqlstate;
    const char* message;
    const char* hint;
};

// Of a file: what it holds, or why it cannot be used.
struct FileText {
    char* bytes;
    std::size_t length;
    const char* trouble;
};

struct Request {
    const char* store;
    const char* bucket;
    const char* key;
    const char* method;
    const char* headers;  // JSON
    const char* query;    // JSON
    std::uint32_t expires;
    std::int64_t at;  // seconds since 1970

    List* set_options;
    List* options;  // those in force
    ServerMapping mapping;
    FileText file;  // that credentials_file names

    // What came of it: one of the two.
    const char* url;
    Refusal refusal;
};

constexpr int bad_value = ERRCODE_INVALID_PARAMETER_VALUE;
constexpr int no_credentials = ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED;

[[noreturn]] void raise(const Refusal& refusal) {
    ereport(ERROR, (errcode(refusal.sqlstate), errmsg("%s", refusal.message),
                    refusal.hint != nullptr ? errhint("%s", refusal.hint) : 0));
    pg_unreachable();
}

// A file of the DBA's, named by a privileged option. Never blocks: a FIFO is refused.
FileText read_file(const char* path) {
    const int fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return {nullptr, 0, pstrdup(strerror(errno))};
    FileText file{static_cast<char*>(palloc(core::max_aws_credentials_bytes + 1)), 0, nullptr};
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) file.trouble = "it is not a regular file";
    while (file.trouble == nullptr && file.length <= core::max_aws_credentials_bytes) {
        const ssize_t got = read(fd, file.bytes + file.length, core::max_aws_credentials_bytes + 1 - file.length);
        if (got == 0) break;
        if (got > 0) {
            file.length += static_cast<std::size_t>(got);
        } else if (errno != EINTR) {
            file.trouble = pstrdup(strerror(errno));
        }
    }
    CloseTransientFile(fd);
    if (file.length > core::max_aws_credentials_bytes) file.trouble = "it is longer than 64 KiB";
    return file;
}

void find_store(Request& request) {
    const ForeignServer* server = GetForeignServerByName(request.store, true);
    const bool is_store =
        server != nullptr && provider_kind(GetForeignDataWrapper(server->fdwid)->fdwname) == ProviderKind::s3;
    if (!is_store) {
        raise({ERRCODE_UNDEFINED_OBJECT, psprintf("S3 store \"%s\" does not exist", request.store),
               "A DBA makes one with CREATE SERVER ... FOREIGN DATA WRAPPER atelier_s3 OPTIONS (bucket '...');"});
    }
    request.set_options = server->options;
    request.options = options_in_force(ProviderKind::s3, server->options);
    request.mapping = used_mapping(server->serverid);
    const char* path = option_value(request.mapping.options, "credentials_file");
    if (path != nullptr) request.file = read_file(path);
}

void wipe_secrets(const Request& request) {
    if (request.file.bytes != nullptr) explicit_bzero(request.file.bytes, request.file.length);
    for (const char* name : {"secret_access_key", "session_token"}) {
        char* secret = option_value(request.mapping.options, name);
        if (secret != nullptr) explicit_bzero(secret, strlen(secret));
    }
}

std::uint32_t whole_seconds(const Interval& span) {
    constexpr std::int64_t most_days = 7;
    const bool is_short = span.month == 0 && span.day >= 0 && span.day <= most_days && span.time >= 0 &&
                          span.time <= most_days * USECS_PER_DAY;
    const std::int64_t microseconds = is_short ? span.day * USECS_PER_DAY + span.time : 0;
    if (microseconds < USECS_PER_SEC || microseconds > most_days * USECS_PER_DAY || microseconds % USECS_PER_SEC != 0) {
        raise({bad_value, "a URL expires after 1 second to 7 days, in whole seconds", nullptr});
    }
    return static_cast<std::uint32_t>(microseconds / USECS_PER_SEC);
}

// The year has four digits in a signature.
std::int64_t seconds_since_1970(TimestampTz at) {
    constexpr std::int64_t epoch = std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;
    constexpr std::int64_t year_10000 = 253'402'300'800;
    const std::int64_t seconds = TIMESTAMP_NOT_FINITE(at) ? -1 : at / USECS_PER_SEC + epoch;
    if (seconds < 0 || seconds >= year_10000) {
        raise({ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "a URL is signed at a time from 1970 to 9999", nullptr});
    }
    return seconds;
}

void check_words(const Request& request) {
    const std::string_view method = request.method;
    if (method != "GET" && method != "PUT" && method != "HEAD" && method != "DELETE") {
        raise({bad_value, "the method of a URL is GET, PUT, HEAD or DELETE", nullptr});
    }
    if (!option_values::is_bucket(request.bucket)) raise({bad_value, "this is no name of a bucket", nullptr});
    const std::size_t length = strlen(request.key);
    if (length == 0 || length > 1024) raise({bad_value, "a key has 1 to 1024 bytes", nullptr});
}

// From here on C++. Texts that outlive it are copied into PostgreSQL's memory.
struct Copy {
    const std::string* text;
    char* copy;
};

void make_copy(Copy& copy) {
    copy.copy = pnstrdup(copy.text->data(), copy.text->size());
}

const char* copy_of(const std::string& text) {
    Copy copy{&text, nullptr};
    call_postgres(make_copy, copy);
    return copy.copy;
}

bool is_header(std::string_view name, std::string_view value) {
    const bool is_name = !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return is_name && name != "host" && option_values::is_header_value(value);
}

// What the signature itself adds must not be there twice.
bool is_parameter(std::string_view name, std::string_view value) {
    constexpr std::string_view own[] = {"X-Amz-Algorithm", "X-Amz-Credential",    "X-Amz-Date",
                                        "X-Amz-Expires",   "X-Amz-SignedHeaders", "X-Amz-Security-Token",
                                        "X-Amz-Signature"};
    return !name.empty() && name.size() <= 100 && value.size() <= 2000 &&
           std::find(std::begin(own), std::end(own), name) == std::end(own);
}

// Fields of a JSON object of texts; nullopt when it is none, or one of them is not to be.
std::optional<s3::Fields> fields_of(const char* json, bool (*is_field)(std::string_view, std::string_view)) {
    const auto object = core::parse_json(json, {65'536, 2}, core::ErrorClass::invalid_request);
    if (!object || !object->is_object()) return std::nullopt;
    s3::Fields fields;
    for (const auto& [name, value] : object->items()) {
        const std::string* text = core::find_string(*object, name.c_str());
        if (text == nullptr || !is_field(name, *text)) return std::nullopt;
        fields.emplace_back(name, *text);
    }
    return fields;
}

core::Result<core::AwsCredentials> mapped_credentials(const Request& request) {
    const auto option = [&](const char* name) { return option_value(request.mapping.options, name); };
    if (const char* path = option("credentials_file")) {
        const std::string unusable = std::string("the credentials_file \"") + path + "\" cannot be used: ";
        if (request.file.trouble != nullptr)
            return core::Error{core::ErrorClass::auth, unusable + request.file.trouble};
        auto found = core::parse_aws_credentials({request.file.bytes, request.file.length});
        if (!found) return core::Error{core::ErrorClass::auth, unusable + found.error().message};
        return found;
    }
    if (const char* prefix = option("credentials_env")) return environment_credentials(prefix);
    const char* id = option("access_key_id");
    const char* secret = option("secret_access_key");
    const char* token = option("session_token");
    if (id == nullptr || secret == nullptr) {
        return core::Error{core::ErrorClass::auth, "it has no user mapping for atelier_owner or PUBLIC"};
    }
    return core::AwsCredentials{id, secret, token != nullptr ? token : ""};
}

Refusal without_credentials(const Request& request, const core::Error& why) {
    const char* hint =
        "CREATE USER MAPPING FOR atelier_owner SERVER ... OPTIONS (access_key_id '...', secret_access_key '...');";
    if (option_value(request.mapping.options, "credentials_file") != nullptr) {
        hint = "The account that PostgreSQL runs as must be able to read the file.";
    } else if (option_value(request.mapping.options, "credentials_env") != nullptr) {
        hint = "PostgreSQL has the environment that it was started with.";
    }
    return {no_credentials,
            copy_of(std::string("store \"") + request.store + "\" has no usable credentials: " + why.message), hint};
}

bool sign(Request* request) {
    const auto headers = fields_of(request->headers, is_header);
    const auto query = fields_of(request->query, is_parameter);
    if (!headers || !query) {
        request->refusal = {bad_value,
                            headers ? "the parameters of a URL are an object of texts, without those of a signature"
                                    : "the headers of a URL are an object of printable texts with names in lower case",
                            nullptr};
        return false;
    }
    const char* path_style = option_value(request->set_options, "path_style");
    const bool has_endpoint = option_value(request->set_options, "endpoint") != nullptr;
    const s3::Bucket bucket{option_value(request->options, "endpoint"), option_value(request->options, "region"),
                            request->bucket, is_path_style(path_style, has_endpoint, request->bucket)};
    const auto url = s3::object_url(bucket, request->key);
    if (!url) {
        request->refusal = {bad_value, copy_of(url.error().message), nullptr};
        return false;
    }
    auto credentials = mapped_credentials(*request);
    if (!credentials) {
        request->refusal = without_credentials(*request, credentials.error());
        return false;
    }
    const s3::SigningInput input{request->method, *url, *query, *headers, "UNSIGNED-PAYLOAD"};
    const s3::WallTime at{std::chrono::seconds{request->at}};
    request->url = copy_of(s3::presign(input, bucket, *credentials, at, request->expires));
    core::wipe(*credentials);
    return true;
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_presign);

PGDLLEXPORT Datum atelier_presign(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    Request request{};
    request.store = text_to_cstring(PG_GETARG_TEXT_PP(0));
    request.bucket = text_to_cstring(PG_GETARG_TEXT_PP(1));
    request.key = text_to_cstring(PG_GETARG_TEXT_PP(2));
    request.method = text_to_cstring(PG_GETARG_TEXT_PP(3));
    request.headers = JsonbToCString(nullptr, &PG_GETARG_JSONB_P(4)->root, -1);
    request.query = JsonbToCString(nullptr, &PG_GETARG_JSONB_P(5)->root, -1);
    request.expires = whole_seconds(*PG_GETARG_INTERVAL_P(6));
    request.at = seconds_since_1970(PG_GETARG_TIMESTAMPTZ(7));
    check_words(request);
    find_store(request);
    const bool is_signed = enter(sign, &request);
    wipe_secrets(request);
    if (!is_signed) raise(request.refusal);
    PG_RETURN_TEXT_P(cstring_to_text(request.url));
}

}  // extern "C"
