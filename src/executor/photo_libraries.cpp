#include "executor/photo_libraries.hpp"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "core/image_kind.hpp"
#include "core/redact.hpp"
#include "core/text.hpp"
#include "core/web_address.hpp"
#include "executor/sealed_file.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::StoredObject;
namespace unsplash = provider::unsplash;

// Of pictures that are being read.
constexpr std::size_t max_reply_bytes = std::size_t{128} * 1024 * 1024;

// What is shorter is no secret, and may be part of any word.
constexpr std::size_t shortest_secret = 8;

std::string quoted(const std::string& library) {
    return "the server \"" + library + "\"";
}

std::string not_configured(const std::string& library) {
    return quoted(library) + " is not configured";
}

// Who configured the server knows where it is; any other address came from outside.
Peers peers_of(const PhotoLibrary& library, const std::string& url) {
    const auto configured = core::parse_web_address(library.base_url);
    const auto address = core::parse_web_address(url);
    const bool is_configured = configured && address && core::is_same_origin(*address, *configured);
    return is_configured ? Peers::as_configured : Peers::public_only;
}

// A server may echo the key in what it says, which ends up in rows.
void take_out(const std::string& key, HttpReply& reply) {
    if (key.size() < shortest_secret) return;
    reply.body = core::redact(reply.body, key);
    for (auto& [name, value] : reply.headers)
        value = core::redact(value, key);
}

// Of a picture: the lane of the order is not that of the server it lies on.
ErrorClass class_of_picture(ErrorClass cls) {
    switch (cls) {
        case ErrorClass::cancelled:
        case ErrorClass::invalid_request:
            return cls;
        case ErrorClass::invalid_output:  // longer than the limit
            return ErrorClass::invalid_request;
        default:
            return ErrorClass::storage_failed;
    }
}

void seal(TaskPool& pool, std::string bytes, StoreDone<StoredObject> done) {
    const auto file = std::make_shared<Result<StoredObject>>(Error{ErrorClass::storage_failed, "memory ran out"});
    pool.run(
        [file, bytes = std::move(bytes)] {
            try {
                storage::UniqueFd sealed = sealed_file({bytes});
                const std::string reason = sealed ? "" : std::generic_category().message(errno);
                *file = sealed ? Result<StoredObject>(StoredObject{std::move(sealed), bytes.size()})
                               : Error{ErrorClass::storage_failed, "no memory for a picture: " + reason};
            } catch (const std::bad_alloc&) {
                // It says so already.
            }
        },
        [file, done = std::move(done)] { done({std::move(*file)}); });
}

}  // namespace

PhotoLibraries::PhotoLibraries(EventLoop& loop, TaskPool& pool)
    : http_(loop, max_reply_bytes), tools_{loop, pool, http_} {}

template <class T>
PhotoLibraries::Work PhotoLibraries::refuse(const std::string& library, StoreDone<T> done) {
    tools_.loop.at(core::now(), [library, done = std::move(done)] {
        done({Error{ErrorClass::storage_failed, not_configured(library)}});
    });
    return {};
}

template <class T>
PhotoLibraries::Work PhotoLibraries::ask(const std::string& library, PhotoAsk ask,
                                         unsplash::Verdict<T> (*judge)(const core::HttpAnswer& answer),
                                         StoreDone<T> done) {
    ask.photo_library = book_.find(library);
    if (!ask.photo_library) return refuse(library, std::move(done));
    return PhotoCall::start(tools_, std::move(ask), [library, judge, done = std::move(done)](PhotoAnswer answer) {
        if (answer.reply) take_out(answer.key, *answer.reply);
        auto verdict = answer.reply ? judge(answer.reply->view()) : unsplash::Verdict<T>{answer.reply.error()};
        if (!verdict.result && verdict.result.error().cls != ErrorClass::cancelled) {
            const Error& error = verdict.result.error();
            verdict.result = Error{error.cls, quoted(library) + ": " + core::redact(error.message, answer.key)};
        }
        core::wipe(answer.key);
        done({.result = std::move(verdict.result),
              .retry_after = verdict.retry_after,
              .limits = std::move(verdict.limits)});
    });
}

PhotoLibraries::Work PhotoLibraries::look_up(const std::string& library, const std::string& photo_id,
                                             StoreDone<Photo> done) {
    PhotoAsk lookup;
    lookup.build = [photo_id](const PhotoLibrary& configured, const std::string& key) {
        return unsplash::ask_for_photo(configured.base_url, photo_id, key);
    };
    return ask<Photo>(library, std::move(lookup), unsplash::judge_photo, std::move(done));
}

PhotoLibraries::Work PhotoLibraries::tell_of_use(const std::string& library, const std::string& download_location,
                                                 StoreDone<Nothing> done) {
    PhotoAsk use;
    use.build = [download_location](const PhotoLibrary& configured, const std::string& key) {
        return unsplash::tell_of_use(configured.base_url, download_location, key);
    };
    return ask<Nothing>(library, std::move(use), unsplash::judge_use, std::move(done));
}

PhotoLibraries::Work PhotoLibraries::fetch(const std::string& library, const std::string& name, const std::string& url,
                                           const FetchLimits& limits, StoreDone<StoredObject> done) {
    PhotoAsk picture;
    picture.photo_library = book_.find(library);
    if (!picture.photo_library) return refuse(library, std::move(done));
    picture.needs_key = false;
    picture.peers = peers_of(*picture.photo_library, url);
    picture.max_body_bytes = limits.max_bytes;
    picture.until = limits.until;
    picture.build = [url](const PhotoLibrary& configured, const std::string&) {
        return unsplash::ask_for_picture(configured.base_url, url);
    };
    const auto judged = [this, library, name, limits, done = std::move(done)](PhotoAnswer answer) {
        const auto refuse_with = [&](const Error& error, bool is_own, std::optional<core::Milliseconds> pause = {}) {
            const ErrorClass cls = class_of_picture(error.cls);
            const std::string message = cls == ErrorClass::cancelled ? "" : quoted(library) + ": ";
            done({.result = Error{cls, message + error.message}, .retry_after = pause, .is_own = is_own});
        };
        if (!answer.reply) return refuse_with(answer.reply.error(), false);
        const auto verdict = unsplash::judge_picture(answer.reply->view());
        if (!verdict.result) return refuse_with(verdict.result.error(), false, verdict.retry_after);
        std::string& bytes = answer.reply->body;
        const std::string_view head = std::string_view(bytes).substr(0, core::image_magic_bytes);
        if (auto legal = check_object(name, bytes.size(), head, limits); !legal)
            return refuse_with(legal.error(), true);
        seal(tools_.pool, std::move(bytes), done);
    };
    return PhotoCall::start(tools_, std::move(picture), judged);
}

}  // namespace atelier::executor
