#include "executor/s3_list.hpp"

#include <string_view>
#include <utility>

#include "core/store_key.hpp"
#include "core/text.hpp"

namespace atelier::executor {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::ListedObject;
using storage::Listing;
using storage::ListWish;
namespace s3 = storage::s3;

Result<Listing> listing_of(const ListWish& wish, s3::ListPage page) {
    Listing listing;
    std::string_view last = wish.after;
    std::size_t key_bytes = 0;
    bool is_cut = false;
    for (ListedObject& each : page.objects) {
        if (each.key <= last || !each.key.starts_with(wish.prefix))
            return Error{ErrorClass::storage_failed,
                         "the listing is not in the order of bytes, or not what was asked for"};
        key_bytes += each.key.size();
        if (listing.objects.size() == wish.limit || key_bytes > wish.max_key_bytes) {
            is_cut = true;
            break;
        }
        last = each.key;
        if (core::check_object_key(each.key)) listing.objects.push_back(each);
    }
    if (page.is_last && !is_cut) return listing;
    if (!core::is_storable_text(last))
        return Error{ErrorClass::storage_failed, "a page of the listing ends with a key that is no text"};
    listing.next = last;
    return listing;
}

std::shared_ptr<StoreWork> S3List::start(S3Tools& tools, std::shared_ptr<S3Bucket> bucket, ListWish wish, Done done) {
    std::shared_ptr<S3List> work(new S3List(tools, std::move(bucket), std::move(wish), std::move(done)));
    work->ask();
    return work;
}

void S3List::ask() {
    const auto build = [wish = wish_](const s3::Signer& signer) {
        return s3::list_objects(signer, wish.prefix, wish.after, wish.limit);
    };
    call({s3::Operation::list_objects, build}, &S3List::on_page);
}

void S3List::on_page(S3End end) {
    if (end.failure) return done_({std::move(end.failure->error), end.failure->retry_after});
    auto page = s3::list_page(end.reply.view());
    if (!page) return done_({page.error()});
    done_({listing_of(wish_, *std::move(page))});
}

}  // namespace atelier::executor
