#pragma once
// From an order to the call of a provider, and from a receipt to the answer for the worker. Everything here may be done
// by another executor than the one that made the call: a receipt holds all that its answer needs. Pure, and for the
// threads of the pool: bytes by the megabyte are decoded and hashed.

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/answer.hpp"
#include "executor/http_client.hpp"
#include "executor/order.hpp"
#include "executor/store_work.hpp"
#include "provider/provider.hpp"

namespace atelier::executor {

struct Receipt {
    core::Json head;        // receipt_head()
    std::string body;       // as it came
    bool redacted = false;  // take_out_key() is done
};

// Head of the spool record of a reply. It carries the schema of an ai.json order, so that whoever settles the receipt
// judges the answer as who asked would have.
core::Json receipt_head(const Order& order, provider::Kind kind, const HttpReply& reply, core::Milliseconds duration);

// The lease in the head of any spool record; an empty object where there is none.
core::Json lease_of(const core::Json& head);

// A provider may echo the key in what it says: neither disk nor rows are to learn it. A key of less than 8 bytes is no
// secret. Once: then the receipt stays as it is.
void take_out_key(Receipt& receipt, const std::string& key);

// What a reply says, and what is to be done with it.
struct Judged {
    AnswerHead head;
    core::Result<core::Json> result;
    core::Json usage;                                 // null: nothing is known of it
    std::optional<core::Milliseconds> retry_after{};  // of a failure
    core::Pace pace{};
    struct Picture {
        std::string store;
        std::string bucket;
        NewObject object;
    };
    std::optional<Picture> picture{};  // of the result: to be put before the worker is told
};

// A head of another form than receipt_head() gives is a failure of class invalid_output, and so is JSON that does not
// match the schema: usage is told all the same, it was billed. A head without a schema is that of an order without one,
// or of an executor that wrote none yet: its JSON is taken as it is, since to refuse what cannot be judged any more
// would buy it twice; what stores it looks at it in any case.
Judged judge_receipt(const Receipt& receipt);

// What comes of a receipt that cannot be judged: a failure of class invalid_output.
Judged unjudged(const Receipt& receipt, const std::string& reason);

// `left` as in FailureFacts.
Answer answer_of(const Judged& judged);
Answer failure_of(const Judged& judged, const core::Error& error, const core::Json& left);

}  // namespace atelier::executor
