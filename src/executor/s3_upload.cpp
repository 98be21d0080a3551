#include "executor/s3_upload.hpp"

#include <utility>

namespace atelier::executor {
namespace {

namespace s3 = storage::s3;

S3End cancelled_end() {
    return {s3::Failure{{core::ErrorClass::cancelled, "cancelled"}}, {}};
}

S3End unreadable(const core::Error& error) {
    return {s3::Failure{error}, {}};
}

}  // namespace

std::shared_ptr<StoreWork> S3Upload::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, NewObject object,
                                           Done done) {
    std::shared_ptr<S3Upload> upload(new S3Upload(tools, std::move(bucket), std::move(object), std::move(done)));
    upload->look_for_leftovers();
    return upload;
}

void S3Upload::look_for_leftovers() {
    const auto build = [key = object().key](const s3::Signer& signer) { return s3::list_multipart(signer, key); };
    call({s3::Operation::list_multipart, build}, &S3Upload::on_leftovers);
}

// Who may not list may still put.
void S3Upload::on_leftovers(S3End end) {
    if (!end.failure) {
        const auto uploads = s3::listed_uploads(end.reply.view());
        if (uploads) {
            for (const s3::ListedUpload& found : *uploads)
                if (found.key == object().key) leftovers_.push_back(found.upload);
        }
    }
    if (cancelled()) return fail(cancelled_end());
    abort_next();
}

void S3Upload::abort_next() {
    if (leftovers_.empty()) return create();
    const auto build = [key = object().key, upload = std::move(leftovers_.back())](const s3::Signer& signer) {
        return s3::abort_multipart(signer, key, upload);
    };
    leftovers_.pop_back();
    call({s3::Operation::abort_multipart, build}, &S3Upload::on_aborted);
}

void S3Upload::on_aborted(S3End) {
    if (cancelled()) return fail(cancelled_end());
    abort_next();
}

void S3Upload::create() {
    etags_.clear();
    const auto build = [key = object().key, headers = headers()](const s3::Signer& signer) {
        return s3::create_multipart(signer, key, headers);
    };
    call({s3::Operation::create_multipart, build}, &S3Upload::on_created);
}

void S3Upload::on_created(S3End end) {
    // An upload of which nobody knows is no object: the next one of this key aborts it.
    end.unclear = false;
    if (end.failure) return fail(std::move(end));
    auto upload = s3::upload_id(end.reply.view());
    if (!upload) return fail(unreadable(upload.error()));
    upload_ = std::move(*upload);
    if (cancelled()) return fail(cancelled_end());
    put_part();
}

void S3Upload::put_part() {
    const std::uint64_t part_size = bucket().config().part_size;
    const std::uint64_t offset = etags_.size() * part_size;
    if (offset >= object().bytes->size()) return complete();
    const auto number = static_cast<unsigned>(etags_.size() + 1);
    const auto build = [object = object(), upload = upload_, number, offset, part_size](const s3::Signer& signer) {
        auto body = object.bytes->read(offset, part_size);
        return body ? s3::upload_part(signer, object.key, upload, number, std::move(*body))
                    : core::Result<core::HttpRequest>(body.error());
    };
    call({s3::Operation::upload_part, build}, &S3Upload::on_part);
}

void S3Upload::on_part(S3End end) {
    end.unclear = false;
    if (end.failure && end.failure->remedy == s3::Remedy::restart && !cancelled() && begin_anew()) return;
    if (end.failure) return fail(std::move(end));
    if (cancelled()) return fail(cancelled_end());
    auto etag = s3::part_etag(end.reply.view());
    if (!etag) return fail(unreadable(etag.error()));
    etags_.push_back(std::move(*etag));
    put_part();
}

void S3Upload::complete() {
    const auto build = [key = object().key, upload = upload_, etags = etags_,
                        if_absent = choose_condition()](const s3::Signer& signer) {
        return s3::complete_multipart(signer, key, upload, etags, if_absent);
    };
    call({s3::Operation::complete_multipart, build}, &S3Upload::on_completed);
}

void S3Upload::on_completed(S3End end) {
    if (!end.failure) upload_.clear();
    const bool is_gone = end.failure && end.failure->code == "NoSuchUpload";
    if (end.failure && end.failure->remedy == s3::Remedy::restart && !is_gone && !cancelled() && begin_anew()) return;
    on_made(std::move(end));
}

bool S3Upload::begin_anew() {
    if (std::exchange(anew_, true)) return false;
    leftovers_.push_back(std::exchange(upload_, {}));
    abort_next();
    return true;
}

void S3Upload::finish(StoreEnd<Stored> end) {
    if (upload_.empty()) return tell(std::move(end));
    end_ = std::move(end);
    const auto build = [key = object().key, upload = upload_](const s3::Signer& signer) {
        return s3::abort_multipart(signer, key, upload);
    };
    call({s3::Operation::abort_multipart, build}, &S3Upload::on_given_up);
}

void S3Upload::on_given_up(S3End) {
    tell(std::move(*end_));
}

}  // namespace atelier::executor
